//! Values that are not text: sealed blobs of the providers, and media in base64.
//!
//! Providers sign and encrypt some values and want them back byte by byte; images are large and full of strings
//! that look like keys. Such a value passes unscanned, but only where the providers' formats have one, and only
//! as long as it looks like base64. What decodes to text, or to nothing known, is no such value: it is scanned
//! decoded. So neither a member that happens to be called `signature` nor a mislabelled image can hide a secret.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 characters that are decoded for a judgement.
const SAMPLE: usize = 64;
/// Bytes that must be base64 unless the value ends before: a plain token with a dot in it is none.
const LOOK: usize = 1024;
/// Bytes within which a value must end for its type to be looked for behind it.
const MAX_BEHIND: usize = 8 * 1024;
/// Bytes of the longest head of a data URL that is understood.
const MAX_URL_HEAD: usize = 128;
/// Sealed values that are shorter are scanned, even where the object says what it is.
const MIN_SURE: usize = 16;
/// Sealed values of unsure kind that are shorter are scanned: a stolen key could be as short.
const MIN_SEALED: usize = SAMPLE;
/// Shorter values are scanned as they stand.
const MIN_BLOB: usize = 16;

/// What a member's place in the document says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// An ordinary value.
    Plain,
    /// A value that the provider sealed. `sure` if the object says so itself.
    Sealed { sure: bool },
    /// Bytes in base64, declared to be something or not.
    Blob(Declared),
}

/// What a media type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    Nothing,
    Media,
    Text,
}

/// What is to be done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Scan it like any other.
    Scan,
    /// More bytes are needed to tell.
    Undecided,
    /// After so many bytes of the value, base64 begins that is passed.
    Pass(usize),
    /// After so many bytes of the value, base64 begins that is to be scanned decoded.
    Decode(usize),
}

/// Judges the string value that begins with `raw`; `last` if the body ends with `raw`.
pub(super) fn judge(slot: Slot, raw: &[u8], last: bool) -> Judgement {
    match url_head(raw, last) {
        UrlHead::None if slot == Slot::Plain => Judgement::Scan,
        UrlHead::None => judge_base64(slot, raw, 0, last),
        UrlHead::Undecided => Judgement::Undecided,
        UrlHead::Base64(len, declared) => judge_base64(Slot::Blob(declared), raw, len, last),
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
        Declared::Text
    } else if starts("image") || starts("audio") || starts("video") || is(b"pdf") {
        Declared::Media
    } else {
        Declared::Nothing
    }
}

fn judge_base64(slot: Slot, raw: &[u8], head: usize, last: bool) -> Judgement {
    let value = &raw[head..];
    let clean = base64_len(&value[..value.len().min(LOOK)]);
    // An escape may be cut by the limit.
    let ended = match value.get(clean) {
        Some(b'"') => true,
        Some(_) if clean + 1 < LOOK => return Judgement::Scan,
        Some(_) => false,
        None if value.len() < LOOK && !last => return Judgement::Undecided,
        None => last,
    };
    let sample = Sample::take(value);
    match slot {
        Slot::Sealed { sure } if sample.len >= if sure { MIN_SURE } else { MIN_SEALED } => {
            Judgement::Pass(head)
        }
        Slot::Plain | Slot::Sealed { .. } => Judgement::Scan,
        Slot::Blob(_) if sample.len < MIN_BLOB => Judgement::Scan,
        Slot::Blob(declared) => {
            let bytes = sample.decode();
            if looks_like_text(&bytes) {
                Judgement::Decode(head)
            } else if is_media(&bytes) || declared == Declared::Media && sample.len == SAMPLE {
                Judgement::Pass(head)
            } else if ended {
                // Too short for a file: rather a plain word of base64's alphabet.
                Judgement::Scan
            } else {
                Judgement::Decode(head)
            }
        }
    }
}

/// The first characters of a value.
struct Sample {
    chars: [u8; SAMPLE],
    len: usize,
}

impl Sample {
    fn take(raw: &[u8]) -> Self {
        let mut sample = Self { chars: [0; SAMPLE], len: 0 };
        let mut at = 0;
        while sample.len < SAMPLE {
            match base64_unit(raw, at) {
                Unit::Char(byte, end) => {
                    sample.chars[sample.len] = standard(byte);
                    sample.len += 1;
                    at = end;
                }
                Unit::Break(end) => at = end,
                Unit::Cut | Unit::Other => break,
            }
        }
        sample
    }

    fn decode(&self) -> Vec<u8> {
        let chars = self.chars[..self.len].split(|&byte| byte == b'=').next().unwrap_or_default();
        // One character of a group of four says nothing.
        let chars = &chars[..chars.len() - usize::from(chars.len() % 4 == 1)];
        LENIENT.decode(chars).unwrap_or_default()
    }
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
    byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// How many bytes of `raw` go on in base64. An escape cut in two at the end does not count.
pub(super) fn base64_len(raw: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let mut at = 0;
    loop {
        // No shortcut inside a block, so that the compiler makes vector code of it.
        while raw.get(at..at + BLOCK).is_some_and(|b| b.iter().fold(true, |all, &c| all & is_base64(c))) {
            at += BLOCK;
        }
        match base64_unit(raw, at) {
            Unit::Char(_, end) | Unit::Break(end) => at = end,
            Unit::Cut | Unit::Other => return at,
        }
    }
}

/// Whether decoded bytes start like text: UTF-8, but for a character cut at the end, without control characters.
pub(super) fn looks_like_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{1b}'))
}

