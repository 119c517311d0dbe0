//! Who may use the gateway, checked on a request's way.
//!
//! The gateway key comes in `x-aegis-key`. Where the upstream's own key is configured the client has no key of the
//! provider to send, so the field that would carry it (`authorization: Bearer`, `x-api-key`, `x-goog-api-key`,
//! `api-key`) may carry the gateway key instead: a tool then needs no other setting than its usual one. Keys are
//! looked up by hash, and compared in constant time.
//!
//! Keys made by `key new` have a shape that a built-in rule finds in texts. One that somebody thought up has none and
//! is kept nowhere, but the request that shows it carries it: it is looked for in the texts of that request.

use aegis_detect::OwnValue;
use aegis_wire::head::Fields;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::config::settings::KeyHeader;
use crate::error_body::{ErrorKind, Failure};
use crate::hex::HEXLOWER;
use crate::snapshot::{Auth, GatewayKeys, HashedKey, Upstream};

/// Request field that carries the gateway key.
pub const KEY_FIELD: &[u8] = b"x-aegis-key";

/// Fields in which providers take their keys. Their values authenticate the client at the upstream: they are never
/// scanned, and they are dropped when the gateway sends a key of its own.
pub const CREDENTIAL_FIELDS: [&[u8]; KeyHeader::ALL.len()] = {
    let mut fields: [&[u8]; KeyHeader::ALL.len()] = [b""; KeyHeader::ALL.len()];
    let mut at = 0;
    while at < fields.len() {
        fields[at] = KeyHeader::ALL[at].field().as_bytes();
        at += 1;
    }
    fields
};

/// Checks the key of a request; `None` when the gateway asks for none.
pub fn check<'a>(
    auth: &'a Auth,
    fields: &Fields,
    upstream: &Upstream,
) -> Result<Option<&'a HashedKey>, Failure> {
    let Auth::Keys(keys) = auth else { return Ok(None) };
    let has_key = upstream.key.is_some();
    let key = find(keys, presented(fields, has_key).ok_or_else(|| missing(keys, fields))?)?;
    if !key.upstreams.is_empty() && !key.upstreams.contains(&upstream.name) {
        return Err(NOT_HERE);
    }
    Ok(Some(key))
}

/// Checks the key of a request about the gateway itself, for which no provider's key is needed, so that the gateway's
/// own may stand in any of the fields.
pub fn check_own<'a>(auth: &'a Auth, fields: &Fields) -> Result<Option<&'a HashedKey>, Failure> {
    let Auth::Keys(keys) = auth else { return Ok(None) };
    find(keys, presented(fields, true).ok_or(MISSING)?).map(Some)
}

/// The key that was presented, if it is one that may be used.
fn find<'a>(keys: &'a GatewayKeys, presented: &[u8]) -> Result<&'a HashedKey, Failure> {
    let key = keys.get(&Sha256::digest(presented).into()).ok_or(UNKNOWN)?;
    if key.disabled { Err(DISABLED) } else { Ok(key) }
}

/// What begins the keys made by `key new`, so that people and scanners know one when they see one.
const KEY_PREFIX: &str = "aegis-gk-";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// Hexadecimal digits of the check value behind them.
const CHECK_DIGITS: usize = 8;

/// A key as `key new` shows it: the prefix, the random bytes and the CRC-32 of all that, which distinguishes a key from
/// a text about keys.
pub(crate) fn format_key(random: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    let mut key = Zeroizing::new(String::with_capacity(KEY_PREFIX.len() + 2 * KEY_BYTES + CHECK_DIGITS));
    key.push_str(KEY_PREFIX);
    key.push_str(&Zeroizing::new(HEXLOWER.encode(random)));
    let check = crc32fast::hash(key.as_bytes());
    key.push_str(&HEXLOWER.encode(&check.to_be_bytes()));
    key
}

