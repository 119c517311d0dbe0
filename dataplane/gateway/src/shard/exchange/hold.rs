//! The whole request in hand: a body is held back until all of it is scanned, and only then begins to be sent.
//!
//! It is scanned as it comes, so that only the sending waits. Small bodies are put together with their head, and leave in
//! one write. Larger ones stay where they came in, and leave as slices of that buffer with tokens between them. A body
//! that is longer than what is held back of it is refused, or sent while its rest is still scanned
//! ([`stream`](super::stream)).

use std::time::Instant;

use aegis_shield::{Segment, Splice, WINDOW};
use aegis_wire::h1::{self, BodyKind};
use aegis_wire::head::BodyLength;

use super::super::answer::http_failure;
use super::super::net;
use super::super::net::Slices;
use super::super::net::buffers::{LARGE, LentBuffer};
use super::error::ExchangeError;
use super::framing::Framing;
use super::request_body::Hold;
use super::scan::{BodyScanner, Scanned, Secrets};
use super::state::Exchange;
use crate::config::settings::BeyondHold;
use crate::error_body::Failure;
use crate::route;

const NO_ROOM: Failure =
    Failure::overloaded("the gateway has no room for what this request's secrets become");

/// Bodies that are not longer are copied behind their head: cheaper than a write of several slices.
const COPIED: usize = LARGE;
const _: () = assert!(COPIED > WINDOW, "what is streamed from the connection's buffer is copied");

/// A request that can be sent.
pub(super) enum Sending {
    /// All of it was scanned. It has a content length, and can be sent again.
    Held(HeldBody, Secrets),
    /// Its first part was scanned, as a chunk. The rest is scanned while it is sent.
    Streaming(HeldBody, Box<BodyScanner>),
}

/// What is sent of a body behind the head, which is in the write buffer.
pub(super) enum HeldBody {
    /// Nothing: the body is in the write buffer, too, or there is none.
    Copied,
    /// What the splice makes of these bytes.
    Apart(LentBuffer),
}

/// How much of a body was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeldExtent {
    /// All of it.
    Whole,
    /// Its beginning: it is longer than what is held back.
    Beginning,
}

/// What is written of a request that is held: its head, and what becomes of its body.
pub(super) struct HeldSlices<'a> {
    head: &'a [u8],
    body: &'a [u8],
    splice: &'a Splice,
}

impl Slices for HeldSlices<'_> {
    fn slice(&self, index: usize) -> Option<&[u8]> {
        match index.checked_sub(1) {
            None => Some(self.head),
            Some(index) => self.splice.segment(index).map(|segment| match segment {
                Segment::Input(range) => &self.body[range],
                Segment::Bytes(bytes) => bytes,
            }),
        }
    }
}

impl<'a> HeldSlices<'a> {
    /// The head and what `splice` makes of `body`.
    pub(super) fn new(head: &'a [u8], body: &'a LentBuffer, splice: &'a Splice) -> Self {
        Self { head, body: body.bytes(), splice }
    }
}

impl Exchange<'_> {
    /// Takes the room for what is held back of the body.
    pub(super) fn reserve_body(&mut self) -> Result<(), Failure> {
        let limits = &self.snapshot.limits;
        let may_stream = self.body.is_undecoded() || route::carries_file(&self.buffers.request);
        let beyond = if may_stream { BeyondHold::Stream } else { limits.beyond_hold };
        let hold = Hold { limit: usize::try_from(limits.hold).unwrap_or(usize::MAX), beyond };
        self.body.reserve(self.client, self.shard, hold)
    }

    /// Receives the body, as far as it is held back, and scans it as it comes.
    pub(super) async fn hold(&mut self, scanner: &mut BodyScanner) -> Result<HeldExtent, ExchangeError> {
        self.buffers.splice.clear();
        loop {
            match self.scan_held(scanner)? {
                // All of it is in hand, so one more scan is all that hiding what was found late takes.
                Scanned::Done if scanner.rewind() => self.buffers.splice.clear(),
                Scanned::Done => return Ok(HeldExtent::Whole),
                Scanned::Paused => {
                    self.count_time();
                    net::yield_now().await;
                    self.in_hand = Instant::now();
                }
                Scanned::NeedsClient => {
                    if self.body.is_beyond_hold(self.client)? {
                        scanner.read_once();
                        return Ok(HeldExtent::Beginning);
                    }
                    self.count_time();
                    let timeouts = &self.snapshot.timeouts;
                    self.body.fill_held(self.client, self.shard, timeouts, scanner.scanned()).await?;
                    self.in_hand = Instant::now();
                }
            }
        }
    }

    /// Puts together what is sent, once the body is held.
    pub(super) fn begin_sending(
        &mut self,
        mut scanner: BodyScanner,
        held: Result<HeldExtent, ExchangeError>,
    ) -> Result<Sending, ExchangeError> {
        let body = held.and_then(|extent| Ok((self.put_together(&mut scanner, extent)?, extent)));
        match body {
            Ok((body, HeldExtent::Beginning)) => Ok(Sending::Streaming(body, Box::new(scanner))),
            // Whatever became of it: what was found is taken down.
            body => {
                let secrets = self.settle(scanner);
                body.map(|(body, _)| Sending::Held(body, secrets))
            }
        }
    }

    /// Goes on with the scan of what is there of the body, as far as can be. The splice gathers what becomes of it.
    fn scan_held(&mut self, scanner: &mut BodyScanner) -> Result<Scanned, Failure> {
        let last = self.body.is_last(self.client);
        let window = self.body.window(self.client);
        let reached = scanner.scan(self.shard, &self.snapshot, window, last, &mut self.buffers.splice)?;
        if self.memory.cover(self.buffers.held_bytes()) { Ok(reached) } else { Err(NO_ROOM) }
    }

    /// Puts head and body together, as far as the body is held. From here on it can be sent.
    fn put_together(
        &mut self,
        scanner: &mut BodyScanner,
        extent: HeldExtent,
    ) -> Result<HeldBody, ExchangeError> {
        if extent == HeldExtent::Whole {
            self.prepare_to_restore(scanner)?;
        }
        let produced = self.buffers.splice.len();
        let length = match (extent, self.parse.framing) {
            (HeldExtent::Whole, BodyKind::None) => BodyLength::Empty,
            (HeldExtent::Whole, _) => BodyLength::Known(produced as u64),
            (HeldExtent::Beginning, _) => BodyLength::Unknown,
        };
        let out = &mut self.buffers.out;
        out.clear();
        let written = h1::write_request(&self.buffers.request, length, out.tail());
        let framing = Framing::announced(written.map_err(|error| http_failure(&error))?);
        self.record.sent_bytes += produced as u64;
        self.record.streamed = extent == HeldExtent::Beginning;
        let used = scanner.leave_scanned();
        if used > COPIED {
            framing.open_part(out, produced);
            let mut bytes = self.body.detach(self.client, self.shard, used)?;
            if scanner.has_found() {
                bytes.mark_secret();
            }
            return Ok(HeldBody::Apart(bytes));
        }
        let window = &self.body.window(self.client)[..used];
        framing.part(out, |out| self.buffers.splice.write_to(window, out.tail()));
        self.body.consume(self.client, used);
        self.buffers.clear_splice();
        Ok(HeldBody::Copied)
    }

    /// Gives back the memory of a request that will not be sent again, but for what is held apart.
    pub(super) fn clear_sent(&mut self) {
        self.buffers.clear_splice();
        self.buffers.out.clear();
    }
}
