//! Values that are not text: sealed values of the providers, and media in base64.
//!
//! Providers sign and encrypt some values and want them back byte by byte; images are large and full of strings
//! that look like keys. Such a value passes unscanned, but only where the providers' formats have one, and only
//! as far as it is base64: what stands behind it is text again. What decodes to text is scanned decoded, what is of
//! no known kind too. Everywhere else text is text, whatever it calls itself: a model reads what stands in a tool's
//! arguments letter by letter. So neither a member that happens to be called `signature`, nor a data URL in a
//! message, nor a mislabelled image can hide a secret.

use crate::request::classify::base64::{Base64Extent, SAMPLE, decode_sample, is_closed, is_wrapped};

use crate::format::Charset;
use crate::report::OpaqueKind;
use crate::request::classify::file_kind;
use crate::request::classify::wide_encoding::WideEncoding;

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
const _: () = assert!(SAMPLE <= LOOK);

/// What a member's place in the document says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceHint {
    /// An ordinary value.
    Plain,
    /// A value that the provider sealed. `sure` if the object says so itself.
    Sealed { sure: bool },
    /// Bytes in base64, or in a data URL, declared to be something or not.
    Base64(Declared),
    /// An address, which may be a data URL.
    Link,
}

/// What is said of bytes, by a media type or by their place. That they are media is not believed: known media say so
/// themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    Nothing,
    /// Sound that may come without any head, so that its bytes cannot say what they are. Only a place says this.
    RawSound,
    /// Text, and its charset if that is a wide one.
    Text(Option<Charset>),
}

/// What is to be done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Classification {
    /// Scan it like any other.
    Scan,
    /// More bytes are needed to decide.
    Undecided,
    /// After so many bytes of the value, such a run of base64 begins.
    Run(usize, Base64Run),
}

/// A run of base64 inside a JSON string, and how it is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Base64Run {
    pub(crate) scanned: ScanMode,
    /// What is reported of it, unless it is text or sealed.
    pub(crate) kind: Option<OpaqueKind>,
    /// It is broken into lines. Otherwise it ends where its first line does.
    pub(crate) wrapped: bool,
}

/// Whether a run of base64 is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanMode {
    /// Not at all.
    Skip,
    /// Decoded, to its end. The charset is what was declared.
    Decoded(Option<Charset>),
    /// Decoded, as long as it is text that way; from there on it is text as it stands.
    WhileText,
}

/// Checks the string value that begins with `raw`; `last` if the body ends with `raw`.
pub(crate) fn classify(hint: PlaceHint, raw: &[u8], last: bool) -> Classification {
    match (url_head(raw, last), hint) {
        (UrlHead::None, PlaceHint::Plain | PlaceHint::Link) => Classification::Scan,
        (UrlHead::None, _) => classify_run(hint, raw, 0, last),
        (UrlHead::Undecided, _) => Classification::Undecided,
        (UrlHead::Base64(len, declared), PlaceHint::Base64(_) | PlaceHint::Link) => {
            classify_run(PlaceHint::Base64(declared), raw, len, last)
        }
        (UrlHead::Base64(len, _), _) => classify_run(PlaceHint::Plain, raw, len, last),
    }
}

/// Whether the object says right behind a value what the value is: clients that write members in the order of the
/// alphabet put `data` before `type`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FollowingType {
    Sealed,
    Other,
    Undecided,
}

