//! Bodies: takes the framing off and says where the payload lies, without moving a byte.

use std::ops::Range;

use super::framing::BodyKind;
use crate::error::HttpError;
use crate::head::{is_token_byte, is_value_byte};

/// The most hexadecimal digits of a chunk's size; 16 is all that fits 64 bits.
pub const MAX_CHUNK_SIZE_DIGITS: u8 = 16;

/// The most bytes of one chunk's extensions, the semicolon included.
pub const MAX_CHUNK_EXTENSION: u16 = 256;

/// How many bytes of framing a chunked body may have beyond what its payload justifies: each chunk justifies 16 bytes
/// and twice its payload. Without it a few bytes of payload could be wrapped in any amount of extensions.
pub const MAX_CHUNK_EXCESS: u64 = 16 * 1024;

/// The most bytes of all trailer fields together.
pub const MAX_TRAILER_BYTES: u32 = 8 * 1024;

/// The most trailer fields.
pub const MAX_TRAILER_FIELDS: u8 = 32;

/// Bytes of framing that every chunk may have without being counted as excess.
const CHUNK_ALLOWANCE: u64 = 16;

/// What one call made of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyProgress {
    /// Bytes of the input that are dealt with. More than 0 unless the input was empty or the body had ended.
    pub consumed: usize,
    /// Where the payload lies among them; empty if they were framing only.
    pub payload: Range<usize>,
    /// The body is complete; what follows in the input belongs to the next message.
    pub done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Done,
    /// Payload that ends after so many bytes.
    Length(u64),
    UntilClose,
    Size,
    Extension,
    SizeLineFeed,
    /// Payload of a chunk.
    Data(u64),
    DataReturn,
    DataLineFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    EndLineFeed,
}

/// Whose message it is: decides the status of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Reply,
}

/// Takes the framing off one body.
///
/// Trailer fields are checked, counted and dropped: they come too late for anything that is decided on the head, and
/// no reader may take one for a head field (RFC 9110 section 6.5.1 lets an intermediary discard them).
#[derive(Debug, Clone)]
pub struct BodyDecoder {
    state: State,
    side: Side,
    limit: u64,
    total: u64,
    size: u64,
    excess: u64,
    trailer_bytes: u32,
    extension: u16,
    digits: u8,
    trailer_fields: u8,
}

impl BodyDecoder {
    /// A decoder for the body of a request of at most `limit` bytes of payload; 413 if it is announced to be longer.
    pub fn request(framing: BodyKind, limit: u64) -> Result<Self, HttpError> {
        match framing {
            BodyKind::Length(n) if n > limit => Err(too_large()),
            _ => Ok(Self::new(framing, Side::Request, limit)),
        }
    }

    /// A decoder for the body of a reply, of any length.
    pub fn response(framing: BodyKind) -> Self {
        Self::new(framing, Side::Reply, u64::MAX)
    }

    fn new(framing: BodyKind, side: Side, limit: u64) -> Self {
        let state = match framing {
            BodyKind::None | BodyKind::Length(0) => State::Done,
            BodyKind::Length(n) => State::Length(n),
            BodyKind::Chunked => State::Size,
            BodyKind::UntilClose => State::UntilClose,
        };
        Self {
            state,
            side,
            limit,
            total: 0,
            size: 0,
            excess: 0,
            trailer_bytes: 0,
            extension: 0,
            digits: 0,
            trailer_fields: 0,
        }
    }

    /// Whether the body has ended by its own framing.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Payload bytes handed out so far.
    pub fn payload_bytes(&self) -> u64 {
        self.total
    }

    /// Takes the framing off the beginning of `input`, up to the end of one run of payload and the framing behind it.
    ///
    /// Call again with what was not consumed, until `done` or all is consumed. After an error the connection must be
    /// closed: the framing is lost.
    pub fn decode(&mut self, input: &[u8]) -> Result<BodyProgress, HttpError> {
        let mut at = 0;
        let mut payload = 0..0;
        while at < input.len() {
            match self.state {
                State::Done => break,
                State::Length(_) | State::UntilClose | State::Data(_) => {
                    if !payload.is_empty() {
                        break;
                    }
                    let end = at + self.take_payload(input.len() - at);
                    payload = at..end;
                    at = end;
                }
                _ => {
                    self.framing_byte(input[at])?;
                    at += 1;
                }
            }
        }
        Ok(BodyProgress { consumed: at, payload, done: self.is_done() })
    }

