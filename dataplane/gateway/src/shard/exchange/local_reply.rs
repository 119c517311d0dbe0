//! The answers to requests about the gateway itself.

use aegis_wire::h1;
use aegis_wire::head::BodyLength;

use super::super::answer::REQUEST_ID;
use super::error::ClientGone;
use super::local_request::LocalRequest;
use super::state::Exchange;

/// Methods that `/` is answered to.
const ALLOWED: &[u8] = b"GET, HEAD, OPTIONS";

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
