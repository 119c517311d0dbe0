//! CRC-32 check values, written in base62 or hex at the end of a token.

use super::Proof;

/// Digits first, then upper case, then lower case: the alphabet of GitHub and npm.
const DIGITS_UPPER_LOWER: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `prefix_` + 30 random characters + 6 of check value over those 30; longer tokens carry none.
pub(super) fn github(text: &[u8]) -> Proof {
    let Some(split) = text.iter().rposition(|&b| b == b'_') else { return Proof::Silent };
    let body = &text[split + 1..];
    if body.len() != 36 {
        return Proof::Silent;
    }
    let (payload, check) = body.split_at(30);
    verdict(base62(crc32fast::hash(payload), DIGITS_UPPER_LOWER) == check)
}

fn verdict(right: bool) -> Proof {
    if right { Proof::Good } else { Proof::Bad }
}

/// Six base62 digits, padded with the alphabet's zero.
fn base62(mut value: u32, alphabet: &[u8; 62]) -> [u8; 6] {
    let mut digits = [alphabet[0]; 6];
    for digit in digits.iter_mut().rev() {
        *digit = alphabet[(value % 62) as usize];
        value /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_github_token_with_its_check_value() {
        assert_eq!(github(b"ghp_00000000000000000000000000000004WZ4EQ"), Proof::Silent);
        let payload = b"Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L";
        let mut token = b"ghp_".to_vec();
        token.extend_from_slice(payload);
        token.extend_from_slice(&base62(crc32fast::hash(payload), DIGITS_UPPER_LOWER));
        assert_eq!(github(&token), Proof::Good);
        *token.last_mut().unwrap() ^= 1;
        assert_eq!(github(&token), Proof::Bad);
    }
}
