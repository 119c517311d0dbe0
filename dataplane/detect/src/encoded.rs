//! Secrets under base64: found by what the beginnings of rules look like once encoded, decoded only then.
//!
//! A literal under base64 has three appearances, one for each place it can take in a group of three bytes. Each is one
//! more literal for the engine, which costs it next to nothing. Only where one is met, a few hundred characters around
//! it are decoded and scanned like any other text.

use crate::byteset::{BASE64, ByteSet};
use crate::scanner::View;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How far left of an anchor the encoded run's beginning is looked for; less than the left context, so that it is in
/// sight in every window.
const MAX_BACK: usize = 240;
/// How far right of an anchor is decoded, in encoded characters; a multiple of four.
const MAX_AHEAD: usize = 400;
/// How much before an anchor is decoded, for the left bounds of what is found; a multiple of four.
const CONTEXT: usize = 64;
/// Shorter appearances are too frequent.
const MIN_LITERAL: usize = 4;
/// The longest beginning that is looked for, in bytes.
pub(crate) const MAX_HEAD: usize = 12;

/// Words of assignments and links, looked for in three cases.
pub(crate) const WORDS: [&str; 19] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "credential",
    "pwd=",
    "postgres",
    "mysql://",
    "mongodb",
    "redis://",
    "amqp",
    "https://",
    "http://",
    "jdbc:",
    "smtp",
];

/// Both alphabets in one.
const ENCODED: ByteSet = BASE64.union(ByteSet::of(b"-_"));

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The appearances of a literal, each with the distance from its end back to the start of a group of four characters.
pub(crate) fn appearances(literal: &[u8]) -> Vec<(String, usize)> {
    (0..3)
        .filter_map(|shift| {
            let mut padded = vec![0; shift];
            padded.extend_from_slice(literal);
            padded.extend_from_slice(&[0; 3]);
            let (from, to) = ((8 * shift).div_ceil(6), 8 * (shift + literal.len()) / 6);
            let text = STANDARD_ENGINE.encode(padded).get(from..to)?.to_owned();
            let back = text.len() + from % 4;
            (text.len() >= MIN_LITERAL).then_some((text, back))
        })
        .collect()
}

const STANDARD_ENGINE: GeneralPurpose = base64::engine::general_purpose::STANDARD;

/// A piece of an encoded run around an anchor.
pub(crate) struct Piece {
    /// Where its first group of four stands in the text.
    from: usize,
    /// The whole run, if its ends are in sight and its groups begin where it does.
    whole: Option<(usize, usize)>,
}

/// What became of an anchor.
pub(crate) enum Decoded {
    /// Nothing that could be text.
    No,
    /// The run goes on behind the end of the window; it begins here.
    Open(usize),
    /// Text, in the buffer.
    Text(Piece),
}

/// Decodes around the group that starts at `group`, into `out`.
pub(crate) fn decode(view: View<'_>, group: usize, out: &mut Vec<u8>) -> Decoded {
    let text = view.text;
    let back = ENCODED.run_back(&text[..group], MAX_BACK + 1);
    let ahead = ENCODED.run(&text[group..], MAX_AHEAD);
    let end = group + ahead;
    let start = group - back.min(MAX_BACK);
    if end == text.len() && !view.last {
        return Decoded::Open(start);
    }
    let from = group - back.min(CONTEXT) / 4 * 4;
    let padding = text[end..].iter().take(2).take_while(|b| **b == b'=').count();
    let aligned = (group - start).is_multiple_of(4);
    let whole = (back <= MAX_BACK && ahead < MAX_AHEAD && aligned).then_some((start, end + padding));
    // A single last character holds no byte.
    let stop = if (end - from) % 4 == 1 { end - 1 } else { end };
    let plain: Vec<u8> = text[from..stop]
        .iter()
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    out.clear();
    if LENIENT.decode_vec(&plain, out).is_err() {
        return Decoded::No;
    }
    let head = (group - from) / 4 * 3;
    let near = &out[head.min(out.len())..out.len().min(head + 24)];
    let readable = near.iter().all(|b| (b' '..0x7f).contains(b) || matches!(b, b'\t' | b'\r' | b'\n'));
    if readable { Decoded::Text(Piece { from, whole }) } else { Decoded::No }
}

impl Piece {
    /// The span in the text that holds the decoded bytes `start..end`: the whole run where it is short, else the
    /// characters that carry them.
    pub(crate) fn span(&self, start: usize, end: usize) -> (usize, usize) {
        self.whole.unwrap_or((self.from + start * 4 / 3, self.from + (end * 4).div_ceil(3)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_appearance_is_met_and_leads_to_its_group() {
        for (shift, prefix) in ["", "a", "ab", "abc", "abcd"].into_iter().enumerate() {
            let plain = format!("{prefix}secret=x and more text");
            let text = STANDARD_ENGINE.encode(&plain);
            let met = appearances(b"secret")
                .into_iter()
                .find_map(|(literal, back)| text.find(&literal).map(|at| at + literal.len() - back));
            let group = met.unwrap_or_else(|| panic!("not met with {shift} bytes before"));
            let mut out = Vec::new();
            let view = View { text: text.as_bytes(), last: true };
            let Decoded::Text(piece) = decode(view, group, &mut out) else { panic!("not decoded") };
            assert_eq!(String::from_utf8_lossy(&out), plain);
            assert_eq!(piece.span(3, 6), (0, text.len()));
        }
    }

    #[test]
    fn a_cut_run_is_open_and_noise_is_nothing() {
        let mut out = Vec::new();
        let cut = View { text: b"x=c2VjcmV0PXgg", last: false };
        assert!(matches!(decode(cut, 2, &mut out), Decoded::Open(2)));
        let noise = View { text: b"////////////////////////////////", last: true };
        assert!(matches!(decode(noise, 8, &mut out), Decoded::No));
    }
}
