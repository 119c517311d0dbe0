//! Requests that the gateway itself answers, because they are about it and not about an upstream.
//!
//! Tools look whether their base URL is alive (`HEAD /`, `GET /`), and browsers ask what a page may send before it does.

use aegis_wire::head::{Method, RequestHead};

use crate::route::{self, PROVIDER_FIELD};
use crate::snapshot::Snapshot;

/// Where a preview is asked for.
pub(super) const PREVIEW_PATH: &str = "/aegis/v1/preview";

/// Whether a preview is asked for.
pub(super) fn is_preview(head: &RequestHead) -> bool {
    route::path_of(&head.path) == PREVIEW_PATH
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_recognised_by_its_whole_path() {
        let asked = |path: &str| is_preview(&RequestHead { path: path.to_owned(), ..RequestHead::default() });
        assert!(asked("/aegis/v1/preview") && asked("/aegis/v1/preview?provider=openai"));
        assert!(!asked("/aegis/v1/preview/") && !asked("/aegis/v1") && !asked("/v1/aegis/v1/preview"));
    }
}
