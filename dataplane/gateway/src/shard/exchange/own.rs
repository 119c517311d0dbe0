//! Requests that the gateway itself answers, because they are about it and not about an upstream.
//!
//! Tools look whether their base URL is alive (`HEAD /`, `GET /`), and browsers ask what a page may send before it does.

use aegis_wire::h1;
use aegis_wire::head::{BodyLength, Method, RequestHead};

use super::super::client::After;
use super::Exchange;
use super::head::REQUEST_ID;
use crate::route::PROVIDER_FIELD;
use crate::snapshot::Snapshot;

/// What is asked of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// Whether it is there.
    Alive,
    /// What it can be asked (`OPTIONS *`, `OPTIONS /`).
    Options,
    /// Whether a listed page may send a request (CORS preflight).
    Preflight,
}

/// Methods that `/` is answered to.
const ALLOWED: &[u8] = b"GET, HEAD, OPTIONS";

impl Own {
    /// Whether a request is one of these. `/` of a gateway with a single upstream is that upstream's.
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

impl Exchange<'_> {
    /// Answers without a body.
    pub(super) async fn answer_own(&mut self, own: Own, all_read: bool) -> After {
        let keep_alive = self.peer.keep_alive && all_read;
        let reply = &mut self.bench.reply;
        reply.clear();
        reply.status = if own == Own::Preflight { 204 } else { 200 };
        // Fixed names and values of our own are always accepted.
        let _ = reply.fields.push(REQUEST_ID, &self.draft.id.to_hex());
        match own {
            Own::Alive => {}
            Own::Options => drop(reply.fields.push(b"allow", ALLOWED)),
            Own::Preflight => {
                self.snapshot.sites.answer_preflight(&self.bench.request.fields, &mut reply.fields);
            }
        }
        self.draft.status = reply.status;
        let peer = h1::Peer { keep_alive, ..self.peer };
        self.bench.out.clear();
        h1::write_response(&self.bench.reply, BodyLength::Known(0), peer, self.bench.out.tail());
        if self.flush().await.is_err() {
            return After::Cut;
        }
        match (keep_alive, all_read) {
            (true, _) => After::Keep,
            (false, true) => After::Close,
            (false, false) => After::Linger,
        }
    }
}
