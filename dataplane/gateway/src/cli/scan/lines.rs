//! Which lines of a file count, and how two versions of a text compare where git shows no lines: UTF-16 among them.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};

use super::text;

/// The lines of a file that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LineSelection {
    /// All of them.
    All,
    /// These, in ascending order, numbered from 1.
    Ranges(Vec<RangeInclusive<u64>>),
}

impl LineSelection {
    /// Whether something from line `first` to line `last` is among them.
    pub(super) fn has_any_between(&self, first: u64, last: u64) -> bool {
        match self {
            LineSelection::All => true,
            LineSelection::Ranges(ranges) => {
                let next = ranges.partition_point(|range| *range.end() < first);
                ranges.get(next).is_some_and(|range| *range.start() <= last)
            }
        }
    }

    /// Whether no line is among them.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, LineSelection::Ranges(ranges) if ranges.is_empty())
    }

    /// The lines that are among these and among `other`.
    pub(super) fn both(&self, other: &LineSelection) -> LineSelection {
        let (a, b) = match (self, other) {
            (LineSelection::All, lines) | (lines, LineSelection::All) => return lines.clone(),
            (LineSelection::Ranges(a), LineSelection::Ranges(b)) => (a, b),
        };
        let mut common = Vec::new();
        let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let (first, last) = (*x.start().max(y.start()), *x.end().min(y.end()));
            if first <= last {
                common.push(first..=last);
            }
            if x.end() < y.end() {
                a.next()
            } else {
                b.next()
            };
        }
        LineSelection::Ranges(common)
    }
}

/// The lines of `new` that `old` has not, or not so often; all of them when one of the two is no text.
///
/// Lines are kept as hashes, 16 bytes for each line of `old`. Line ends and encodings do not make a line new.
pub(super) fn added(old: &mut dyn Read, new: &mut dyn Read) -> io::Result<LineSelection> {
    let (Some(old), Some(new)) = (text::open(old)?, text::open(new)?) else { return Ok(LineSelection::All) };
    let mut known: HashMap<[u8; HASH], u64> = HashMap::new();
    each_line(old.text, |hash| *known.entry(hash).or_default() += 1)?;
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    let mut number = 0;
    each_line(new.text, |hash| {
        number += 1;
        match known.get_mut(&hash) {
            Some(count @ 1..) => *count -= 1,
            _ => match ranges.last_mut() {
                Some(last) if last.end() + 1 == number => *last = *last.start()..=number,
                _ => ranges.push(number..=number),
            },
        }
    })?;
    Ok(LineSelection::Ranges(ranges))
}

/// Bytes of a line's hash.
const HASH: usize = 16;

/// Calls `take` with the hash of each line, however long it is.
fn each_line(text: impl Read, mut take: impl FnMut([u8; HASH])) -> io::Result<()> {
    let mut text = BufReader::new(text);
    let mut line = Sha256::new();
    let mut begun = false;
    loop {
        let held = text.fill_buf()?;
        let newline = memchr::memchr(b'\n', held);
        let length = newline.map_or(held.len(), |at| at + 1);
        begun |= length > 0;
        let ends = newline.is_some() || length == 0;
        for piece in held[..newline.unwrap_or(length)].split(|byte| *byte == b'\r') {
            line.update(piece);
        }
        text.consume(length);
        if ends && begun {
            begun = false;
            let mut hash = [0; HASH];
            hash.copy_from_slice(&line.finalize_reset()[..HASH]);
            take(hash);
        }
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_meet_what_touches_them() {
        let lines = LineSelection::Ranges(vec![3..=4, 10..=10]);
        for (first, last, met) in [
            (1, 2, false),
            (2, 3, true),
            (4, 9, true),
            (5, 9, false),
            (10, 10, true),
            (11, 20, false),
            (1, 99, true),
        ] {
            assert_eq!(lines.has_any_between(first, last), met, "{first}..{last}");
        }
        assert!(LineSelection::All.has_any_between(1, 1));
    }

    #[test]
    fn lines_that_are_among_both_stay() {
        let lines = LineSelection::Ranges(vec![3..=6, 10..=10, 20..=30]);
        let other = LineSelection::Ranges(vec![1..=3, 5..=10, 25..=26, 28..=40]);
        let common = LineSelection::Ranges(vec![3..=3, 5..=6, 10..=10, 25..=26, 28..=30]);
        assert_eq!((lines.both(&other), other.both(&lines)), (common.clone(), common));
        assert_eq!(
            (lines.both(&LineSelection::All), LineSelection::All.both(&lines)),
            (lines.clone(), lines.clone())
        );
        assert!(lines.both(&LineSelection::Ranges(vec![7..=9])).is_empty() && !LineSelection::All.is_empty());
    }

    #[test]
    fn lines_are_new_when_the_old_text_has_fewer_of_them() {
        let new = |old: &[u8], new: &[u8]| added(&mut &old[..], &mut &new[..]).expect("memory");
        let wide: Vec<u8> = "\u{FEFF}a\r\nb".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let ranges =
            |ranges: &[(u64, u64)]| LineSelection::Ranges(ranges.iter().map(|r| r.0..=r.1).collect());
        assert_eq!(new(b"a\nb\n", b"a\nb\n"), ranges(&[]));
        assert_eq!(new(b"a\nb\n", b"x\na\ny\nz\nb\nb"), ranges(&[(1, 1), (3, 4), (6, 6)]));
        assert_eq!(new(b"", b"\n\na"), ranges(&[(1, 3)]));
        assert_eq!(new(b"a", b""), ranges(&[]));
        assert_eq!(new(&wide, b"a\nb\nc"), ranges(&[(3, 3)]), "another encoding, other line ends");
        assert_eq!(new(b"a\0b", b"a"), LineSelection::All);
        assert_eq!(new(b"a", b"\x7fELF\0\0"), LineSelection::All);
        let long = "l".repeat(100_000);
        assert_eq!(new(long.as_bytes(), format!("{long}\n{long}!").as_bytes()), ranges(&[(2, 2)]));
    }
}
