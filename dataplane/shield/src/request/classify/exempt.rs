//! Values that are left alone at the places where a provider needs them as they are: credentials, page tokens,
//! addresses, and text that the provider signed.
//!
//! Whether text is signed may show only behind it: clients write `thinking` before `signature`. So what follows in the
//! window is read ahead, to the end of the object that would hold the signature. A text of which the end is not in the
//! window is taken for unsigned and scanned, since what has left cannot be called back.
//!
//! Only the provider can recognise a forged signature. What counts as one is base64 of some length that is no text; who
//! makes that up can send text unscanned to the provider, which refuses it but has read it.

use crate::request::classify::base64::{base64_unit, standard};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::places::PlaceTable;
use crate::request::classify::base64::Base64Unit;
use crate::request::classify::file_kind;
use crate::request::classify::opaque::{self, Base64Run, Classification, PlaceHint, ScanMode};
use crate::request::scan::view::WINDOW;

/// Bytes of the longest credential or page token; one that is longer is scanned. Nearly all servers refuse such a
/// header field.
pub(crate) const MAX_WORD: usize = 8 * 1024;
/// Bytes of the longest address; one that is longer is scanned.
pub(crate) const MAX_LINK: usize = 8 * 1024;
/// Bytes that are read ahead for a signature. A window that begins with the text has them, or is the last.
pub(crate) const MAX_AHEAD: usize = WINDOW - 64;
/// Characters of base64 that are decoded to see whether they are text.
const SAMPLE: usize = 64;

/// What was found out about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExemptVerdict {
    Yes,
    No,
    /// More bytes are needed to decide.
    Undecided,
}

impl ExemptVerdict {
    /// What is true of `raw` if a limit of `most` bytes was not enough, or not there yet.
    fn open(raw: &[u8], most: usize, last: bool) -> Self {
        if raw.len() < most && !last { Self::Undecided } else { Self::No }
    }
}

/// Whether the string that begins with `raw` is a credential or a page token: whether it ends soon enough.
pub(crate) fn is_word(raw: &[u8], last: bool) -> ExemptVerdict {
    match string_end(&raw[..raw.len().min(MAX_WORD + 1)]) {
        Some(_) => ExemptVerdict::Yes,
        None => ExemptVerdict::open(raw, MAX_WORD + 1, last),
    }
}

/// Whether the string that begins with `raw` is an address, and nothing but one.
pub(crate) fn is_link(raw: &[u8], last: bool) -> ExemptVerdict {
    // `\/` may stand for a slash.
    const SCHEMES: [&[u8]; 5] = [b"https://", b"http://", b"gs://", b"s3://", br"https:\/\/"];
    let near = &raw[..raw.len().min(MAX_LINK + 1)];
    let starts =
        |scheme: &[u8]| near.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    if !SCHEMES.iter().any(|scheme| starts(scheme)) {
        let may_start =
            |scheme: &[u8]| scheme.get(..near.len()).is_some_and(|head| head.eq_ignore_ascii_case(near));
        let more = !last && SCHEMES.iter().any(|scheme| may_start(scheme));
        return if more { ExemptVerdict::Undecided } else { ExemptVerdict::No };
    }
    match near.iter().position(|&byte| !is_link_byte(byte)) {
        Some(end) if near[end] == b'"' => ExemptVerdict::Yes,
        Some(_) => ExemptVerdict::No,
        None => ExemptVerdict::open(raw, MAX_LINK + 1, last),
    }
}

/// RFC 3986, section 2, with the backslash of JSON's escapes.
fn is_link_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%\\".contains(&byte)
}

/// Whether the string that begins with `raw` is a signature or ciphertext that can vouch for text.
pub(crate) fn is_seal(raw: &[u8], last: bool) -> ExemptVerdict {
    match opaque::classify(PlaceHint::Sealed { sure: false }, raw, last) {
        Classification::Undecided => ExemptVerdict::Undecided,
        Classification::Run(0, Base64Run { scanned: ScanMode::Skip, .. }) if !is_encoded_text(raw) => {
            ExemptVerdict::Yes
        }
        _ => ExemptVerdict::No,
    }
}

fn is_encoded_text(raw: &[u8]) -> bool {
    let (mut sample, mut at) = (Vec::with_capacity(SAMPLE), 0);
    while sample.len() < SAMPLE {
        match base64_unit(raw, at) {
            Base64Unit::Char(byte, end) => {
                sample.push(standard(byte));
                at = end;
            }
            Base64Unit::Break(end) => at = end,
            Base64Unit::Cut | Base64Unit::Other => break,
        }
    }
    let whole = sample.len() - sample.len() % 4;
    STANDARD_NO_PAD.decode(&sample[..whole]).is_ok_and(|bytes| file_kind::looks_like_text(&bytes))
}

