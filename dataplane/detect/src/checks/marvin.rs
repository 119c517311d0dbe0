//! The Marvin32 checksum, folded to 32 bits: what Azure's identifiable keys end with.

#![expect(clippy::cast_possible_truncation, reason = "the halves of 64 bits")]

/// Marvin32 of `data` under `seed`, its two halves combined.
pub(super) fn marvin32(data: &[u8], seed: u64) -> u32 {
    let mut state = (seed as u32, (seed >> 32) as u32);
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        state = mix(state, u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    }
    let mut last = [0; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    let (low, high) = mix(mix(state, u32::from_le_bytes(last)), 0);
    low ^ high
}

/// Takes up one word and stirs the state.
fn mix((low, high): (u32, u32), word: u32) -> (u32, u32) {
    let mut low = low.wrapping_add(word);
    let mut high = high ^ low;
    low = low.rotate_left(20).wrapping_add(high);
    high = high.rotate_left(9) ^ low;
    low = low.rotate_left(27).wrapping_add(high);
    (low, high.rotate_left(19))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The halves of published 64-bit test values, combined.
    #[test]
    fn published_values() {
        assert_eq!(marvin32(b"abc", 0xd53c_d9ce_cd08_93b7), 0x22c7_4339 ^ 0x4927_69bf);
        assert_eq!(marvin32(b"", 0x004f_b61a_001b_dbcc), 0x30ed_35c1 ^ 0x00cd_3c7d);
        assert_eq!(marvin32(b"\xaf", 0x004f_b61a_001b_dbcc), 0x48e7_3fc7 ^ 0x7d75_ddc1);
        assert_eq!(marvin32(b"\xe7\x0f", 0x004f_b61a_001b_dbcc), 0xb5f6_e1fc ^ 0x485d_bff8);
        assert_ne!(marvin32(b"abd", 0xd53c_d9ce_cd08_93b7), marvin32(b"abc", 0xd53c_d9ce_cd08_93b7));
    }
}
