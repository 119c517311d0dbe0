//! The request's body on its way from the client into the tokenizer's window.
//!
//! A body of known length that is not compressed is never copied: the connection's own read buffer is the window, and
//! reads go right behind what is there. Any other body is taken out of its framing and coding into a window of its own.

use std::rc::Rc;
use std::time::{Duration, Instant};

use aegis_shield::WINDOW;
use aegis_wire::coding::{self, Coding};
use aegis_wire::h1::{BodyDecoder, BodyKind};

use super::super::net::Conn;
use super::super::net::buffers::{Claim, LARGE, wipe};
use super::super::net::deadline::{TICK, WaitPhase};
use super::super::state::Shard;
use super::Stop;
use super::unpack::{Unpack, undecodable};
use crate::config::settings::{Limits, Timeouts};
use crate::error_body::{ErrorKind, Failure};

const NO_ROOM: Failure = Failure::overloaded("the gateway has no room for this request's body");
const TOO_SLOW: Failure =
    Failure::new(408, ErrorKind::InvalidRequest, "the request body came too slowly and was given up");

/// The body of one request.
pub(super) struct Upload {
    kind: Kind,
    received: u64,
    began: Instant,
}

enum Kind {
    /// The window is the connection's buffer; so many bytes of the body are not consumed yet.
    Plain { left: u64 },
    /// The window is a buffer of its own.
    Framed(Box<Framed>),
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
    unpack: Option<Unpack>,
    window: Vec<u8>,
    start: usize,
    ended: bool,
    _claim: Claim,
}

impl Upload {
    /// The body that a head with this framing and these codings announces.
    pub(super) fn new(
        shard: &Rc<Shard>,
        framing: BodyKind,
        codings: &[Coding],
        limits: &Limits,
        began: Instant,
    ) -> Result<Self, Failure> {
        let decoder = BodyDecoder::request(framing, limits.max_body).map_err(|error| refused(&error))?;
        let kind = match framing {
            BodyKind::None => Kind::Plain { left: 0 },
            BodyKind::Length(left) if codings.is_empty() => Kind::Plain { left },
            _ => {
                let growth = coding::Limits {
                    output: limits.max_body,
                    ratio: u64::from(limits.max_decode_ratio),
                    ..coding::Limits::default()
                };
                let unpack = (!codings.is_empty()).then(|| Unpack::new(codings, growth));
                let claim = shard.buffers.claim(LARGE).ok_or(NO_ROOM)?;
                Kind::Framed(Box::new(Framed {
                    framing: decoder,
                    unpack: unpack.transpose().map_err(undecodable)?,
                    window: shard.buffers.take(LARGE),
                    start: 0,
                    ended: false,
                    _claim: claim,
                }))
            }
        };
        Ok(Self { kind, received: 0, began })
    }

    /// What is there and not consumed, without framing and coding.
    pub(super) fn window<'a>(&'a self, client: &'a Conn) -> &'a [u8] {
        match &self.kind {
            Kind::Plain { left } => {
                let data = client.rx.data();
                &data[..data.len().min(usize::try_from(*left).unwrap_or(usize::MAX))]
            }
            Kind::Framed(framed) => &framed.window[framed.start..],
        }
    }

    /// Whether the body ends with the window.
    pub(super) fn is_last(&self, client: &Conn) -> bool {
        match &self.kind {
            Kind::Plain { left } => client.rx.data().len() as u64 >= *left,
            Kind::Framed(framed) => framed.ended,
        }
    }

    /// Body bytes received from the client so far, as they came.
    pub(super) fn received(&self, client: &Conn) -> u64 {
        match &self.kind {
            Kind::Plain { .. } => self.received + self.window(client).len() as u64,
            Kind::Framed(framed) => framed.framing.payload_bytes(),
        }
    }

    /// Drops the first `count` bytes of the window.
    pub(super) fn consume(&mut self, client: &mut Conn, count: usize) {
        match &mut self.kind {
            Kind::Plain { left } => {
                client.rx.consume(count);
                *left -= count as u64;
                self.received += count as u64;
            }
            Kind::Framed(framed) => framed.start += count,
        }
    }

    /// Makes the window full, or as long as the body is. Stopping to wait for it loses nothing.
    pub(super) async fn fill(
        &mut self,
        client: &mut Conn,
        shard: &Rc<Shard>,
        timeouts: &Timeouts,
    ) -> Result<(), Stop> {
        loop {
            match self.advance(client, shard)? {
                Window::Ready => return Ok(()),
                Window::NeedsClient(most) => self.read(client, most, timeouts).await?,
            }
        }
    }

    /// Takes what has come from the client into the window.
    fn advance(&mut self, client: &mut Conn, shard: &Rc<Shard>) -> Result<Window, Failure> {
        match &mut self.kind {
            Kind::Plain { left } => {
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
            Kind::Framed(framed) => {
                framed.absorb(client)?;
                let ready = framed.ended || framed.window.len() >= WINDOW;
                Ok(if ready { Window::Ready } else { Window::NeedsClient(usize::MAX) })
            }
        }
    }

    async fn read(&mut self, client: &mut Conn, most: usize, timeouts: &Timeouts) -> Result<(), Stop> {
        client.deadline.arm(WaitPhase::RequestBody, self.patience(client, timeouts));
        match client.rx.fill(most).await {
            Ok(count) if count > 0 => Ok(()),
            _ if client.deadline.missed() == Some(WaitPhase::RequestBody) => Err(TOO_SLOW.into()),
            _ => Err(Stop::ClientGone),
        }
    }

    /// How long the next read may take: the gap between two reads, but no longer than the least mean rate leaves.
    fn patience(&self, client: &Conn, timeouts: &Timeouts) -> Duration {
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
        match &mut self.kind {
            Kind::Plain { .. } => client.rx.wipe(),
            Kind::Framed(framed) => {
                client.rx.wipe();
                wipe(&mut framed.window, framed.start);
                if let Some(unpack) = &mut framed.unpack {
                    unpack.wipe();
                }
            }
        }
    }

    /// Gives the window's memory back.
    pub(super) fn release(&mut self, shard: &Shard) {
        if let Kind::Framed(framed) = &mut self.kind {
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
            if let Some(unpack) = &mut self.unpack
                && !unpack.needs_input()
            {
                let room = WINDOW - self.window.len();
                unpack.drain(&mut self.window, room).map_err(undecodable)?;
                continue;
            }
            if self.framing.is_done() {
                self.unpack.as_ref().map_or(Ok(()), Unpack::finish).map_err(undecodable)?;
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
        let decoded = self.framing.decode(data).map_err(|error| refused(&error))?;
        match &mut self.unpack {
            Some(unpack) => unpack.feed(&data[decoded.payload]),
            None => self.window.extend_from_slice(&data[decoded.payload]),
        }
        client.rx.consume(decoded.consumed);
        Ok(())
    }
}

/// The answer to a request or a reply that the codec refuses.
pub(in crate::shard) fn refused(error: &aegis_wire::error::HttpError) -> Failure {
    let kind = match error.status() {
        413 => ErrorKind::PayloadTooLarge,
        502 => ErrorKind::UpstreamError,
        _ => ErrorKind::InvalidRequest,
    };
    Failure::new(error.status(), kind, error.reason())
}
