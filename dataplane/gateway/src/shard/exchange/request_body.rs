//! The request's body on its way from the client into the tokenizer's window.
//!
//! A body of known length that is not compressed is never copied: the connection's own read buffer is the window, and
//! reads go right behind what is there. Any other body is taken out of its framing and coding into a window of its own.
//! The window of a body that is held back is all of it: one buffer that has its size from the start where that is known,
//! and grows where it is not.

use std::rc::Rc;
use std::time::{Duration, Instant};

use aegis_shield::WINDOW;
use aegis_wire::coding::{self, Coding};
use aegis_wire::h1::{BodyDecoder, BodyKind};
use aegis_wire::head::{BodyLength, Fields};

use super::super::answer::http_failure;
use super::super::net::Conn;
use super::super::net::buffers::{Buffers, LARGE, LentBuffer};
use super::super::net::deadline::{TICK, WaitPhase};
use super::super::state::Shard;
use super::content_decoder::{ContentDecoder, undecodable};
use super::error::ExchangeError;
use crate::config::settings::{BeyondHold, FailMode, Timeouts};
use crate::error_body::{ErrorKind, Failure};
use crate::snapshot::Snapshot;

const NO_ROOM: Failure = Failure::overloaded("the gateway has no room for this request's body");
const TOO_SLOW: Failure =
    Failure::new(408, ErrorKind::InvalidRequest, "the request body came too slowly and was given up");

const BEYOND_HOLD: Failure = Failure::new(
    413,
    ErrorKind::PayloadTooLarge,
    "the request body is longer than limits.hold of the gateway, up to which a body is scanned whole before it is sent: \
     send less, or have the limit raised",
);

/// Most bytes of one read, so that a client that sends fast leaves the shard to others between two scans.
const READ_AT_ONCE: usize = 256 * 1024;

/// How much of a body is held back, and what becomes of one that is longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    /// Bytes, decoded.
    pub(super) limit: usize,
    /// What becomes of a longer body.
    pub(super) beyond: BeyondHold,
}

/// The body of one request.
pub(super) struct RequestBody {
    reader: BodyReader,
    hold: Hold,
    received: u64,
    began: Instant,
    /// Its coding cannot be taken off, and the configuration lets such bodies pass.
    is_undecoded: bool,
}

enum BodyReader {
    /// The window is the connection's buffer; so many bytes of the body are not consumed yet.
    Plain { left: u64 },
    /// The window is a buffer of its own.
    Framed(Box<Framed>),
    /// There is one that cannot be read. The request is refused.
    Unreadable,
}

/// What it takes to scan the window.
#[must_use]
enum WindowNeed {
    /// Nothing: it is full, or the body ends with it.
    Ready,
    /// The client must send more, of which at most so many bytes belong to this body.
    NeedsClient(usize),
}

struct Framed {
    framing: BodyDecoder,
    coding: Option<ContentDecoder>,
    window: LentBuffer,
    start: usize,
    ended: bool,
    /// Bytes that the window need never hold more of.
    most: usize,
}

impl BodyReader {
    fn new(
        shard: &Rc<Shard>,
        snapshot: &Snapshot,
        framing: BodyKind,
        codings: &[Coding],
    ) -> Result<Self, Failure> {
        let limits = &snapshot.limits;
        let decoder = BodyDecoder::request(framing, limits.max_body).map_err(|error| http_failure(&error))?;
        Ok(match framing {
            BodyKind::None => Self::Plain { left: 0 },
            BodyKind::Length(left) if codings.is_empty() => Self::Plain { left },
            _ => {
                let growth = coding::DecoderLimits {
                    output: limits.max_body,
                    ratio: u64::from(limits.max_decode_ratio),
                    ..coding::DecoderLimits::default()
                };
                let coding = (!codings.is_empty()).then(|| ContentDecoder::new(codings, growth));
                Self::Framed(Box::new(Framed {
                    framing: decoder,
                    coding: coding.transpose().map_err(undecodable)?,
                    window: LentBuffer::empty(&shard.buffers),
                    start: 0,
                    ended: false,
                    most: WINDOW,
                }))
            }
        })
    }
}

