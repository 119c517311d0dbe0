//! Requests that the gateway itself answers, because they are about it and not about an upstream.
//!
//! Tools look whether their base URL is alive (`HEAD /`, `GET /`), and browsers ask what a page may send before it
//! does.

use aegis_wire::h1;
use aegis_wire::head::{BodyLength, Method, RequestHead};

use super::super::answer::REQUEST_ID;
use super::{ClientGone, Exchange};
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

/// Methods that `/` is answered to.
const ALLOWED: &[u8] = b"GET, HEAD, OPTIONS";

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

impl Exchange<'_> {
    /// Answers without a body.
    pub(super) async fn answer_local(
        &mut self,
        request: LocalRequest,
        keep_alive: bool,
    ) -> Result<(), ClientGone> {
        let reply = &mut self.buffers.reply;
        reply.clear();
        reply.status = if request == LocalRequest::Preflight { 204 } else { 200 };
        // Fixed names and values of the gateway's own are always accepted.
        let _ = reply.fields.push(REQUEST_ID, &self.record.id.to_hex());
        match request {
            LocalRequest::Alive => {}
            LocalRequest::Options => drop(reply.fields.push(b"allow", ALLOWED)),
            LocalRequest::Preflight => {
                self.snapshot.sites.answer_preflight(&self.buffers.request.fields, &mut reply.fields);
            }
        }
        self.record.status = reply.status;
        let peer = h1::Peer { keep_alive, ..self.peer };
        self.buffers.out.clear();
        h1::write_response(&self.buffers.reply, BodyLength::Known(0), peer, self.buffers.out.tail());
        self.flush().await
    }
}
