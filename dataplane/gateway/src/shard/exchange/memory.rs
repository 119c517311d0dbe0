//! What a request takes from its client's memory, and leaves there.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use aegis_detect::{FoundList, FoundValues};
use aegis_shield::Vault;
use aegis_shield::places::{self, Role};
use aegis_wire::head::RequestHead;

use super::state::Exchange;
use crate::auth::{self, CREDENTIAL_FIELDS};
use crate::recall::{
    CLIENT_FIELD, Credentials, Owner, Recall, Remembered, SealKey, SealedValues, Unsealing, client_key,
};
use crate::shared_table::TableKey;
use crate::snapshot::Upstream;

/// Where a client's values are remembered.
pub(super) struct Memory {
    place: TableKey,
    /// What opens its sealed values.
    credentials: Credentials,
}

impl Exchange<'_> {
    /// Where the values of this request's client are remembered; `None` if they are not.
    ///
    /// A client is who holds a gateway key, else who holds the same credentials, else whoever comes from the same address;
    /// and of these the one that the client itself names.
    pub(super) fn client_memory(&self, upstream: &Upstream) -> Option<Memory> {
        if !(self.snapshot.recall.enabled && upstream.recall && self.record.may_recall()) {
            return None;
        }
        let head = &self.buffers.request;
        let (organisation, key) = self.record.owner();
        // What the client calls its users; a name that stands there twice is another one.
        let names: Vec<&[u8]> = head.fields.get_all(CLIENT_FIELD).collect();
        if !key.is_empty() {
            let place = client_key(b"key", &[organisation.as_bytes(), key.as_bytes()], &names);
            let shown = auth::shown(&self.snapshot.auth, &head.fields, upstream)?;
            return Some(Memory { place, credentials: Credentials::of_gateway_key(shown) });
        }
        let credentials = client_credentials(head);
        let place = if credentials.is_empty() {
            let address = match self.record.peer {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            client_key(b"address", &[&address], &names)
        } else {
            client_key(b"credentials", &credentials, &names)
        };
        Some(Memory { place, credentials: Credentials::of_provider(client_secrets(head)) })
    }

    /// The values that the client's earlier requests held.
    pub(super) fn recall(&self, memory: Option<&Memory>) -> Option<Arc<FoundValues>> {
        let settings = &self.snapshot.recall;
        Recall::shared(settings).recall(memory?.place, &self.snapshot.shield.rules, settings)
    }

    /// Remembers what the request held.
    pub(super) fn remember(
        &self,
        memory: Option<&Memory>,
        found: Option<&FoundList>,
        met: &HashSet<[u8; 32]>,
    ) {
        let Some(memory) = memory.filter(|_| found.is_some() || !met.is_empty()) else { return };
        let settings = &self.snapshot.recall;
        let request = Remembered { found, met, rules: &self.snapshot.shield.rules };
        Recall::shared(settings).remember(memory.place, &self.owner(), &request, settings);
    }

    /// Keeps the values behind the tokens of this request sealed, for the client's later ones.
    pub(super) fn seal(&self, memory: &Memory, vault: &Vault) {
        if vault.is_empty() {
            return;
        }
        if let Some(key) = SealKey::derive(&memory.credentials, memory.place) {
            let settings = &self.snapshot.recall;
            Recall::shared(settings).seal(memory.place, &self.owner(), &key, vault, settings);
        }
    }

    /// Gives `vault` what the client's earlier requests left sealed, for a reply that may hold their tokens. Says how many
    /// values these are.
    pub(super) fn offer_sealed(&self, memory: &Memory, vault: &mut Vault) -> usize {
        let settings = &self.snapshot.recall;
        let Some(sealed) = Recall::shared(settings).sealed(memory.place, settings) else { return 0 };
        let Some(key) = SealKey::derive(&memory.credentials, memory.place) else { return 0 };
        let unsealing = Unsealing { key, keyring: Arc::clone(&self.snapshot.shield.keyring) };
        SealedValues::offer(&sealed, unsealing, vault, settings.ttl)
    }

    fn owner(&self) -> Owner {
        let (organisation, key) = self.record.owner();
        Owner { organisation: organisation.into(), key: key.into() }
    }
}

/// How signatures of AWS begin (Signature Version 4), behind which the access key stands: all else changes with each request.
const SIGNED: &[u8] = b"AWS4-HMAC-SHA256 Credential=";

