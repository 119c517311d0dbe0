//! The reply on its way to the client.
//!
//! Whatever the upstream has sent goes on at once: nothing waits for more bytes when some can be sent. A reply to a
//! request in which nothing was found passes as it is; otherwise the tokens in it are turned back into the secrets.

use std::time::Duration;

use aegis_wire::h1;
use aegis_wire::head::BodyLength;

use super::super::exchange_buffers::ExchangeBuffers;
use super::super::net::buffers::LARGE;
use super::super::net::deadline::WaitPhase;
use super::super::net::timeout;
use super::super::pool::{PoolPolicy, UpstreamConn};
use super::error::{ClientGone, ExchangeError, ReplyError};
use super::framing::Framing;
use super::keep_alive::{COMMENT, KeepAlive};
use super::reply_head::{HeadPlan, Replying};
use super::response_body::Absorbed;
use super::send::ReadEvent;
use super::state::Exchange;
use crate::events::RestoreRecord;
use crate::snapshot::Upstream;

/// What the wait for more of a reply brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum ReplyProgress {
    /// More bytes.
    Bytes,
    /// The end of the body, in good order: the upstream closed the connection.
    End,
}

impl Exchange<'_> {
    /// Passes the reply on, head and body, to the end.
    pub(super) async fn pass_on(&mut self, replying: &mut Replying) -> Result<(), ExchangeError> {
        let outcome = self.pass_head_and_body(replying).await;
        if let Some(restorer) = &replying.body.restorer {
            let stats = restorer.stats();
            self.shard.metrics.recall_opened.add(stats.opened);
            self.record.restored = stats.restored;
            self.record.unresolved = stats.unresolved;
            self.record.kept = stats.kept;
            self.record.restore = RestoreRecord {
                withheld_by_policy: stats.withheld_by_policy,
                withheld_by_guard: stats.withheld_by_guard,
                beside_unnamed_hosts: stats.beside_unnamed_hosts,
            };
        }
        if let Some(tokens) = &replying.body.tokens {
            self.record.unresolved = tokens.count();
        }
        outcome
    }

    async fn pass_head_and_body(&mut self, replying: &mut Replying) -> Result<(), ExchangeError> {
        let (framing, absorbed) = match replying.head {
            HeadPlan::BehindBody => self.collect(replying).await.map_err(ReplyError::before_head)?,
            HeadPlan::First(length) => (self.write_head(length), None),
        };
        let streamed = self.stream(replying, framing, absorbed).await;
        if matches!(streamed, Err(ReplyError::BrokenOff | ReplyError::FellSilent)) {
            self.give_up(replying, framing).await;
        }
        streamed.map_err(ReplyError::inside_body)
    }

    /// Puts the connection back into the pool when it can carry another exchange.
    pub(super) fn release(&mut self, upstream: &Upstream, replying: Replying) {
        let Replying { mut upstream_conn, is_reusable, .. } = replying;
        if is_reusable && upstream_conn.conn.rx.data().is_empty() && !self.shard.is_draining() {
            upstream_conn.conn.shrink(&self.shard.buffers);
            let policy = PoolPolicy {
                max_idle: self.snapshot.limits.idle_per_upstream,
                idle: upstream.timeouts.idle_pooled,
                age: upstream.timeouts.connection_age,
                slot: upstream.slot,
            };
            let now = self.shard.deadlines.now();
            self.shard.pools.put(upstream.identity, upstream_conn, policy, now, &self.shard.metrics);
        }
    }

    /// Puts the head for the client into the buffer. From here on the reply has begun.
    fn write_head(&mut self, length: BodyLength) -> Framing {
        let out = &mut self.buffers.out;
        out.clear();
        let framing =
            Framing::announced(h1::write_response(&self.buffers.reply, length, self.peer, out.tail()));
        self.peer.keep_alive &= !framing.ends_connection();
        self.record.status = self.buffers.reply.status;
        framing
    }

    /// Restores a small body of known length as a whole, so that the client learns its length as it would without the
    /// gateway. Nothing of it can be used before its end anyway. One that outgrows the buffer is passed on as it comes.
    async fn collect(&mut self, replying: &mut Replying) -> Result<(Framing, Option<Absorbed>), ReplyError> {
        self.buffers.out.clear();
        let (length, absorbed) = loop {
            match self.absorb(replying, Framing::BARE)? {
                Absorbed::NeedsUpstream => {
                    let _ = self.wait_for_more(replying, Framing::BARE).await?;
                }
                full @ Absorbed::NeedsClientRoom => break (BodyLength::Unknown, full),
                done @ Absorbed::Done => break (BodyLength::Known(self.buffers.out.len() as u64), done),
            }
        };
        let ExchangeBuffers { out, scratch, .. } = &mut *self.buffers;
        let body = out.exchange(scratch);
        let framing = self.write_head(length);
        let ExchangeBuffers { out, scratch, .. } = &mut *self.buffers;
        framing.part(out, |out| out.tail().extend_from_slice(&scratch[body]));
        Ok((framing, Some(absorbed)))
    }

    /// Passes on what is in the buffer, and the body as it comes. `absorbed` says how much of it is in the buffer, if
    /// any is.
    async fn stream(
        &mut self,
        replying: &mut Replying,
        framing: Framing,
        absorbed: Option<Absorbed>,
    ) -> Result<(), ReplyError> {
        let mut state = match absorbed {
            Some(absorbed) => absorbed,
            None if self.buffers.out.len() < LARGE => self.absorb(replying, framing)?,
            None => Absorbed::NeedsClientRoom,
        };
        self.count_time();
        let is_sliced = replying.body.is_plain() && framing.has_length();
        loop {
            self.flush().await?;
            match state {
                Absorbed::Done => return Ok(()),
                Absorbed::NeedsClientRoom => {}
                Absorbed::NeedsUpstream => {
                    while self.wait_for_more(replying, framing).await? == ReplyProgress::Bytes && is_sliced {
                        if self.pass_slice(replying).await? {
                            return Ok(());
                        }
                    }
                }
            }
            state = self.absorb(replying, framing)?;
        }
    }

    /// Moves what has come into the buffer for the client.
    fn absorb(&mut self, replying: &mut Replying, framing: Framing) -> Result<Absorbed, ReplyError> {
        let Replying { upstream_conn, body, keep_alive, .. } = replying;
        let ExchangeBuffers { out, scratch, .. } = &mut *self.buffers;
        let record = &mut *self.record;
        let absorbed = framing.part(out, |out| {
            let before = out.tail().len();
            let absorbed = body.absorb(upstream_conn, out, scratch, &mut record.response_bytes);
            let added = &out.tail()[before..];
            record.delivered_bytes += added.len() as u64;
            if let Some(keep_alive) = keep_alive {
                keep_alive.passed(added);
            }
            absorbed
        });
        if matches!(absorbed, Ok(Absorbed::Done)) {
            framing.end(out);
        }
        self.count_memory(replying.body.held_bytes());
        absorbed
    }

    /// Waits for more of the reply.
    async fn wait_for_more(
        &mut self,
        replying: &mut Replying,
        framing: Framing,
    ) -> Result<ReplyProgress, ReplyError> {
        let upstream_conn = &mut replying.upstream_conn;
        if upstream_conn.conn.rx.has_filled_buffer() {
            // A body that fills the small buffer is worth a large one; without room it goes on in small pieces.
            upstream_conn.conn.grow(&self.shard.buffers, LARGE);
        }
        let wait = upstream_conn.conn.deadline.within(WaitPhase::UpstreamRead, replying.gap);
        let due = replying.keep_alive.as_ref().filter(|_| framing.is_open_ended()).and_then(KeepAlive::due);
        let event = match due {
            None => self.wait_readable(upstream_conn).await,
            Some(every) => self.wait_with_comments(upstream_conn, framing, every).await?,
        };
        drop(wait);
        let is_missed = upstream_conn.conn.deadline.is_missed();
        match event {
            ReadEvent::Upstream(Ok(count)) if count > 0 => Ok(ReplyProgress::Bytes),
            ReadEvent::Upstream(_) if is_missed => Err(ReplyError::FellSilent),
            ReadEvent::Upstream(Ok(_)) if replying.body.may_end_here() => Ok(ReplyProgress::End),
            ReadEvent::Upstream(_) => Err(ReplyError::BrokenOff),
            ReadEvent::ClientGone => Err(ReplyError::ClientGone),
        }
    }

    /// Waits for more of the reply, and sends the client a comment after each silence of `every`.
    async fn wait_with_comments(
        &mut self,
        upstream_conn: &mut UpstreamConn,
        framing: Framing,
        every: Duration,
    ) -> Result<ReadEvent, ClientGone> {
        loop {
            // Giving up the wait loses nothing: the read goes on.
            match timeout(every, self.wait_readable(upstream_conn)).await {
                Ok(event) => return Ok(event),
                Err(_) => self.comment(framing).await?,
            }
        }
    }

    /// Sends the client a line that means nothing. Everything before it has been written.
    async fn comment(&mut self, framing: Framing) -> Result<(), ClientGone> {
        framing.part(&mut self.buffers.out, |out| out.tail().extend_from_slice(COMMENT));
        self.record.delivered_bytes += COMMENT.len() as u64;
        self.flush().await
    }

    /// Writes what has come straight from the upstream's buffer. True when the body has ended with it.
    async fn pass_slice(&mut self, replying: &mut Replying) -> Result<bool, ReplyError> {
        let Replying { upstream_conn, body, .. } = replying;
        let slice = body.take_slice(upstream_conn)?;
        self.record.response_bytes += slice.payload.len() as u64;
        self.record.delivered_bytes += slice.payload.len() as u64;
        let timeout = self.reply_timeout();
        let (result, bytes) = self.client.write(slice.bytes, slice.payload, timeout).await;
        upstream_conn.conn.rx.put_buffer(bytes, slice.consumed);
        result.map_err(|_| ReplyError::ClientGone)?;
        Ok(slice.is_last)
    }

    /// The upstream has broken off: what was put together or held back goes out as it is, and the body is left without
    /// its end, so that the client does not take a part for the whole.
    async fn give_up(&mut self, replying: &mut Replying, framing: Framing) {
        loop {
            let ended = framing.part(&mut self.buffers.out, |out| replying.body.end(out));
            // A client that is gone as well gets nothing more.
            if self.flush().await.is_err() || ended.unwrap_or(true) {
                return;
            }
        }
    }
}
