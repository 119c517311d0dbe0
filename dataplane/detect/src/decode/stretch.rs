//! Stretches of characters that base64 and hex are made of, found at many bytes per cycle.
//!
//! Every text is searched for them, so this must cost next to nothing where there are none. Blocks of 64 bytes become bit
//! masks of a coarse class that names in programs fall apart in; only around a long run of it the exact class is
//! looked at.

use super::mask::{self, BLOCK};
use crate::byteset::{BASE64, ByteSet};

/// How long the coarse run in a stretch is at least, in bytes: fifteen bytes under base64, ten under hex.
pub(super) const MIN: usize = 20;

/// Both alphabets of base64; hex digits are among them.
pub(super) const ENCODED: ByteSet = BASE64.union(ByteSet::of(b"-_"));

/// Writes the maximal stretches of [`ENCODED`] to `out`, ascending: those in which at least [`MIN`] bytes in a row are
/// letters, digits, `+`, `-` or `/`.
pub(super) fn find(text: &[u8], out: &mut Vec<(usize, usize)>) {
    out.clear();
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut tail = [0; BLOCK];
    tail[..rest.len()].copy_from_slice(rest);
    let mut before = 0;
    for (index, block) in blocks.iter().chain([&tail]).enumerate() {
        let mask = mask::coarse(block);
        let lead = (!mask).trailing_zeros() as usize;
        if before + lead >= MIN || has_run(mask) {
            before = ended(text, mask, index * BLOCK, before, out);
        } else {
            before = (!mask).leading_zeros() as usize;
        }
    }
}

/// Whether [`MIN`] bits in a row are set.
#[inline]
fn has_run(mask: u64) -> bool {
    let two = mask & mask >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let sixteen = eight & eight >> 8;
    sixteen & four >> (MIN - 4) != 0
}

/// Takes the coarse runs that end in a block; how many bytes at its end belong to one that goes on.
fn ended(text: &[u8], mut mask: u64, base: usize, before: usize, out: &mut Vec<(usize, usize)>) -> usize {
    let mut at = 0;
    let mut run = before;
    loop {
        let ones = ((!mask).trailing_zeros() as usize).min(BLOCK - at);
        run += ones;
        at += ones;
        if at == BLOCK {
            return run;
        }
        mask >>= ones;
        if run >= MIN {
            stretches(text, base + at - run, base + at, out);
        }
        run = 0;
        let gap = (mask.trailing_zeros() as usize).min(BLOCK - at);
        at += gap;
        if at == BLOCK {
            return 0;
        }
        mask >>= gap;
    }
}

/// Adds the stretches that the coarse run `start..end` holds, as far as they reach.
fn stretches(text: &[u8], start: usize, end: usize, out: &mut Vec<(usize, usize)>) {
    let done = out.last().map_or(0, |last| last.1);
    let mut at = start.max(done);
    while at < end {
        let run = length(&text[at..]);
        if run.min(end - at) >= MIN {
            let from = at - ENCODED.run_back(&text[done..at], usize::MAX);
            out.push((from, at + run));
        }
        at += run + 1;
    }
}

/// How many bytes at the start of `text` are of [`ENCODED`].
fn length(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        let mask = mask::encoded(block);
        if mask != u64::MAX {
            return index * BLOCK + (!mask).trailing_zeros() as usize;
        }
    }
    blocks.len() * BLOCK + ENCODED.run(rest, BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COARSE: ByteSet = BASE64.union(ByteSet::of(b"-"));

    fn slow(text: &[u8]) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let run = ENCODED.run(&text[at..], usize::MAX);
            let whole = &text[at..at + run];
            if whole.split(|b| !COARSE.has(*b)).any(|part| part.len() >= MIN) {
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
                for gap in [" ", ".", "_", "é", "==", ",x_"] {
                    let text =
                        format!("{}ab_{}{gap}{}", ".".repeat(before), "x".repeat(length), "y".repeat(MIN));
                    find(text.as_bytes(), &mut out);
                    assert_eq!(out, slow(text.as_bytes()), "{text}");
                }
            }
        }
    }
}
