//! Where a place of a provider's text stands in the text that the client gets.
//!
//! Citations and annotations point into a text by numbers. A token and its secret differ in length, so all that
//! points behind a restored token must move with it. What is counted differs: OpenAI counts characters, which are
//! Unicode code points in its services; Google counts bytes of UTF-8, and says so
//! (<https://ai.google.dev/api/generate-content#Segment>).

use crate::positions::{RangeSide, TextShift, moved};
use zeroize::Zeroizing;

use crate::json::escape_into;

/// Replacements that are known one by one. Any more are taken together with the last: a place between them moves to
/// an end of their whole, one behind them is exact.
pub(crate) const MAX_MOVES: usize = 256;

/// What an API counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PositionUnit {
    CodePoints,
    Bytes,
}

impl PositionUnit {
    /// How many of these the content of a JSON string has, `raw` being what stands between its quotes.
    fn count(self, raw: &[u8]) -> u64 {
        if raw.is_ascii() && !raw.contains(&b'\\') {
            return raw.len() as u64;
        }
        let (mut count, mut at) = (0, 0);
        while let Some(&byte) = raw.get(at) {
            let (units, width) = match (byte, raw.get(at + 1)) {
                (b'\\', Some(b'u')) => (self.of_escape(&raw[at + 2..]), 6),
                (b'\\', _) => (1, 2),
                (0x80..0xc0, _) => (u64::from(self == Self::Bytes), 1),
                _ => (1, 1),
            };
            count += units;
            at += width;
        }
        count
    }

    /// How many of these `text` has once it is escaped for `depth` strings. Escapes are ASCII, so each byte that one
    /// adds is one unit.
    fn count_plain(self, text: &[u8], depth: u8) -> u64 {
        let mut escaped = Zeroizing::new(Vec::new());
        let text = if depth == 0 {
            text
        } else {
            escape_into(text, depth, &mut escaped);
            &escaped
        };
        match self {
            Self::Bytes => text.len() as u64,
            Self::CodePoints => text.iter().filter(|byte| !matches!(byte, 0x80..0xc0)).count() as u64,
        }
    }

    /// Of the character whose four hexadecimal digits come first in `digits`. A pair of surrogates is one
    /// character, and counts with its first half.
    fn of_escape(self, digits: &[u8]) -> u64 {
        let digits = digits.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).unwrap_or_default();
        match (code, self) {
            (0xdc00..0xe000, _) => 0,
            (0xd800..0xdc00, Self::Bytes) => 4,
            (0..0x80, _) | (_, Self::CodePoints) => 1,
            (0x80..0x800, Self::Bytes) => 2,
            (_, Self::Bytes) => 3,
        }
    }
}

/// Measures one text. See the module's documentation.
pub(crate) struct PositionTracker {
    unit: PositionUnit,
    /// Units of the provider's text so far.
    at: u64,
    moves: Vec<TextShift>,
}

impl PositionTracker {
    pub(crate) fn new(unit: PositionUnit) -> Self {
        Self { unit, at: 0, moves: Vec::new() }
    }

    /// Whether no place has moved.
    pub(crate) fn is_idle(&self) -> bool {
        self.moves.is_empty()
    }

    /// The content of a JSON string goes on as it is.
    pub(crate) fn pass(&mut self, raw: &[u8]) {
        self.at += self.unit.count(raw);
    }

    /// `secret` goes on in the place of `old`, the content of a JSON string, escaped for `depth` strings.
    pub(crate) fn replace(&mut self, old: &[u8], secret: &[u8], depth: u8) {
        let (old, new) = (self.unit.count(old), self.unit.count_plain(secret, depth.saturating_sub(1)));
        let (from, to) = (self.at, self.at + old);
        let shift = self.shift() + new.cast_signed() - old.cast_signed();
        self.at = to;
        let full = self.moves.len() == MAX_MOVES;
        match self.moves.last_mut().filter(|_| full) {
            Some(last) => (last.to, last.shift) = (to, shift),
            None => self.moves.push(TextShift { from, to, shift }),
        }
    }

    fn shift(&self) -> i64 {
        self.moves.last().map_or(0, |last| last.shift)
    }

    /// Where `place` stands now.
    pub(crate) fn moved(&self, place: u64, side: RangeSide) -> u64 {
        moved(&self.moves, place, side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_in_escapes_too() {
        for (raw, points, bytes) in [
            ("abc", 3, 3),
            (r#"a\n\"\\b"#, 5, 5),
            ("é\u{1F511}", 2, 6),
            (r"\u00e9\ud83d\udd11\u20ac\u0041", 4, 10),
            ("", 0, 0),
            ("\\", 1, 1),
        ] {
            assert_eq!(PositionUnit::CodePoints.count(raw.as_bytes()), points, "{raw}");
            assert_eq!(PositionUnit::Bytes.count(raw.as_bytes()), bytes, "{raw}");
        }
        for (depth, points, bytes) in [(0, 4, 8), (1, 6, 10), (2, 9, 13)] {
            let text = "\"\u{1F511}\u{e9}\n".as_bytes();
            assert_eq!(PositionUnit::CodePoints.count_plain(text, depth), points);
            assert_eq!(PositionUnit::Bytes.count_plain(text, depth), bytes);
        }
    }

    #[test]
    fn places_move_with_what_is_before_them() {
        let mut positions = PositionTracker::new(PositionUnit::CodePoints);
        positions.pass(b"ab");
        positions.replace(b"0123456789", b"xy", 1);
        positions.pass(b"cd");
        positions.replace(b"0123", b"longer than that", 1);
        positions.pass(b"e");
        let starts: Vec<u64> =
            [0, 2, 3, 12, 14, 16, 18, 19].map(|at| positions.moved(at, RangeSide::Start)).to_vec();
        assert_eq!(starts, [0, 2, 2, 4, 6, 6, 22, 23]);
        let ends: Vec<u64> = [2, 3, 12, 14, 15, 18].map(|at| positions.moved(at, RangeSide::End)).to_vec();
        assert_eq!(ends, [2, 4, 4, 6, 22, 22]);
    }

    #[test]
    fn moves_have_a_limit() {
        for count in [MAX_MOVES, MAX_MOVES + 1] {
            let mut positions = PositionTracker::new(PositionUnit::Bytes);
            for _ in 0..count {
                positions.pass(b"-");
                positions.replace(b"0123456789", b"x", 0);
            }
            assert_eq!(positions.moves.len(), MAX_MOVES);
            assert_eq!(
                positions.moved(count as u64 * 11, RangeSide::Start),
                count as u64 * 2,
                "behind all it is exact"
            );
            let last = positions.moved(count as u64 * 11 - 10, RangeSide::Start);
            assert_eq!(last == count as u64 * 2 - 1, count == MAX_MOVES, "between the last it is not");
        }
    }
}