/// Looks behind the string value that begins with `raw`; `last` if the body ends with `raw`.
pub(crate) fn following_type(raw: &[u8], last: bool) -> FollowingType {
    let near = &raw[..raw.len().min(MAX_BEHIND)];
    let more = !last && raw.len() < MAX_BEHIND;
    let Some(quote) = memchr::memchr(b'"', near) else {
        return if more { FollowingType::Undecided } else { FollowingType::Other };
    };
    let mut rest = &near[quote + 1..];
    for word in [&b","[..], b"\"type\"", b":", b"\"redacted_thinking\""] {
        rest = rest.trim_ascii_start();
        rest = match rest.strip_prefix(word) {
            Some(after) => after,
            None if more && word.starts_with(rest) => return FollowingType::Undecided,
            None => return FollowingType::Other,
        };
    }
    FollowingType::Sealed
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
pub(crate) fn declared(name: &[u8]) -> Declared {
    let starts =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|h| h.eq_ignore_ascii_case(prefix.as_bytes()));
    let is = |part: &[u8]| name.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
    if starts("text") || is(b"json") || is(b"xml") || is(b"yaml") || is(b"javascript") {
        let parameters = memchr::memchr(b';', name).map_or(&[][..], |at| &name[at + 1..]);
        return Declared::Text(Charset::declared(parameters));
    }
    Declared::Nothing
}

/// Checks the base64 that begins behind the first `head` bytes.
fn classify_run(hint: PlaceHint, raw: &[u8], head: usize, last: bool) -> Classification {
    let look = &raw[head..raw.len().min(head + LOOK)];
    let wrapped = head == 0 && matches!(hint, PlaceHint::Base64(_)) && is_wrapped(look);
    let extent = Base64Extent::of(look, wrapped);
    if !extent.ended && raw.len() < head + LOOK && !last {
        return Classification::Undecided;
    }
    let closed = is_closed(&look[extent.len..]) || last && head + extent.len == raw.len();
    // A value that is to be base64 is so to its end; a data URL ends where it ends.
    if head == 0 && extent.ended && !closed && extent.len + 1 < LOOK {
        return Classification::Scan;
    }
    let mut decoded = [0; file_kind::LOOK];
    let chars = decode_sample(&look[..extent.len], &mut decoded);
    let sample = &decoded[..chars * 3 / 4];
    let run = |scanned, kind| Classification::Run(head, Base64Run { scanned, kind, wrapped });
    match hint {
        PlaceHint::Sealed { sure } if chars >= if sure { MIN_SURE } else { MIN_SEALED } => {
            run(ScanMode::Skip, None)
        }
        PlaceHint::Plain if chars >= MIN_BLOB && file_kind::text_len(sample) >= MIN_BLOB * 3 / 4 => {
            run(ScanMode::WhileText, None)
        }
        PlaceHint::Base64(declared) if chars >= MIN_BLOB => {
            let charset = match declared {
                Declared::Text(charset) => charset,
                Declared::RawSound | Declared::Nothing => None,
            };
            let decoded = ScanMode::Decoded(charset);
            if file_kind::looks_like_text(sample) || WideEncoding::of(sample, charset).is_some() {
                return run(decoded, None);
            }
            match file_kind::kind_of(sample) {
                // What is declared to be text is read as text: a magic number is a guess.
                Some(kind) if matches!(declared, Declared::Text(_)) => run(decoded, Some(kind)),
                // What is stored uncompressed in an archive can be read.
                Some(kind @ (OpaqueKind::Archive | OpaqueKind::Office)) => run(decoded, Some(kind)),
                Some(kind) => run(ScanMode::Skip, Some(kind)),
                None if declared == Declared::RawSound
                    && chars >= MIN_SEALED
                    && !(file_kind::is_eight_bit_text(sample) && file_kind::has_text_runs(sample)) =>
                {
                    run(ScanMode::Skip, Some(OpaqueKind::Audio))
                }
                // Too short for a file, and no text in any encoding: rather a plain word of base64's alphabet.
                None if closed
                    && !file_kind::has_text_runs(sample)
                    && !file_kind::is_eight_bit_text(sample) =>
                {
                    Classification::Scan
                }
                None => run(decoded, Some(OpaqueKind::Other)),
            }
        }
        _ => Classification::Scan,
    }
}

#[cfg(test)]
#[path = "opaque_tests.rs"]
mod tests;
