//! The request on its way to the upstream, and once more on another connection when a pooled one turns out to be closed
//! and nobody can have acted on it.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use aegis_wire::h1::{self, ResponseParse, ResponseParser, ResponseVerdict};
use aegis_wire::head::Method;

use super::super::answer::http_failure;
use super::super::connect::connect;
use super::super::net::deadline::WaitPhase;
use super::super::net::{Watched, WriteTimeout};
use super::super::pool::UpstreamConn;
use super::super::record::micros;
use super::super::upstream_tls;
use super::error::{ExchangeError, SendError};
use super::hold::{HeldBody, HeldSlices};
use super::state::Exchange;
use crate::error_body::Failure;
use crate::snapshot::Upstream;

const TOO_LATE: Failure = Failure::timeout("the upstream did not begin its reply in time");
const TOO_SLOW: Failure = Failure::timeout("the upstream took the request too slowly");
const HALF_A_HEAD: Failure = Failure::upstream("the upstream closed the connection inside its reply's head");
const OVERLONG_HEAD: Failure = Failure::upstream("the head of the upstream's reply is too long");
const LONG_HEAD: Failure =
    Failure::overloaded("the gateway has no room for the head of the upstream's reply");

/// A request whose reply has begun.
pub(super) struct Answered {
    /// The connection that the reply comes on.
    pub(super) upstream_conn: Box<UpstreamConn>,
    /// What its head, which lies in the buffers, says of connection and body.
    pub(super) parse: ResponseParse,
    /// How much of the request the upstream has.
    pub(super) sent: Sent,
}

/// How much of a request has been sent when the upstream's reply is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// All of it.
    All,
    /// Not all: the upstream began its reply before.
    Early,
}

/// Which peer produced an event first.
pub(super) enum ReadEvent {
    /// The upstream's read ended.
    Upstream(io::Result<usize>),
    /// The client has gone.
    ClientGone,
}

