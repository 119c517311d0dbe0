//! Who may use the gateway, checked on a request's way.
//!
//! The gateway key comes in `x-aegis-key`. Where the upstream's own key is configured the client has no key of the provider to
//! send, so the field that would carry it (`authorization: Bearer`, `x-api-key`, `x-goog-api-key`, `api-key`) may
//! carry the gateway key instead: a tool then needs no other setting than its usual one. Keys are compared by hash, all of
//! them, in constant time.

use aegis_wire::head::Fields;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error_body::{ErrorKind, Failure};
use crate::snapshot::{Auth, HashedKey, Upstream};

/// Request field that carries the gateway key.
pub const KEY_FIELD: &[u8] = b"x-aegis-key";

/// Fields in which providers take their keys. Their values authenticate the client at the upstream: they are never
/// scanned, and they are dropped when the gateway sends a key of its own.
pub const CREDENTIAL_FIELDS: [&[u8]; 4] = [b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key"];

/// Checks the key of a request; `None` when the gateway asks for none.
pub fn check<'a>(
    auth: &'a Auth,
    fields: &Fields,
    upstream: &Upstream,
) -> Result<Option<&'a HashedKey>, Failure> {
    let Auth::Keys(keys) = auth else { return Ok(None) };
    let presented = presented(fields, upstream.key.is_some()).ok_or(MISSING)?;
    let hash: [u8; 32] = Sha256::digest(presented).into();
    let mut found = None;
    for key in keys {
        if bool::from(key.sha256.ct_eq(&hash)) {
            found = Some(key);
        }
    }
    let key = found.ok_or(UNKNOWN)?;
    if key.disabled {
        return Err(DISABLED);
    }
    if !key.upstreams.is_empty() && !key.upstreams.contains(&upstream.name) {
        return Err(NOT_HERE);
    }
    Ok(Some(key))
}

const MISSING: Failure = Failure::new(
    401,
    ErrorKind::Unauthorized,
    "a gateway key is required: send it in the x-aegis-key header",
);
const UNKNOWN: Failure = Failure::new(401, ErrorKind::Unauthorized, "the gateway key is not known");
const DISABLED: Failure = Failure::new(401, ErrorKind::TokenRevoked, "the gateway key was revoked");
const NOT_HERE: Failure =
    Failure::new(403, ErrorKind::Forbidden, "the gateway key may not use this upstream");

/// The key a request shows, wherever it may stand.
fn presented(fields: &Fields, upstream_has_key: bool) -> Option<&[u8]> {
    if let Some(key) = fields.get(KEY_FIELD) {
        return Some(key);
    }
    if !upstream_has_key {
        return None;
    }
    CREDENTIAL_FIELDS.iter().find_map(|name| {
        let value = fields.get(name)?;
        if *name == b"authorization" { bearer(value) } else { Some(value) }
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
}
