//! Values that are not text: sealed blobs of the providers, and media in base64.
//!
//! Providers sign and encrypt some values and want them back byte by byte; images are large and full of strings
//! that look like keys. Such a value passes unscanned, but only where the providers' formats have one, and only
//! as far as it is base64: what stands behind it is text again. What decodes to text is scanned decoded, what is of
//! no known kind too. Everywhere else text is text, whatever it calls itself: a model reads what stands in a tool's
//! arguments letter by letter. So neither a member that happens to be called `signature`, nor a data URL in a
//! message, nor a mislabelled image can hide a secret.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::magic;
use super::wide::Wide;
use crate::format::Charset;
use crate::report::OpaqueKind;

/// Base64 characters that are decoded for a judgement; decoded, they are what [`magic`] looks at.
const SAMPLE: usize = magic::LOOK / 3 * 4;
/// Bytes that must be base64 unless the value ends before: a plain token with a dot in it is none.
const LOOK: usize = 1024;
/// Bytes within which a value must end for its type to be looked for behind it.
const MAX_BEHIND: usize = 8 * 1024;
/// Bytes of the longest head of a data URL that is understood.
const MAX_URL_HEAD: usize = 128;
/// Sealed values that are shorter are scanned, even where the object says what it is.
const MIN_SURE: usize = 16;
/// Sealed values of unsure kind, and raw sound, that are shorter are scanned: a stolen key could be as short.
const MIN_SEALED: usize = 64;
/// Shorter values are scanned as they stand.
const MIN_BLOB: usize = 16;
/// Characters of the longest line of base64 that is broken into lines (RFC 2045, section 6.8).
const MAX_LINE: usize = 76;

const _: () = assert!(SAMPLE <= LOOK);

/// What a member's place in the document says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// An ordinary value.
    Plain,
    /// A value that the provider sealed. `sure` if the object says so itself.
    Sealed { sure: bool },
    /// Bytes in base64, or in a data URL, declared to be something or not.
    Blob(Declared),
    /// An address, which may be a data URL.
    Link,
}

/// What is said of bytes, by a media type or by their place. That they are media is not believed: known media say so
/// themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Nothing,
    /// Sound that may come without any head, so that its bytes cannot say what they are. Only a place says this.
    RawSound,
    /// Text, and its charset if that is a wide one.
    Text(Option<Charset>),
}

/// What is to be done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Scan it like any other.
    Scan,
    /// More bytes are needed to tell.
    Undecided,
    /// After so many bytes of the value, such a run of base64 begins.
    Run(usize, Run),
}

/// A run of base64 inside a JSON string, and how it is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) scanned: Scanned,
    /// What is told of it, unless it is text or sealed.
    pub(super) kind: Option<OpaqueKind>,
    /// It is broken into lines. Otherwise it ends where its first line does.
    pub(super) wrapped: bool,
}

/// Whether a run of base64 is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scanned {
    /// Not at all.
    Not,
    /// Decoded, to its end. The charset is what was declared.
    Decoded(Option<Charset>),
    /// Decoded, as long as it is text that way; from there on it is text as it stands.
    WhileText,
}

/// Judges the string value that begins with `raw`; `last` if the body ends with `raw`.
pub(super) fn judge(slot: Slot, raw: &[u8], last: bool) -> Judgement {
    match (url_head(raw, last), slot) {
        (UrlHead::None, Slot::Plain | Slot::Link) => Judgement::Scan,
        (UrlHead::None, _) => judge_run(slot, raw, 0, last),
        (UrlHead::Undecided, _) => Judgement::Undecided,
        (UrlHead::Base64(len, declared), Slot::Blob(_) | Slot::Link) => {
            judge_run(Slot::Blob(declared), raw, len, last)
        }
        (UrlHead::Base64(len, _), _) => judge_run(Slot::Plain, raw, len, last),
    }
}

/// Whether the object says right behind a value what the value is: clients that write members in the order of the
/// alphabet put `data` before `type`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behind {
    Sealed,
    Other,
    Undecided,
}

