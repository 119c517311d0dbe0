//! Seed phrases of wallets (BIP-39): words of a list of 2,048, whose last bits are a check value.

use super::result::CheckResult;
use bip39::Language;
use sha2::{Digest, Sha256};

/// The lengths that phrases have, in words.
const LENGTHS: [usize; 5] = [12, 15, 18, 21, 24];
/// Bits that a word stands for.
const WORD_BITS: usize = 11;
/// Bytes that hold the longest phrase.
const MAX_BYTES: usize = 33;

/// Checks words with blanks between them. Of words that are not all in the list nothing can be said.
pub(super) fn validate(text: &[u8]) -> CheckResult {
    let mut bytes = [0u8; MAX_BYTES];
    let mut count = 0;
    for word in text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        let lower = word.to_ascii_lowercase();
        let listed = std::str::from_utf8(&lower).ok().and_then(|word| Language::English.find_word(word));
        let Some(number) = listed.filter(|_| (count + 1) * WORD_BITS <= bytes.len() * 8) else {
            return CheckResult::Unknown;
        };
        for bit in 0..WORD_BITS {
            let at = count * WORD_BITS + bit;
            let set = number >> (WORD_BITS - 1 - bit) & 1;
            bytes[at / 8] |= (set as u8) << (7 - at % 8);
        }
        count += 1;
    }
    if !LENGTHS.contains(&count) {
        return CheckResult::Unknown;
    }
    // A bit of check value for each three words, behind whole bytes.
    let shift = 8 - count / 3;
    let (entropy, check) = (count * 4 / 3, bytes[count * 4 / 3]);
    let digest = Sha256::digest(&bytes[..entropy]);
    if check >> shift == digest[0] >> shift { CheckResult::Valid } else { CheckResult::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_vectors_of_the_standard() {
        for phrase in [
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo when",
            "hamster diagram private dutch cause delay private meat slide toddler razor book \
             happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
            "Legal Winner Thank Year Wave Sausage Worth Useful Legal Winner Thank Yellow",
        ] {
            assert_eq!(validate(phrase.as_bytes()), CheckResult::Valid, "{phrase}");
        }
        let legal = |last: &str| {
            format!("legal winner thank year wave sausage worth useful legal winner thank {last}")
        };
        assert_eq!(validate(legal("zebra").as_bytes()), CheckResult::Invalid);
        assert_eq!(validate(legal("bananas").as_bytes()), CheckResult::Unknown);
        assert_eq!(validate(legal("yellow yellow").as_bytes()), CheckResult::Unknown);
        assert_eq!(validate("zoo ".repeat(25).as_bytes()), CheckResult::Unknown);
        assert_eq!(validate(b""), CheckResult::Unknown);
    }
}
