//! Base64 and hex that hold text: recognised by a short sample, decoded only then.
//!
//! Most long runs are no encoded text: identifiers, paths, hashes, images, certificates. A sample of 32 characters is
//! read in each place that a group can begin at; only what is text from end to end is decoded. Random bytes pass with
//! less than one in a million.

#![expect(
    clippy::cast_possible_truncation,
    reason = "bits are cut into the bytes they stand for, and sextets are below 64"
)]

use super::decoded::DecodedText;
use super::simd;
use super::simd::{BLOCK, PART};
use crate::bytes::HEX;
use crate::text::Span;
use base64_simd::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How many characters a sample has at most.
const SAMPLE: usize = 32;
/// The fewest characters by which base64 is recognised, and hex.
const MIN_BASE64: usize = 16;
const MIN_HEX: usize = 24;
/// Only what is as long as this may be text that does not begin with ASCII.
pub(crate) const LONG: usize = 128;
/// Where in a piece samples are taken, in bytes from its start, until one reads as text.
const SAMPLES: [usize; 6] = [0, 20, 64, 256, 1024, 2048];

/// How a piece is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PieceEncoding {
    /// Characters in a group: four for base64, two for hex.
    group: usize,
    /// The place of a sample, and after how many characters a group begins there.
    sample: usize,
    phase: usize,
}

/// A piece of encoded text: the characters of `lines` that lie within `span`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncodedPiece<'t> {
    /// The text that the lines and the span are of.
    pub(crate) text: &'t [u8],
    /// Where the characters stand, in ascending order.
    pub(crate) lines: &'t [Span],
    pub(crate) span: Span,
}

/// Reads samples of `piece`; returns how it is encoded if one is text.
pub(crate) fn recognise(piece: EncodedPiece<'_>) -> Option<PieceEncoding> {
    let EncodedPiece { text, lines, span: Span { start: from, end: to } } = piece;
    let mut buffer = [0; SAMPLE];
    for offset in SAMPLES {
        let at = from + offset;
        if at + MIN_BASE64 > to {
            break;
        }
        let first = lines.partition_point(|line| line.end <= at);
        let Some(&Span { start, end }) = lines.get(first) else { break };
        let sample = if lines.len() == 1 || (start <= at && at + SAMPLE <= end.min(to)) {
            &text[at..to.min(end).min(at + SAMPLE)]
        } else {
            let len = take(text, &lines[first..], at, to, &mut buffer);
            &buffer[..len]
        };
        let far = to - from >= LONG && sample.len() == SAMPLE && matches!(offset, 0 | 64);
        if let Some((group, phase)) = group(sample, far) {
            return Some(PieceEncoding { group, sample: at.max(start), phase });
        }
    }
    None
}

/// Copies the first characters at or behind `at` to `sample`; how many.
fn take(text: &[u8], lines: &[Span], at: usize, to: usize, sample: &mut [u8; SAMPLE]) -> usize {
    let mut len = 0;
    for &Span { start, end } in lines {
        let line = &text[start.max(at).min(to)..end.min(to)];
        let part = &line[..line.len().min(SAMPLE - len)];
        sample[len..len + part.len()].copy_from_slice(part);
        len += part.len();
        if len == SAMPLE || end >= to {
            break;
        }
    }
    len
}

/// The characters in a group and where the first group begins, if a sample is text under an encoding; text that does
/// not begin with ASCII only if `far`.
fn group(sample: &[u8], far: bool) -> Option<(usize, usize)> {
    let part = *sample.first_chunk::<PART>()?;
    if simd::hex(part) == 0xffff {
        let hex = is_hex_text(part) && sample.len() >= MIN_HEX && sample.iter().all(|b| HEX.has(*b));
        let phase = (0..2).filter(|_| hex).find(|&phase| {
            let (pairs, _) = sample[phase..].as_chunks::<2>();
            is_readable(pairs.iter().map(|[a, b]| nibble(*a) << 4 | nibble(*b)))
        })?;
        return Some((2, phase));
    }
    let likely = if far { utf8_phases(sample) } else { phases(part) };
    let phase = (0..4).filter(|phase| likely >> phase & 1 == 1).find(|&phase| {
        let (groups, _) = sample[phase..].as_chunks::<4>();
        is_readable(groups.iter().flat_map(|group| {
            let bits = group.iter().fold(0u32, |bits, b| bits << 6 | u32::from(SEXTETS[usize::from(*b)]));
            [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]
        }))
    })?;
    Some((4, phase))
}

