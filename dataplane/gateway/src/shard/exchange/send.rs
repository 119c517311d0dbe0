//! The request on its way to the upstream: scanned window by window, sent, and once more on another connection when a
//! pooled one turns out to be closed and nobody can have acted on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
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
use super::error::{ExchangeError, SendError};
use super::first_window::Sending;
use super::framing::Framing;
use super::scan::BodyScanner;
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
    pub(super) link: Box<UpstreamConn>,
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

/// Which part of a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The first, which stays in the buffer.
    First,
    /// One behind it.
    Later,
}

/// Which peer produced an event first.
pub(super) enum ReadEvent {
    /// The upstream's read ended.
    Upstream(io::Result<usize>),
    /// The client has gone.
    ClientGone,
}

/// What ended the wait for the client's next bytes.
#[must_use]
enum Refilled {
    /// The window can be scanned.
    Ready,
    /// The upstream has begun its reply meanwhile.
    Answered,
}

impl Exchange<'_> {
    /// Sends what was put together, and the rest of the body when there is more, and waits for the head of the reply.
    pub(super) async fn send(
        &mut self,
        upstream: &Upstream,
        sending: &mut Sending,
    ) -> Result<Answered, ExchangeError> {
        let mut link = self.acquire(upstream).await?;
        loop {
            let mark = link.conn.sent();
            let error = match self.attempt(&mut link, upstream, sending).await {
                Ok((parse, sent)) => return Ok(Answered { link, parse, sent }),
                Err(error) => error,
            };
            // The race no pool can win: the upstream closed while the request was on its way.
            if link.is_reused && matches!(error, SendError::Stale | SendError::Lost) {
                self.shard.pools.distrust(upstream.identity, link.taken_at, &self.shard.metrics);
            }
            let may_retry = link.is_reused && matches!(error, SendError::Stale);
            if !may_retry || !self.may_send_again(upstream, &link, mark) {
                return Err(error.give_up());
            }
            link = self.connect(upstream).await?;
        }
    }

    /// Whether the request in the buffer may go out once more although it was written to `link` since `mark`: no
    /// upstream must act twice on what its client asked for once. RFC 9110 section 9.2.2 names the idempotent methods.
    fn may_send_again(&self, upstream: &Upstream, link: &UpstreamConn, mark: u64) -> bool {
        let idempotent = matches!(
            self.method,
            Method::Get | Method::Head | Method::Put | Method::Delete | Method::Options
        );
        let has_field = |name: &Arc<str>| self.buffers.request.fields.contains(name.as_bytes());
        idempotent
            || upstream.idempotency_header.as_ref().is_some_and(has_field)
            || link.conn.has_taken_nothing_since(mark)
    }

    async fn acquire(&mut self, upstream: &Upstream) -> Result<Box<UpstreamConn>, Failure> {
        let metrics = &self.shard.metrics;
        if let Some(link) = self.shard.pools.checkout(upstream.identity, self.shard.deadlines.now(), metrics)
        {
            metrics.upstreams[upstream.slot].pool_hits.inc();
            return Ok(link);
        }
        self.connect(upstream).await
    }

    async fn connect(&mut self, upstream: &Upstream) -> Result<Box<UpstreamConn>, Failure> {
        self.shard.metrics.upstreams[upstream.slot].pool_misses.inc();
        let began = Instant::now();
        let link = connect(self.shard, upstream).await?;
        self.record.times.connect = Some(micros(began));
        self.in_hand = Instant::now();
        Ok(link)
    }

    /// Sends the request on one connection.
    async fn attempt(
        &mut self,
        link: &mut UpstreamConn,
        upstream: &Upstream,
        sending: &mut Sending,
    ) -> Result<(ResponseParse, Sent), SendError> {
        let timeout =
            WriteTimeout { phase: WaitPhase::UpstreamWrite, gap: upstream.timeouts.request_write_gap };
        let mut sent = self.write_part(link, Part::First, timeout).await?;
        let mut closed = SendError::Stale;
        if sent == Sent::All && matches!(sending, Sending::Streamed(_)) {
            closed = SendError::Lost;
            sent = self.stream_rest(link, sending, timeout).await?;
        }
        let waiting = Instant::now();
        if sent == Sent::All {
            self.wipe_request();
            self.client.shrink(&self.shard.buffers);
        }
        let parse = self.await_head(link, upstream, waiting, closed).await?;
        self.buffers.out.clear();
        Ok((parse, sent))
    }

    /// Writes what has been put together to the upstream.
    async fn write_part(
        &mut self,
        link: &mut UpstreamConn,
        part: Part,
        timeout: WriteTimeout,
    ) -> Result<Sent, SendError> {
        self.count_time();
        self.count_memory(0);
        let (bytes, range) = self.buffers.out.take();
        let mut put_back = |bytes| match part {
            Part::First => self.buffers.out.restore_unwritten(bytes, &range),
            Part::Later => self.buffers.out.restore(bytes),
        };
        match link.conn.write_watched(bytes, range.clone(), timeout).await {
            Watched::Written(bytes) => {
                put_back(bytes);
                Ok(Sent::All)
            }
            Watched::Answered(bytes) => {
                bytes.map(put_back);
                Ok(Sent::Early)
            }
            Watched::Failed(bytes) => {
                put_back(bytes);
                Err(match part {
                    _ if link.conn.deadline.is_missed() => TOO_SLOW.into(),
                    Part::First => SendError::Stale,
                    Part::Later => SendError::Lost,
                })
            }
        }
    }

    /// Sends the body that did not fit the first window, as chunks, until it ends or the upstream begins its reply.
    /// Only this function takes `sending` on to [`Sending::Whole`].
    async fn stream_rest(
        &mut self,
        link: &mut UpstreamConn,
        sending: &mut Sending,
        timeout: WriteTimeout,
    ) -> Result<Sent, SendError> {
        self.buffers.out.clear();
        while let Sending::Streamed(_) = sending {
            match self.next_window(link).await? {
                Refilled::Ready => {}
                Refilled::Answered => return Ok(Sent::Early),
            }
            *sending = match std::mem::take(sending) {
                Sending::Streamed(scanner) => self.scan_window(scanner)?,
                whole @ Sending::Whole(_) => whole,
            };
            if self.write_part(link, Part::Later, timeout).await? == Sent::Early {
                return Ok(Sent::Early);
            }
        }
        Ok(Sent::All)
    }

    /// Fills the next window, unless the upstream begins its reply meanwhile.
    async fn next_window(&mut self, link: &mut UpstreamConn) -> Result<Refilled, SendError> {
        let refilled = {
            let mut fill = pin!(self.body.fill(self.client, self.shard, &self.snapshot.timeouts));
            poll_fn(|cx| {
                if let Poll::Ready(filled) = fill.as_mut().poll(cx) {
                    return Poll::Ready(filled.map(|()| Refilled::Ready).map_err(SendError::from));
                }
                match link.conn.rx.poll_response_started(cx) {
                    Poll::Ready(true) => Poll::Ready(Ok(Refilled::Answered)),
                    Poll::Ready(false) => Poll::Ready(Err(SendError::Lost)),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await?
        };
        self.in_hand = Instant::now();
        Ok(refilled)
    }

    /// Scans all that can be of the window into one chunk.
    fn scan_window(&mut self, mut scanner: BodyScanner) -> Result<Sending, Failure> {
        let Self { shard, snapshot, client, body, buffers, record, .. } = self;
        let progress = Framing::CHUNKED.part(&mut buffers.out, |out| {
            scanner.scan_window(shard, snapshot, client, body, out.tail(), &mut record.sent_bytes)
        });
        match self.settle_progress(scanner, progress)? {
            Sending::Whole(secrets) => {
                Framing::CHUNKED.end(&mut self.buffers.out);
                Ok(Sending::Whole(secrets))
            }
            streamed @ Sending::Streamed(_) => Ok(streamed),
        }
    }

    /// Waits for the head of the reply; `closed` is the error if the upstream closes the connection without one.
    async fn await_head(
        &mut self,
        link: &mut UpstreamConn,
        upstream: &Upstream,
        waiting: Instant,
        closed: SendError,
    ) -> Result<ResponseParse, SendError> {
        let _wait = link.conn.deadline.within(WaitPhase::FirstByte, upstream.timeouts.first_byte);
        let max_head = self.snapshot.limits.max_head;
        let mut parser = ResponseParser::new();
        let mut seen = false;
        loop {
            if !link.conn.rx.data().is_empty() {
                if !seen {
                    seen = true;
                    self.in_hand = Instant::now();
                    let wait = self.in_hand.duration_since(waiting);
                    self.record.times.first_byte = Some(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
                }
                let verdict = parser.parse(link.conn.rx.data(), self.method, &mut self.buffers.reply);
                match verdict.map_err(|error| http_failure(&error))? {
                    ResponseVerdict::Complete(parse) if parse.consumed as u64 <= max_head => {
                        return Ok(parse);
                    }
                    ResponseVerdict::Incomplete if link.conn.rx.data().len() as u64 <= max_head => {}
                    _ => return Err(OVERLONG_HEAD.into()),
                }
                if link.conn.rx.is_full() && !link.conn.grow(&self.shard.buffers, 2 * h1::MAX_HEAD) {
                    return Err(LONG_HEAD.into());
                }
            }
            match self.wait_readable(link).await {
                ReadEvent::Upstream(Ok(count)) if count > 0 => {}
                ReadEvent::Upstream(_) if link.conn.deadline.is_missed() => {
                    return Err(TOO_LATE.into());
                }
                ReadEvent::Upstream(_) if seen => return Err(HALF_A_HEAD.into()),
                ReadEvent::Upstream(_) => return Err(closed),
                ReadEvent::ClientGone => return Err(ExchangeError::ClientGone.into()),
            }
        }
    }

    /// Waits for the next bytes of the upstream, and for the client to go. A client that has sent its whole request is
    /// watched as far as one small buffer reaches: what it sends ahead waits for its turn.
    pub(super) async fn wait_readable(&mut self, link: &mut UpstreamConn) -> ReadEvent {
        let watch = self.has_all();
        let client = &mut self.client.rx;
        poll_fn(|cx| {
            if let Poll::Ready(result) = link.conn.rx.poll_fill(cx, usize::MAX) {
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
