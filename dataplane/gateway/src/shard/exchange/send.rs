//! The request on its way to the upstream: scanned window by window, sent, and once more on another connection when a pooled
//! one turns out to be closed and nobody can have acted on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use aegis_shield::{Splice, Tokenizer, WINDOW};
use aegis_wire::h1::{self, ResponseParse, ResponseParser, ResponseVerdict};
use aegis_wire::head::{BodyLength, Method};

use super::super::Shard;
use super::super::conn::{Conn, Patience, Watched};
use super::super::connect::connect;
use super::super::deadline::Phase;
use super::super::pool::Link;
use super::super::record::micros;
use super::{Exchange, Stop};
use crate::config::settings::FailMode;
use crate::error_body::Failure;
use crate::route::{self, UploadStep};
use crate::snapshot::{Snapshot, Upstream};

const MOVED: Failure = Failure::invalid(
    "this piece of a file holds something to be replaced, which would move every piece behind it: upload the file in one \
     piece (upload, finalize at offset 0), or allow what was found by policy",
);
const NO_PROGRESS: Failure = Failure::internal("the scanner made no progress");
const TOO_LATE: Failure = Failure::timeout("the upstream did not begin its reply in time");
const TOO_SLOW: Failure = Failure::timeout("the upstream took the request too slowly");
const HALF_A_HEAD: Failure = Failure::upstream("the upstream closed the connection inside its reply's head");
const OVERLONG_HEAD: Failure = Failure::upstream("the head of the upstream's reply is too long");
const LONG_HEAD: Failure =
    Failure::overloaded("the gateway has no room for the head of the upstream's reply");

/// Which side was heard from while both were listened to.
pub(super) enum Heard {
    /// The upstream's read ended.
    Upstream(io::Result<usize>),
    /// The client has gone.
    ClientGone,
}

/// How much of the request has been sent when the upstream's reply is waited for.
enum Sent {
    All,
    /// The upstream has begun its reply before it had the whole request.
    Early,
}

/// What the scanner made of a window.
#[must_use]
enum Scanned {
    /// All of the body has been scanned.
    Done,
    /// All that can be scanned before the client sends more.
    NeedsClient,
}

/// Whose turn it is after waiting for the client's next bytes.
#[must_use]
enum Refilled {
    /// The gateway's: the window can be scanned.
    Ready,
    /// The upstream's: it has begun its reply meanwhile.
    Answered,
}

