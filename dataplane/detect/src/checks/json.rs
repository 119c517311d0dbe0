//! Tokens that are a JSON object under base64: keys of Grafana and Sentry, service accounts of 1Password.

use super::result::CheckResult;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `glc_` or nothing, and an object with the members `n` and `k`.
pub(super) fn grafana(text: &[u8]) -> CheckResult {
    object(text.strip_prefix(b"glc_").unwrap_or(text), &[b"n", b"k"])
}

/// `sntrys_`, an object with `iat` and `org`, and a secret behind `_`.
pub(super) fn sentry(text: &[u8]) -> CheckResult {
    let body = text.strip_prefix(b"sntrys_").unwrap_or(text);
    let end = memchr::memchr(b'_', body).unwrap_or(body.len());
    object(&body[..end], &[b"iat", b"org"])
}

/// `ops_` and an object with `email` and `secretKey`.
pub(super) fn one_password(text: &[u8]) -> CheckResult {
    object(text.strip_prefix(b"ops_").unwrap_or(text), &[b"email", b"secretKey"])
}

/// Whether the base64 is that of an object, whole, with these members.
fn object(base64: &[u8], members: &[&[u8]]) -> CheckResult {
    let plain: Vec<u8> = base64.iter().map(|b| standard(*b)).collect();
    let Ok(json) = LENIENT.decode(plain) else { return CheckResult::Invalid };
    let json = json.trim_ascii();
    let braced = json.starts_with(b"{") && json.ends_with(b"}");
    let has = |member: &[u8]| {
        memchr::memmem::find_iter(json, member).any(|at| {
            let end = at + member.len();
            at > 0 && json[at - 1] == b'"' && json[end..].starts_with(b"\":")
        })
    };
    if braced && members.iter().all(|member| has(member)) { CheckResult::Valid } else { CheckResult::Invalid }
}

/// The letter of base64's usual alphabet.
fn standard(letter: u8) -> u8 {
    match letter {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_must_be_there_and_the_object_whole() {
        let encode = |json: &str| LENIENT.encode(json);
        let key = encode(r#"{"k":"Zq3vR8tY1uX6","n":"board","id":1}"#);
        assert_eq!(grafana(key.as_bytes()), CheckResult::Valid);
        assert_eq!(grafana(key.trim_end_matches('=').as_bytes()), CheckResult::Valid);
        let cloud = format!("glc_{}", encode(r#"{"o":"12","n":"stack","k":"Zq3vR8","m":{"r":"eu"}}"#));
        assert_eq!(grafana(cloud.as_bytes()), CheckResult::Valid);
        assert_eq!(grafana(&key.as_bytes()[..12]), CheckResult::Invalid, "cut");
        assert_eq!(grafana(encode(r#"{"key":"Zq3vR8tY1uX6","id":1}"#).as_bytes()), CheckResult::Invalid);
        assert_eq!(grafana(b"glc_!!!"), CheckResult::Invalid);
        let sentry_token = format!("sntrys_{}_c2VjcmV0", encode(r#"{"iat":1.5,"url":"u","org":"acme"}"#));
        assert_eq!(sentry(sentry_token.as_bytes()), CheckResult::Valid);
        assert_eq!(sentry(b"sntrys_eyJhIjoxfQ==_c2VjcmV0"), CheckResult::Invalid);
        let account = format!("ops_{}", encode(r#"{"email":"a@b","secretKey":"A3","muk":{}}"#));
        assert_eq!(one_password(account.as_bytes()), CheckResult::Valid);
        assert_eq!(one_password(b"ops_eyJhIjoxfQ=="), CheckResult::Invalid);
    }
}
