//! Classes of bytes as bit masks, many bytes per cycle: bit `i` stands for byte `i`.

use crate::bytes::mask::{each, is, within};
use wide::{bytemuck, i8x16, i16x8, i32x8, u8x16};

pub(crate) use crate::bytes::mask::BLOCK;

/// Bytes that become one bit where only longer runs count.
pub(crate) const QUAD: usize = 4;
/// Bytes that become one mask of quads.
pub(crate) const GROUP: usize = 64 * QUAD;
/// Bytes that a sample's mask stands for.
pub(crate) const PART: usize = 16;

/// The characters of both alphabets of base64.
#[inline]
pub(crate) fn encoded(block: &[u8; BLOCK]) -> u64 {
    each(block, |v| other(v).min(v ^ u8x16::splat(b'_')).simd_eq(u8x16::splat(0)))
}

/// Letters, digits, `+`, `-` and `/`: the characters of both alphabets of base64 but `_`.
#[inline]
pub(crate) fn plain(block: &[u8; BLOCK]) -> u64 {
    each(block, |v| other(v).simd_eq(u8x16::splat(0)))
}

/// Zero for letters, digits, `+`, `-` and `/`.
#[inline]
fn other(v: u8x16) -> u8x16 {
    let sign = (v ^ u8x16::splat(b'+')).min(v ^ u8x16::splat(b'-'));
    excess(v | u8x16::splat(0x20), b'a', b'z').min(excess(v, b'/', b'9')).min(sign)
}

/// Which quads are made of what [`plain`] matches.
#[inline]
pub(crate) fn quads(group: &[u8; GROUP]) -> u64 {
    let (blocks, _) = group.as_chunks::<BLOCK>();
    blocks.iter().rev().fold(0, |mask, block| {
        let (parts, _) = block.as_chunks::<PART>();
        // One by one: the closure of a map over an array stays a call.
        let at = |part: usize| other(u8x16::new(parts[part]));
        let (a, b, c, d) = (at(0), at(1), at(2), at(3));
        // Saturation makes no zero of something else.
        let half = |a, b| i16x8::from_i32x8_saturate(bytemuck::cast::<[u8x16; 2], i32x8>([a, b]));
        let all = i8x16::from_i16x16_saturate(bytemuck::cast([half(a, b), half(c, d)]));
        mask << (BLOCK / QUAD) | u64::from(all.simd_eq(i8x16::splat(0)).to_bitmask())
    })
}

/// Control characters that do not stand in text.
#[inline]
pub(crate) fn control(block: &[u8; BLOCK]) -> u64 {
    each(block, |v| {
        let space = within(v, b'\t', b'\n') | is(v, b'\r');
        (within(v, 0, 0x1f) ^ space) | is(v, 0x7f)
    })
}

/// Bytes that are not ASCII.
#[inline]
pub(crate) fn high(block: &[u8; BLOCK]) -> u64 {
    each(block, |v| v)
}

/// Where a group of base64 can begin that holds three bytes of ASCII, the first of them no control character. The last
/// two bits miss what stands behind the part.
#[inline]
pub(crate) fn ascii(part: [u8; PART]) -> u32 {
    let v = u8x16::new(part);
    let lower = within(v, b'a', b'z');
    let digit = within(v, b'0', b'9');
    let letter = lower | within(v, b'A', b'Z');
    // The two bits that are clear where the second and the third byte are ASCII, as they stand in the character's
    // value.
    let value = v - u8x16::splat(b'A') - (lower & u8x16::splat(6)) + (digit & u8x16::splat(69));
    let known = letter | digit;
    let clear = |bit| (known & (value & u8x16::splat(bit)).simd_eq(u8x16::splat(0))).to_bitmask();
    let first = (within(v, b'I', b'Z') | within(v, b'a', b'f') | within(v, b'C', b'D')).to_bitmask();
    first & clear(8) >> 1 & clear(2) >> 2
}