    /// The connection has ended: fine for a body that ends with it or is complete, otherwise an error, because what
    /// was received is only a part.
    pub fn end_of_input(&mut self) -> Result<(), HttpError> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(self.bad("the body ends too early")),
        }
    }

    /// Counts up to `available` bytes of payload and says how many there are.
    fn take_payload(&mut self, available: usize) -> usize {
        let (left, after) = match self.state {
            State::Length(left) => (left, State::Done),
            State::Data(left) => (left, State::DataReturn),
            _ => (u64::MAX, State::UntilClose),
        };
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        self.total = self.total.saturating_add(taken as u64);
        self.state = match self.state {
            State::Length(left) if left > taken as u64 => State::Length(left - taken as u64),
            State::Data(left) if left > taken as u64 => State::Data(left - taken as u64),
            _ => after,
        };
        taken
    }

    fn framing_byte(&mut self, byte: u8) -> Result<(), HttpError> {
        self.state = match self.state {
            State::Size => return self.size_byte(byte),
            State::Extension => return self.extension_byte(byte),
            State::SizeLineFeed if byte == b'\n' => return self.size_complete(),
            State::DataReturn if byte == b'\r' => State::DataLineFeed,
            State::DataLineFeed if byte == b'\n' => State::Size,
            State::EndLineFeed if byte == b'\n' => State::Done,
            State::TrailerStart if byte == b'\r' => State::EndLineFeed,
            State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerLineFeed => {
                return self.trailer_byte(byte);
            }
            State::DataReturn | State::DataLineFeed => {
                return Err(self.bad("a chunk is longer than its size says"));
            }
            _ => return Err(self.bad("a line of the chunked body does not end in CR LF")),
        };
        Ok(())
    }

    fn size_byte(&mut self, byte: u8) -> Result<(), HttpError> {
        match (char::from(byte).to_digit(16), byte) {
            (Some(digit), _) => {
                self.digits += 1;
                if self.digits > MAX_CHUNK_SIZE_DIGITS {
                    return Err(self.bad("a chunk size has too many digits"));
                }
                self.size = self.size << 4 | u64::from(digit);
            }
            (None, b'\r') if self.digits > 0 => self.state = State::SizeLineFeed,
            (None, b';') if self.digits > 0 => {
                self.extension = 1;
                self.state = State::Extension;
            }
            _ => return Err(self.bad("a chunk size is not a hexadecimal number")),
        }
        Ok(())
    }

    fn extension_byte(&mut self, byte: u8) -> Result<(), HttpError> {
        if byte == b'\r' {
            self.state = State::SizeLineFeed;
            return Ok(());
        }
        if !is_value_byte(byte) {
            return Err(self.bad("a chunk extension has a control byte"));
        }
        self.extension += 1;
        if self.extension > MAX_CHUNK_EXTENSION {
            return Err(self.bad("a chunk extension is too long"));
        }
        Ok(())
    }

    /// The line with a chunk's size is complete.
    fn size_complete(&mut self) -> Result<(), HttpError> {
        let size = self.size;
        let line = u64::from(self.digits) + u64::from(self.extension);
        self.excess =
            (self.excess + line).saturating_sub(CHUNK_ALLOWANCE.saturating_add(size.saturating_mul(2)));
        if self.excess > MAX_CHUNK_EXCESS {
            return Err(self.bad("a chunked body has too little payload for its framing"));
        }
        if size > self.limit.saturating_sub(self.total) {
            return Err(match self.side {
                Side::Request => too_large(),
                Side::Reply => self.bad("the body is longer than can be counted"),
            });
        }
        self.size = 0;
        self.digits = 0;
        self.extension = 0;
        self.state = if size == 0 { State::TrailerStart } else { State::Data(size) };
        Ok(())
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<(), HttpError> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > MAX_TRAILER_BYTES {
            return Err(self.trailer_too_large());
        }
        self.state = match self.state {
            State::TrailerStart if is_token_byte(byte) => {
                self.trailer_fields += 1;
                if self.trailer_fields > MAX_TRAILER_FIELDS {
                    return Err(self.trailer_too_large());
                }
                State::TrailerName
            }
            State::TrailerName if is_token_byte(byte) => State::TrailerName,
            State::TrailerName if byte == b':' => State::TrailerValue,
            State::TrailerValue if byte == b'\r' => State::TrailerLineFeed,
            State::TrailerValue if is_value_byte(byte) => State::TrailerValue,
            State::TrailerLineFeed if byte == b'\n' => State::TrailerStart,
            _ => return Err(self.bad("malformed trailer field")),
        };
        Ok(())
    }

    fn trailer_too_large(&self) -> HttpError {
        match self.side {
            Side::Request => HttpError::new(431, "the trailer fields are too large"),
            Side::Reply => self.bad("the trailer fields are too large"),
        }
    }

    fn bad(&self, reason: &'static str) -> HttpError {
        match self.side {
            Side::Request => HttpError::bad_request(reason),
            Side::Reply => HttpError::bad_reply(reason),
        }
    }
}

fn too_large() -> HttpError {
    HttpError::new(413, "the request body is too large")
}
