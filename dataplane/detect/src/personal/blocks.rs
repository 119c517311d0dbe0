//! Where a text is dense in digits, dots or colons: a filter in front of the judges, nothing more.
//!
//! A window of two blocks holds any 17 bytes of text whole, wherever blocks begin. So whatever has enough of the counted
//! bytes within 17 is met; judges must accept nothing that has fewer.

use crate::assign::TooShort;
use crate::scanner::View;

/// Bytes per block.
const BLOCK: usize = 16;
/// The longest piece of text that always lies within one window.
const SPAN: usize = BLOCK + 1;
/// How many digits within [`SPAN`] bytes a number must have.
pub(super) const DENSE_DIGITS: usize = 6;
/// An IPv4 address has three dots and four digits.
const DOTS: (u8, u8) = (3, 4);
/// An IPv6 or MAC address has two colons or dashes and three digits within [`SPAN`] bytes.
const COLONS: (usize, usize) = (2, 3);

/// What a window has many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dense {
    pub(super) digits: bool,
    pub(super) dots: bool,
    pub(super) colons: bool,
}

/// The counts of a block.
#[derive(Clone, Copy, Default)]
struct Counts {
    digits: u8,
    dots: u8,
    colons: u8,
}

/// Written as plain loops over a block of fixed size, which the compiler makes vector instructions of.
fn count(block: &[u8; BLOCK]) -> Counts {
    let mut sum = Counts::default();
    for byte in block {
        sum.digits += u8::from(byte.wrapping_sub(b'0') < 10);
    }
    for byte in block {
        sum.dots += u8::from(*byte == b'.');
    }
    for byte in block {
        sum.colons += u8::from(*byte == b':') + u8::from(*byte == b'-');
    }
    sum
}

/// A block that the text ends in.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

fn dense_window(a: Counts, b: Counts) -> Dense {
    let digits = a.digits + b.digits;
    let colons = a.colons + b.colons;
    Dense {
        digits: usize::from(digits) >= DENSE_DIGITS,
        dots: a.dots + b.dots >= DOTS.0 && digits >= DOTS.1,
        colons: usize::from(colons) >= COLONS.0 && usize::from(digits) >= COLONS.1,
    }
}

/// What the [`SPAN`] bytes from `at` on have many of: the same wherever blocks begin, and never more than the filter
/// lets through.
pub(super) fn behind(view: View<'_>, at: usize) -> Result<Dense, TooShort> {
    if at + SPAN > view.text.len() && !view.last {
        return Err(TooShort);
    }
    let rest = &view.text[at..];
    let Some((first, rest)) = rest.split_first_chunk() else {
        return Ok(dense_window(count(&padded(rest)), Counts::default()));
    };
    let mut block = [0; BLOCK];
    block[0] = rest.first().copied().unwrap_or(0);
    Ok(dense_window(count(first), count(&block)))
}

/// Calls `look` with each dense block and what its windows, with the block before and the one behind, have many of.
pub(super) fn dense(text: &[u8], mut look: impl FnMut(usize, usize, Dense)) {
    let mut last = (Counts::default(), NONE);
    let blocks = text.len().div_ceil(BLOCK);
    for index in 0..=blocks {
        let here = match text.get(index * BLOCK..) {
            Some(rest) => match rest.first_chunk() {
                Some(block) => count(block),
                None => count(&padded(rest)),
            },
            None => Counts::default(),
        };
        let window = dense_window(last.0, here);
        let either = Dense {
            digits: last.1.digits | window.digits,
            dots: last.1.dots | window.dots,
            colons: last.1.colons | window.colons,
        };
        if either != NONE && index > 0 {
            look((index - 1) * BLOCK, (index * BLOCK).min(text.len()), either);
        }
        last = (here, window);
    }
}

const NONE: Dense = Dense { digits: false, dots: false, colons: false };

#[cfg(test)]
mod tests {
    use super::*;

    fn met(text: &[u8], wanted: fn(Dense) -> bool) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        dense(text, |from, to, dense| {
            if wanted(dense) {
                spans.push((from, to));
            }
        });
        spans
    }

    #[test]
    fn a_dense_piece_is_met_wherever_blocks_begin() {
        for before in 0..40 {
            let piece = b"1-2-3-4-5 6789012";
            assert_eq!(piece.len(), SPAN);
            let text = [vec![b'x'; before], piece.to_vec(), b"yy".to_vec()].concat();
            let spans = met(&text, |d| d.digits);
            assert!(spans.iter().any(|s| s.0 <= before && before < s.1), "{before}: {spans:?}");
            assert!(!met(&text, |d| d.colons).is_empty());
        }
    }

    #[test]
    fn thin_text_is_not() {
        assert!(met(b"12345 and no more digits than these, in many words", |d| d.digits).is_empty());
        assert!(met(b"", |_| true).is_empty());
        assert!(!met(b"1.2.3.4", |d| d.dots).is_empty());
        assert!(met(b"1.2.3", |d| d.dots).is_empty());
    }
}