/// Looks behind the string value that begins with `raw`; `last` if the body ends with `raw`.
pub(super) fn behind(raw: &[u8], last: bool) -> Behind {
    let near = &raw[..raw.len().min(MAX_BEHIND)];
    let more = !last && raw.len() < MAX_BEHIND;
    let Some(quote) = memchr::memchr(b'"', near) else {
        return if more { Behind::Undecided } else { Behind::Other };
    };
    let mut rest = &near[quote + 1..];
    for word in [&b","[..], b"\"type\"", b":", b"\"redacted_thinking\""] {
        rest = rest.trim_ascii_start();
        rest = match rest.strip_prefix(word) {
            Some(after) => after,
            None if more && word.starts_with(rest) => return Behind::Undecided,
            None => return Behind::Other,
        };
    }
    Behind::Sealed
}

/// What a value starts with, seen as a data URL.
#[derive(Debug, PartialEq, Eq)]
enum UrlHead {
    None,
    Undecided,
    /// Length of the head with its comma, and what it declares.
    Base64(usize, Declared),
}

fn url_head(raw: &[u8], last: bool) -> UrlHead {
    const SCHEME: &[u8] = b"data:";
    let seen = &raw[..raw.len().min(SCHEME.len())];
    if !seen.eq_ignore_ascii_case(&SCHEME[..seen.len()]) {
        return UrlHead::None;
    }
    let head = &raw[..raw.len().min(MAX_URL_HEAD)];
    let end = head.iter().position(|&byte| !is_media_type(byte) && byte != b':' && byte != b'\\');
    let Some(end) = end else {
        return if raw.len() < MAX_URL_HEAD && !last { UrlHead::Undecided } else { UrlHead::None };
    };
    match head[..end].len().checked_sub(b";base64".len()) {
        Some(at)
            if head[end] == b',' && at >= SCHEME.len() && head[at..end].eq_ignore_ascii_case(b";base64") =>
        {
            UrlHead::Base64(end + 1, declared(&head[SCHEME.len()..at]))
        }
        _ => UrlHead::None,
    }
}

fn is_media_type(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/+.;=_-".contains(&byte)
}

/// What the media type `name` says of bytes; a slash in it may be escaped.
pub(super) fn declared(name: &[u8]) -> Declared {
    let starts =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|h| h.eq_ignore_ascii_case(prefix.as_bytes()));
    let is = |part: &[u8]| name.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
    if starts("text") || is(b"json") || is(b"xml") || is(b"yaml") || is(b"javascript") {
        let parameters = memchr::memchr(b';', name).map_or(&[][..], |at| &name[at + 1..]);
        return Declared::Text(Charset::declared(parameters));
    }
    Declared::Nothing
}

/// Judges the base64 that begins behind the first `head` bytes.
fn judge_run(slot: Slot, raw: &[u8], head: usize, last: bool) -> Judgement {
    let look = &raw[head..raw.len().min(head + LOOK)];
    let wrapped = head == 0 && matches!(slot, Slot::Blob(_)) && is_wrapped(look);
    let extent = Extent::of(look, wrapped);
    if !extent.ended && raw.len() < head + LOOK && !last {
        return Judgement::Undecided;
    }
    let closed = is_closed(&look[extent.len..]) || last && head + extent.len == raw.len();
    // A value that is to be base64 is so to its end; a data URL ends where it ends.
    if head == 0 && extent.ended && !closed && extent.len + 1 < LOOK {
        return Judgement::Scan;
    }
    let mut decoded = [0; magic::LOOK];
    let chars = decode_sample(&look[..extent.len], &mut decoded);
    let sample = &decoded[..chars * 3 / 4];
    let run = |scanned, kind| Judgement::Run(head, Run { scanned, kind, wrapped });
    match slot {
        Slot::Sealed { sure } if chars >= if sure { MIN_SURE } else { MIN_SEALED } => run(Scanned::Not, None),
        Slot::Plain if chars >= MIN_BLOB && magic::text_len(sample) >= MIN_BLOB * 3 / 4 => {
            run(Scanned::WhileText, None)
        }
        Slot::Blob(declared) if chars >= MIN_BLOB => {
            let charset = match declared {
                Declared::Text(charset) => charset,
                Declared::RawSound | Declared::Nothing => None,
            };
            let decoded = Scanned::Decoded(charset);
            if magic::looks_like_text(sample) || Wide::of(sample, charset).is_some() {
                return run(decoded, None);
            }
            match magic::kind_of(sample) {
                // What is declared to be text is read as text: a magic number is a guess.
                Some(kind) if matches!(declared, Declared::Text(_)) => run(decoded, Some(kind)),
                // What is stored uncompressed in an archive can be read.
                Some(kind @ (OpaqueKind::Archive | OpaqueKind::Office)) => run(decoded, Some(kind)),
                Some(kind) => run(Scanned::Not, Some(kind)),
                None if declared == Declared::RawSound
                    && chars >= MIN_SEALED
                    && !(magic::is_eight_bit_text(sample) && magic::holds_text(sample)) =>
                {
                    run(Scanned::Not, Some(OpaqueKind::Audio))
                }
                // Too short for a file, and no text in any encoding: rather a plain word of base64's alphabet.
                None if closed && !magic::holds_text(sample) && !magic::is_eight_bit_text(sample) => {
                    Judgement::Scan
                }
                None => run(decoded, Some(OpaqueKind::Other)),
            }
        }
        _ => Judgement::Scan,
    }
}

