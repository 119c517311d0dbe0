//! Hexadecimal digits of keys and hashes: written in lower case, read in either.

pub use data_encoding::HEXLOWER;
use data_encoding::HEXLOWER_PERMISSIVE;

/// Decodes `digits` into `out`; false unless they are exactly as many as fill it. What was decoded stays in `out`, so
/// that a caller who wipes it wipes everything.
pub fn decode_into(digits: &[u8], out: &mut [u8]) -> bool {
    digits.len() == 2 * out.len() && HEXLOWER_PERMISSIVE.decode_mut(digits, out).is_ok()
}

/// A SHA-256 in hexadecimal digits; none for anything else.
pub fn sha256(digits: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    decode_into(digits.as_bytes(), &mut hash).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_fill_the_output_exactly() {
        let mut out = [0; 2];
        assert!(decode_into(b"aB09", &mut out) && out == [0xab, 0x09]);
        for wrong in [&b"aB0"[..], b"aB0911", b"aB0g", b""] {
            assert!(!decode_into(wrong, &mut out), "{wrong:?}");
        }
        assert_eq!(sha256(&"1f".repeat(32)), Some([0x1f; 32]));
        assert_eq!(sha256(&"1f".repeat(31)), None);
    }
}
