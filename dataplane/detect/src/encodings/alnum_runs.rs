//! Where a text has letters, digits, `+`, `-` and `/`, as one mask for each block of it, and where many stand in a row.
//!
//! The search for known values needs these masks. Where they are made, that for encoded texts takes them, too.

#![expect(clippy::cast_possible_truncation, reason = "a block has 64 bytes")]

use super::simd;
use super::simd::BLOCK;
use crate::bytes::{BASE64, ByteSet};
use crate::text::Span;

/// What the masks are of: the characters of both alphabets of base64 but `_`. Names in programs fall apart in it.
pub(crate) const RUN_BYTES: ByteSet = BASE64.union(ByteSet::of(b"-"));

/// How many plain characters in a row the longest kind of run has at least, in bytes: fifteen bytes under base64, ten
/// under hex.
pub(crate) const LONGEST: usize = 20;

/// Blocks that are looked at together.
const BATCH: usize = 64;

/// Masks of a batch, behind the last one of the batch before.
type Batch = [u64; BATCH + 1];

/// How many plain characters in a row make a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RunLength {
    /// Two such runs stand in a kilobyte of source code.
    Twelve = 12,
    /// One such run stands in two kilobytes of source code.
    Sixteen = 16,
}

/// The masks of a text: bit `i` of mask `n` stands for byte `64 * n + i`; the last one is of what fills no block.
#[derive(Default)]
pub(crate) struct AlnumRuns {
    /// The last ones of [`LONGEST`] in a row.
    longest: Vec<u64>,
    /// The last ones of so many in a row.
    ends: Vec<u64>,
    length: Option<RunLength>,
}

impl AlnumRuns {
    /// Makes the masks of a text for runs of the given length; none without.
    pub(crate) fn fill(&mut self, text: &[u8], length: Option<RunLength>) {
        self.longest.clear();
        self.ends.clear();
        self.length = length;
        let Some(length) = length else { return };
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut tail = [0; BLOCK];
        tail[..rest.len()].copy_from_slice(rest);
        let mut masks = [0; BATCH + 1];
        let mut rows = Rows::default();
        let mut last = 0;
        for batch in blocks.chunks(BATCH).chain([&[tail][..]]) {
            masks[0] = last;
            batch.iter().zip(&mut masks[1..]).for_each(|(block, mask)| *mask = simd::plain(block));
            last = masks[batch.len()];
            rows.find(&masks);
            self.longest.extend_from_slice(&rows.longest[1..=batch.len()]);
            let ends = match length {
                RunLength::Twelve => rows.twelve(),
                RunLength::Sixteen => &rows.sixteen,
            };
            self.ends.extend_from_slice(&ends[1..=batch.len()]);
        }
    }

    /// The blocks that the last of [`LONGEST`] in a row stand in, if there are masks.
    pub(crate) fn longest(&self) -> Option<impl Iterator<Item = usize>> {
        let blocks = self.longest.iter().enumerate().filter(|(_, ends)| **ends != 0);
        self.length.map(|_| blocks.map(|(index, _)| index))
    }

    /// Reports the runs of the length that the masks were made for, and longer ones, in the order of the text. A run
    /// may come in parts: each begins with a block, where the part before it ended.
    pub(crate) fn runs(&self, mut report: impl FnMut(Span)) {
        let Some(length) = self.length else { return };
        let mut index = 0;
        // Nearly all are skipped.
        while let Some(next) = self.ends[index..].iter().position(|ends| *ends != 0) {
            index += next;
            let goes_on = index > 0 && self.ends[index - 1] >> (BLOCK - 1) != 0;
            parts(self.ends[index], goes_on, length, |run| {
                report(Span::new((index * BLOCK + run.start).saturating_sub(BLOCK), index * BLOCK + run.end));
            });
            index += 1;
        }
    }
}

/// Reports the runs whose ends stand in a block: their start is counted from the block before, their end from this one.
fn parts(mut ends: u64, mut goes_on: bool, length: RunLength, mut report: impl FnMut(Span)) {
    let mut done = 0;
    while ends != 0 {
        let first = ends.trailing_zeros() as usize;
        let count = (!(ends >> first)).trailing_zeros() as usize;
        goes_on &= first == 0 && done == 0;
        let start = if goes_on { BLOCK } else { BLOCK + first + 1 - length as usize };
        report(Span { start, end: first + count });
        done = first + count;
        ends &= !below(done);
    }
}

/// Where the last of so many bits in a row stands, over the bounds of the masks.
struct Rows {
    two: Batch,
    four: Batch,
    eight: Batch,
    sixteen: Batch,
    twelve: Batch,
    longest: Batch,
}

impl Default for Rows {
    fn default() -> Rows {
        let none = [0; BATCH + 1];
        Rows { two: none, four: none, eight: none, sixteen: none, twelve: none, longest: none }
    }
}

impl Rows {
    fn find(&mut self, masks: &Batch) {
        behind::<1>(masks, masks, &mut self.two);
        behind::<2>(&self.two, &self.two, &mut self.four);
        behind::<4>(&self.four, &self.four, &mut self.eight);
        behind::<8>(&self.eight, &self.eight, &mut self.sixteen);
        behind::<16>(&self.sixteen, &self.four, &mut self.longest);
    }

    fn twelve(&mut self) -> &Batch {
        behind::<8>(&self.eight, &self.four, &mut self.twelve);
        &self.twelve
    }
}

/// The bits of `masks` that a bit of `others` stands `BY` bits before.
#[inline]
fn behind<const BY: u32>(masks: &Batch, others: &Batch, both: &mut Batch) {
    both[0] = masks[0] & others[0] << BY;
    for index in 1..=BATCH {
        both[index] = masks[index] & (others[index] << BY | others[index - 1] >> (BLOCK as u32 - BY));
    }
}

/// The lowest bits, so many.
#[inline]
pub(crate) fn below(bits: usize) -> u64 {
    if bits == BLOCK { u64::MAX } else { (1 << bits) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All runs by single bytes.
    fn slow(text: &[u8], length: usize) -> Vec<Span> {
        let (mut out, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let run = RUN_BYTES.run(&text[at..], usize::MAX);
            if run >= length {
                out.push(Span::new(at, at + run));
            }
            at += run + 1;
        }
        out
    }

    #[test]
    fn runs_of_all_lengths_at_all_places() {
        let mut masks = AlnumRuns::default();
        for length in [RunLength::Twelve, RunLength::Sixteen] {
            for run in [11, 12, 15, 16, 20, 64, 128, 200, 64 * 70] {
                for before in (0..140).chain(64 * 64 - 20..64 * 64 + 20) {
                    let text = format!("{}{}_x+/-{}", ".".repeat(before), "a1".repeat(run), "Z".repeat(run));
                    let text = &text.as_bytes()[run..];
                    masks.fill(text, Some(length));
                    let mut found: Vec<Span> = Vec::new();
                    masks.runs(|run| match found.last_mut() {
                        Some(last) if last.end == run.start && run.start % BLOCK == 0 => last.end = run.end,
                        _ => found.push(run),
                    });
                    assert_eq!(found, slow(text, length as usize), "{run} behind {before}");
                }
            }
        }
    }

    #[test]
    fn a_map_forgets_the_text_before() {
        let mut masks = AlnumRuns::default();
        masks.fill(&[b'a'; 300], Some(RunLength::Sixteen));
        masks.fill(b"a b", Some(RunLength::Sixteen));
        masks.runs(|run| panic!("{run:?}"));
        masks.fill(&[b'a'; 300], None);
        masks.runs(|run| panic!("{run:?}"));
        assert!(masks.longest().is_none());
    }
}