/// Whether the value ends here, but for line breaks.
fn is_closed(mut rest: &[u8]) -> bool {
    while let Unit::Break(end) = base64_unit(rest, 0) {
        rest = &rest[end..];
    }
    rest.first() == Some(&b'"')
}

/// Whether base64 is broken into lines: its first one is not too long.
fn is_wrapped(raw: &[u8]) -> bool {
    let line = Extent::of(&raw[..raw.len().min(2 * MAX_LINE)], false);
    line.chars <= MAX_LINE && matches!(base64_unit(raw, line.len), Unit::Break(_))
}

/// Decodes base64 from the start of `raw` into `out`, as far as there is room, and says how many characters that took.
fn decode_sample(raw: &[u8], out: &mut [u8; magic::LOOK]) -> usize {
    let mut chars = [0; SAMPLE];
    let (mut len, mut at) = (0, 0);
    while len < SAMPLE {
        match base64_unit(raw, at) {
            Unit::Char(b'=', _) | Unit::Cut | Unit::Other => break,
            Unit::Char(byte, end) => {
                chars[len] = standard(byte);
                len += 1;
                at = end;
            }
            Unit::Break(end) => at = end,
        }
    }
    // One character of a group of four says nothing.
    len -= usize::from(len % 4 == 1);
    LENIENT.decode_slice(&chars[..len], out).map_or(0, |_| len)
}

/// Decodes with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A character of base64url as one of base64.
pub(super) fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// What stands at a place of a base64 value inside a JSON string.
pub(super) enum Unit {
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
pub(super) fn base64_unit(raw: &[u8], at: usize) -> Unit {
    match raw.get(at) {
        None => Unit::Cut,
        Some(&byte) if is_base64(byte) => Unit::Char(byte, at + 1),
        Some(b'\\') => match raw.get(at + 1) {
            None => Unit::Cut,
            Some(b'/') => Unit::Char(b'/', at + 2),
            Some(b'n' | b'r') => Unit::Break(at + 2),
            Some(_) => Unit::Other,
        },
        Some(_) => Unit::Other,
    }
}

#[inline]
fn is_base64(byte: u8) -> bool {
    is_digit(byte) || byte == b'='
}

/// Whether a byte stands for six bits.
#[inline]
fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// How far base64 goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// In bytes.
    pub(super) len: usize,
    /// In characters of base64, without padding.
    pub(super) chars: usize,
    /// Whether it ends there. Otherwise more bytes are needed to tell.
    pub(super) ended: bool,
}

impl Extent {
    /// The base64 that `raw` begins with: to its padding, to the end of its line unless it is `wrapped`, or to what is
    /// none.
    pub(super) fn of(raw: &[u8], wrapped: bool) -> Self {
        const BLOCK: usize = 32;
        let (mut at, mut chars) = (0, 0);
        loop {
            // No shortcut inside a block, so that the compiler makes vector code of it.
            while raw.get(at..at + BLOCK).is_some_and(|b| b.iter().fold(true, |all, &c| all & is_digit(c))) {
                at += BLOCK;
                chars += BLOCK;
            }
            match base64_unit(raw, at) {
                Unit::Char(b'=', end) => {
                    let len = if raw.get(end) == Some(&b'=') { end + 1 } else { end };
                    return Self { len, chars, ended: len < raw.len() || len > end };
                }
                Unit::Char(_, end) => (at, chars) = (end, chars + 1),
                Unit::Break(end) if wrapped => at = end,
                Unit::Cut => return Self { len: at, chars, ended: false },
                Unit::Break(_) | Unit::Other => return Self { len: at, chars, ended: true },
            }
        }
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
