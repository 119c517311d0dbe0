//! The reply on its way to the client.
//!
//! Whatever the upstream has sent goes on at once: nothing waits for more bytes when some can be sent. A reply to a request
//! in which nothing was found passes as it is; otherwise the tokens in it are turned back into the secrets.

use std::sync::Arc;
use std::time::Duration;

use aegis_shield::reply::{Rehydrator, ReplyFormat};
use aegis_wire::coding::{self, Coding, MAX_STEP};
use aegis_wire::h1::{self, BodyDecoder, BodyKind, ResponseParse};
use aegis_wire::head::{BodyLength, ResponseHead, list};

use super::super::bench::Bench;
use super::super::net::WriteTimeout;
use super::super::net::buffers::LARGE;
use super::super::net::deadline::WaitPhase;
use super::super::out::Out;
use super::super::pool::UpstreamConn;
use super::super::sanitize::{Panicked, Restorer};
use super::head::{FINDINGS, REQUEST_ID};
use super::keep_alive::{COMMENT, KeepAlive};
use super::send::Heard;
use super::unpack::Unpack;
use super::{Exchange, Stop, keeping};
use crate::error_body::Failure;
use crate::events::Ending;
use crate::links::results::ResultLinks;
use crate::snapshot::Upstream;

const UNREADABLE: Failure = Failure::upstream(
    "the upstream's reply has a content coding that cannot be taken off to restore what was replaced",
);

/// Whether a reply may be a stream, which is silent as long as a model thinks. Labels tell few of them: arrays that grow
/// (Gemini without `alt=sse`), lines labelled as JSON, event streams without a label. None of them knows its length
/// beforehand, and what does is no stream.
fn may_stream(format: ReplyFormat, length: BodyLength) -> bool {
    matches!(format, ReplyFormat::Sse | ReplyFormat::JsonLines) || length == BodyLength::Unknown
}

/// The reply's body on its way.
struct Download {
    framing: BodyDecoder,
    /// How long it is towards the client, as far as that is known beforehand.
    length: BodyLength,
    /// Whether it is read to its end first, so that its new length can be told.
    collected: bool,
    /// The coding that is taken off, if any.
    unpack: Option<Unpack>,
    /// What replaces the addresses of results, at the few endpoints that tell some.
    links: Option<ResultLinks>,
    /// What puts the secrets back; none when there is nothing to put back.
    restore: Option<Restorer>,
    /// How it is delimited towards the client.
    delivery: BodyKind,
    /// Longest silence of the upstream.
    gap: Duration,
    /// What keeps a silent event stream alive towards the client, where that is wanted.
    keep_alive: Option<KeepAlive>,
}

impl Download {
    /// Whether the bytes of the body go on as they are.
    fn is_plain(&self) -> bool {
        self.unpack.is_none() && self.links.is_none() && self.restore.is_none()
    }

    /// Puts what is left at the end of the body into `out`, as far as there is room. True when nothing is left.
    fn end(&mut self, out: &mut Out) -> Result<bool, Stop> {
        if let Some(restorer) = &mut self.restore
            && !restorer.resume(out.tail(), LARGE)?
        {
            return Ok(false);
        }
        if let Some(mut links) = self.links.take() {
            let mut held = Vec::new();
            links.finish(&mut held);
            put_restored(&mut self.restore, &held, out)?;
        }
        let Some(restorer) = &mut self.restore else { return Ok(true) };
        if !restorer.resume(out.tail(), LARGE)? {
            return Ok(false);
        }
        restorer.finish(out.tail(), LARGE)?;
        Ok(restorer.resume(out.tail(), LARGE)?)
    }
}

/// What it takes to go on with the body. Who loops over [`Exchange::absorb`] says what it does for each: waiting for the
/// wrong side is waiting for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Absorbed {
    /// Nothing: the body has ended, and its last bytes are in the buffer for the client.
    Done,
    /// The client must take what is in the buffer: there is more to put into it, and no room.
    NeedsClientRoom,
    /// The upstream must send more: all that has come is in the buffer.
    NeedsUpstream,
}