impl RequestBody {
    /// The body that a head with these fields and this framing announces, and whether it can be read.
    pub(super) fn open(
        shard: &Rc<Shard>,
        snapshot: &Snapshot,
        fields: &Fields,
        framing: BodyKind,
        began: Instant,
    ) -> (Self, Result<(), Failure>) {
        let mut body = Self {
            reader: BodyReader::Plain { left: 0 },
            hold: Hold { limit: WINDOW, beyond: BeyondHold::Stream },
            received: 0,
            began,
            is_undecoded: false,
        };
        let codings = match coding::parse(fields.get_all(b"content-encoding")) {
            Ok(codings) => Ok(codings),
            Err(_) if snapshot.fail_mode == FailMode::Open => {
                body.is_undecoded = true;
                Ok(Vec::new())
            }
            Err(error) => Err(undecodable(error)),
        };
        let refusal = match codings.and_then(|codings| BodyReader::new(shard, snapshot, framing, &codings)) {
            Ok(reader) => {
                body.reader = reader;
                Ok(())
            }
            Err(failure) => {
                if framing.length() != BodyLength::Empty {
                    body.reader = BodyReader::Unreadable;
                }
                Err(failure)
            }
        };
        (body, refusal)
    }

    /// Takes the room for what is held back of the body, or says that there is none. Nothing of the body is read before,
    /// and nobody waits for room: a body whose length is known needs no more later, any other is refused when there is
    /// none to grow into.
    pub(super) fn reserve(&mut self, client: &mut Conn, shard: &Shard, hold: Hold) -> Result<(), Failure> {
        self.hold = hold;
        let is_granted = match &mut self.reader {
            BodyReader::Plain { left } => match usize::try_from(*left) {
                Ok(length) if length <= hold.limit => {
                    client.room() >= length || client.grow(&shard.buffers, length)
                }
                _ if hold.beyond == BeyondHold::Refuse => return Err(BEYOND_HOLD),
                _ => {
                    // It is known that it cannot be held: nothing is gained by holding a part.
                    self.hold.limit = WINDOW;
                    client.room() > WINDOW || client.grow(&shard.buffers, LARGE)
                }
            },
            BodyReader::Framed(framed) => {
                framed.most = hold.limit.saturating_add(1).max(LARGE);
                framed.window.grow(LARGE)
            }
            BodyReader::Unreadable => true,
        };
        if is_granted { Ok(()) } else { Err(NO_ROOM) }
    }

    /// Whether the body is longer than what is held back of it. An error where such a body is refused.
    pub(super) fn is_beyond_hold(&self, client: &Conn) -> Result<bool, Failure> {
        let is_beyond = !self.is_last(client) && self.window(client).len() > self.hold.limit;
        if is_beyond && self.hold.beyond == BeyondHold::Refuse { Err(BEYOND_HOLD) } else { Ok(is_beyond) }
    }

    /// Makes the window longer, so that a step more can be scanned behind the first `scanned` bytes, or it is known that
    /// the body is longer than what is held back of it, or ends. Giving up the wait loses nothing.
    pub(super) async fn fill_held(
        &mut self,
        client: &mut Conn,
        shard: &Shard,
        timeouts: &Timeouts,
        scanned: usize,
    ) -> Result<(), ExchangeError> {
        let wanted = (scanned + WINDOW).min(self.hold.limit.saturating_add(1));
        self.fill(client, shard, timeouts, wanted).await
    }

    /// Takes the first `count` bytes of the window, in the buffer they lie in. What is behind them stays.
    pub(super) fn detach(
        &mut self,
        client: &mut Conn,
        shard: &Shard,
        count: usize,
    ) -> Result<LentBuffer, Failure> {
        match &mut self.reader {
            BodyReader::Plain { left } => {
                *left -= count as u64;
                self.received += count as u64;
                Ok(client.detach(&shard.buffers, count))
            }
            BodyReader::Framed(framed) => framed.detach(&shard.buffers, count),
            BodyReader::Unreadable => Ok(LentBuffer::empty(&shard.buffers)),
        }
    }

