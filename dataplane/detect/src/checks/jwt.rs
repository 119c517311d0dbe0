//! JSON web tokens: the header must decode to a JSON object that names an algorithm.

use super::result::CheckResult;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Headers are short; more is decoded of none.
const MAX_HEADER: usize = 2048;

/// Checks `header.claims.signature`. With an empty signature, only what decodes is a token.
pub(super) fn validate(text: &[u8]) -> CheckResult {
    match parts(text) {
        CheckResult::Valid => CheckResult::Valid,
        _ if text.ends_with(b".") => CheckResult::Impossible,
        doubtful => doubtful,
    }
}

fn parts(text: &[u8]) -> CheckResult {
    let mut parts = text.split(|&b| b == b'.');
    let (Some(header), Some(claims)) = (parts.next(), parts.next()) else { return CheckResult::Impossible };
    match (decode(header), decode(claims)) {
        (Some(header), Some(claims)) if is_object(&header) && has_algorithm(&header) => {
            if is_object(&claims) || has_member(&header, b"\"enc\"") {
                CheckResult::Valid
            } else {
                CheckResult::Unknown
            }
        }
        _ => CheckResult::Invalid,
    }
}

/// Checks `header.key.iv.ciphertext.tag`.
pub(super) fn validate_encrypted(text: &[u8]) -> CheckResult {
    let header = text.split(|&b| b == b'.').next().unwrap_or_default();
    match decode(header) {
        Some(header) if is_object(&header) && has_member(&header, b"\"enc\"") => CheckResult::Valid,
        _ => CheckResult::Impossible,
    }
}

fn decode(part: &[u8]) -> Option<Vec<u8>> {
    let part = &part[..part.len().min(MAX_HEADER)];
    let end = part.iter().rposition(|&b| b != b'=').map_or(0, |i| i + 1);
    // Claims may be cut at the limit; a multiple of four decodes on its own.
    let part = if end == MAX_HEADER { &part[..end / 4 * 4] } else { &part[..end] };
    URL_SAFE_NO_PAD.decode(part).ok()
}

fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}

fn has_algorithm(json: &[u8]) -> bool {
    has_member(json, b"\"alg\"") || has_member(json, b"\"typ\"") || has_member(json, b"\"enc\"")
}

fn has_member(json: &[u8], key: &[u8]) -> bool {
    memchr::memmem::find(json, key).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_must_name_an_algorithm() {
        let make = |header: &str, claims: &str| {
            format!("{}.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
        };
        assert_eq!(validate(make(r#"{"alg":"HS256"}"#, r#"{"sub":"1"}"#).as_bytes()), CheckResult::Valid);
        assert_eq!(validate(make(r#"{"alg":"HS256"}"#, "text").as_bytes()), CheckResult::Unknown);
        assert_eq!(validate(make(r#"{"a":1}"#, r#"{"sub":"1"}"#).as_bytes()), CheckResult::Invalid);
        assert_eq!(validate(b"eyJ"), CheckResult::Impossible);
        let unsigned = |claims: &str| {
            let signed = make(r#"{"alg":"none"}"#, claims);
            validate(&signed.as_bytes()[..=signed.rfind('.').unwrap()])
        };
        assert_eq!(unsigned(r#"{"sub":"1"}"#), CheckResult::Valid);
        assert_eq!(unsigned("text"), CheckResult::Impossible);
    }
}
