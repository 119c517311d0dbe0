//! Runs of characters that base64 and hex are made of, found at many bytes per cycle.
//!
//! Every text is searched for them, so this must cost next to nothing where there are none. A filter of a few
//! instructions for 16 bytes shows where four times four bytes in a row are of a class that names in programs fall
//! apart in; only there single bytes are looked at.

use super::alnum_runs::{AlnumRuns, LONGEST, RUN_BYTES, below};
use super::simd;
use super::simd::{BLOCK, GROUP, QUAD};
use crate::bytes::ByteSet;
use crate::text::Span;

/// How long the longest part without `_` of a run is at least, in bytes.
const MIN: usize = LONGEST;

/// Both alphabets of base64; hex digits are among them.
pub(crate) const ENCODED: ByteSet = RUN_BYTES.union(ByteSet::of(b"_"));

/// Writes the maximal runs of [`ENCODED`] to `out`, ascending: those in which at least [`MIN`] bytes in a row are
/// letters, digits, `+`, `-` or `/`. If `masks` has such runs, the places are taken from it.
pub(crate) fn find(text: &[u8], masks: &AlnumRuns, out: &mut Vec<Span>) {
    out.clear();
    // Behind the last run.
    let mut done = 0;
    if let Some(blocks) = masks.longest() {
        for block in blocks {
            let to = text.len().min((block + 1) * BLOCK);
            let from = (block * BLOCK).saturating_sub(MIN);
            while let Some(run) = long_run(text, from.max(done), to) {
                done = add(text, done, run, out);
            }
        }
        return;
    }
    let (groups, rest) = text.as_chunks::<GROUP>();
    let mut tail = [0; GROUP];
    tail[..rest.len()].copy_from_slice(rest);
    let mut filter = Filter::default();
    for (index, group) in groups.iter().chain([&tail]).enumerate() {
        let base = index * GROUP;
        if base + GROUP <= done {
            filter = Filter::default();
            continue;
        }
        let mut four = filter.next(group);
        while four != 0 {
            let first = four.trailing_zeros() as usize;
            let count = (!(four >> first)).trailing_zeros() as usize;
            four &= !(below(count) << first);
            let to = base + (first + count) * QUAD;
            let from = to - (count - 1) * QUAD - SURE;
            if from >= done && is_long(text, from, to) {
                done = add(text, done, from, out);
            }
        }
    }
}

/// The fewest characters that add up to a value that may be listed, by whole groups.
pub(crate) const SHORT: usize = 16;

/// Adds the maximal runs of [`ENCODED`] that are shorter than [`find`] looks for: only values that are known are so short.
/// One byte in each `SHORT` is looked at.
pub(crate) fn add_short(text: &[u8], runs: &mut Vec<Span>) {
    let (long, mut done) = (runs.len(), 0);
    for at in (SHORT - 1..text.len()).step_by(SHORT) {
        if at < done || !ENCODED.has(text[at]) {
            continue;
        }
        let start = at - ENCODED.run_back(&text[..at], MIN);
        let length = at - start + ENCODED.run(&text[at..], MIN);
        if (SHORT..MIN).contains(&length) {
            runs.push(Span::new(start, start + length));
            done = start + length;
        }
    }
    if runs.len() > long {
        runs.sort_unstable();
        runs.dedup();
    }
}

/// Adds the run around the bytes at `run`, where the one before ends at `done`; returns where it ends.
fn add(text: &[u8], done: usize, run: usize, out: &mut Vec<Span>) -> usize {
    let start = run - ENCODED.run_back(&text[done..run], usize::MAX);
    let end = end(text, run + SURE);
    out.push(Span::new(start, end));
    end
}

/// Whether bytes that are no `_`, from `from` to `to` and further by less than a quad, are at least [`MIN`].
#[inline]
fn is_long(text: &[u8], from: usize, to: usize) -> bool {
    to - from >= MIN || {
        let before = RUN_BYTES.run_back(&text[..from], QUAD);
        to - from + before + RUN_BYTES.run(&text[to..], QUAD) >= MIN
    }
}

/// The first place from `at` on and before `to` where [`MIN`] bytes in a row begin that are no `_`.
#[inline]
fn long_run(text: &[u8], mut at: usize, to: usize) -> Option<usize> {
    while at < to {
        let mut block = [0; BLOCK];
        let known = &text[at..text.len().min(at + BLOCK)];
        block[..known.len()].copy_from_slice(known);
        let runs = runs(simd::plain(&block));
        if runs != 0 {
            return Some(at + runs.trailing_zeros() as usize);
        }
        at += BLOCK - MIN + 1;
    }
    None
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

/// Where the run ends that goes on at `at`.
fn end(text: &[u8], mut at: usize) -> usize {
    while let Some(block) = text[at..].first_chunk() {
        let run = (!simd::encoded(block)).trailing_zeros() as usize;
        at += run;
        if run < BLOCK {
            return at;
        }
    }
    at + ENCODED.run(&text[at..], usize::MAX)
}

/// Finds four quads in a row, which every long run holds.
#[derive(Clone, Copy, Default)]
struct Filter {
    quads: u64,
    two: u64,
}

/// What four quads in a row have, in bytes.
const SURE: usize = 4 * QUAD;
// However a long run lies, it holds four whole quads.
const _: () = assert!(MIN >= SURE + QUAD - 1);

impl Filter {
    /// The quads of a group that are the last of four.
    #[inline]
    fn next(&mut self, group: &[u8; GROUP]) -> u64 {
        let quads = simd::quads(group);
        let two = quads & (quads << 1 | self.quads >> 63);
        let four = two & (two << 2 | self.two >> 62);
        *self = Filter { quads, two };
        four
    }
}

#[cfg(test)]
mod tests {
    use super::super::alnum_runs::RunLength;
    use super::*;

    fn slow(text: &[u8]) -> Vec<Span> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let run = ENCODED.run(&text[at..], usize::MAX);
            let whole = &text[at..at + run];
            if whole.split(|b| !RUN_BYTES.has(*b)).any(|part| part.len() >= MIN) {
                out.push(Span::new(at, at + run));
            }
            at += run.max(1);
        }
        out
    }

    #[test]
    fn short_runs_are_found_at_all_offsets() {
        for length in SHORT - 1..=MIN {
            for before in 0..70 {
                let text = format!(
                    "{}{} ab {}.",
                    ".".repeat(before),
                    "x_".repeat(length).split_at(length).0,
                    "y".repeat(length)
                );
                let mut runs = Vec::new();
                add_short(text.as_bytes(), &mut runs);
                let behind = before + length + 4;
                let expected = [Span::new(before, before + length), Span::new(behind, behind + length)];
                let expected = if (SHORT..MIN).contains(&length) { &expected[..] } else { &[] };
                assert_eq!(runs, expected, "{text}");
            }
        }
    }

    #[test]
    fn runs_of_all_lengths_at_all_offsets() {
        let (mut out, mut masks) = (Vec::new(), AlnumRuns::default());
        for length in [MIN - 1, MIN, MIN + 1, 48, 63, 64, 65, 127, 128, 200, 300] {
            for before in (0..140).chain(240..300) {
                for gap in [" ", ".", "_", "é", "==", ",x_", "_x_"] {
                    let text =
                        format!("{}ab_{}{gap}{}", ".".repeat(before), "x".repeat(length), "y".repeat(MIN));
                    for length in [None, Some(RunLength::Twelve)] {
                        masks.fill(text.as_bytes(), length);
                        find(text.as_bytes(), &masks, &mut out);
                        assert_eq!(out, slow(text.as_bytes()), "{text}");
                    }
                }
            }
        }
    }
}
