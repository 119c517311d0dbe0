//! Which parts of a request's head are scanned: all but what is meant for the upstream, which would refuse the request
//! without it.
//!
//! That are query parameters in which providers take keys, signatures, grants and page tokens, and header fields in
//! which they take credentials. Both are listed by their exact names in the table of places ([`aegis_shield::places`]):
//! a name that merely sounds like a key is no reason to pass its value. Of the type of a multipart body the boundary
//! stays, and nothing else.
//!
//! Nothing is ruled out by its looks. A rule may find what is short, what is made of words, and what stands in a usual
//! value, by the name before it or by an organisation's own rules; what makes the scan cheap is that a client's fields
//! are remembered once they were found clean ([`clean`](super::super::clean)).

use aegis_shield::{boundary_span, places};

/// The shortest part of a name that may be an identifier.
const SHORTEST: usize = 8;
/// Words of a name are not longer.
const LONGEST_WORD: usize = 16;
/// Names of fields whose short parts may hold digits (`sec-ch-ua-wow64`, `x-b3-spanid`) are not longer.
const LONGEST_HEADER: usize = 20;

/// Whether a query parameter is scanned.
pub(super) fn is_suspect_parameter(parameter: &str) -> bool {
    let name = parameter.split_once('=').map_or("", |(name, _)| name);
    name.is_empty() || places::of_parameter(name.as_bytes()).is_none()
}

/// The parts of a field's value that are scanned, and between them what stays as it is; `None` if all of it does. The
/// boundary of a multipart body that the request has (`has_body`) stays: it must be what stands in the body.
pub(super) fn suspect_parts<'a>(name: &[u8], value: &'a [u8], has_body: bool) -> Option<[&'a [u8]; 3]> {
    if places::of_header(name).is_some() {
        return None;
    }
    let boundary = if has_body && name == b"content-type" { boundary_span(value) } else { None };
    let boundary = boundary.unwrap_or(value.len()..value.len());
    Some([&value[..boundary.start], &value[boundary.clone()], &value[boundary.end..]])
}

/// Whether the name of a field (in lower case, as fields are kept) is words: `x-stainless-retry-count`. Only such names
/// are shown.
pub(super) fn is_plain_header(name: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        part.len() < SHORTEST && name.len() < LONGEST_HEADER
            || part.len() <= LONGEST_WORD && part.iter().all(u8::is_ascii_lowercase)
    };
    name.len() < SHORTEST || name.split(|byte| b"-_.".contains(byte)).all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_the_upstream_is_left_alone() {
        for (parameter, suspect) in [
            ("key=AIzaSyD3kX9vQ2mT7bW1nR5cY8hJ4gF6pL0aZuE", false),
            ("Api-Key=0123456789abcdef", false),
            ("pageToken=0123456789abcdef", false),
            ("PAGE_TOKEN=0123456789abcdef", false),
            ("code=0123456789abcdef", false),
            ("upload_id=0123456789abcdef", false),
            ("alt=sse", true),
            ("key", true),
            ("q=0123456789abcdef", true),
            ("mykey=0123456789abcdef", true),
            ("0123456789abcdef", true),
            ("=0123456789abcdef", true),
            ("AKIAQ3EGV7ZKLM2XTN4D=1", true),
        ] {
            assert_eq!(is_suspect_parameter(parameter), suspect, "{parameter}");
        }
        for (name, suspect) in [
            ("authorization", false),
            ("x-api-key", false),
            ("x-goog-api-key", false),
            ("api-key", false),
            ("x-amz-security-token", false),
            ("cookie", false),
            ("user-agent", true),
            ("accept", true),
            ("openai-project", true),
            ("x-my-key", true),
            ("idempotency-key", true),
        ] {
            assert_eq!(suspect_parts(name.as_bytes(), b"1", true).is_some(), suspect, "{name}");
        }
    }

    #[test]
    fn of_a_multipart_type_the_boundary_stays() {
        let parts = |name: &str, value: &'static str, has_body| {
            let parts = suspect_parts(name.as_bytes(), value.as_bytes(), has_body).unwrap();
            parts.map(|part| str::from_utf8(part).unwrap())
        };
        let kept = |value| parts("content-type", value, true);
        assert_eq!(
            kept("multipart/form-data; x=1; boundary=ab; y=2"),
            ["multipart/form-data; x=1; boundary=", "ab", "; y=2"]
        );
        assert_eq!(
            kept("Multipart/mixed; BOUNDARY=\"a b\" x; y"),
            ["Multipart/mixed; BOUNDARY=", "\"a b\"", " x; y"]
        );
        for all in ["application/json; boundary=ab", "multipart/x; n=1", "multipart/x; boundary=;n=1"] {
            assert_eq!(kept(all), [all, "", ""]);
        }
        let value = "multipart/form-data; boundary=ab";
        assert_eq!(parts("content-type", value, false), [value, "", ""], "no body, no boundary");
        assert_eq!(parts("x-type", value, true), [value, "", ""]);
    }

    #[test]
    fn names_of_words_are_shown() {
        for name in ["x-stainless-retry-count", "sec-ch-ua-wow64", "x-b3-spanid", "dnt"] {
            assert!(is_plain_header(name.as_bytes()), "{name}");
        }
        for name in ["akiaq3egv7zklm2xtn4d", "x-0123456789abcdef", "x-correcthorsebattery"] {
            assert!(!is_plain_header(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn every_field_that_carries_the_upstreams_key_may_pass() {
        for name in crate::auth::CREDENTIAL_FIELDS {
            assert!(places::of_header(name).is_some(), "{}", String::from_utf8_lossy(name));
        }
    }
}