/// Whether a run shorter than [`LONG`] is worth a sample.
#[inline]
pub(crate) fn is_likely(run: &[u8]) -> bool {
    SAMPLES.iter().any(|&at| {
        let part = run.get(at..).and_then(|rest| rest.first_chunk::<PART>());
        part.is_some_and(
            |part| if simd::hex(*part) == 0xffff { is_hex_text(*part) } else { phases(*part) != 0 },
        )
    })
}

/// In which places three groups of ASCII can begin one after the other, or four from the first character.
#[inline]
fn phases(part: [u8; PART]) -> u32 {
    let ascii = simd::ascii(part);
    ascii & ascii >> 4 & ascii >> 8 & (ascii >> 12 | 0xe) & 0xf
}

/// In which places the groups of a whole sample can begin if it is text of any language.
#[inline]
fn utf8_phases(sample: &[u8]) -> u32 {
    let (parts, _) = sample.as_chunks::<PART>();
    let strange = parts.iter().fold(0, |all, part| all | simd::strange(*part));
    let strange = strange | strange >> 8;
    !(strange | strange >> 4) & 0xf
}

/// Whether hex digits can be ASCII, from the first or the second on.
#[inline]
fn is_hex_text(part: [u8; PART]) -> bool {
    let high = simd::high_digit(part);
    high & 0x5555 == 0x5555 || high & 0xaaaa == 0xaaaa
}

