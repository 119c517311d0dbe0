//! Which bytes of a block are of a class, as a bit mask: many bytes per cycle. Bit `i` tells of byte `i`.

use wide::u8x16;

/// Bytes that become one mask.
pub(crate) const BLOCK: usize = 64;

/// The bytes that `test` tells, 16 at once, with all bits of a lane set or none.
#[inline]
pub(crate) fn each(block: &[u8; BLOCK], test: impl Fn(u8x16) -> u8x16) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().rev().fold(0, |mask, part| mask << 16 | u64::from(test(u8x16::new(*part)).to_bitmask()))
}

/// Bytes from `first` to `last`, both included.
#[inline]
pub(crate) fn within(v: u8x16, first: u8, last: u8) -> u8x16 {
    let offset = v - u8x16::splat(first);
    offset.min(u8x16::splat(last - first)).simd_eq(offset)
}

/// One byte value.
#[inline]
pub(crate) fn is(v: u8x16, byte: u8) -> u8x16 {
    v.simd_eq(u8x16::splat(byte))
}
