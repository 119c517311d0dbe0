//! Which parts of a request's head are worth a scan.
//!
//! Two kinds of values are left alone, because they are meant for the upstream and it would refuse the request without
//! them: query parameters in which providers take keys, signatures, grants and page tokens, and header fields in which
//! they take credentials. Both are listed by their exact names in the table of places ([`aegis_shield::places`]): a
//! name that merely sounds like a key is no reason to pass its value. Most of what libraries send besides is too short
//! to be a secret, or one of a few usual values. Values that the organisation has handed over may look like a word:
//! where there are some (`known`), nothing is ruled out without a scan.

use aegis_shield::places;

/// No secret that a rule finds is shorter.
const SHORTEST: usize = 8;
/// Names of parameters are not longer, if they are words: keys of letters only are.
const LONGEST_NAME: usize = 16;

/// Names of fields whose short parts may hold digits (`sec-ch-ua-wow64`, `x-b3-spanid`) are not longer.
const LONGEST_HEADER: usize = 20;

/// Values that clients send with every request, as a whole.
const USUAL_VALUES: [&[u8]; 8] = [
    b"application/json",
    b"application/json, text/event-stream",
    b"application/json, text/plain, */*",
    b"application/json; charset=utf-8",
    b"identity",
    b"keep-alive",
    b"text/event-stream",
    b"2023-06-01",
];

/// Whether a query parameter must be scanned.
pub(super) fn is_suspect_parameter(parameter: &str, known: bool) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or(("", parameter));
    if name.is_empty() || places::of_parameter(name.as_bytes()).is_none() {
        return value.len() >= SHORTEST || name.len() >= SHORTEST && (known || !is_plain_name(name));
    }
    false
}

/// Whether the name of a parameter is one of an API: `uploadType`, `api-version`. Those with digits or of many letters
/// are looked at.
fn is_plain_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.'))
        && !name.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether a header field must be scanned.
pub(super) fn is_suspect_field(name: &[u8], value: &[u8], known: bool) -> bool {
    if places::of_header(name).is_some() || is_multipart_type(name, value) {
        return false;
    }
    !is_plain_header(name)
        || known && name.len() >= SHORTEST
        || value.len() >= SHORTEST && (known || !(is_short_words(value) || USUAL_VALUES.contains(&value)))
}

/// Whether a field says where the parts of the body end: a random word, which must stay what stands in the body.
fn is_multipart_type(name: &[u8], value: &[u8]) -> bool {
    const START: &[u8] = b"multipart/";
    name == b"content-type" && value.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

/// Whether the name of a field (in lower case, as fields are kept) is words: `x-stainless-retry-count`.
pub(super) fn is_plain_header(name: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        part.len() < SHORTEST && name.len() < LONGEST_HEADER
            || part.len() <= LONGEST_NAME && part.iter().all(u8::is_ascii_lowercase)
    };
    name.len() < SHORTEST || name.split(|byte| b"-_.".contains(byte)).all(is_word)
}

/// Whether no part of a value is long enough to be a secret, and none is given to another: `OpenAI/Python 1.2.3`.
fn is_short_words(value: &[u8]) -> bool {
    let ends = |byte: &u8| b" /,;()".contains(byte);
    value.split(ends).all(|word| word.len() < SHORTEST) && !value.iter().any(|byte| b"=:@".contains(byte))
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
            ("alt=sse", false),
            ("beta=true", false),
            ("uploadType=media", false),
            ("q=0123456789abcdef", true),
            ("mykey=0123456789abcdef", true),
            ("0123456789abcdef", true),
            ("=0123456789abcdef", true),
            ("AKIAQ3EGV7ZKLM2XTN4D=1", true),
            ("AKIAQEGVZKLMXTND=", true),
            ("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=", true),
        ] {
            assert_eq!(is_suspect_parameter(parameter, false), suspect, "{parameter}");
        }
        for (name, suspect) in [
            ("authorization", false),
            ("x-api-key", false),
            ("x-goog-api-key", false),
            ("api-key", false),
            ("x-amz-security-token", false),
            ("cookie", false),
            ("x-stainless-runtime-version", true),
            ("user-agent", true),
            ("sec-notes", true),
            ("openai-project", true),
            ("x-title", true),
            ("metadata", true),
            ("x-my-key", true),
            ("x-author", true),
            ("x-session-notes", true),
            ("idempotency-key", true),
        ] {
            assert_eq!(is_suspect_field(name.as_bytes(), b"0123456789", false), suspect, "{name}");
        }
        for (value, suspect) in [
            ("short", false),
            ("seven77 eight88", false),
            ("seven77 eight888", true),
            ("OpenAI/Python 1.2.3", false),
            ("application/json", false),
            ("application/jsonx", true),
            ("a=b c d e", true),
            ("p@ss/w0rd", true),
            ("caf\u{e9} caf\u{e9}", false),
        ] {
            assert_eq!(is_suspect_field(b"x-title", value.as_bytes(), false), suspect, "{value}");
            assert_eq!(
                is_suspect_field(b"x-title", value.as_bytes(), true),
                value.len() >= SHORTEST,
                "{value}"
            );
        }
        assert!(
            is_suspect_parameter("correcthorsebatt=1", true)
                && !is_suspect_parameter("correcthorsebatt=1", false)
        );
    }

    #[test]
    fn boundaries_stay_and_other_types_are_looked_at() {
        for (value, suspect) in [
            ("multipart/form-data; boundary=AKIAQ3EGV7ZKLM2XTN4D", false),
            ("Multipart/mixed; boundary=AKIAQ3EGV7ZKLM2XTN4D", false),
            ("application/json; note=AKIAQ3EGV7ZKLM2XTN4D", true),
        ] {
            assert_eq!(is_suspect_field(b"content-type", value.as_bytes(), false), suspect, "{value}");
        }
    }

    #[test]
    fn every_field_that_carries_the_upstreams_key_may_pass() {
        for name in crate::auth::CREDENTIAL_FIELDS {
            assert!(places::of_header(name).is_some(), "{}", String::from_utf8_lossy(name));
        }
    }
}