    /// Whether the body keeps its coding, and so passes unscanned.
    pub(super) fn is_undecoded(&self) -> bool {
        self.is_undecoded
    }

    /// What is there and not consumed, without framing and coding.
    pub(super) fn window<'a>(&'a self, client: &'a Conn) -> &'a [u8] {
        match &self.reader {
            BodyReader::Plain { left } => {
                let data = client.rx.data();
                &data[..data.len().min(usize::try_from(*left).unwrap_or(usize::MAX))]
            }
            BodyReader::Framed(framed) => &framed.window.bytes()[framed.start..],
            BodyReader::Unreadable => &[],
        }
    }

    /// Whether the body ends with the window.
    pub(super) fn is_last(&self, client: &Conn) -> bool {
        match &self.reader {
            BodyReader::Plain { left } => client.rx.data().len() as u64 >= *left,
            BodyReader::Framed(framed) => framed.ended,
            BodyReader::Unreadable => false,
        }
    }

    /// Body bytes received from the client so far, as they came.
    pub(super) fn received(&self, client: &Conn) -> u64 {
        match &self.reader {
            BodyReader::Plain { .. } => self.received + self.window(client).len() as u64,
            BodyReader::Framed(framed) => framed.framing.payload_bytes(),
            BodyReader::Unreadable => 0,
        }
    }

    /// Drops the first `count` bytes of the window.
    pub(super) fn consume(&mut self, client: &mut Conn, count: usize) {
        match &mut self.reader {
            BodyReader::Plain { left } => {
                client.rx.consume(count);
                *left -= count as u64;
                self.received += count as u64;
            }
            BodyReader::Framed(framed) => framed.start += count,
            BodyReader::Unreadable => {}
        }
    }

    /// Makes the window `wanted` bytes long, or as long as the body is. Giving up the wait loses nothing.
    pub(super) async fn fill(
        &mut self,
        client: &mut Conn,
        shard: &Shard,
        timeouts: &Timeouts,
        wanted: usize,
    ) -> Result<(), ExchangeError> {
        loop {
            match self.advance(client, shard, wanted)? {
                WindowNeed::Ready => return Ok(()),
                WindowNeed::NeedsClient(most) => self.read(client, most, timeouts).await?,
            }
        }
    }

    /// Takes what has come from the client into the window.
    fn advance(&mut self, client: &mut Conn, shard: &Shard, wanted: usize) -> Result<WindowNeed, Failure> {
        match &mut self.reader {
            BodyReader::Plain { left } => {
                let there = client.rx.data().len();
                if there as u64 >= *left || there >= wanted {
                    return Ok(WindowNeed::Ready);
                }
                let left = usize::try_from(*left).unwrap_or(usize::MAX);
                if client.room() < left.min(wanted) && !client.grow(&shard.buffers, wanted) {
                    return Err(NO_ROOM);
                }
                Ok(WindowNeed::NeedsClient((left - there).min(READ_AT_ONCE)))
            }
            BodyReader::Framed(framed) => {
                framed.absorb(client, wanted)?;
                let is_ready = framed.ended || framed.window.bytes().len() >= wanted;
                if !is_ready && client.rx.has_filled_buffer() {
                    // There is likely more to come; without room it goes on in small pieces.
                    client.grow(&shard.buffers, LARGE);
                }
                Ok(if is_ready { WindowNeed::Ready } else { WindowNeed::NeedsClient(usize::MAX) })
            }
            BodyReader::Unreadable => Ok(WindowNeed::Ready),
        }
    }

    async fn read(
        &mut self,
        client: &mut Conn,
        most: usize,
        timeouts: &Timeouts,
    ) -> Result<(), ExchangeError> {
        let _wait = client.deadline.within(WaitPhase::RequestBody, self.read_limit(client, timeouts));
        match client.rx.fill(most).await {
            Ok(count) if count > 0 => Ok(()),
            _ if client.deadline.is_missed() => Err(TOO_SLOW.into()),
            _ => Err(ExchangeError::ClientGone),
        }
    }