/// Whether bytes start like a well-known format of images, sound, film or paper.
pub(super) fn is_media(bytes: &[u8]) -> bool {
    const HEADS: [&[u8]; 14] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF87a",
        b"GIF89a",
        b"RIFF",
        b"%PDF-",
        b"ID3",
        b"OggS",
        b"fLaC",
        b"\x1a\x45\xdf\xa3",
        b"II*\0",
        b"MM\0*",
        b"\xff\xfb",
        b"\xff\xf1",
    ];
    HEADS.iter().any(|head| bytes.starts_with(head)) || bytes.get(4..8) == Some(b"ftyp")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    fn noise(len: u32) -> Vec<u8> {
        (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    fn judge_str(slot: Slot, raw: &str) -> Judgement {
        judge(slot, raw.as_bytes(), true)
    }

    #[test]
    fn blobs_are_judged_by_what_they_hold() {
        let png = encode(b"\x89PNG\r\n\x1a\n0123456789 0123456789");
        let text = encode(b"password: correct horse battery");
        let (short, long) = (encode(&noise(200)), encode(&noise(2000)));
        for (blob, declared, expected) in [
            (&png, Declared::Nothing, Judgement::Pass(0)),
            (&png, Declared::Media, Judgement::Pass(0)),
            (&png, Declared::Text, Judgement::Pass(0)),
            (&text, Declared::Nothing, Judgement::Decode(0)),
            (&text, Declared::Media, Judgement::Decode(0)),
            (&text, Declared::Text, Judgement::Decode(0)),
            (&short, Declared::Nothing, Judgement::Scan),
            (&short, Declared::Text, Judgement::Scan),
            (&short, Declared::Media, Judgement::Pass(0)),
            (&long, Declared::Nothing, Judgement::Decode(0)),
            (&long, Declared::Media, Judgement::Pass(0)),
        ] {
            assert_eq!(
                judge_str(Slot::Blob(declared), &format!("{blob}\"")),
                expected,
                "{blob} {declared:?}"
            );
        }
        let media = Slot::Blob(Declared::Media);
        assert_eq!(judge_str(media, "not base64, but long enough\""), Judgement::Scan);
        assert_eq!(judge_str(media, &format!("{}.x\"", &long[..LOOK - 1])), Judgement::Pass(0));
        assert_eq!(judge_str(media, &format!("{}.x\"", &long[..LOOK - 2])), Judgement::Scan);
        assert_eq!(judge_str(media, &format!("{}\"", &short[..SAMPLE - 1])), Judgement::Scan);
        let tiny = encode(b"some words of text");
        assert_eq!(judge_str(media, &format!("{}\"", &tiny[..MIN_BLOB])), Judgement::Decode(0));
        assert_eq!(judge_str(media, &format!("{}\"", &tiny[..MIN_BLOB - 1])), Judgement::Scan);
    }

    #[test]
    fn sealed_values_are_long_or_sure() {
        let blob = "A".repeat(MIN_SEALED);
        let unsure = Slot::Sealed { sure: false };
        assert_eq!(judge_str(unsure, &format!("{blob}\"")), Judgement::Pass(0));
        assert_eq!(judge_str(unsure, &format!("{}\"", &blob[1..])), Judgement::Scan);
        let sure = Slot::Sealed { sure: true };
        assert_eq!(judge_str(sure, &format!("{}\"", &blob[..MIN_SURE])), Judgement::Pass(0));
        assert_eq!(judge_str(sure, &format!("{}\"", &blob[..MIN_SURE - 1])), Judgement::Scan);
        assert_eq!(judge_str(Slot::Sealed { sure: true }, "A B\""), Judgement::Scan);
        let long = "A".repeat(LOOK);
        assert_eq!(judge(unsure, &long.as_bytes()[1..], false), Judgement::Undecided);
        assert_eq!(judge(unsure, long.as_bytes(), false), Judgement::Pass(0));
    }

    #[test]
    fn data_urls_are_understood() {
        let jpeg = encode(b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01");
        let url = format!("data:image/jpeg;base64,{jpeg}\"");
        assert_eq!(judge_str(Slot::Plain, &url), Judgement::Pass(23));
        assert_eq!(judge_str(Slot::Plain, &url.replace('/', "\\/")), Judgement::Pass(24));
        let text = format!("data:text/plain;charset=utf-8;base64,{}\"", encode(b"some words and some more"));
        assert_eq!(judge_str(Slot::Plain, &text), Judgement::Decode(37));
        for plain in
            ["data:\"", "data:text/plain,hello\"", "data: x\"", "date:image/png;base64,AAAA\"", "d\""]
        {
            assert_eq!(judge_str(Slot::Plain, plain), Judgement::Scan, "{plain}");
        }
        for cut in 0..url.len() - 1 {
            assert_eq!(judge(Slot::Plain, &url.as_bytes()[..cut], false), Judgement::Undecided, "{cut}");
        }
    }

    #[test]
    fn heads_of_data_urls_are_limited() {
        let url = |pad: usize| format!("data:{};base64,{}\"", "x".repeat(pad), encode(&noise(2000)));
        let fixed = "data:;base64,".len();
        assert_eq!(judge_str(Slot::Plain, &url(MAX_URL_HEAD - fixed)), Judgement::Decode(MAX_URL_HEAD));
        assert_eq!(judge_str(Slot::Plain, &url(MAX_URL_HEAD - fixed + 1)), Judgement::Scan);
    }

    #[test]
    fn base64_ends_where_it_ends() {
        for len in 0..100 {
            let text = format!("{}\\/\\nA=\"rest", "aZ0+/-_".repeat(20).get(..len).unwrap());
            assert_eq!(base64_len(text.as_bytes()), len + 6);
            assert_eq!(base64_len(&text.as_bytes()[..=len]), len, "a cut escape waits");
        }
    }
}