/// What says that an object holds signed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedMark {
    /// Nothing more.
    Known,
    /// Its `type`.
    Type,
    /// `"thought": true`
    Thought,
}

/// What has to be found behind a text for it to count as signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignatureSearch<'a> {
    /// The member that holds the signature, in all its spellings.
    pub(crate) seal: &'a [String],
    /// A signature was seen before the text.
    pub(crate) seen: bool,
    /// What is still to be seen of the object's kind.
    pub(crate) kind: SignedMark,
    /// Containers around the text's object, up to the one that holds the signature.
    pub(crate) above: u8,
}

/// Reads on behind the string that begins with `raw` for what is wanted, to the end of the object that would hold it.
///
/// A member may stand there twice, and readers differ in which one they take. So each signature must be one, and the
/// object is read to its end. If that is too far, only a signature that stood before the text, or that itself is what
/// is so long, counts.
pub(crate) fn is_signed(
    raw: &[u8],
    wanted: SignatureSearch<'_>,
    last: bool,
    table: &PlaceTable,
) -> ExemptVerdict {
    let near = &raw[..raw.len().min(MAX_AHEAD)];
    let last = last && near.len() == raw.len();
    let open = ExemptVerdict::open(raw, MAX_AHEAD, last);
    let cut = |signed: bool| if signed && raw.len() >= MAX_AHEAD { ExemptVerdict::Yes } else { open };
    let (mut kind, mut sealed) = (wanted.kind == SignedMark::Known, wanted.seen);
    let Some(end) = string_end(near) else { return cut(kind && wanted.seen) };
    let (mut at, mut depth) = (end + 1, 0i32);
    let level = -i32::from(wanted.above);
    while let Some(found) =
        near[at..].iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']'))
    {
        at += found + 1;
        match near[at - 1] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {
                let Some(end) = string_end(&near[at..]) else { return cut(kind && wanted.seen) };
                let word = &near[at..at + end];
                at += end + 1;
                if depth == level {
                    if word == b"thought" && wanted.kind == SignedMark::Thought {
                        match is_true(&near[at..]) {
                            ExemptVerdict::Undecided => return open,
                            verdict => kind = verdict == ExemptVerdict::Yes,
                        }
                    }
                    let Some(value) = member_value(&near[at..]) else { continue };
                    // No provider writes a name with an escape; it may be one of those that are looked for.
                    if word.contains(&b'\\') {
                        return ExemptVerdict::No;
                    }
                    let text = value.strip_prefix(b"\"");
                    if let (b"type", Some(text)) = (word, text.filter(|_| wanted.kind != SignedMark::Thought))
                    {
                        let Some(end) = string_end(text) else { return open };
                        // The last of several counts, as it does for most who read JSON.
                        kind = table.is_signed_type(&text[..end]);
                    } else if wanted.seal.iter().any(|name| name.as_bytes() == word) {
                        if value.is_empty() {
                            return open;
                        }
                        match text.map_or(ExemptVerdict::No, |text| is_seal(text, last)) {
                            ExemptVerdict::Undecided => return open,
                            ExemptVerdict::No => return ExemptVerdict::No,
                            ExemptVerdict::Yes => sealed = true,
                        }
                        if text.and_then(string_end).is_none() {
                            return cut(kind);
                        }
                    }
                }
            }
        }
        if depth < level {
            return if kind && sealed { ExemptVerdict::Yes } else { ExemptVerdict::No };
        }
    }
    cut(kind && wanted.seen)
}

/// Whether `true` follows as a member's value, if `raw` goes on behind a name.
fn is_true(raw: &[u8]) -> ExemptVerdict {
    let mut rest = raw;
    for word in [&b":"[..], b"true"] {
        rest = rest.trim_ascii_start();
        rest = match rest.strip_prefix(word) {
            Some(after) => after,
            None if word.starts_with(rest) => return ExemptVerdict::Undecided,
            None => return ExemptVerdict::No,
        };
    }
    ExemptVerdict::Yes
}

/// What follows as a member's value, if `raw` goes on behind a name.
fn member_value(raw: &[u8]) -> Option<&[u8]> {
    Some(raw.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
}

/// Where the string ends of which the content begins with `raw`.
fn string_end(raw: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', raw.get(at..)?)?;
        if raw[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// How much of `raw`, which goes on inside a string, belongs to that string, and whether the string ends there. An
/// escape is not cut.
pub(crate) fn run(raw: &[u8]) -> (usize, bool) {
    if let Some(end) = string_end(raw) {
        return (end, true);
    }
    let slashes = raw.iter().rev().take_while(|&&byte| byte == b'\\').count();
    (raw.len() - slashes % 2, false)
}

#[cfg(test)]
#[path = "exempt_tests.rs"]
mod tests;