/// Characters of base64 that no group of text begins with: those of control characters, and of bytes that UTF-8 has
/// not.
#[inline]
pub(crate) fn strange(part: [u8; PART]) -> u32 {
    let v = u8x16::new(part);
    let control = within(v, b'A', b'B') | within(v, b'E', b'H');
    (control | within(v, b'+', b'/') | is(v, b'_')).to_bitmask()
}

/// Hex digits.
#[inline]
pub(crate) fn hex(part: [u8; PART]) -> u32 {
    let v = u8x16::new(part);
    (within(v, b'0', b'9') | within(v | u8x16::splat(0x20), b'a', b'f')).to_bitmask()
}

/// Hex digits that a byte of ASCII text begins with.
#[inline]
pub(crate) fn high_digit(part: [u8; PART]) -> u32 {
    let v = u8x16::new(part);
    (within(v, b'2', b'7') | is(v, b'0')).to_bitmask()
}

/// Zero for the bytes from `first` to `last`.
#[inline]
fn excess(v: u8x16, first: u8, last: u8) -> u8x16 {
    (v - u8x16::splat(first)).saturating_sub(u8x16::splat(last - first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::HEX;

    #[test]
    fn quads_classify_every_byte() {
        for byte in 0..=u8::MAX {
            let member = super::super::alnum_runs::RUN_BYTES.has(byte);
            for at in [0, 63, 100, 255] {
                let mut group = [b'a'; GROUP];
                group[at] = byte;
                let expected = if member { u64::MAX } else { !(1 << (at / QUAD)) };
                assert_eq!(quads(&group), expected, "{byte:02x}");
            }
        }
        for (a, b) in [(0x80, 0xff), (0xff, 0x80), (0x7f, 0x80), (0, 0xff), (b'a', 0x80), (0x80, b'a')] {
            let mut group = [b'a'; GROUP];
            group[8..10].copy_from_slice(&[a, b]);
            assert_eq!(quads(&group), !4, "{a:02x} {b:02x}");
        }
    }

    #[test]
    fn every_byte_is_classified_in_every_place() {
        for byte in 0..=u8::MAX {
            let text = (b' '..0x7f).contains(&byte) || matches!(byte, b'\t' | b'\n' | b'\r');
            for at in [0, 15, 16, 63] {
                let mut block = [b' '; BLOCK];
                block[at] = byte;
                let bit = |member: bool| u64::from(member) << at;
                let plain = bit(super::super::alnum_runs::RUN_BYTES.has(byte));
                assert_eq!(super::plain(&block), plain, "{byte:02x}");
                assert_eq!(encoded(&block), bit(super::super::base64_runs::ENCODED.has(byte)), "{byte:02x}");
                assert_eq!(control(&block), bit(!text && byte < 0x80), "{byte:02x}");
                assert_eq!(high(&block), bit(byte >= 0x80), "{byte:02x}");
            }
            let mut part = [b' '; PART];
            part[9] = byte;
            assert_eq!(hex(part), u32::from(HEX.has(byte)) << 9);
            assert_eq!(high_digit(part), u32::from(matches!(byte, b'0' | b'2'..=b'7')) << 9);
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                .iter()
                .position(|b| *b == byte);
            let strange_value = value
                .map_or(matches!(byte, b',' | b'-' | b'.' | b'_'), |v| matches!(v, 0 | 1 | 4..=7 | 62..));
            assert_eq!(strange(part), u32::from(strange_value) << 9, "{byte:02x}");
            // Of a group `ABCD` each character is tried in its place.
            for (place, fits) in [
                value.is_some_and(|v| matches!(v, 2 | 3 | 8..=31)),
                value.is_some_and(|v| v & 8 == 0),
                value.is_some_and(|v| v & 2 == 0),
            ]
            .into_iter()
            .enumerate()
            {
                let mut part = *b"................";
                part[8..11].copy_from_slice(b"YUU");
                part[8 + place] = byte;
                assert_eq!(ascii(part) >> 8 & 1, u32::from(fits), "{byte:02x} {place}");
            }
        }
    }
}
