//! The checksum of bech32 (BIP-173), which age's secret keys carry.

#![expect(clippy::cast_possible_truncation, reason = "a place in an alphabet of 32 characters")]

use super::result::CheckResult;

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];

/// Checks `prefix1data`, in either case.
pub(super) fn validate(text: &[u8]) -> CheckResult {
    let lower = text.to_ascii_lowercase();
    let Some(one) = lower.iter().rposition(|&b| b == b'1') else { return CheckResult::Impossible };
    let (prefix, data) = (&lower[..one], &lower[one + 1..]);
    let mut sum = 1u32;
    let mut add = |value: u32| {
        let top = sum >> 25;
        sum = (sum & 0x1ff_ffff) << 5 ^ value;
        for (bit, term) in GENERATOR.iter().enumerate() {
            sum ^= if top >> bit & 1 == 1 { *term } else { 0 };
        }
    };
    for byte in prefix {
        add(u32::from(byte >> 5));
    }
    add(0);
    for byte in prefix {
        add(u32::from(byte & 31));
    }
    for byte in data {
        match ALPHABET.iter().position(|a| a == byte) {
            Some(value) => add(value as u32),
            None => return CheckResult::Impossible,
        }
    }
    if sum == 1 { CheckResult::Valid } else { CheckResult::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_vectors_of_the_standard() {
        assert_eq!(validate(b"A12UEL5L"), CheckResult::Valid);
        assert_eq!(validate(b"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"), CheckResult::Valid);
        assert_eq!(validate(b"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxq"), CheckResult::Invalid);
        assert_eq!(validate(b"nothing"), CheckResult::Impossible);
    }
}
