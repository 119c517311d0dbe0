//! Passes text in which no address begins.

use wide::u8x16;

/// Bytes that are judged together.
const BLOCK: usize = 16;

/// Whether an address, a tag, or a character written otherwise may begin with `byte`.
const fn begins(byte: u8) -> bool {
    matches!(byte, b':' | b'/' | b'\\' | b'<' | b'&' | b'%')
}

/// Length of the head of `text`, behind the byte `before`, in which nothing begins: neither one of those bytes, nor the
/// second `w` of a word like `www`.
pub(crate) fn plain_len(text: &[u8], before: u8) -> usize {
    let mut at = 0;
    let mut before = before | 0x20;
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let bytes = u8x16::new(*block);
        let mut shifted = [before; BLOCK];
        shifted[1..].copy_from_slice(&block[..BLOCK - 1]);
        let w = u8x16::splat(b'w');
        let lower = u8x16::splat(0x20);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let doubled = (bytes | lower).simd_eq(w) & (u8x16::new(shifted) | lower).simd_eq(w);
        let found = is(b':') | is(b'/') | is(b'\\') | is(b'<') | is(b'&') | is(b'%') | doubled;
        let mask = found.to_bitmask();
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        before = block[BLOCK - 1] | 0x20;
        at += BLOCK;
    }
    for &byte in &text[at..] {
        let lower = byte | 0x20;
        if begins(byte) || (lower == b'w' && before == b'w') {
            return at;
        }
        before = lower;
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_each_beginning_wherever_it_stands() {
        let plain = "lorem ipsum w dolor sit amet, \"consectetur\" (adipiscing) elit; w".repeat(3);
        assert_eq!(plain_len(plain.as_bytes(), 0), plain.len());
        for at in 0..plain.len() {
            for stop in [":", "/", "\\", "<", "&", "%"] {
                let mut text = plain.clone();
                text.replace_range(at..=at, stop);
                assert_eq!(plain_len(text.as_bytes(), 0), at, "{text}");
            }
        }
        for at in 0..40 {
            let text = format!("{}wWw.", "-".repeat(at));
            assert_eq!(plain_len(text.as_bytes(), 0), at + 1, "{text}");
        }
        assert_eq!(plain_len(b"www", b'W'), 0);
    }
}
