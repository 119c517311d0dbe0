//! The reply on its way to the client.
//!
//! Whatever the upstream has sent goes on at once: nothing waits for more bytes when some can be sent. A reply to a request
//! in which nothing was found passes as it is; otherwise the tokens in it are turned back into the secrets.

use std::time::Duration;

use aegis_wire::h1::{self, BodyDecoder, BodyKind, ResponseParse};

use super::super::buffers::LARGE;
use super::super::conn::Patience;
use super::super::deadline::Phase;
use super::super::pool::Link;
use super::head::{FINDINGS, REQUEST_ID};
use super::send::Heard;
use super::{Exchange, Stop, keeping};
use crate::events::Ending;
use crate::snapshot::Upstream;

/// The reply's body on its way.
struct Download {
    framing: BodyDecoder,
    /// How it is delimited towards the client.
    delivery: BodyKind,
    /// Longest silence of the upstream.
    gap: Duration,
}

impl Exchange<'_> {
    /// Passes the reply on whose head has been read, and gives the connection back to the pool when it has a future.
    pub(super) async fn reply(
        &mut self,
        upstream: &Upstream,
        mut link: Box<Link>,
        parse: ResponseParse,
    ) -> Result<(), Stop> {
        link.conn.rx.consume(parse.consumed);
        link.conn.deadline.disarm();
        // The rest of a body that nobody reads any more stands before the next request.
        self.peer.keep_alive &= self.has_all() && !self.shard.is_draining();
        let mut download = self.begin_reply(upstream, &parse);
        self.pass_on(&mut link, &mut download).await?;
        let reusable = parse.keep_alive && self.request_sent && link.conn.rx.data().is_empty();
        if reusable && !self.shard.is_draining() {
            link.conn.shrink(&self.shard.buffers);
            let now = self.shard.deadlines.now();
            let keeping = keeping(&self.snapshot, upstream);
            self.shard.pools.put(upstream.identity, link, keeping, now, &self.shard.metrics);
        }
        Ok(())
    }

    /// Puts the head for the client together.
    fn begin_reply(&mut self, upstream: &Upstream, parse: &ResponseParse) -> Download {
        let head = &mut self.bench.reply;
        self.draft.upstream_status = Some(head.status);
        let streamed = head.fields.content_type().is_some_and(|kind| kind.starts_with(b"text/event-stream"));
        let timeouts = &upstream.timeouts;
        let gap = if streamed { timeouts.stream_read_gap } else { timeouts.upstream_read_gap };
        head.fields.retain(|name, _| name != REQUEST_ID && name != FINDINGS);
        // Fixed names and values of our own are always accepted.
        let _ = head.fields.push(REQUEST_ID, &self.draft.id.to_hex());
        if self.wants_findings || self.draft.warned {
            let _ = head.fields.push(FINDINGS, self.draft.summary().as_bytes());
        }
        let length = parse.framing.length();
        let delivery = h1::write_response(head, length, self.peer, self.bench.out.tail());
        self.peer.keep_alive &= delivery != BodyKind::UntilClose;
        Download { framing: BodyDecoder::response(parse.framing), delivery, gap }
    }

    /// Head and body, to the end.
    async fn pass_on(&mut self, link: &mut Link, download: &mut Download) -> Result<(), Stop> {
        let mut done = self.absorb(link, download)?;
        self.account();
        self.reply_begun = true;
        self.draft.status = self.bench.reply.status;
        loop {
            self.flush().await?;
            if done {
                return Ok(());
            }
            loop {
                if !self.hear_more(link, download).await? {
                    break;
                }
                if !matches!(download.delivery, BodyKind::Length(_)) {
                    break;
                }
                if self.pass_slice(link, download).await? {
                    return Ok(());
                }
            }
            done = self.absorb(link, download)?;
        }
    }

    /// Moves what has come into the buffer for the client. True when the body has ended with it.
    fn absorb(&mut self, link: &mut Link, download: &mut Download) -> Result<bool, Stop> {
        let out = &mut self.bench.out;
        let chunked = download.delivery == BodyKind::Chunked;
        if chunked {
            out.begin_chunk();
        }
        let mut broken = false;
        while !download.framing.is_done() && !link.conn.rx.data().is_empty() {
            let data = link.conn.rx.data();
            let Ok(decoded) = download.framing.decode(data) else {
                broken = true;
                break;
            };
            out.tail().extend_from_slice(&data[decoded.payload.clone()]);
            self.draft.response_bytes += decoded.payload.len() as u64;
            self.draft.delivered_bytes += decoded.payload.len() as u64;
            link.conn.rx.consume(decoded.consumed);
        }
        out.end_chunk();
        if broken {
            return Err(Stop::Broken);
        }
        let done = download.framing.is_done();
        if done && chunked {
            out.last_chunk();
        }
        Ok(done)
    }

    /// Waits for more of the reply. False when the upstream has ended it in good order.
    async fn hear_more(&mut self, link: &mut Link, download: &mut Download) -> Result<bool, Stop> {
        if link.conn.rx.was_filled() {
            // A body that fills the small buffer is worth a large one; without room it goes on in small pieces.
            link.conn.grow(&self.shard.buffers, LARGE);
        }
        link.conn.deadline.arm(Phase::UpstreamRead, download.gap);
        let heard = self.hear(link).await;
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

    /// Writes what has come straight from the upstream's buffer. True when the body has ended with it.
    async fn pass_slice(&mut self, link: &mut Link, download: &mut Download) -> Result<bool, Stop> {
        let Ok(decoded) = download.framing.decode(link.conn.rx.data()) else { return Err(Stop::Broken) };
        let (bytes, start) = link.conn.rx.take_buffer();
        let range = start + decoded.payload.start..start + decoded.payload.end;
        self.draft.response_bytes += range.len() as u64;
        self.draft.delivered_bytes += range.len() as u64;
        let patience = Patience { phase: Phase::ReplyWrite, gap: self.snapshot.timeouts.response_write_gap };
        let (result, bytes) = self.client.conn.write(bytes, range, patience).await;
        link.conn.rx.put_buffer(bytes, start + decoded.consumed);
        self.client.conn.deadline.disarm();
        result.map_err(|_| Stop::ClientGone)?;
        Ok(decoded.done)
    }
}