/// The credentials that identify a client, as far as they are the same from one request to the next:
/// the fields for keys, else the parameters for them, else its cookies.
fn client_credentials(head: &RequestHead) -> Vec<&[u8]> {
    let of_fields: Vec<&[u8]> =
        CREDENTIAL_FIELDS.iter().filter_map(|field| head.fields.get(field)).map(without_signature).collect();
    if of_fields.iter().any(|value| !value.is_empty()) {
        return of_fields;
    }
    let (_, query) = head.path.split_once('?').unwrap_or_default();
    let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    let keys = parameters.filter(|(name, value)| {
        !value.is_empty() && places::of_parameter(name.as_bytes()) == Some(Role::Credential)
    });
    let of_query: Vec<&[u8]> = keys.map(|(_, value)| value.as_bytes()).collect();
    if !of_query.is_empty() {
        return of_query;
    }
    head.fields.get_all(b"cookie").filter(|value| !value.is_empty()).collect()
}

/// Parameters that carry a key, and not a signature of this one request.
const KEY_PARAMETERS: [&[u8]; 5] = [b"key", b"api_key", b"api-key", b"apikey", b"access_token"];

/// What a client shows its provider that only the two know: keys, but no signatures, which change with each request and
/// leave only the name of a key, and no cookies, which need not be secret.
fn client_secrets(head: &RequestHead) -> impl Iterator<Item = &[u8]> {
    let fields = CREDENTIAL_FIELDS.iter().filter_map(|field| secret_of(head.fields.get(field)?));
    let (_, query) = head.path.split_once('?').unwrap_or_default();
    let parameters = query.split('&').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_key = KEY_PARAMETERS.iter().any(|key| key.eq_ignore_ascii_case(name.as_bytes()));
        is_key.then_some(value.as_bytes())
    });
    fields.chain(parameters)
}

/// The key in a field for keys: all of it, or what stands behind the schemes that carry one (RFC 6750, RFC 7617).
fn secret_of(value: &[u8]) -> Option<&[u8]> {
    let Some(at) = value.iter().position(|byte| *byte == b' ') else { return Some(value) };
    let (scheme, secret) = value.split_at(at);
    let is_known = scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic");
    is_known.then(|| secret.trim_ascii())
}

/// A credential without what signs this one request.
fn without_signature(value: &[u8]) -> &[u8] {
    match value.strip_prefix(SIGNED) {
        Some(rest) => rest.split(|byte| *byte == b'/').next().unwrap_or(rest),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_recognised_by_what_stays_the_same() {
        let credentials = |path: &str, fields: &[(&str, &str)]| -> Vec<String> {
            let mut head = RequestHead { path: path.to_owned(), ..RequestHead::default() };
            for (name, value) in fields {
                head.fields.push(name.as_bytes(), value.as_bytes()).unwrap();
            }
            client_credentials(&head).iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        };
        let signed =
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261130/eu-west-1/bedrock/aws4_request, Signature=0a1b";
        for (path, fields, expected) in [
            ("/x", &[("authorization", "Bearer a"), ("cookie", "c=1")][..], &["Bearer a"][..]),
            ("/x?key=k", &[("x-api-key", "a"), ("api-key", "b")], &["a", "b"]),
            ("/x", &[("authorization", signed)], &["AKIAEXAMPLE"]),
            ("/x?a=1&key=k&page=2", &[("cookie", "c=1")], &["k"]),
            ("/x?key=", &[("cookie", "c=1")], &["c=1"]),
            ("/x", &[("authorization", "")], &[]),
            ("/x", &[], &[]),
        ] {
            assert_eq!(credentials(path, fields), expected, "{path} {fields:?}");
        }
    }

    #[test]
    fn what_only_client_and_provider_know_is_no_signature_and_no_cookie() {
        let secrets = |path: &str, fields: &[(&str, &str)]| -> Vec<String> {
            let mut head = RequestHead { path: path.to_owned(), ..RequestHead::default() };
            for (name, value) in fields {
                head.fields.push(name.as_bytes(), value.as_bytes()).unwrap();
            }
            client_secrets(&head).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        };
        for (path, fields, expected) in [
            ("/x", &[("authorization", "bearer  a"), ("cookie", "c=1")][..], &["a"][..]),
            ("/x?key=k&a=1", &[("x-api-key", "a"), ("authorization", "Basic b")], &["b", "a", "k"]),
            ("/x", &[("authorization", "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/1/2/3, Signature=0a")], &[]),
            ("/x?X-Amz-Credential=AKIAEXAMPLE&X-Amz-Signature=0a&sig=1", &[], &[]),
            ("/x", &[("cookie", "session=abc")], &[]),
        ] {
            assert_eq!(secrets(path, fields), expected, "{path} {fields:?}");
        }
    }
}
