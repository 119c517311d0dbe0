//! The reply on its way to the client.
//!
//! Whatever the upstream has sent goes on at once: nothing waits for more bytes when some can be sent. A reply to a request
//! in which nothing was found passes as it is; otherwise the tokens in it are turned back into the secrets.

use std::sync::Arc;
use std::time::Duration;

use aegis_shield::reply::{Rehydrator, ReplyFormat};
use aegis_wire::coding::{self, Coding};
use aegis_wire::h1::{self, ResponseParse};
use aegis_wire::head::{BodyLength, ResponseHead, list};

use super::super::answer::REQUEST_ID;
use super::super::exchange_buffers::ExchangeBuffers;
use super::super::net::buffers::LARGE;
use super::super::net::deadline::WaitPhase;
use super::super::net::timeout;
use super::super::pool::{PoolPolicy, UpstreamConn};
use super::super::restorer::Restorer;
use super::content_decoder::ContentDecoder;
use super::error::{ExchangeError, ReplyError};
use super::framing::Framing;
use super::head::FINDINGS;
use super::keep_alive::{COMMENT, KeepAlive};
use super::response_body::{Absorbed, ResponseBody};
use super::scan::Secrets;
use super::send::{Answered, ReadEvent, Sending, Sent};
use super::{ClientGone, Exchange};
use crate::error_body::Failure;
use crate::snapshot::Upstream;

const UNREADABLE: Failure = Failure::upstream(
    "the upstream's reply has a content coding that cannot be taken off to restore what was replaced",
);

/// A reply that can be passed on: what must be done to it is decided, and the client has nothing of it yet.
pub(super) struct Replying {
    link: Box<UpstreamConn>,
    body: ResponseBody,
    head: HeadPlan,
    /// Longest silence of the upstream.
    gap: Duration,
    /// What keeps a silent event stream alive towards the client, where that is wanted.
    keep_alive: Option<KeepAlive>,
    /// Whether the connection can carry another exchange behind the body.
    is_reusable: bool,
}

/// When the head is written to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadPlan {
    /// Before the body, which will be so long.
    First(BodyLength),
    /// When the body is complete, so that its new length can be told.
    BehindBody,
}

/// What the wait for more of a reply brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Arrival {
    /// More bytes.
    Bytes,
    /// The end of the body, in good order: the upstream closed the connection.
    End,
}

/// Whether a reply may be a stream, which is silent as long as a model thinks. Labels tell few of them: arrays that grow
/// (Gemini without `alt=sse`), lines labelled as JSON, event streams without a label. None of them knows its length
/// beforehand, and what does is no stream.
fn may_stream(format: ReplyFormat, length: BodyLength) -> bool {
    matches!(format, ReplyFormat::Sse | ReplyFormat::JsonLines) || length == BodyLength::Unknown
}