/// The values of base64's characters in both alphabets; 0 for all other bytes, which do not get here.
const SEXTETS: [u8; 256] = {
    let mut table = [0; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < 64 {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

fn nibble(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20).wrapping_sub(b'a' - 10),
    }
}

/// No byte of text; those of other alphabets are judged by their order.
fn is_control(byte: u8) -> bool {
    (byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')) || byte == 0x7f
}

/// Whether all bytes are text: ASCII without control characters, or a part of well-formed UTF-8.
fn is_readable(bytes: impl Iterator<Item = u8>) -> bool {
    let mut sample = [0; SAMPLE];
    let (mut len, mut ascii) = (0, true);
    for byte in bytes {
        if is_control(byte) {
            return false;
        }
        ascii &= byte.is_ascii();
        sample[len] = byte;
        len += 1;
    }
    ascii || (len >= 20 && is_well_formed(&sample[..len]))
}

/// Whether these bytes can be cut from UTF-8.
fn is_well_formed(bytes: &[u8]) -> bool {
    let cut = bytes.iter().take(3).take_while(|b| (0x80..0xc0).contains(*b)).count();
    match std::str::from_utf8(&bytes[cut..]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// What a decoded piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecodedContent {
    /// Nothing that can be read: of noise behind a readable beginning nothing is reported.
    Noise,
    /// Text for the most part.
    Mixed,
    /// Text from end to end.
    Text,
}

fn content(bytes: &[u8]) -> DecodedContent {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let (mut strange, mut high) = (0, 0);
    for block in blocks.iter().chain([&last]) {
        strange += simd::control(block).count_ones() as usize;
        high += simd::high(block).count_ones() as usize;
    }
    if strange == 0 && (high == 0 || is_well_formed(bytes)) {
        DecodedContent::Text
    } else if strange * 20 <= bytes.len() + 20 && (high * 5 <= bytes.len() + 20 || is_well_formed(bytes)) {
        DecodedContent::Mixed
    } else {
        DecodedContent::Noise
    }
}

/// Decodes `piece` into `decoded`, with `chars` as working memory; returns what that is.
pub(crate) fn decode(
    piece: EncodedPiece<'_>,
    encoding: PieceEncoding,
    chars: &mut Vec<u8>,
    decoded: &mut DecodedText,
) -> DecodedContent {
    let EncodedPiece { text, lines, span } = piece;
    let mut taken = decoded.lines();
    let first = lines.partition_point(|line| line.end <= span.start);
    let lines = lines[first..]
        .iter()
        .take_while(|line| line.start < span.end)
        .map(|line| (line.start.max(span.start), line.end.min(span.end)));
    chars.clear();
    for (start, end) in lines {
        taken.push(start, end - start);
        chars.extend_from_slice(&text[start..end]);
    }
    let skip = (taken.index(encoding.sample) + encoding.phase) % encoding.group;
    let chars = &mut chars[skip..];
    decoded.text.clear();
    if encoding.group == 2 {
        let (pairs, _) = chars.as_chunks::<2>();
        decoded.text.extend(pairs.iter().map(|[a, b]| nibble(*a) << 4 | nibble(*b)));
        decoded.even(1, 2, skip, taken);
    } else {
        base64(chars, &mut decoded.text);
        decoded.even(3, 4, skip, taken);
    }
    if decoded.text.is_empty() { DecodedContent::Noise } else { content(&decoded.text) }
}

/// Decodes characters of either alphabet or both, the last of which may be too few for a group.
fn base64(chars: &mut [u8], out: &mut Vec<u8>) {
    let url = memchr::memchr2(b'-', b'_', chars).is_some();
    if url && memchr::memchr2(b'+', b'/', chars).is_some() {
        for char in chars.iter_mut() {
            *char = match *char {
                b'+' => b'-',
                b'/' => b'_',
                other => other,
            };
        }
    }
    let alphabet = if url { URL_SAFE_NO_PAD } else { STANDARD_NO_PAD };
    let (groups, rest) = chars.split_at(chars.len() & !3);
    // All characters are of the alphabet, and no padding is among them.
    let decoded = alphabet.decode_append(groups, out);
    debug_assert!(decoded.is_ok(), "{decoded:?}");
    let bits = rest.iter().fold(0, |bits, char| bits << 6 | u32::from(SEXTETS[usize::from(*char)]));
    match rest.len() {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend([(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => {}
    }
}

impl PieceEncoding {
    /// Whether groups begin where the text does.
    pub(crate) fn starts_at(&self, place: usize) -> bool {
        self.sample == place && self.phase == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::GeneralPurpose;

    const ENGINE: GeneralPurpose = base64::engine::general_purpose::STANDARD_NO_PAD;

    fn decoded(text: &str) -> Option<String> {
        let lines = [Span::new(0, text.len())];
        let piece = EncodedPiece { text: text.as_bytes(), lines: &lines, span: lines[0] };
        let encoding = recognise(piece)?;
        let mut plain = DecodedText::default();
        let content = decode(piece, encoding, &mut Vec::new(), &mut plain);
        (content != DecodedContent::Noise).then(|| String::from_utf8_lossy(&plain.text).into_owned())
    }

    #[test]
    fn text_is_recognised_behind_any_prefix() {
        let plain = "name=value, and some more words";
        for prefix in ["", "a", "ab", "abc", "sha512-", "path/to/it/"] {
            let found = decoded(&format!("{prefix}{}", ENGINE.encode(plain)));
            assert!(found.is_some_and(|f| f.ends_with(plain)), "{prefix}");
        }
        let hex = plain.bytes().fold(String::new(), |out, b| out + &format!("{b:02X}"));
        assert_eq!(decoded(&hex).as_deref(), Some(plain));
        let other = "Пароль: нет, это просто текст, и ещё немного слов для длины образца";
        assert_eq!(decoded(&ENGINE.encode(other)).as_deref(), Some(other));
    }

    #[test]
    fn noise_is_not() {
        for noise in [
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
            "MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ",
            "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz",
            "3f1e2d4c5b6a79880f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978",
            "TheQuickBrownFoxJumpsOverTheLazyDogAndRuns",
            "usr/share/doc/some-package/examples/readme",
        ] {
            assert_eq!(decoded(noise), None, "{noise}");
        }
        let mixed = format!("{}{}", ENGINE.encode("a readable beginning, longer"), "//8A".repeat(60));
        assert_eq!(decoded(&mixed), None);
    }
}
