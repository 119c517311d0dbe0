//! The body of a reply: taken out of its framing and its coding, its links replaced and its tokens restored, in steps
//! that never need more room than a buffer has.

use aegis_shield::reply::TokenCounter;
use aegis_wire::coding::MAX_STEP;
use aegis_wire::h1::{BodyDecoder, BodyKind};

use super::super::net::buffers::LARGE;
use super::super::pool::UpstreamConn;
use super::super::restorer::Restorer;
use super::super::write_buffer::WriteBuffer;
use super::content_decoder::ContentDecoder;
use super::error::ReplyError;
use crate::links::results::ResultLinks;

/// A body on its way to the client.
pub(super) struct ResponseBody {
    framing: BodyDecoder,
    /// What takes the coding off, if it must be.
    pub(super) decoder: Option<ContentDecoder>,
    /// What replaces the addresses of results, at the few endpoints that name some.
    pub(super) links: Option<ResultLinks>,
    /// What puts the secrets back; none when there is nothing to put back.
    pub(super) restorer: Option<Restorer>,
    /// What counts tokens where nothing is put back, in text.
    pub(super) tokens: Option<TokenCounter>,
}

/// What it takes to go on with the body. The loop over [`ResponseBody::absorb`] says what it does for each: waiting for
/// the wrong side is waiting for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Absorbed {
    /// Nothing: the body has ended, and its last bytes are in the buffer for the client.
    Done,
    /// The client must take what is in the buffer: there is more to put into it, and no room.
    NeedsClientRoom,
    /// The upstream must send more: all that has come is in the buffer.
    NeedsUpstream,
}

/// A part of a body that may be written as it came.
pub(super) struct Slice {
    /// The connection's buffer, to be put back once it is written.
    pub(super) bytes: Vec<u8>,
    /// The part of it that is payload.
    pub(super) payload: std::ops::Range<usize>,
    /// Whether the body ends with it.
    pub(super) is_last: bool,
    /// Where in it the unread bytes begin.
    pub(super) consumed: usize,
}

impl ResponseBody {
    /// A body that goes on as it is.
    pub(super) fn plain(framing: BodyKind) -> Self {
        Self {
            framing: BodyDecoder::response(framing),
            decoder: None,
            links: None,
            restorer: None,
            tokens: None,
        }
    }

    /// Whether the bytes of the body go on as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.decoder.is_none() && self.links.is_none() && self.restorer.is_none()
    }

    /// Whether the body may end with the connection, and has not ended before.
    pub(super) fn may_end_here(&mut self) -> bool {
        self.framing.end_of_input().is_ok()
    }

    /// Bytes of memory that restoring holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.restorer.as_ref().map_or(0, Restorer::held_bytes)
    }

    /// Moves what has come into `out`, as far as there is room. Adds the payload that was used to `received`.
    pub(super) fn absorb(
        &mut self,
        upstream_conn: &mut UpstreamConn,
        out: &mut WriteBuffer,
        scratch: &mut Vec<u8>,
        received: &mut u64,
    ) -> Result<Absorbed, ReplyError> {
        loop {
            if let Some(restorer) = &mut self.restorer
                && !restorer.resume(out.tail(), LARGE)?
            {
                return Ok(Absorbed::NeedsClientRoom);
            }
            let full = out.len() >= LARGE;
            if let Some(decoder) = self.decoder.as_mut().filter(|decoder| !decoder.needs_input()) {
                if full {
                    return Ok(Absorbed::NeedsClientRoom);
                }
                scratch.clear();
                decoder.drain(scratch, MAX_STEP).map_err(|_| ReplyError::BrokenOff)?;
                self.put(scratch, out)?;
                continue;
            }
            // A body that ends where the buffer does has ended.
            if self.framing.is_done() {
                if self.decoder.as_ref().is_some_and(|decoder| decoder.finish().is_err()) {
                    return Err(ReplyError::BrokenOff);
                }
                if self.end(out)? {
                    return Ok(Absorbed::Done);
                }
                continue;
            }
            let data = upstream_conn.conn.rx.data();
            if data.is_empty() {
                return Ok(Absorbed::NeedsUpstream);
            }
            if full {
                return Ok(Absorbed::NeedsClientRoom);
            }
            let piece = self.framing.decode(data).map_err(|_| ReplyError::BrokenOff)?;
            *received += piece.payload.len() as u64;
            match &mut self.decoder {
                Some(decoder) => decoder.feed(&data[piece.payload]),
                None => self.put(&data[piece.payload], out)?,
            }
            upstream_conn.conn.rx.consume(piece.consumed);
        }
    }

    /// Puts what is left at the end of the body into `out`, as far as there is room. True when nothing is left.
    pub(super) fn end(&mut self, out: &mut WriteBuffer) -> Result<bool, ReplyError> {
        if let Some(restorer) = &mut self.restorer
            && !restorer.resume(out.tail(), LARGE)?
        {
            return Ok(false);
        }
        if let Some(mut links) = self.links.take() {
            let mut held = Vec::new();
            links.finish(&mut held);
            restore(&mut self.restorer, &held, out)?;
        }
        let Some(restorer) = &mut self.restorer else { return Ok(true) };
        if !restorer.resume(out.tail(), LARGE)? {
            return Ok(false);
        }
        restorer.finish(out.tail(), LARGE)?;
        Ok(restorer.resume(out.tail(), LARGE)?)
    }

    /// Takes what has come of a plain body out of the connection, with the buffer it lies in.
    pub(super) fn take_slice(&mut self, upstream_conn: &mut UpstreamConn) -> Result<Slice, ReplyError> {
        let piece = self.framing.decode(upstream_conn.conn.rx.data()).map_err(|_| ReplyError::BrokenOff)?;
        let (bytes, start) = upstream_conn.conn.rx.take_buffer();
        let payload = start + piece.payload.start..start + piece.payload.end;
        if let Some(tokens) = &mut self.tokens {
            tokens.push(&bytes[payload.clone()]);
        }
        Ok(Slice { bytes, payload, is_last: piece.done, consumed: start + piece.consumed })
    }

    fn put(&mut self, piece: &[u8], out: &mut WriteBuffer) -> Result<(), ReplyError> {
        if let Some(tokens) = &mut self.tokens {
            tokens.push(piece);
        }
        let Some(links) = &mut self.links else { return restore(&mut self.restorer, piece, out) };
        if self.restorer.is_none() {
            links.push(piece, out.tail());
            return Ok(());
        }
        let mut linked = Vec::with_capacity(piece.len());
        links.push(piece, &mut linked);
        restore(&mut self.restorer, &linked, out)
    }
}

/// Appends a piece with its secrets put back.
fn restore(restorer: &mut Option<Restorer>, piece: &[u8], out: &mut WriteBuffer) -> Result<(), ReplyError> {
    let Some(restorer) = restorer else {
        out.tail().extend_from_slice(piece);
        return Ok(());
    };
    Ok(restorer.push(piece, out.tail(), LARGE)?)
}