    /// How long the next read may take: the gap between two reads, but no longer than the least mean rate leaves.
    fn read_limit(&self, client: &Conn, timeouts: &Timeouts) -> Duration {
        let gap = timeouts.request_body_gap;
        if timeouts.request_body_min_rate == 0 || gap.is_zero() {
            return gap;
        }
        let earned = Duration::from_secs(self.received(client) / timeouts.request_body_min_rate);
        let left = (gap + earned).saturating_sub(self.began.elapsed());
        gap.min(left.max(TICK))
    }

    /// Drops what is there of the body, so that the next request comes to stand first.
    pub(super) fn discard(&mut self, client: &mut Conn) {
        let there = self.window(client).len();
        self.consume(client, there);
    }

    /// Overwrites what is consumed of the window.
    pub(super) fn wipe(&mut self, client: &mut Conn) {
        match &mut self.reader {
            BodyReader::Plain { .. } | BodyReader::Unreadable => client.rx.wipe(),
            BodyReader::Framed(framed) => {
                client.rx.wipe();
                framed.window.wipe(framed.start);
                if let Some(coding) = &mut framed.coding {
                    coding.wipe();
                }
            }
        }
    }
}

impl Framed {
    /// Moves payload from the connection's buffer into the window, until that is `wanted` bytes long.
    fn absorb(&mut self, client: &mut Conn, wanted: usize) -> Result<(), Failure> {
        if self.start > 0 {
            self.window.drop_front(self.start);
            self.start = 0;
        }
        while !self.ended && self.window.bytes().len() < wanted {
            if let Some(coding) = &self.coding
                && !coding.needs_input()
            {
                self.drain_coding()?;
            } else if self.framing.is_done() {
                self.coding.as_ref().map_or(Ok(()), ContentDecoder::finish).map_err(undecodable)?;
                self.ended = true;
            } else if client.rx.data().is_empty() {
                break;
            } else {
                self.take_payload(client)?;
            }
        }
        Ok(())
    }

    fn drain_coding(&mut self) -> Result<(), Failure> {
        let room = self.make_room()?;
        let Some(coding) = &mut self.coding else { return Ok(()) };
        coding.drain(self.window.bytes_mut(), room).map_err(undecodable)
    }

    /// Takes one run of payload out of its framing, and puts it where it goes.
    fn take_payload(&mut self, client: &mut Conn) -> Result<(), Failure> {
        let room = if self.coding.is_some() { LARGE } else { self.make_room()? };
        let data = client.rx.data();
        let data = &data[..data.len().min(room)];
        let decoded = self.framing.decode(data).map_err(|error| http_failure(&error))?;
        match &mut self.coding {
            Some(coding) => coding.feed(&data[decoded.payload]),
            None => self.window.bytes_mut().extend_from_slice(&data[decoded.payload]),
        }
        client.rx.consume(decoded.consumed);
        Ok(())
    }

    /// Makes sure that something fits behind what the window holds. Gives the number of bytes that do.
    fn make_room(&mut self) -> Result<usize, Failure> {
        if self.window.room() == 0 && !self.window.grow((2 * self.window.capacity()).min(self.most)) {
            return Err(NO_ROOM);
        }
        Ok(self.window.room())
    }

    /// Takes the first `count` bytes of the window. What is behind them goes on in another one.
    fn detach(&mut self, buffers: &Rc<Buffers>, count: usize) -> Result<LentBuffer, Failure> {
        let mut rest = LentBuffer::empty(buffers);
        if self.window.bytes().len() > count {
            if !rest.grow(LARGE) {
                return Err(NO_ROOM);
            }
            rest.bytes_mut().extend_from_slice(&self.window.bytes()[count..]);
        }
        let mut taken = std::mem::replace(&mut self.window, rest);
        taken.truncate(count);
        Ok(taken)
    }
}
