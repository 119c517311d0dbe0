//! What a request takes from its client's memory, and leaves there.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use aegis_detect::{FoundList, FoundValues};
use aegis_shield::places::{self, Role};

use super::state::Exchange;
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
        let mut parts: Vec<&[u8]> = Vec::new();
        let kind: &[u8] = if key.is_empty() { b"credentials" } else { b"key" };
        let address;
        if key.is_empty() {
            parts.extend(self.credentials());
        } else {
            parts.extend([organisation.as_bytes(), key.as_bytes()]);
        }
        if parts.is_empty() {
            address = match self.record.peer {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            parts.push(&address);
        }
        // What the client calls its users; a name that stands there twice is another one.
        parts.push(kind);
        parts.extend(fields.get_all(CLIENT_FIELD));
        Some(client_key(&parts))
    }

    /// What the client shows its provider, in fields and parameters.
    fn credentials(&self) -> impl Iterator<Item = &[u8]> {
        let head = &self.buffers.request;
        let fields = head
            .fields
            .iter()
            .filter(|(name, value)| !value.is_empty() && places::of_header(name) == Some(Role::Credential));
        let (_, query) = head.path.split_once('?').unwrap_or_default();
        let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        let parameters = parameters.filter(|(name, value)| {
            !value.is_empty() && places::of_parameter(name.as_bytes()) == Some(Role::Credential)
        });
        fields.map(|(_, value)| value).chain(parameters.map(|(_, value)| value.as_bytes()))
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
