//! Percent-encoded text: where a keyword or a URL is followed by an escape, the run around it is decoded and scanned, and
//! what is found is told in the places of the original.

use crate::byteset::{ByteSet, HEX};
use crate::scanner::View;

/// How far left of the place the run is decoded; with the keyword in sight, less than the look-ahead.
const MAX_BACK: usize = 192;
/// How far right of the place.
const MAX_AHEAD: usize = 768;

/// What a percent-encoded run is made of: printable bytes without quotes, brackets and backslashes.
const RUN: ByteSet = ByteSet::EMPTY
    .with(b'!', b'!')
    .with(b'#', b'&')
    .with(b'(', b';')
    .with(b'=', b'=')
    .with(b'?', b'[')
    .with(b']', b'_')
    .with(b'a', b'~');

/// A decoded run and where its bytes came from.
#[derive(Default)]
pub(crate) struct Plain {
    pub(crate) text: Vec<u8>,
    /// For each decoded byte its place in the original, and one more for the end.
    places: Vec<u32>,
    /// The run was cut on the right; what touches the end is not to be trusted.
    cut: bool,
}

/// What became of a place.
pub(crate) enum Outcome {
    /// There is nothing to decode.
    No,
    /// The run goes on behind the window's end.
    Open,
    /// Decoded.
    Done,
}

impl Plain {
    /// Decodes the run around `at`.
    pub(crate) fn decode(&mut self, view: View<'_>, at: usize) -> Outcome {
        let text = view.text;
        let from = at - RUN.run_back(&text[..at], MAX_BACK);
        let ahead = RUN.run(&text[at..], MAX_AHEAD);
        let end = at + ahead;
        if end == text.len() && !view.last {
            return Outcome::Open;
        }
        self.cut = ahead == MAX_AHEAD;
        self.text.clear();
        self.places.clear();
        let mut raw = from;
        while raw < end {
            let (byte, width) = unescape(&text[raw..end]);
            self.text.push(byte);
            self.places.push(raw as u32);
            raw += width;
        }
        self.places.push(end as u32);
        if self.text.len() == end - from { Outcome::No } else { Outcome::Done }
    }

    /// The original span of decoded bytes; `None` when the run was cut there.
    pub(crate) fn span(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        (end < self.text.len() || !self.cut).then(|| (self.places[start] as usize, self.places[end] as usize))
    }
}

/// The byte at the start of `text` and how many bytes it takes; an escape of an escape is one escape.
fn unescape(text: &[u8]) -> (u8, usize) {
    match text {
        [b'%', b'2', b'5', a, b, ..] if HEX.has(*a) && HEX.has(*b) => (digit(*a) << 4 | digit(*b), 5),
        [b'%', a, b, ..] if HEX.has(*a) && HEX.has(*b) => (digit(*a) << 4 | digit(*b), 3),
        _ => (text[0], 1),
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back() {
        let mut plain = Plain::default();
        let view = View { text: b"x q=password%3D%2522abc%22&r=1 y", last: true };
        assert!(matches!(plain.decode(view, 4), Outcome::Done));
        assert_eq!(plain.text, b"q=password=\"abc\"&r=1");
        assert_eq!(plain.span(12, 15), Some((20, 23)));
        assert!(matches!(plain.decode(View { text: b"no escape", last: true }, 3), Outcome::No));
        assert!(matches!(plain.decode(View { text: b"a%3Db", last: false }, 0), Outcome::Open));
    }
}
