//! What a request takes from its client's memory, and leaves there.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use aegis_detect::{FoundList, FoundValues};

use super::state::Exchange;
use crate::auth;
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
        let fields = &self.buffers.request.fields;
        let (organisation, key) = self.record.owner();
        let named = fields.get(CLIENT_FIELD).unwrap_or_default();
        if !key.is_empty() {
            return Some(client_key(&[b"key", organisation.as_bytes(), key.as_bytes(), named]));
        }
        let credentials = auth::CREDENTIAL_FIELDS.map(|field| fields.get(field).unwrap_or_default());
        if credentials.iter().all(|credential| credential.is_empty()) {
            let address = match self.record.peer {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            return Some(client_key(&[b"address", &address.octets(), named]));
        }
        let mut parts = vec![&b"credentials"[..], named];
        parts.extend(credentials);
        Some(client_key(&parts))
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
