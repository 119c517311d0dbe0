//! One scan over every byte of a text with registers that not every processor has.
//!
//! Beside the C interface this is the only unsafe code of the crate: the call of a function that is compiled for AVX2,
//! behind a look whether the processor has it. The function itself is safe.

#![allow(unsafe_code)]

/// Bytes that become one mask.
pub(crate) const BLOCK: usize = 64;

/// Writes a mask of letters, digits, `+`, `-` and `/` for each block, bit `i` for byte `i`, if the processor
/// can do it at 32 bytes a time; else false.
pub(crate) fn encoded(blocks: &[[u8; BLOCK]], masks: &mut [u64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { avx2::encoded(blocks, masks) };
        return true;
    }
    let _ = (blocks, masks);
    false
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::BLOCK;
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi8, _mm256_and_si256, _mm256_andnot_si256, _mm256_cmpeq_epi8,
        _mm256_cmpgt_epi8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    #[target_feature(enable = "avx2")]
    pub(super) fn encoded(blocks: &[[u8; BLOCK]], masks: &mut [u64]) {
        for (block, mask) in blocks.iter().zip(masks) {
            let [low, high]: [__m256i; 2] = wide::bytemuck::cast(*block);
            *mask = u64::from(half(low)) | u64::from(half(high)) << 32;
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn half(bytes: __m256i) -> u32 {
        // Moved to the end of the signed range, a class takes one comparison.
        let class = |bytes, last: u8, count: i8| {
            let moved = _mm256_add_epi8(bytes, _mm256_set1_epi8(0x7f - last.cast_signed()));
            _mm256_cmpgt_epi8(moved, _mm256_set1_epi8(0x7f - count))
        };
        let letter = class(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), b'z', 26);
        // From `+` to `9` there are two strangers, which differ in one bit.
        let even = _mm256_and_si256(bytes, _mm256_set1_epi8(!2));
        let strange = _mm256_cmpeq_epi8(even, _mm256_set1_epi8(b','.cast_signed()));
        let other = _mm256_andnot_si256(strange, class(bytes, b'9', 15));
        _mm256_movemask_epi8(_mm256_or_si256(letter, other)).cast_unsigned()
    }
}