impl Exchange<'_> {
    /// Sends a request that is held whole, and waits for the head of the reply.
    pub(super) async fn send_held(
        &mut self,
        upstream: &Upstream,
        body: HeldBody,
    ) -> Result<Answered, ExchangeError> {
        let answered = self.send_until_answered(upstream, body).await;
        self.clear_sent();
        answered
    }

    /// Sends `body` behind its head until a reply begins.
    async fn send_until_answered(
        &mut self,
        upstream: &Upstream,
        mut body: HeldBody,
    ) -> Result<Answered, ExchangeError> {
        let mut upstream_conn = self.acquire(upstream).await?;
        loop {
            let mark = upstream_conn.conn.sent();
            let error = match self.write_first(&mut upstream_conn, upstream, &body).await {
                Err(error) => error,
                Ok(sent) => {
                    let waiting = Instant::now();
                    let (kept, closed) = match sent {
                        Sent::All => match self.keep_sent(upstream, &upstream_conn, mark, body) {
                            Some(body) => (Some(body), SendError::Stale),
                            None => (None, SendError::Unanswered),
                        },
                        Sent::Early => (Some(body), SendError::Unanswered),
                    };
                    let error = match self.await_head(&mut upstream_conn, upstream, waiting, closed).await {
                        Ok(parse) => return Ok(Answered { upstream_conn, parse, sent }),
                        Err(error) => error,
                    };
                    let Some(kept) = kept else {
                        self.distrust_reused(upstream, &upstream_conn, &error);
                        return Err(error.give_up());
                    };
                    body = kept;
                    error
                }
            };
            upstream_conn = self.connect_again(upstream, upstream_conn, mark, error).await?;
        }
    }

    /// Lets go what was written to its end: what came of it from the client, and the body, unless it may have to be sent
    /// again; then it comes back. A small one is in the write buffer, which keeps it.
    fn keep_sent(
        &mut self,
        upstream: &Upstream,
        upstream_conn: &UpstreamConn,
        mark: u64,
        body: HeldBody,
    ) -> Option<HeldBody> {
        self.wipe_request();
        self.client.shrink(&self.shard.buffers);
        let may_be_sent_again = upstream_conn.is_reused
            && (self.is_repeatable(upstream) || upstream_conn.conn.has_acked_nothing_since(mark));
        if may_be_sent_again || matches!(body, HeldBody::Copied) {
            return Some(body);
        }
        drop(body);
        self.clear_sent();
        None
    }

    /// Makes another connection for what is still at hand, after `error` on `upstream_conn`. Gives the error that ends the
    /// exchange where the request may not be sent again.
    pub(super) async fn connect_again(
        &mut self,
        upstream: &Upstream,
        upstream_conn: Box<UpstreamConn>,
        mark: u64,
        error: SendError,
    ) -> Result<Box<UpstreamConn>, ExchangeError> {
        self.distrust_reused(upstream, &upstream_conn, &error);
        let may_retry = upstream_conn.is_reused && matches!(error, SendError::Stale);
        if !may_retry || !(self.is_repeatable(upstream) || upstream_conn.conn.has_taken_nothing_since(mark)) {
            return Err(error.give_up());
        }
        drop(upstream_conn);
        Ok(self.connect(upstream).await?)
    }

    /// Takes no connection any more that is as old as `upstream_conn`, if `error` is that of a pooled one. It is the race that no
    /// pool can win: the upstream closed while the request was on its way.
    fn distrust_reused(&self, upstream: &Upstream, upstream_conn: &UpstreamConn, error: &SendError) {
        if upstream_conn.is_reused && !matches!(error, SendError::Failed(_)) {
            self.shard.pools.distrust(upstream.identity, upstream_conn.taken_at, &self.shard.metrics);
        }
    }

    /// Whether the request may go out once more whatever became of the first: no upstream must act twice on what its
    /// client asked for once. RFC 9110 section 9.2.2 names the idempotent methods.
    fn is_repeatable(&self, upstream: &Upstream) -> bool {
        let is_idempotent = matches!(
            self.method,
            Method::Get | Method::Head | Method::Put | Method::Delete | Method::Options
        );
        let has_field = |name: &Arc<str>| self.buffers.request.fields.contains(name.as_bytes());
        is_idempotent || upstream.idempotency_header.as_ref().is_some_and(has_field)
    }

    pub(super) async fn acquire(&mut self, upstream: &Upstream) -> Result<Box<UpstreamConn>, Failure> {
        let metrics = &self.shard.metrics;
        if let Some(upstream_conn) =
            self.shard.pools.checkout(upstream.identity, self.shard.deadlines.now(), metrics)
        {
            metrics.upstreams[upstream.slot].pool_hits.inc();
            return Ok(upstream_conn);
        }
        self.connect(upstream).await
    }

    async fn connect(&mut self, upstream: &Upstream) -> Result<Box<UpstreamConn>, Failure> {
        self.shard.metrics.upstreams[upstream.slot].pool_misses.inc();
        let began = Instant::now();
        let upstream_conn = connect(self.shard, upstream).await?;
        self.record.times.connect = Some(micros(began));
        self.in_hand = Instant::now();
        Ok(upstream_conn)
    }

    /// Writes what is at hand: the head, and the body as far as it is held. All of it stays there, unless the write is
    /// given up because the reply has begun.
    pub(super) async fn write_first(
        &mut self,
        upstream_conn: &mut UpstreamConn,
        upstream: &Upstream,
        body: &HeldBody,
    ) -> Result<Sent, SendError> {
        self.count_time();
        self.count_memory(0);
        let timeout = write_timeout(upstream);
        let has_failed = match body {
            HeldBody::Copied => {
                let (bytes, range) = self.buffers.out.take();
                let (bytes, has_failed) =
                    match upstream_conn.conn.write_watched(bytes, range.clone(), timeout).await {
                        Watched::Written(bytes) => (bytes, false),
                        Watched::Failed(bytes) => (bytes, true),
                        Watched::Answered(_) => return Ok(Sent::Early),
                    };
                self.buffers.out.restore_unwritten(bytes, &range);
                has_failed
            }
            HeldBody::Apart(bytes) => {
                let slices = HeldSlices::new(self.buffers.out.bytes(), bytes, &self.buffers.splice);
                match upstream_conn.conn.write_slices_watched(&slices, timeout).await {
                    Watched::Written(()) => false,
                    Watched::Failed(()) => true,
                    Watched::Answered(_) => return Ok(Sent::Early),
                }
            }
        };
        match has_failed {
            false => Ok(Sent::All),
            true if upstream_conn.conn.deadline.is_missed() => Err(TOO_SLOW.into()),
            true => Err(self.refused_or(SendError::Stale, upstream_conn, upstream)),
        }
    }

    /// Why the connection has ended: `closed`, unless the upstream has refused TLS behind the handshake, at whatever point
    /// of the exchange that was heard.
    pub(super) fn refused_or(
        &self,
        closed: SendError,
        upstream_conn: &mut UpstreamConn,
        upstream: &Upstream,
    ) -> SendError {
        // One from the pool was accepted before.
        let fault = upstream_conn.conn.rx.take_fault().filter(|_| !upstream_conn.is_reused);
        let refusal = fault.and_then(|fault| Some((upstream_tls::late_refusal(&fault)?, fault)));
        refusal
            .map_or(closed, |(cause, fault)| upstream_tls::report(self.shard, upstream, cause, &fault).into())
    }

    /// Writes the next part of a body that is streamed.
    pub(super) async fn write_later(
        &mut self,
        upstream_conn: &mut UpstreamConn,
        upstream: &Upstream,
    ) -> Result<Sent, SendError> {
        self.count_time();
        self.count_memory(0);
        let (bytes, range) = self.buffers.out.take();
        match upstream_conn.conn.write_watched(bytes, range, write_timeout(upstream)).await {
            Watched::Written(bytes) => {
                self.buffers.out.restore(bytes);
                Ok(Sent::All)
            }
            Watched::Answered(_) => Ok(Sent::Early),
            Watched::Failed(_) if upstream_conn.conn.deadline.is_missed() => Err(TOO_SLOW.into()),
            Watched::Failed(_) => Err(self.refused_or(SendError::Lost, upstream_conn, upstream)),
        }
    }

    /// Waits for the head of the reply; `closed` is the error if the upstream closes the connection without one.
    pub(super) async fn await_head(
        &mut self,
        upstream_conn: &mut UpstreamConn,
        upstream: &Upstream,
        waiting: Instant,
        closed: SendError,
    ) -> Result<ResponseParse, SendError> {
        let _wait = upstream_conn.conn.deadline.within(WaitPhase::FirstByte, upstream.timeouts.first_byte);
        let max_head = self.snapshot.limits.max_head;
        let mut parser = ResponseParser::new();
        let mut seen = false;
        loop {
            if !upstream_conn.conn.rx.data().is_empty() {
                if !seen {
                    seen = true;
                    self.in_hand = Instant::now();
                    let wait = self.in_hand.duration_since(waiting);
                    self.record.times.first_byte = Some(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
                }
                let verdict =
                    parser.parse(upstream_conn.conn.rx.data(), self.method, &mut self.buffers.reply);
                match verdict.map_err(|error| http_failure(&error))? {
                    ResponseVerdict::Complete(parse) if parse.consumed as u64 <= max_head => {
                        // One from the pool says nothing of handshakes now.
                        if !upstream_conn.is_reused {
                            upstream_tls::note_reply(self.shard, upstream);
                        }
                        return Ok(parse);
                    }
                    ResponseVerdict::Incomplete if upstream_conn.conn.rx.data().len() as u64 <= max_head => {}
                    _ => return Err(OVERLONG_HEAD.into()),
                }
                if upstream_conn.conn.rx.is_full()
                    && !upstream_conn.conn.grow(&self.shard.buffers, 2 * h1::MAX_HEAD)
                {
                    return Err(LONG_HEAD.into());
                }
            }
            match self.wait_readable(upstream_conn).await {
                ReadEvent::Upstream(Ok(count)) if count > 0 => {}
                ReadEvent::Upstream(_) if upstream_conn.conn.deadline.is_missed() => {
                    return Err(TOO_LATE.into());
                }
                ReadEvent::Upstream(_) if seen => return Err(HALF_A_HEAD.into()),
                ReadEvent::Upstream(_) => return Err(self.refused_or(closed, upstream_conn, upstream)),
                ReadEvent::ClientGone => return Err(ExchangeError::ClientGone.into()),
            }
        }
    }

    /// Waits for the next bytes of the upstream, and for the client to go. A client that has sent its whole request is
    /// watched as far as one small buffer reaches: what it sends ahead waits for its turn.
    pub(super) async fn wait_readable(&mut self, upstream_conn: &mut UpstreamConn) -> ReadEvent {
        let watch = self.has_all();
        let client = &mut self.client.rx;
        poll_fn(|cx| {
            if let Poll::Ready(result) = upstream_conn.conn.rx.poll_fill(cx, usize::MAX) {
                return Poll::Ready(ReadEvent::Upstream(result));
            }
            if watch && client.data().is_empty() {
                match client.poll_fill(cx, usize::MAX) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    Poll::Ready(_) => return Poll::Ready(ReadEvent::ClientGone),
                    Poll::Pending => {}
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// How long the upstream may take nothing of the request.
fn write_timeout(upstream: &Upstream) -> WriteTimeout {
    WriteTimeout { phase: WaitPhase::UpstreamWrite, gap: upstream.timeouts.request_write_gap }
}
