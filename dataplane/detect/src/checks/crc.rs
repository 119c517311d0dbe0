//! CRC-32 check values, written in base62, base36, base64 or hex at the end of a token.

use super::result::CheckResult;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc32fast::hash;
use data_encoding::{BASE32, HEXLOWER};
use sha2::{Digest, Sha256};

/// The alphabet of GitHub, npm, Vercel, Deno and Weights & Biases.
pub(super) const DIGITS_UPPER_LOWER: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The alphabet of Apify.
pub(super) const DIGITS_LOWER_UPPER: &[u8; 62] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// `prefix_`, 30 or 50 random characters, 6 of check value over those; other lengths carry none.
pub(super) fn behind_prefix(text: &[u8]) -> CheckResult {
    let Some((_, body)) = split(text, b'_') else { return CheckResult::Unknown };
    if !matches!(body.len(), 36 | 56) {
        return CheckResult::Unknown;
    }
    let (payload, check) = body.split_at(body.len() - 6);
    verdict(base62(hash(payload), DIGITS_UPPER_LOWER) == check)
}

/// `prefix_`, any number of random characters, 6 of check value over those.
pub(super) fn body(text: &[u8]) -> CheckResult {
    let Some((_, body)) = rsplit(text, b'_') else { return CheckResult::Unknown };
    whole(body, DIGITS_UPPER_LOWER)
}

/// Six characters over everything before them, the prefix included.
pub(super) fn whole(text: &[u8], alphabet: &[u8; 62]) -> CheckResult {
    let Some((payload, check)) = text.split_last_chunk::<6>() else { return CheckResult::Unknown };
    verdict(base62(hash(payload), alphabet) == *check)
}

/// Eight hex digits, in any case, over everything before them; a percent escape before the digits is the sign it
/// stands for.
pub(super) fn hex_of_all(text: &[u8]) -> CheckResult {
    let Some((payload, check)) = text.split_last_chunk::<8>() else { return CheckResult::Unknown };
    let escaped = payload.split_last_chunk::<3>().filter(|(_, sign)| sign.eq_ignore_ascii_case(b"%3D"));
    let sum = escaped.map_or_else(|| hash(payload), |(front, _)| hash(&[front, b"="].concat()));
    verdict(hex(sum).eq_ignore_ascii_case(check))
}

/// `prefix_`, 40 characters, eight hex digits over those 40.
pub(super) fn cloudflare(text: &[u8]) -> CheckResult {
    let Some((_, body)) = split(text, b'_') else { return CheckResult::Unknown };
    let Some((payload, check)) = body.split_last_chunk::<8>() else { return CheckResult::Unknown };
    verdict(hex(hash(payload)).eq_ignore_ascii_case(check))
}

/// `prefix_payload_check`, the check value over the payload alone.
pub(super) fn zuplo(text: &[u8]) -> CheckResult {
    let Some((front, check)) = rsplit(text, b'_') else { return CheckResult::Unknown };
    let Some((_, payload)) = split(front, b'_') else { return CheckResult::Unknown };
    verdict(hex(hash(payload)).eq_ignore_ascii_case(check))
}

/// `front_check`, the check value little-endian over the whole front.
pub(super) fn grafana(text: &[u8]) -> CheckResult {
    let Some((front, check)) = rsplit(text, b'_') else { return CheckResult::Unknown };
    verdict(hex(hash(front).swap_bytes()).eq_ignore_ascii_case(check))
}

/// Six base64 characters of the little-endian check value over all before them.
pub(super) fn confluent(text: &[u8]) -> CheckResult {
    let Some((payload, check)) = text.split_last_chunk::<6>() else { return CheckResult::Unknown };
    verdict(STANDARD.encode(hash(payload).to_le_bytes()).as_bytes()[..6] == *check)
}

/// Seven base36 characters over all before them, where full stops separate the parts.
pub(super) fn gitlab_routable(text: &[u8]) -> CheckResult {
    let Some((payload, check)) = text.split_last_chunk::<7>() else { return CheckResult::Unknown };
    if !text.contains(&b'.') {
        return CheckResult::Unknown;
    }
    let mut digits = [b'0'; 7];
    let mut value = hash(payload);
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(value % 36) as usize];
        value /= 36;
    }
    verdict(digits == *check)
}

/// Characters 77 to 85 are the first eight of the base32 SHA-256 of the first 77, in any case.
pub(super) fn github_fine(text: &[u8]) -> CheckResult {
    let (Some(front), Some(check)) = (text.get(..77), text.get(77..85)) else { return CheckResult::Unknown };
    let digest = Sha256::digest(front);
    let mut letters = [0; 8];
    BASE32.encode_mut(&digest[..5], &mut letters);
    verdict(letters.eq_ignore_ascii_case(check))
}

fn verdict(right: bool) -> CheckResult {
    if right { CheckResult::Valid } else { CheckResult::Invalid }
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    text.iter().position(|&b| b == at).map(|i| (&text[..i], &text[i + 1..]))
}

fn rsplit(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    text.iter().rposition(|&b| b == at).map(|i| (&text[..i], &text[i + 1..]))
}

fn hex(value: u32) -> [u8; 8] {
    let mut digits = [0; 8];
    HEXLOWER.encode_mut(&value.to_be_bytes(), &mut digits);
    digits
}

/// Six base62 digits, padded with the alphabet's zero.
pub(super) fn base62(mut value: u32, alphabet: &[u8; 62]) -> [u8; 6] {
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
        let payload = b"Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L";
        let mut token = b"ghp_".to_vec();
        token.extend_from_slice(payload);
        token.extend_from_slice(&base62(hash(payload), DIGITS_UPPER_LOWER));
        assert_eq!(behind_prefix(&token), CheckResult::Valid);
        *token.last_mut().unwrap() ^= 1;
        assert_eq!(behind_prefix(&token), CheckResult::Invalid);
        assert_eq!(behind_prefix(b"ghp_short"), CheckResult::Unknown);
    }

    #[test]
    fn hex_check_values() {
        let with = |front: &str, check: u32| format!("{front}{}", String::from_utf8_lossy(&hex(check)));
        assert_eq!(hex_of_all(with("ATBBabc", hash(b"ATBBabc")).as_bytes()), CheckResult::Valid);
        assert_eq!(hex_of_all(with("ATBBabc", 1).as_bytes()), CheckResult::Invalid);
        assert_eq!(cloudflare(with("cfut_abc", hash(b"abc")).as_bytes()), CheckResult::Valid);
        assert_eq!(zuplo(with("zpka_abc_", hash(b"abc")).as_bytes()), CheckResult::Valid);
        assert_eq!(grafana(with("glsa_abc_", hash(b"glsa_abc").swap_bytes()).as_bytes()), CheckResult::Valid);
        assert_eq!(grafana(b"glsa_abc_00000000"), CheckResult::Invalid);
    }
    #[test]
    fn a_fine_grained_github_token_with_its_check_value() {
        let front = format!("github_pat_11ABCDEFG0{}", "x".repeat(56));
        for (check, expected) in [
            ("GQQEU2UV", CheckResult::Valid),
            ("gqqeu2uv", CheckResult::Valid),
            ("AAAAAAAA", CheckResult::Invalid),
        ] {
            assert_eq!(github_fine(format!("{front}{check}").as_bytes()), expected, "{check}");
        }
        assert_eq!(github_fine(front.as_bytes()), CheckResult::Unknown);
    }
}
