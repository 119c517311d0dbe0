//! Credentials whose structure shows under base64: HTTP Basic, the tokens of Jira's data centre edition, PEM keys.

use super::result::CheckResult;
use crate::plausibility::value;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `user:password`, printable; a lone word of base64 behind `Basic` may be one in another shape.
pub(super) fn basic(secret: &[u8]) -> CheckResult {
    match LENIENT.decode(secret) {
        Ok(plain) if plain.contains(&b':') && plain.iter().all(|b| *b >= b' ' && *b != 0x7f) => {
            CheckResult::Valid
        }
        Ok(_) if secret.len() >= 20 && value::is_opaque(secret) => CheckResult::Unknown,
        _ => CheckResult::Impossible,
    }
}

/// Twelve digits, a colon, twenty random bytes.
pub(super) fn jira_pat(secret: &[u8]) -> CheckResult {
    match LENIENT.decode(secret) {
        Ok(plain) if plain.len() == 33 && plain[12] == b':' && plain[..12].iter().all(u8::is_ascii_digit) => {
            CheckResult::Valid
        }
        _ => CheckResult::Impossible,
    }
}

/// The first line of a PEM block names a private key.
pub(super) fn pem_base64(secret: &[u8]) -> CheckResult {
    let head = &secret[..secret.len().min(64)];
    match LENIENT.decode(head) {
        Ok(plain) if memchr::memmem::find(&plain, b"PRIVATE KEY").is_some() => CheckResult::Valid,
        _ => CheckResult::Impossible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_the_base64_decides() {
        assert_eq!(basic(LENIENT.encode("aladdin:opensesame").as_bytes()), CheckResult::Valid);
        assert_eq!(basic(b"Authentication"), CheckResult::Impossible);
        assert_eq!(basic(b"!!"), CheckResult::Impossible);
        let mut token = b"012345678901:".to_vec();
        token.extend(0..20u8);
        assert_eq!(jira_pat(LENIENT.encode(&token).as_bytes()), CheckResult::Valid);
        token[3] = b'x';
        assert_eq!(jira_pat(LENIENT.encode(&token).as_bytes()), CheckResult::Impossible);
    }
}