impl Exchange<'_> {
    /// Passes the reply on whose head has been read, and gives the connection back to the pool when it has a future.
    pub(super) async fn reply(
        &mut self,
        upstream: &Upstream,
        mut link: Box<UpstreamConn>,
        parse: ResponseParse,
    ) -> Result<(), Stop> {
        link.conn.rx.consume(parse.consumed);
        link.conn.deadline.disarm();
        self.draft.upstream_status = Some(self.bench.reply.status);
        if let Some(tokenizer) = self.tokenizer.take() {
            // An early reply: what was sent of the request may come back in it.
            self.settle(tokenizer);
        }
        // The rest of a body that nobody reads any more stands before the next request.
        self.peer.keep_alive &= self.has_all() && !self.shard.is_draining();
        self.rewrite_links(upstream)?;
        let mut download = self.prepare(upstream, &parse)?;
        let outcome = self.pass_on(&mut link, &mut download).await;
        self.tally(&download);
        outcome?;
        let reusable = parse.keep_alive && self.request_sent && link.conn.rx.data().is_empty();
        if reusable && !self.shard.is_draining() {
            link.conn.shrink(&self.shard.buffers);
            let now = self.shard.deadlines.now();
            let keeping = keeping(&self.snapshot, upstream);
            self.shard.pools.put(upstream.identity, link, keeping, now, &self.shard.metrics);
        }
        Ok(())
    }

    /// Decides what must be done to the body, and makes the head fit.
    fn prepare(&mut self, upstream: &Upstream, parse: &ResponseParse) -> Result<Download, Stop> {
        let vault = self.vault.take().unwrap_or_default();
        let documents = std::mem::take(&mut self.documents);
        let links = self.result_links(upstream);
        let head = &mut self.bench.reply;
        let length = parse.framing.length();
        let format = ReplyFormat::of(head.fields.content_type());
        let timeouts = &upstream.timeouts;
        let gap =
            if may_stream(format, length) { timeouts.stream_read_gap } else { timeouts.upstream_read_gap };
        let mut download = Download {
            framing: BodyDecoder::response(parse.framing),
            length,
            collected: false,
            unpack: None,
            links: None,
            restore: None,
            delivery: parse.framing,
            gap,
            keep_alive: None,
        };
        self.snapshot.sites.open_reply(&self.bench.request.fields, &mut head.fields);
        head.fields.retain(|name, _| name != REQUEST_ID && name != FINDINGS);
        // Fixed names and values of our own are always accepted.
        let _ = head.fields.push(REQUEST_ID, &self.draft.id.to_hex());
        if self.draft.reported {
            let _ = head.fields.push(FINDINGS, self.draft.summary().as_bytes());
        }
        if length == BodyLength::Empty {
            return Ok(download);
        }
        let keyring = &self.snapshot.shield.keyring;
        let changed = !vault.is_empty() || !documents.is_empty();
        let rehydrator = changed.then(|| Rehydrator::new(vault, format).with_documents(documents));
        let rehydrator = rehydrator
            .filter(|rehydrator| !rehydrator.is_transparent())
            .map(|rehydrator| rehydrator.with_keyring(Arc::clone(keyring)));
        download.restore = rehydrator.map(Restorer::new);
        download.links = links;
        let edited = download.restore.is_some() || download.links.is_some();
        if edited {
            // They describe bytes that the client will not see.
            head.fields
                .retain(|name, _| !matches!(name, b"content-md5" | b"content-digest" | b"digest" | b"etag"));
        }
        if head.fields.contains(b"content-encoding") {
            download.unpack = unpacker(head, &self.bench.accepts, edited)?;
        }
        let every = self.snapshot.sse_keep_alive;
        let readable = format == ReplyFormat::Sse && !head.fields.contains(b"content-encoding");
        download.keep_alive = (readable && !every.is_zero()).then(|| KeepAlive::new(every));
        if !download.is_plain() {
            download.collected = download.unpack.is_none()
                && format != ReplyFormat::Sse
                && matches!(length, BodyLength::Known(bytes) if bytes <= LARGE as u64);
            download.length = BodyLength::Unknown;
        }
        Ok(download)
    }

    /// Head and body, to the end.
    async fn pass_on(&mut self, link: &mut UpstreamConn, download: &mut Download) -> Result<(), Stop> {
        let outcome = if download.collected {
            self.collect(link, download).await
        } else {
            self.begin(download.length, download);
            self.stream(link, download).await
        };
        if matches!(outcome, Err(Stop::Broken)) && self.reply_begun {
            self.give_up(download).await;
        }
        outcome
    }

    /// Puts the head for the client into the buffer.
    fn begin(&mut self, length: BodyLength, download: &mut Download) {
        self.bench.out.clear();
        download.delivery = h1::write_response(&self.bench.reply, length, self.peer, self.bench.out.tail());
        self.peer.keep_alive &= download.delivery != BodyKind::UntilClose;
        self.draft.status = self.bench.reply.status;
        self.reply_begun = true;
    }

    /// Restores a small body of known length as a whole, so that the client learns its length as it would without the
    /// gateway. Nothing of it can be used before its end anyway. One that outgrows the buffer is passed on as it comes.
    async fn collect(&mut self, link: &mut UpstreamConn, download: &mut Download) -> Result<(), Stop> {
        self.bench.out.clear();
        download.delivery = BodyKind::None;
        let length = loop {
            match self.absorb(link, download)? {
                Absorbed::NeedsUpstream => {
                    self.hear_more(link, download).await?;
                }
                Absorbed::NeedsClientRoom => break BodyLength::Unknown,
                Absorbed::Done => break BodyLength::Known(self.bench.out.len() as u64),
            }
        };
        let (body, range) = self.bench.out.take();
        self.bench.between = body;
        self.begin(length, download);
        if download.delivery == BodyKind::Chunked {
            self.bench.out.begin_chunk();
        }
        self.bench.out.tail().extend_from_slice(&self.bench.between[range]);
        self.bench.out.end_chunk();
        self.account();
        match length {
            BodyLength::Unknown => self.stream(link, download).await,
            _ => self.flush().await,
        }
    }

    /// Passes on what is in the buffer, and the body as it comes.
    async fn stream(&mut self, link: &mut UpstreamConn, download: &mut Download) -> Result<(), Stop> {
        let mut state = if self.bench.out.len() < LARGE {
            self.absorb(link, download)?
        } else {
            Absorbed::NeedsClientRoom
        };
        self.account();
        loop {
            self.flush().await?;
            match state {
                Absorbed::Done => return Ok(()),
                Absorbed::NeedsClientRoom => {}
                Absorbed::NeedsUpstream => {
                    let sliced = download.is_plain() && matches!(download.delivery, BodyKind::Length(_));
                    while self.hear_more(link, download).await? && sliced {
                        if self.pass_slice(link, download).await? {
                            return Ok(());
                        }
                    }
                }
            }
            state = self.absorb(link, download)?;
        }
    }

    /// Moves what has come into the buffer for the client.
    fn absorb(&mut self, link: &mut UpstreamConn, download: &mut Download) -> Result<Absorbed, Stop> {
        let chunked = download.delivery == BodyKind::Chunked;
        if chunked {
            self.bench.out.begin_chunk();
        }
        let before = self.bench.out.tail().len();
        let state = self.absorb_steps(link, download);
        let added = &self.bench.out.tail()[before..];
        self.draft.delivered_bytes += added.len() as u64;
        if let Some(keep_alive) = &mut download.keep_alive {
            keep_alive.passed(added);
        }
        self.bench.out.end_chunk();
        self.count(download.restore.as_ref().map_or(0, Restorer::held_bytes));
        if chunked && matches!(state, Ok(Absorbed::Done)) {
            self.bench.out.last_chunk();
        }
        state
    }

    fn absorb_steps(&mut self, link: &mut UpstreamConn, download: &mut Download) -> Result<Absorbed, Stop> {
        let Bench { out, between, .. } = &mut *self.bench;
        loop {
            if let Some(restorer) = &mut download.restore
                && !restorer.resume(out.tail(), LARGE)?
            {
                return Ok(Absorbed::NeedsClientRoom);
            }
            let full = out.len() >= LARGE;
            match &mut download.unpack {
                Some(unpack) if !unpack.needs_input() => {
                    if full {
                        return Ok(Absorbed::NeedsClientRoom);
                    }
                    between.clear();
                    unpack.drain(between, MAX_STEP).map_err(|_| Stop::Broken)?;
                    put(download, between, out)?;
                    continue;
                }
                _ => {}
            }
            // A body that ends where the buffer does has ended.
            if download.framing.is_done() {
                if download.unpack.as_ref().is_some_and(|unpack| unpack.finish().is_err()) {
                    return Err(Stop::Broken);
                }
                if download.end(out)? {
                    return Ok(Absorbed::Done);
                }
                continue;
            }
            let data = link.conn.rx.data();
            if data.is_empty() {
                return Ok(Absorbed::NeedsUpstream);
            }
            if full {
                return Ok(Absorbed::NeedsClientRoom);
            }
            let piece = download.framing.decode(data).map_err(|_| Stop::Broken)?;
            self.draft.response_bytes += piece.payload.len() as u64;
            match &mut download.unpack {
                Some(unpack) => unpack.feed(&data[piece.payload]),
                None => put(download, &data[piece.payload], out)?,
            }
            link.conn.rx.consume(piece.consumed);
        }
    }

    /// Waits for more of the reply. False when the upstream has ended it, in good order, by closing.
    async fn hear_more(&mut self, link: &mut UpstreamConn, download: &mut Download) -> Result<bool, Stop> {
        if link.conn.rx.has_filled_buffer() {
            // A body that fills the small buffer is worth a large one; without room it goes on in small pieces.
            link.conn.grow(&self.shard.buffers, LARGE);
        }
        link.conn.deadline.arm(WaitPhase::UpstreamRead, download.gap);
        let heard = self.hear_or_keep_alive(link, download).await?;
        let missed = link.conn.deadline.missed().is_some();
        link.conn.deadline.disarm();
        match heard {
            Heard::Upstream(Ok(count)) if count > 0 => Ok(true),
            Heard::Upstream(Ok(_)) if !missed && download.framing.end_of_input().is_ok() => Ok(false),
            Heard::Upstream(_) => {
                if missed {
                    self.draft.ended = Ending::TimedOut;
                }
                Err(Stop::Broken)
            }
            Heard::ClientGone => Err(Stop::ClientGone),
        }
    }

    /// Waits for more of the reply, and lets the client know of it when that takes long.
    async fn hear_or_keep_alive(
        &mut self,
        link: &mut UpstreamConn,
        download: &mut Download,
    ) -> Result<Heard, Stop> {
        let framed = matches!(download.delivery, BodyKind::Chunked | BodyKind::UntilClose);
        let Some(every) = download.keep_alive.as_ref().filter(|_| framed).and_then(KeepAlive::due) else {
            return Ok(self.hear(link).await);
        };
        loop {
            // Giving up the wait loses nothing: the read goes on.
            match crate::shard::net::timeout(every, self.hear(link)).await {
                Ok(heard) => return Ok(heard),
                Err(_) => self.comment(download.delivery == BodyKind::Chunked).await?,
            }
        }
    }

    /// Sends the client a line that means nothing. Everything before it has been written.
    async fn comment(&mut self, chunked: bool) -> Result<(), Stop> {
        if chunked {
            self.bench.out.begin_chunk();
        }
        self.bench.out.tail().extend_from_slice(COMMENT);
        self.bench.out.end_chunk();
        self.draft.delivered_bytes += COMMENT.len() as u64;
        self.flush().await
    }

    /// Writes what has come straight from the upstream's buffer. True when the body has ended with it.
    async fn pass_slice(&mut self, link: &mut UpstreamConn, download: &mut Download) -> Result<bool, Stop> {
        let Ok(piece) = download.framing.decode(link.conn.rx.data()) else { return Err(Stop::Broken) };
        let (bytes, start) = link.conn.rx.take_buffer();
        let range = start + piece.payload.start..start + piece.payload.end;
        self.draft.response_bytes += range.len() as u64;
        self.draft.delivered_bytes += range.len() as u64;
        let patience =
            WriteTimeout { phase: WaitPhase::ReplyWrite, gap: self.snapshot.timeouts.response_write_gap };
        let (result, bytes) = self.client.conn.write(bytes, range, patience).await;
        link.conn.rx.put_buffer(bytes, start + piece.consumed);
        self.client.conn.deadline.disarm();
        result.map_err(|_| Stop::ClientGone)?;
        Ok(piece.done)
    }

    /// The upstream has broken off: what was put together or held back goes out as it is, and the body is left without
    /// its end, so that the client does not take a part for the whole.
    async fn give_up(&mut self, download: &mut Download) {
        let chunked = download.delivery == BodyKind::Chunked;
        loop {
            if chunked {
                self.bench.out.begin_chunk();
            }
            let ended = download.end(&mut self.bench.out);
            self.bench.out.end_chunk();
            // A client that is gone as well need not be told.
            if self.flush().await.is_err() || ended.unwrap_or(true) {
                return;
            }
        }
    }

    /// Notes what became of the tokens in the reply.
    fn tally(&mut self, download: &Download) {
        if let Some(restorer) = &download.restore {
            let tally = restorer.tally();
            self.draft.restored = tally.restored;
            self.draft.unresolved = tally.unresolved;
            self.draft.kept = tally.kept;
        }
    }
}

