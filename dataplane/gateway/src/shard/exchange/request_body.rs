//! The request's body on its way from the client into the tokenizer's window.
//!
//! A body of known length that is not compressed is never copied: the connection's own read buffer is the window, and
//! reads go right behind what is there. Any other body is taken out of its framing and coding into a window of its own.

use std::rc::Rc;
use std::time::{Duration, Instant};

use aegis_shield::WINDOW;
use aegis_wire::coding::{self, Coding};
use aegis_wire::h1::{BodyDecoder, BodyKind};
use aegis_wire::head::{BodyLength, Fields};

use super::super::answer::http_failure;
use super::super::net::Conn;
use super::super::net::buffers::{Claim, LARGE, wipe};
use super::super::net::deadline::{TICK, WaitPhase};
use super::super::state::Shard;
use super::content_decoder::{ContentDecoder, undecodable};
use super::error::ExchangeError;
use crate::config::settings::{FailMode, Timeouts};
use crate::error_body::{ErrorKind, Failure};
use crate::snapshot::Snapshot;

const NO_ROOM: Failure = Failure::overloaded("the gateway has no room for this request's body");
const TOO_SLOW: Failure =
    Failure::new(408, ErrorKind::InvalidRequest, "the request body came too slowly and was given up");

/// The body of one request.
pub(super) struct RequestBody {
    reader: BodyReader,
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
enum Window {
    /// Nothing: it is full, or the body ends with it.
    Ready,
    /// The client must send more, of which at most so many bytes belong to this body.
    NeedsClient(usize),
}

struct Framed {
    framing: BodyDecoder,
    coding: Option<ContentDecoder>,
    window: Vec<u8>,
    start: usize,
    ended: bool,
    _claim: Claim,
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
                let growth = coding::Limits {
                    output: limits.max_body,
                    ratio: u64::from(limits.max_decode_ratio),
                    ..coding::Limits::default()
                };
                let coding = (!codings.is_empty()).then(|| ContentDecoder::new(codings, growth));
                let claim = shard.buffers.claim(LARGE).ok_or(NO_ROOM)?;
                Self::Framed(Box::new(Framed {
                    framing: decoder,
                    coding: coding.transpose().map_err(undecodable)?,
                    window: shard.buffers.take(LARGE),
                    start: 0,
                    ended: false,
                    _claim: claim,
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
        let mut body =
            Self { reader: BodyReader::Plain { left: 0 }, received: 0, began, is_undecoded: false };
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
            BodyReader::Framed(framed) => &framed.window[framed.start..],
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

    /// Makes the window full, or as long as the body is. Giving up the wait loses nothing.
    pub(super) async fn fill(
        &mut self,
        client: &mut Conn,
        shard: &Rc<Shard>,
        timeouts: &Timeouts,
    ) -> Result<(), ExchangeError> {
        loop {
            match self.advance(client, shard)? {
                Window::Ready => return Ok(()),
                Window::NeedsClient(most) => self.read(client, most, timeouts).await?,
            }
        }
    }

    /// Takes what has come from the client into the window.
    fn advance(&mut self, client: &mut Conn, shard: &Rc<Shard>) -> Result<Window, Failure> {
        match &mut self.reader {
            BodyReader::Plain { left } => {
                let there = client.rx.data().len();
                if there as u64 >= *left || there >= WINDOW {
                    return Ok(Window::Ready);
                }
                let wanted = usize::try_from(*left).unwrap_or(usize::MAX);
                if client.rx.capacity() < wanted.min(WINDOW) && !client.grow(&shard.buffers, LARGE) {
                    return Err(NO_ROOM);
                }
                Ok(Window::NeedsClient(wanted - there))
            }
            BodyReader::Framed(framed) => {
                framed.absorb(client)?;
                let ready = framed.ended || framed.window.len() >= WINDOW;
                Ok(if ready { Window::Ready } else { Window::NeedsClient(usize::MAX) })
            }
            BodyReader::Unreadable => Ok(Window::Ready),
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
                wipe(&mut framed.window, framed.start);
                if let Some(coding) = &mut framed.coding {
                    coding.wipe();
                }
            }
        }
    }

    /// Gives the window's memory back.
    pub(super) fn release(&mut self, shard: &Shard) {
        if let BodyReader::Framed(framed) = &mut self.reader {
            shard.buffers.give_back(std::mem::take(&mut framed.window));
            framed.start = 0;
        }
    }
}

impl Framed {
    /// Moves payload from the connection's buffer into the window, as much as it holds.
    fn absorb(&mut self, client: &mut Conn) -> Result<(), Failure> {
        if self.start > 0 {
            self.window.drain(..self.start);
            self.start = 0;
        }
        while !self.ended && self.window.len() < WINDOW {
            if let Some(coding) = &mut self.coding
                && !coding.needs_input()
            {
                let room = WINDOW - self.window.len();
                coding.drain(&mut self.window, room).map_err(undecodable)?;
                continue;
            }
            if self.framing.is_done() {
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

    /// Takes one run of payload out of its framing, and puts it where it goes.
    fn take_payload(&mut self, client: &mut Conn) -> Result<(), Failure> {
        let data = client.rx.data();
        let data = &data[..data.len().min(LARGE - self.window.len())];
        let decoded = self.framing.decode(data).map_err(|error| http_failure(&error))?;
        match &mut self.coding {
            Some(coding) => coding.feed(&data[decoded.payload]),
            None => self.window.extend_from_slice(&data[decoded.payload]),
        }
        client.rx.consume(decoded.consumed);
        Ok(())
    }
}
