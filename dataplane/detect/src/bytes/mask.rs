//! Which bytes of a block are of a class, as a bit mask: many bytes per cycle. Bit `i` stands for byte `i`.

use wide::bytemuck::cast;
use wide::{i8x16, u8x16};

/// Bytes that become one mask.
pub(crate) const BLOCK: usize = 64;

/// The bytes that pass `test`, 16 at once, with all bits of a lane set or none.
#[inline]
pub(crate) fn each(block: &[u8; BLOCK], test: impl Fn(u8x16) -> u8x16) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().rev().fold(0, |mask, part| mask << 16 | u64::from(test(u8x16::new(*part)).to_bitmask()))
}

/// Bytes from `first` to `last`, both included, fewer than 128. One comparison: they become the smallest of all signed
/// numbers.
#[inline]
pub(crate) fn within(v: u8x16, first: u8, last: u8) -> u8x16 {
    const SMALLEST: u8 = 0x80;
    let offset: i8x16 = cast(v + u8x16::splat(SMALLEST.wrapping_sub(first)));
    cast(i8x16::splat((SMALLEST + (last - first) + 1).cast_signed()).simd_gt(offset))
}

/// One byte value.
#[inline]
pub(crate) fn is(v: u8x16, byte: u8) -> u8x16 {
    v.simd_eq(u8x16::splat(byte))
}