/// Puts a piece of the body into the buffer for the client.
fn put(download: &mut Download, piece: &[u8], out: &mut Out) -> Result<(), Stop> {
    let Some(links) = &mut download.links else { return put_restored(&mut download.restore, piece, out) };
    if download.restore.is_none() {
        links.push(piece, out.tail());
        return Ok(());
    }
    let mut linked = Vec::with_capacity(piece.len());
    links.push(piece, &mut linked);
    put_restored(&mut download.restore, &linked, out)
}

fn put_restored(restorer: &mut Option<Restorer>, piece: &[u8], out: &mut Out) -> Result<(), Stop> {
    let Some(restorer) = restorer else {
        out.tail().extend_from_slice(piece);
        return Ok(());
    };
    Ok(restorer.push(piece, out.tail(), LARGE)?)
}

impl From<Panicked> for Stop {
    fn from(_: Panicked) -> Self {
        Self::Broken
    }
}

/// The decoder of a reply that is compressed although nobody asked for it: needed when there is something to restore in it,
/// or when the client does not read its coding.
fn unpacker(head: &mut ResponseHead, accepts: &[u8], restoring: bool) -> Result<Option<Unpack>, Stop> {
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
            Unpack::new(&codings, limits).map(Some).map_err(|_| UNREADABLE.into())
        }
        Err(_) if restoring => Err(UNREADABLE.into()),
        Err(_) => Ok(None),
    }
}
