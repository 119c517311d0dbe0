//! Requests that the gateway itself answers, because they are about it and not about an upstream.
//!
//! Tools look whether their base URL is alive (`HEAD /`, `GET /`), and browsers ask what a page may send before it does.

use aegis_wire::head::{Method, RequestHead};

use crate::route::PROVIDER_FIELD;
use crate::snapshot::Snapshot;

/// What is asked of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalRequest {
    /// Whether it is there.
    Alive,
    /// What it can be asked (`OPTIONS *`, `OPTIONS /`).
    Options,
    /// Whether a listed page may send a request (CORS preflight).
    Preflight,
}

impl LocalRequest {
    /// Recognises a request about the gateway. `/` of a gateway with a single upstream is that upstream's.
    pub(super) fn of(snapshot: &Snapshot, head: &RequestHead) -> Option<Self> {
        if head.method == Method::Options && snapshot.sites.is_preflight(head) {
            return Some(Self::Preflight);
        }
        let root = head.path == "*"
            || ((head.path == "/" || head.path.starts_with("/?"))
                && snapshot.upstreams.len() != 1
                && !head.fields.contains(PROVIDER_FIELD));
        match head.method {
            Method::Get | Method::Head if root => Some(Self::Alive),
            Method::Options if root => Some(Self::Options),
            _ => None,
        }
    }
}
