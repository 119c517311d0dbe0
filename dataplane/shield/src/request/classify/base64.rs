//! Base64 inside a JSON string: where it ends, and what its characters stand for.

use crate::request::classify::file_kind;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 characters that are decoded to tell its kind; decoded, they are what [`file_kind`] looks at.
pub(crate) const SAMPLE: usize = file_kind::LOOK / 3 * 4;

/// Characters of the longest line of base64 that is broken into lines (RFC 2045, section 6.8).
pub(crate) const MAX_LINE: usize = 76;

/// Whether the value ends here, but for line breaks.
pub(crate) fn is_closed(mut rest: &[u8]) -> bool {
    while let Base64Unit::Break(end) = base64_unit(rest, 0) {
        rest = &rest[end..];
    }
    rest.first() == Some(&b'"')
}

/// Whether base64 is broken into lines: its first one is not too long.
pub(crate) fn is_wrapped(raw: &[u8]) -> bool {
    let line = Base64Extent::of(&raw[..raw.len().min(2 * MAX_LINE)], false);
    line.chars <= MAX_LINE && matches!(base64_unit(raw, line.len), Base64Unit::Break(_))
}

/// Decodes base64 from the start of `raw` into `out`, as far as there is room, and says how many characters that took.
pub(crate) fn decode_sample(raw: &[u8], out: &mut [u8; file_kind::LOOK]) -> usize {
    let mut chars = [0; SAMPLE];
    let (mut len, mut at) = (0, 0);
    while len < SAMPLE {
        match base64_unit(raw, at) {
            Base64Unit::Char(b'=', _) | Base64Unit::Cut | Base64Unit::Other => break,
            Base64Unit::Char(byte, end) => {
                chars[len] = standard(byte);
                len += 1;
                at = end;
            }
            Base64Unit::Break(end) => at = end,
        }
    }
    // One character of a group of four says nothing.
    len -= usize::from(len % 4 == 1);
    LENIENT.decode_slice(&chars[..len], out).map_or(0, |_| len)
}

/// Decodes with or without padding.
pub(crate) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A character of base64url as one of base64.
pub(crate) fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// What stands at a place of a base64 value inside a JSON string.
pub(crate) enum Base64Unit {
    /// A character and the offset behind it.
    Char(u8, usize),
    /// An escaped line break and the offset behind it.
    Break(usize),
    /// The bytes end here, or in the middle of an escape.
    Cut,
    /// Anything else.
    Other,
}

/// Reads the unit of base64 at `at`.
#[inline]
pub(crate) fn base64_unit(raw: &[u8], at: usize) -> Base64Unit {
    match raw.get(at) {
        None => Base64Unit::Cut,
        Some(&byte) if is_base64(byte) => Base64Unit::Char(byte, at + 1),
        Some(b'\\') => match raw.get(at + 1) {
            None => Base64Unit::Cut,
            Some(b'/') => Base64Unit::Char(b'/', at + 2),
            Some(b'n' | b'r') => Base64Unit::Break(at + 2),
            Some(_) => Base64Unit::Other,
        },
        Some(_) => Base64Unit::Other,
    }
}

#[inline]
pub(crate) fn is_base64(byte: u8) -> bool {
    is_digit(byte) || byte == b'='
}

/// Whether a byte stands for six bits.
#[inline]
pub(crate) fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// How far base64 goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Base64Extent {
    /// In bytes.
    pub(crate) len: usize,
    /// In characters of base64, without padding.
    pub(crate) chars: usize,
    /// Whether it ends there. Otherwise more bytes are needed to decide.
    pub(crate) ended: bool,
}

impl Base64Extent {
    /// The base64 that `raw` begins with: to its padding, to the end of its line unless it is `wrapped`, or to what is
    /// none.
    pub(crate) fn of(raw: &[u8], wrapped: bool) -> Self {
        const BLOCK: usize = 32;
        let (mut at, mut chars) = (0, 0);
        loop {
            // No shortcut inside a block, so that the compiler makes vector code of it.
            while raw.get(at..at + BLOCK).is_some_and(|b| b.iter().fold(true, |all, &c| all & is_digit(c))) {
                at += BLOCK;
                chars += BLOCK;
            }
            match base64_unit(raw, at) {
                Base64Unit::Char(b'=', end) => {
                    let len = if raw.get(end) == Some(&b'=') { end + 1 } else { end };
                    return Self { len, chars, ended: len < raw.len() || len > end };
                }
                Base64Unit::Char(_, end) => (at, chars) = (end, chars + 1),
                Base64Unit::Break(end) if wrapped => at = end,
                Base64Unit::Cut => return Self { len: at, chars, ended: false },
                Base64Unit::Break(_) | Base64Unit::Other => return Self { len: at, chars, ended: true },
            }
        }
    }
}