/// Whether the rule for gateway keys finds this one; keys made by older versions have no check value.
fn has_shape(key: &[u8]) -> bool {
    key.strip_prefix(KEY_PREFIX.as_bytes()).is_some_and(|digits| {
        let length = digits.len();
        (length == 2 * KEY_BYTES || length == 2 * KEY_BYTES + CHECK_DIGITS)
            && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The key that a request was let in with, to be hidden where it stands in the request's texts; none where a rule finds
/// it anyway, or where it would be met by chance.
pub fn own_key(fields: &Fields, upstream: &Upstream) -> Option<OwnValue> {
    hidden(presented(fields, upstream.key.is_some())?)
}

/// As [`own_key`], for a request about the gateway itself.
pub fn own_key_of_client(fields: &Fields) -> Option<OwnValue> {
    hidden(presented(fields, true)?)
}

fn hidden(key: &[u8]) -> Option<OwnValue> {
    if has_shape(key) { None } else { OwnValue::new(key).ok() }
}

/// The gateway key that a request shows, where the gateway asks for one: it is not to leave in any other place.
pub fn shown(auth: &Auth, fields: &Fields, upstream: &Upstream) -> Option<Zeroizing<Vec<u8>>> {
    let Auth::Keys(_) = auth else { return None };
    presented(fields, upstream.key.is_some()).map(|key| Zeroizing::new(key.to_vec()))
}

const MISSING: Failure = Failure::new(
    401,
    ErrorKind::Unauthorized,
    "a gateway key is required: send it in the x-aegis-key header",
);
const MISPLACED: Failure = Failure::new(
    401,
    ErrorKind::Unauthorized,
    "a gateway key stands where the provider's key belongs, and the gateway has none for this upstream: send the gateway \
     key in the x-aegis-key header, or give the gateway the provider's key (upstreams.NAME.api_key_env)",
);
const UNKNOWN: Failure = Failure::new(401, ErrorKind::Unauthorized, "the gateway key is not known");
const DISABLED: Failure = Failure::new(401, ErrorKind::TokenRevoked, "the gateway key was revoked");
const NOT_HERE: Failure =
    Failure::new(403, ErrorKind::Forbidden, "the gateway key may not use this upstream");

/// Why no key was found. One that stands where only the provider's may stand gets an error of its own: it would have gone there.
fn missing(keys: &GatewayKeys, fields: &Fields) -> Failure {
    // One that somebody thought up has no shape, and is known by its hash.
    let is_gateway_key = |key: &[u8]| has_shape(key) || keys.get(&Sha256::digest(key).into()).is_some();
    if presented(fields, true).is_some_and(is_gateway_key) { MISPLACED } else { MISSING }
}

/// The key a request shows, wherever it may stand. An empty one is none.
fn presented(fields: &Fields, upstream_has_key: bool) -> Option<&[u8]> {
    let is_key = |key: &&[u8]| !key.trim_ascii().is_empty();
    if let Some(key) = fields.get(KEY_FIELD).filter(is_key) {
        return Some(key);
    }
    if !upstream_has_key {
        return None;
    }
    CREDENTIAL_FIELDS.iter().find_map(|name| {
        let value = fields.get(name)?;
        let key = if *name == b"authorization" { bearer(value) } else { Some(value) };
        key.filter(is_key)
    })
}

/// The credentials of a Bearer field (RFC 6750 section 2.1); the scheme is matched in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in list {
            fields.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        fields
    }

    #[test]
    fn the_gateway_key_may_stand_in_for_the_providers_only_when_that_is_configured() {
        let own = fields(&[("authorization", "bearer  gate"), ("x-aegis-key", "first")]);
        assert_eq!(presented(&own, true), Some(&b"first"[..]));
        let bearer_only = fields(&[("Authorization", "BEARER gate")]);
        assert_eq!(presented(&bearer_only, true), Some(&b"gate"[..]));
        assert_eq!(presented(&bearer_only, false), None);
        assert_eq!(presented(&fields(&[("x-api-key", "gate")]), true), Some(&b"gate"[..]));
        assert_eq!(presented(&fields(&[("authorization", "Basic Z2F0ZQ==")]), true), None);
    }

    #[test]
    fn a_gateway_key_in_the_place_of_the_providers_has_an_error_of_its_own() {
        let by_hand = HashedKey {
            id: "by-hand".into(),
            organisation: None,
            user: None,
            sha256: Sha256::digest(b"thought-up-by-hand").into(),
            upstreams: Vec::new(),
            recall: true,
            disabled: false,
        };
        let keys = GatewayKeys::new([by_hand]);
        let made = format_key(&[1; KEY_BYTES]);
        for key in [made.as_str(), "thought-up-by-hand"] {
            let shown = fields(&[("authorization", &format!("Bearer {key}"))]);
            assert!(
                missing(&keys, &shown).message.contains("send the gateway key in the x-aegis-key header")
            );
        }
        let of_provider = fields(&[("authorization", "Bearer made-up")]);
        assert!(missing(&keys, &of_provider).message.contains("a gateway key is required"));
    }

    #[test]
    fn an_empty_key_is_none() {
        for (name, value) in
            [("x-aegis-key", ""), ("x-aegis-key", " "), ("authorization", "Bearer  "), ("x-api-key", "")]
        {
            assert_eq!(presented(&fields(&[(name, value)]), true), None, "{name}: {value:?}");
        }
        let beside = fields(&[("x-aegis-key", ""), ("authorization", "Bearer gate")]);
        assert_eq!(presented(&beside, true), Some(&b"gate"[..]));
    }

    /// What is said here to be found by a rule must be found by one.
    #[test]
    fn the_shape_is_that_of_the_rules() {
        let rules = aegis_detect::Rules::builtin().unwrap();
        for (id, digits) in [
            ("aegis-gateway-key", 2 * KEY_BYTES + CHECK_DIGITS),
            ("aegis-gateway-key-unchecked", 2 * KEY_BYTES),
        ] {
            let rule = rules.get(rules.find(id).unwrap());
            let pattern = regex::Regex::new(&format!("^(?:{})$", rule.pattern)).unwrap();
            for length in [digits - 1, digits, digits + 1] {
                let key = format!("{KEY_PREFIX}{}", "a".repeat(length));
                assert_eq!(pattern.is_match(&key), length == digits, "{id} {length}");
                assert_eq!(has_shape(key.as_bytes()), length == digits, "{id} {length}");
            }
        }
    }

    #[test]
    fn keys_made_here_have_a_shape_and_a_check_value_and_older_ones_the_shape() {
        let key = format_key(&[0xab; KEY_BYTES]);
        assert_eq!(*key, format!("aegis-gk-{}9c910523", "ab".repeat(KEY_BYTES)));
        assert!(has_shape(key.as_bytes()) && has_shape(&key.as_bytes()[..key.len() - CHECK_DIGITS]));
        assert!(
            !has_shape(&key.as_bytes()[..key.len() - 1])
                && !has_shape(b"aegis-gk-mine")
                && !has_shape(b"gate-key-one")
        );
    }
}
