//! Stretches of characters that base64 and hex are made of, found at many bytes per cycle.
//!
//! Every text is searched for them, so this must cost next to nothing where there are none: only around a long run of
//! plain characters, in which names in programs fall apart, the whole class is looked at.

use super::mask::{self, BLOCK};
use super::plain_map::{LONGEST, PLAIN, PlainMap, below};
use crate::byteset::{BASE64, ByteSet};

/// How long the longest run without `_` in a stretch is at least, in bytes.
pub(super) const MIN: usize = LONGEST;

/// Both alphabets of base64; hex digits are among them.
pub(super) const ENCODED: ByteSet = BASE64.union(ByteSet::of(b"-_"));

/// Writes the maximal stretches of [`ENCODED`] to `out`, ascending: those in which at least [`MIN`] bytes in a row are
/// letters, digits, `+`, `-` or `/`, as the text's map tells.
pub(super) fn find(text: &[u8], map: &PlainMap, out: &mut Vec<(usize, usize)>) {
    out.clear();
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut tail = [0; BLOCK];
    tail[..rest.len()].copy_from_slice(rest);
    let mut open: Option<Open> = None;
    let mut base = 0;
    for ((block, plain), ends) in blocks.iter().chain([&tail]).zip(&map.masks).zip(&map.longest) {
        if *ends != 0 || open.is_some() {
            let all = plain | mask::underscore(block);
            if open.is_none() && ends & below(lead(all)) != 0 {
                open = Open::before(&text[..base]);
            }
            let taken = out.len();
            let last = take(*plain, all, base, open, out);
            open = last.filter(|run| run.long || out.len() > taken);
        }
        base += BLOCK;
    }
}

/// A run of [`ENCODED`] that goes on in the next block.
#[derive(Clone, Copy)]
struct Open {
    start: usize,
    /// How many bytes at its end are no `_`.
    plain: usize,
    /// Whether [`MIN`] bytes in a row are no `_`.
    long: bool,
}

impl Open {
    /// The run at the end of a text in which no stretch reaches the end.
    fn before(text: &[u8]) -> Option<Open> {
        let run = ENCODED.run_back(text, usize::MAX);
        let plain = PLAIN.run_back(text, MIN).min(run);
        (run > 0).then_some(Open { start: text.len() - run, plain, long: false })
    }
}

/// Takes the stretches that end in a block behind `open`; what goes on behind it.
#[inline]
fn take(
    plain: u64,
    all: u64,
    base: usize,
    open: Option<Open>,
    out: &mut Vec<(usize, usize)>,
) -> Option<Open> {
    let first = lead(all);
    let mut from = 0;
    if let Some(run) = open {
        let long = run.long || run.plain + lead(plain) >= MIN || has_run(plain & below(first));
        if first == BLOCK {
            let end = (!plain).leading_zeros() as usize;
            let plain = if end == BLOCK { run.plain + BLOCK } else { end };
            return Some(Open { start: run.start, plain, long });
        }
        if long {
            out.push((run.start, base + first));
        }
        from = first;
    }
    let last = (!all).leading_zeros() as usize;
    let mut runs = runs(plain) & !below(from) & below(BLOCK - last);
    while runs != 0 {
        let at = runs.trailing_zeros() as usize;
        let end = at + (!(all >> at)).trailing_zeros() as usize;
        let start = at + 1 - (!(all << (BLOCK - 1 - at))).leading_zeros() as usize;
        out.push((base + start, base + end));
        runs &= !below(end);
    }
    let end = (!plain).leading_zeros() as usize;
    let long = has_run(plain & !below(BLOCK - last));
    (last > 0).then_some(Open { start: base + BLOCK - last, plain: end, long })
}

/// How many bits are set from the lowest on.
#[inline]
fn lead(mask: u64) -> usize {
    (!mask).trailing_zeros() as usize
}

/// The bits at which [`MIN`] bits in a row begin.
#[inline]
fn runs(mask: u64) -> u64 {
    let two = mask & mask >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let sixteen = eight & eight >> 8;
    sixteen & four >> (MIN - 4)
}

/// Whether [`MIN`] bits in a row are set.
#[inline]
fn has_run(mask: u64) -> bool {
    runs(mask) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &[u8], out: &mut Vec<(usize, usize)>) {
        let mut map = PlainMap::default();
        map.fill(text, None);
        super::find(text, &map, out);
    }

    fn slow(text: &[u8]) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let run = ENCODED.run(&text[at..], usize::MAX);
            let whole = &text[at..at + run];
            if whole.split(|b| !PLAIN.has(*b)).any(|part| part.len() >= MIN) {
                out.push((at, at + run));
            }
            at += run.max(1);
        }
        out
    }

    #[test]
    fn stretches_of_all_lengths_at_all_places() {
        let mut out = Vec::new();
        for length in [MIN - 1, MIN, MIN + 1, 48, 63, 64, 65, 127, 128, 200, 300] {
            for before in 0..140 {
                for gap in [" ", ".", "_", "é", "==", ",x_", "_x_"] {
                    let text =
                        format!("{}ab_{}{gap}{}", ".".repeat(before), "x".repeat(length), "y".repeat(MIN));
                    find(text.as_bytes(), &mut out);
                    assert_eq!(out, slow(text.as_bytes()), "{text}");
                }
            }
        }
    }
}