impl Exchange<'_> {
    /// Decides what must be done to the reply whose head has been read, and makes its head one for the client.
    pub(super) fn begin_reply(
        &mut self,
        upstream: &Upstream,
        answered: Answered,
        sending: Sending,
    ) -> Result<Replying, ExchangeError> {
        let Answered { mut link, parse, sent } = answered;
        link.conn.rx.consume(parse.consumed);
        self.record.upstream_status = Some(self.buffers.reply.status);
        let secrets = match sending {
            Sending::Whole(secrets) => secrets,
            // An early reply: what was sent of the request may come back in it.
            Sending::Streamed(scanner) => self.settle(scanner),
        };
        // The rest of a body that nobody reads any more stands before the next request.
        self.peer.keep_alive &= self.has_all() && !self.shard.is_draining();
        self.rewrite_links(upstream)?;
        self.add_own_fields();
        let format = ReplyFormat::of(self.buffers.reply.fields.content_type());
        let length = parse.framing.length();
        let timeouts = &upstream.timeouts;
        let gap =
            if may_stream(format, length) { timeouts.stream_read_gap } else { timeouts.upstream_read_gap };
        let body = self.response_body(upstream, &parse, format, secrets)?;
        let is_collected = body.decoder.is_none()
            && format != ReplyFormat::Sse
            && matches!(length, BodyLength::Known(bytes) if bytes <= LARGE as u64);
        let head = match body.is_plain() {
            true => HeadPlan::First(length),
            false if is_collected => HeadPlan::BehindBody,
            false => HeadPlan::First(BodyLength::Unknown),
        };
        Ok(Replying {
            keep_alive: self.comments(format, length),
            is_reusable: parse.keep_alive && sent == Sent::All,
            link,
            body,
            head,
            gap,
        })
    }

    /// Puts the fields into the reply's head that the gateway adds to every reply.
    fn add_own_fields(&mut self) {
        let ExchangeBuffers { request, reply, .. } = &mut *self.buffers;
        self.snapshot.sites.open_reply(&request.fields, &mut reply.fields);
        reply.fields.retain(|name, _| name != REQUEST_ID && name != FINDINGS);
        // Fixed names and values of the gateway's own are always accepted.
        let _ = reply.fields.push(REQUEST_ID, &self.record.id.to_hex());
        if self.record.is_reported() {
            let _ = reply.fields.push(FINDINGS, self.record.summary().as_bytes());
        }
    }

    /// The body with all that must be done to it, and the head without what is not true of it any more.
    fn response_body(
        &mut self,
        upstream: &Upstream,
        parse: &ResponseParse,
        format: ReplyFormat,
        secrets: Secrets,
    ) -> Result<ResponseBody, ExchangeError> {
        let mut body = ResponseBody::plain(parse.framing);
        if parse.framing.length() == BodyLength::Empty {
            return Ok(body);
        }
        let keyring = &self.snapshot.shield.keyring;
        body.links = self.result_links(upstream);
        body.restorer = (!secrets.is_empty())
            .then(|| Rehydrator::new(secrets.vault, format).with_documents(secrets.documents))
            .filter(|rehydrator| !rehydrator.is_transparent())
            .map(|rehydrator| Restorer::new(rehydrator.with_keyring(Arc::clone(keyring))));
        let head = &mut self.buffers.reply;
        let is_edited = !body.is_plain();
        if is_edited {
            // They describe bytes that the client will not see.
            head.fields
                .retain(|name, _| !matches!(name, b"content-md5" | b"content-digest" | b"digest" | b"etag"));
        }
        if head.fields.contains(b"content-encoding") {
            body.decoder = decoder_for(head, &self.buffers.accepts, is_edited)?;
        }
        Ok(body)
    }

    /// What keeps the client's connection alive while the upstream is silent, where comments can be put into the body.
    fn comments(&self, format: ReplyFormat, length: BodyLength) -> Option<KeepAlive> {
        let every = self.snapshot.sse_keep_alive;
        let is_readable = format == ReplyFormat::Sse
            && length != BodyLength::Empty
            && !self.buffers.reply.fields.contains(b"content-encoding");
        (is_readable && !every.is_zero()).then(|| KeepAlive::new(every))
    }

    /// Passes the reply on, head and body, to the end.
    pub(super) async fn pass_on(&mut self, replying: &mut Replying) -> Result<(), ExchangeError> {
        let outcome = self.pass_head_and_body(replying).await;
        if let Some(restorer) = &replying.body.restorer {
            let tally = restorer.tally();
            self.record.restored = tally.restored;
            self.record.unresolved = tally.unresolved;
            self.record.kept = tally.kept;
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
        let Replying { mut link, is_reusable, .. } = replying;
        if is_reusable && link.conn.rx.data().is_empty() && !self.shard.is_draining() {
            link.conn.shrink(&self.shard.buffers);
            let policy = PoolPolicy {
                max_idle: self.snapshot.limits.idle_per_upstream,
                idle: upstream.timeouts.idle_pooled,
                age: upstream.timeouts.connection_age,
                slot: upstream.slot,
            };
            let now = self.shard.deadlines.now();
            self.shard.pools.put(upstream.identity, link, policy, now, &self.shard.metrics);
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

    /// Passes on what is in the buffer, and the body as it comes. `absorbed` says how much of it is in the buffer, if any is.
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
                    while self.wait_for_more(replying, framing).await? == Arrival::Bytes && is_sliced {
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
        let Replying { link, body, keep_alive, .. } = replying;
        let ExchangeBuffers { out, scratch, .. } = &mut *self.buffers;
        let record = &mut *self.record;
        let absorbed = framing.part(out, |out| {
            let before = out.tail().len();
            let absorbed = body.absorb(link, out, scratch, &mut record.response_bytes);
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
    ) -> Result<Arrival, ReplyError> {
        let link = &mut replying.link;
        if link.conn.rx.has_filled_buffer() {
            // A body that fills the small buffer is worth a large one; without room it goes on in small pieces.
            link.conn.grow(&self.shard.buffers, LARGE);
        }
        let wait = link.conn.deadline.within(WaitPhase::UpstreamRead, replying.gap);
        let due = replying.keep_alive.as_ref().filter(|_| framing.is_open_ended()).and_then(KeepAlive::due);
        let event = match due {
            None => self.wait_readable(link).await,
            Some(every) => self.wait_with_comments(link, framing, every).await?,
        };
        drop(wait);
        let is_missed = link.conn.deadline.is_missed();
        match event {
            ReadEvent::Upstream(Ok(count)) if count > 0 => Ok(Arrival::Bytes),
            ReadEvent::Upstream(_) if is_missed => Err(ReplyError::FellSilent),
            ReadEvent::Upstream(Ok(_)) if replying.body.may_end_here() => Ok(Arrival::End),
            ReadEvent::Upstream(_) => Err(ReplyError::BrokenOff),
            ReadEvent::ClientGone => Err(ReplyError::ClientGone),
        }
    }

    /// Waits for more of the reply, and sends the client a comment after each silence of `every`.
    async fn wait_with_comments(
        &mut self,
        link: &mut UpstreamConn,
        framing: Framing,
        every: Duration,
    ) -> Result<ReadEvent, ClientGone> {
        loop {
            // Giving up the wait loses nothing: the read goes on.
            match timeout(every, self.wait_readable(link)).await {
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
        let Replying { link, body, .. } = replying;
        let slice = body.take_slice(link)?;
        self.record.response_bytes += slice.payload.len() as u64;
        self.record.delivered_bytes += slice.payload.len() as u64;
        let timeout = self.reply_timeout();
        let (result, bytes) = self.client.write(slice.bytes, slice.payload, timeout).await;
        link.conn.rx.put_buffer(bytes, slice.consumed);
        result.map_err(|_| ReplyError::ClientGone)?;
        Ok(slice.is_last)
    }

    /// The upstream has broken off: what was put together or held back goes out as it is, and the body is left without
    /// its end, so that the client does not take a part for the whole.
    async fn give_up(&mut self, replying: &mut Replying, framing: Framing) {
        loop {
            let ended = framing.part(&mut self.buffers.out, |out| replying.body.end(out));
            // A client that is gone as well need not be told.
            if self.flush().await.is_err() || ended.unwrap_or(true) {
                return;
            }
        }
    }
}

/// The decoder of a reply that is compressed although nobody asked for it: needed when there is something to restore in it,
/// or when the client does not read its coding.
fn decoder_for(
    head: &mut ResponseHead,
    accepts: &[u8],
    restoring: bool,
) -> Result<Option<ContentDecoder>, Failure> {
    let codings = coding::parse(head.fields.get_all(b"content-encoding"));
    let readable = |coding: &Coding| {
        list(accepts).any(|item| {
            let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            (name == b"*" || name.eq_ignore_ascii_case(coding.as_str().as_bytes()))
                && !parts.any(|part| matches!(part, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
        })
    };
    match codings {
        Ok(codings) if !restoring && codings.iter().all(readable) => Ok(None),
        Ok(codings) => {
            head.fields.remove(b"content-encoding");
            if codings.is_empty() {
                return Ok(None);
            }
            // Passed on piece by piece, a body may grow as it likes.
            let limits = coding::Limits { output: u64::MAX, ratio: u64::MAX, ratio_floor: u64::MAX };
            ContentDecoder::new(&codings, limits).map(Some).map_err(|_| UNREADABLE)
        }
        Err(_) if restoring => Err(UNREADABLE),
        Err(_) => Ok(None),
    }
}
