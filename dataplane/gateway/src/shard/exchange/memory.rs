//! What a request takes from its client's memory, and leaves there.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use aegis_detect::{FoundList, FoundValues};
use aegis_shield::places::{self, Role};
use aegis_wire::head::RequestHead;

use super::state::Exchange;
use crate::auth::CREDENTIAL_FIELDS;
use crate::recall::{CLIENT_FIELD, Owner, Recall, Remembered, client_key};
use crate::shared_table::TableKey;
use crate::snapshot::Upstream;

impl Exchange<'_> {
    /// Where the values of this request's client are remembered; `None` if they are not.
    ///
    /// A client is who holds a gateway key, else who holds the same credentials, else whoever comes from the same address;
    /// and of these the one that the client itself names.
    pub(super) fn memory_key(&self, upstream: &Upstream) -> Option<TableKey> {
        if !(self.snapshot.recall.enabled && upstream.recall && self.record.may_recall()) {
            return None;
        }
        let head = &self.buffers.request;
        let (organisation, key) = self.record.owner();
        // What the client calls its users; a name that stands there twice is another one.
        let names: Vec<&[u8]> = head.fields.get_all(CLIENT_FIELD).collect();
        if !key.is_empty() {
            return Some(client_key(b"key", &[organisation.as_bytes(), key.as_bytes()], &names));
        }
        let credentials = client_credentials(head);
        if !credentials.is_empty() {
            return Some(client_key(b"credentials", &credentials, &names));
        }
        let address = match self.record.peer {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        Some(client_key(b"address", &[&address], &names))
    }

    /// The values that the client's earlier requests held.
    pub(super) fn recall(&self, memory: Option<TableKey>) -> Option<Arc<FoundValues>> {
        let settings = &self.snapshot.recall;
        memory.and_then(|key| Recall::shared(settings).recall(key, &self.snapshot.shield.rules, settings))
    }

    /// Remembers what the request held.
    pub(super) fn remember(
        &self,
        memory: Option<TableKey>,
        found: Option<&FoundList>,
        met: &HashSet<[u8; 32]>,
    ) {
        let Some(key) = memory.filter(|_| found.is_some() || !met.is_empty()) else { return };
        let (organisation, name) = self.record.owner();
        let owner = Owner { organisation: organisation.into(), key: name.into() };
        let settings = &self.snapshot.recall;
        let request = Remembered { found, met, rules: &self.snapshot.shield.rules };
        Recall::shared(settings).remember(key, &owner, &request, settings);
    }
}

/// How signatures of AWS begin (Signature Version 4), behind which the access key stands: all else changes with each request.
const SIGNED: &[u8] = b"AWS4-HMAC-SHA256 Credential=";

/// What tells a client from others of what it shows its provider, as long as it is the same from one request to the next:
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
}
