//! Finds the bytes that end a plain run of a string: quote, backslash, control character.

use wide::u8x16;

/// Bytes looked at in one step.
const BLOCK: usize = 16;

/// The index of the first `"`, `\` or control character (below 0x20) in `bytes[from..]`, or `bytes.len()`.
#[inline]
pub(crate) fn string_special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = bytes.get(at..at + BLOCK) {
        let mut chunk = [0; BLOCK];
        chunk.copy_from_slice(block);
        let mask = special_mask(u8x16::new(chunk));
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    while at < bytes.len() && !is_special(bytes[at]) {
        at += 1;
    }
    at
}

/// The index of the first special byte of `bytes[from..]` if it is one of the next few.
#[inline]
pub(super) fn special_soon(bytes: &[u8], from: usize) -> Option<usize> {
    let mask = special_mask(u8x16::new(*bytes[from..].first_chunk::<BLOCK>()?));
    (mask != 0).then(|| from + mask.trailing_zeros() as usize)
}

/// Bytes of which [`special_bits`] makes one word.
pub(super) const WORD: usize = 64;

/// One bit for each of [`WORD`] bytes: set for a `"`, a `\` or a control character.
#[inline]
pub(super) fn special_bits(word: &[u8; WORD]) -> u64 {
    let (blocks, _) = word.as_chunks::<BLOCK>();
    let mut bits = 0;
    for (index, block) in blocks.iter().enumerate() {
        bits |= u64::from(special_mask(u8x16::new(*block))) << (index * BLOCK);
    }
    bits
}

/// Whether `byte` ends a plain run of a string.
#[inline]
pub(crate) fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[inline]
fn special_mask(block: u8x16) -> u32 {
    let quote = block.simd_eq(u8x16::splat(b'"'));
    let backslash = block.simd_eq(u8x16::splat(b'\\'));
    let control = block.min(u8x16::splat(0x1F)).simd_eq(block);
    (quote | backslash | control).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_plain_search_for_every_byte_and_place() {
        for special in 0..=255u8 {
            for place in 0..40 {
                let mut bytes = [b'a'; 40];
                bytes[place] = special;
                for from in 0..=40 {
                    let plain = (from..40).find(|&at| is_special(bytes[at])).unwrap_or(40);
                    assert_eq!(string_special(&bytes, from), plain);
                }
                let mut word = [b'a'; WORD];
                word[24..].copy_from_slice(&bytes);
                assert_eq!(special_bits(&word), u64::from(is_special(special)) << (place + 24));
            }
        }
    }
}