/// Takes one step through the body: how many bytes it uses, and how many it makes of them. With `raw` set, or when it must be
/// set because the body cannot be scanned and the configuration allows that, the bytes pass as they are.
fn step(
    shard: &Shard,
    snapshot: &Snapshot,
    tokenizer: &mut Tokenizer,
    raw: &mut bool,
    window: &[u8],
    last: bool,
    pieces: &mut Splice,
) -> Result<(usize, usize), Failure> {
    if !*raw {
        match shard.scratch.push(&snapshot.shield, tokenizer, window, last, pieces) {
            Ok(consumed) => return Ok((consumed, pieces.len())),
            Err(failure) if snapshot.fail_mode == FailMode::Open && failure.kind.is_unscannable() => {
                *raw = true;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok((window.len(), window.len()))
}

/// Refuses a piece of a file in which something was replaced.
fn unmoved(piece: bool, raw: bool, pieces: &Splice) -> Result<(), Failure> {
    if piece && !raw && !pieces.unchanged() { Err(MOVED) } else { Ok(()) }
}

/// Appends what a step made of the bytes it used.
fn emit(raw: bool, pieces: &Splice, used: &[u8], out: &mut Vec<u8>) {
    if raw {
        out.extend_from_slice(used);
    } else {
        pieces.write_to(used, out);
    }
}

/// Why a write to the upstream failed.
fn unsent(conn: &Conn, otherwise: Stop) -> Stop {
    if conn.deadline.missed().is_some() { TOO_SLOW.into() } else { otherwise }
}

/// Whether an upstream that takes no more of the request has answered it: one that closes over what it did not read resets the
/// connection, but what it had said before is still there.
async fn has_answered(link: &mut Link) -> bool {
    poll_fn(|cx| link.conn.rx.poll_spoken(cx)).await
}

impl Exchange<'_> {
    /// Scans the first window and puts head and window together. True when that is the whole request: it then has a
    /// content length and can be sent again.
    pub(super) async fn first_window(&mut self) -> Result<bool, Stop> {
        let format = self.body_format()?;
        self.piece = route::upload_of(&self.bench.request) == UploadStep::Piece;
        let Some(upload) = &mut self.upload else { return Err(NO_PROGRESS.into()) };
        if !upload.is_last(&self.client.conn) {
            upload.fill(&mut self.client.conn, self.shard, &self.snapshot.timeouts).await?;
            self.client.conn.deadline.disarm();
            self.in_hand = Instant::now();
        }
        let shield = &self.snapshot.shield;
        let vault = self.vault.take().unwrap_or_default();
        let mut tokenizer =
            Tokenizer::with_vault(Arc::clone(shield), format, vault).hiding(self.own_key.clone());
        let scanned = self.scan_first(&mut tokenizer);
        match scanned {
            Ok(true) => {
                self.settle(tokenizer);
                self.keep_session()?;
                self.reserve_restoring()?;
            }
            Ok(false) => self.tokenizer = Some(tokenizer),
            Err(_) => self.settle(tokenizer),
        }
        scanned
    }

    /// Scans what is there of the body and puts it behind the head: to its end if it fits the window, however many steps that
    /// takes, since nothing of a request that is refused may have been sent then. True when that was all of it.
    fn scan_first(&mut self, tokenizer: &mut Tokenizer) -> Result<bool, Stop> {
        let Some(upload) = &mut self.upload else { return Err(NO_PROGRESS.into()) };
        let bench = &mut *self.bench;
        let (shard, snapshot, raw) = (self.shard, &*self.snapshot, &mut self.raw);
        let last = upload.is_last(&self.client.conn);
        let window = upload.window(&self.client.conn);
        bench.out.clear();
        let (mut consumed, mut produced) =
            step(shard, snapshot, tokenizer, raw, window, last, &mut bench.pieces)?;
        unmoved(self.piece, *raw, &bench.pieces)?;
        let steps = last && window.len() <= WINDOW && consumed < window.len();
        if steps {
            emit(*raw, &bench.pieces, &window[..consumed], bench.out.tail());
            while consumed < window.len() {
                let rest = &window[consumed..];
                let (used, made) = step(shard, snapshot, tokenizer, raw, rest, last, &mut bench.pieces)?;
                unmoved(self.piece, *raw, &bench.pieces)?;
                if used == 0 {
                    return Err(NO_PROGRESS.into());
                }
                emit(*raw, &bench.pieces, &rest[..used], bench.out.tail());
                (consumed, produced) = (consumed + used, produced + made);
            }
        }
        let whole = last && consumed == window.len();
        let length = match (whole, self.parse.framing) {
            (true, h1::BodyKind::None) => BodyLength::Empty,
            (true, _) => BodyLength::Known(produced as u64),
            (false, _) => BodyLength::Unknown,
        };
        h1::write_request(&bench.request, length, bench.out.tail())
            .map_err(|error| super::refused(&error))?;
        if steps {
            bench.out.bring_forward(produced);
        } else {
            if !whole {
                bench.out.begin_chunk();
            }
            emit(*raw, &bench.pieces, &window[..consumed], bench.out.tail());
            bench.out.end_chunk();
        }
        self.draft.sent_bytes += produced as u64;
        upload.consume(&mut self.client.conn, consumed);
        Ok(whole)
    }

    /// Sends what was put together, and the rest of the body when there is more, and waits for the head of the reply.
    pub(super) async fn send(
        &mut self,
        upstream: &Upstream,
        whole: bool,
    ) -> Result<(Box<Link>, ResponseParse), Stop> {
        let mut link = self.acquire(upstream).await?;
        loop {
            let mark = link.conn.sent();
            match self.attempt(&mut link, upstream, whole).await {
                Ok(parse) => return Ok((link, parse)),
                // The race no pool can win: the upstream closed while the request was on its way.
                Err(stop @ (Stop::Stale | Stop::Lost)) if link.reused => {
                    self.shard.pools.distrust(upstream.identity, link.taken, &self.shard.metrics);
                    if matches!(stop, Stop::Lost) || !self.may_send_again(upstream, &link, mark) {
                        return Err(stop);
                    }
                    link = self.fresh(upstream).await?;
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// Whether the request in the buffer may go out once more although it was written to `link` since `mark`: no upstream must
    /// act twice on what its client asked for once. RFC 9110 section 9.2.2 names the idempotent methods.
    fn may_send_again(&self, upstream: &Upstream, link: &Link, mark: u64) -> bool {
        let idempotent = matches!(
            self.method,
            Method::Get | Method::Head | Method::Put | Method::Delete | Method::Options
        );
        let told_apart = |name: &Arc<str>| self.bench.request.fields.contains(name.as_bytes());
        idempotent
            || upstream.idempotency_header.as_ref().is_some_and(told_apart)
            || link.conn.took_nothing_since(mark)
    }

    async fn acquire(&mut self, upstream: &Upstream) -> Result<Box<Link>, Stop> {
        let metrics = &self.shard.metrics;
        if let Some(link) = self.shard.pools.checkout(upstream.identity, self.shard.deadlines.now(), metrics)
        {
            metrics.upstreams[upstream.slot].pool_hits.inc();
            return Ok(link);
        }
        self.fresh(upstream).await
    }

    async fn fresh(&mut self, upstream: &Upstream) -> Result<Box<Link>, Stop> {
        self.shard.metrics.upstreams[upstream.slot].pool_misses.inc();
        let began = Instant::now();
        let link = connect(self.shard, upstream).await?;
        self.draft.connect = Some(micros(began));
        self.in_hand = Instant::now();
        Ok(link)
    }

    async fn attempt(
        &mut self,
        link: &mut Link,
        upstream: &Upstream,
        whole: bool,
    ) -> Result<ResponseParse, Stop> {
        let patience = Patience { phase: Phase::UpstreamWrite, gap: upstream.timeouts.request_write_gap };
        self.account();
        self.count(0);
        let (bytes, range) = self.bench.out.take();
        let sent = match link.conn.write_watched(bytes, range.clone(), patience).await {
            Watched::Written(Ok(()), bytes) => {
                self.bench.out.restore_unwritten(bytes, &range);
                Sent::All
            }
            Watched::Written(Err(_), bytes) => {
                self.bench.out.restore_unwritten(bytes, &range);
                if !has_answered(link).await {
                    return Err(unsent(&link.conn, Stop::Stale));
                }
                Sent::Early
            }
            Watched::Spoken => Sent::Early,
        };
        let sent = match sent {
            Sent::All if !whole => self.stream_rest(link, patience).await?,
            sent => sent,
        };
        let waiting = Instant::now();
        self.request_sent = matches!(sent, Sent::All);
        if self.request_sent {
            self.wipe_request();
            self.client.conn.shrink(&self.shard.buffers);
        }
        let parse = self.await_head(link, upstream, waiting).await?;
        self.bench.out.clear();
        Ok(parse)
    }

    /// Sends the body that did not fit the first window, as chunks, until it ends or the upstream has heard enough.
    async fn stream_rest(&mut self, link: &mut Link, patience: Patience) -> Result<Sent, Stop> {
        self.bench.out.clear();
        loop {
            match self.next_window(link).await? {
                Refilled::Ready => {}
                Refilled::Answered => return Ok(Sent::Early),
            }
            let scanned = self.scan_window()?;
            self.account();
            self.count(0);
            let (bytes, range) = self.bench.out.take();
            match link.conn.write_watched(bytes, range, patience).await {
                Watched::Written(Ok(()), bytes) => self.bench.out.restore(bytes),
                Watched::Written(Err(_), bytes) => {
                    self.bench.out.restore(bytes);
                    if !has_answered(link).await {
                        return Err(unsent(&link.conn, Stop::Lost));
                    }
                    return Ok(Sent::Early);
                }
                Watched::Spoken => return Ok(Sent::Early),
            }
            match scanned {
                Scanned::Done => return Ok(Sent::All),
                Scanned::NeedsClient => {}
            }
        }
    }

    /// Fills the next window, unless the upstream begins its reply meanwhile.
    async fn next_window(&mut self, link: &mut Link) -> Result<Refilled, Stop> {
        let Some(upload) = &mut self.upload else { return Err(NO_PROGRESS.into()) };
        link.conn.deadline.disarm();
        let refilled = {
            let mut fill = pin!(upload.fill(&mut self.client.conn, self.shard, &self.snapshot.timeouts));
            poll_fn(|cx| {
                if let Poll::Ready(filled) = fill.as_mut().poll(cx) {
                    return Poll::Ready(filled.map(|()| Refilled::Ready));
                }
                match link.conn.rx.poll_spoken(cx) {
                    Poll::Ready(true) => Poll::Ready(Ok(Refilled::Answered)),
                    Poll::Ready(false) => Poll::Ready(Err(Stop::Lost)),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await?
        };
        self.client.conn.deadline.disarm();
        self.in_hand = Instant::now();
        Ok(refilled)
    }

    /// Scans all that can be of the window into one chunk.
    fn scan_window(&mut self) -> Result<Scanned, Stop> {
        let Some(mut tokenizer) = self.tokenizer.take() else { return Err(NO_PROGRESS.into()) };
        self.bench.out.begin_chunk();
        let scanned = self.scan_steps(&mut tokenizer);
        self.bench.out.end_chunk();
        match scanned {
            Ok(Scanned::NeedsClient) => self.tokenizer = Some(tokenizer),
            Ok(Scanned::Done) => {
                self.bench.out.last_chunk();
                self.settle(tokenizer);
                self.keep_session()?;
                self.reserve_restoring()?;
            }
            Err(_) => self.settle(tokenizer),
        }
        scanned
    }

    fn scan_steps(&mut self, tokenizer: &mut Tokenizer) -> Result<Scanned, Stop> {
        let Some(upload) = &mut self.upload else { return Err(NO_PROGRESS.into()) };
        let bench = &mut *self.bench;
        let mut moved = false;
        loop {
            let last = upload.is_last(&self.client.conn);
            let window = upload.window(&self.client.conn);
            let (shard, raw) = (self.shard, &mut self.raw);
            let (consumed, produced) =
                step(shard, &self.snapshot, tokenizer, raw, window, last, &mut bench.pieces)?;
            unmoved(self.piece, *raw, &bench.pieces)?;
            let rest = window.len() - consumed;
            emit(*raw, &bench.pieces, &window[..consumed], bench.out.tail());
            self.draft.sent_bytes += produced as u64;
            upload.consume(&mut self.client.conn, consumed);
            if last && rest == 0 {
                return Ok(Scanned::Done);
            }
            if consumed == 0 {
                return if last || !moved { Err(NO_PROGRESS.into()) } else { Ok(Scanned::NeedsClient) };
            }
            moved = true;
        }
    }

    /// Takes the verdict on the request: what was found is recorded, what was taken out will be put back.
    pub(super) fn settle(&mut self, tokenizer: Tokenizer) {
        let outcome = tokenizer.finish();
        self.draft.found(&outcome.report, "");
        self.vault = Some(outcome.vault);
        self.documents = outcome.documents;
    }

    /// Overwrites what is left of a request in which something was found.
    pub(super) fn wipe_request(&mut self) {
        if self.draft.findings_total == 0 {
            return;
        }
        self.shard.scratch.wipe();
        if let Some(upload) = &mut self.upload {
            upload.wipe(&mut self.client.conn);
        }
    }

    /// Waits for the head of the reply.
    async fn await_head(
        &mut self,
        link: &mut Link,
        upstream: &Upstream,
        waiting: Instant,
    ) -> Result<ResponseParse, Stop> {
        link.conn.deadline.arm(Phase::FirstByte, upstream.timeouts.first_byte);
        let max_head = self.snapshot.limits.max_head;
        let mut parser = ResponseParser::new();
        let mut seen = false;
        loop {
            if !link.conn.rx.data().is_empty() {
                if !seen {
                    seen = true;
                    self.in_hand = Instant::now();
                    let wait = self.in_hand.duration_since(waiting);
                    self.draft.first_byte = Some(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
                }
                let verdict = parser.parse(link.conn.rx.data(), self.method, &mut self.bench.reply);
                match verdict.map_err(|error| super::refused(&error))? {
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
            match self.hear(link).await {
                Heard::Upstream(Ok(count)) if count > 0 => {}
                Heard::Upstream(_) if link.conn.deadline.missed().is_some() => return Err(TOO_LATE.into()),
                Heard::Upstream(_) if seen => return Err(HALF_A_HEAD.into()),
                Heard::Upstream(_) if self.bench.out.is_empty() => return Err(Stop::Lost),
                Heard::Upstream(_) => return Err(Stop::Stale),
                Heard::ClientGone => return Err(Stop::ClientGone),
            }
        }
    }

    /// Waits for the next bytes of the upstream, and for the client to go. A client that has sent its whole request is
    /// watched as far as one small buffer reaches: what it sends ahead waits for its turn.
    pub(super) async fn hear(&mut self, link: &mut Link) -> Heard {
        let watch = self.has_all();
        let client = &mut self.client.conn.rx;
        poll_fn(|cx| {
            if let Poll::Ready(result) = link.conn.rx.poll_fill(cx, usize::MAX) {
                return Poll::Ready(Heard::Upstream(result));
            }
            if watch && client.data().is_empty() {
                match client.poll_fill(cx, usize::MAX) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    Poll::Ready(_) => return Poll::Ready(Heard::ClientGone),
                    Poll::Pending => {}
                }
            }
            Poll::Pending
        })
        .await
    }
}
