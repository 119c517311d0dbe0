//! Error replies that the gateway makes itself, in the shape of the provider that the client expects.

use aegis_wire::coding;
use aegis_wire::error::HttpError;
use aegis_wire::h1::{self, Peer};
use aegis_wire::head::{BodyLength, Version};

use super::exchange_buffers::ExchangeBuffers;
use crate::browser::Sites;
use crate::config::settings::Provider;
use crate::error_body::{ErrorKind, Failure};

/// Reply field with the id of the exchange.
pub(super) const REQUEST_ID: &[u8] = b"x-aegis-request-id";

/// Who an error reply is for.
pub(super) struct Recipient<'a> {
    /// Whose error shape the client reads.
    pub(super) provider: Provider,
    /// The client's HTTP version, and whether its connection is kept.
    pub(super) peer: Peer,
    /// The id of the exchange, in hexadecimal digits.
    pub(super) id: [u8; 32],
    /// Whether the reply must have no body.
    pub(super) head_only: bool,
    /// The pages that may read the reply, where the request can have come from one.
    pub(super) sites: Option<&'a Sites>,
}

impl Recipient<'_> {
    /// A client whose request could not be read. Its connection ends with the reply.
    pub(super) fn unknown(id: [u8; 32]) -> Self {
        let peer = Peer { version: Version::Http11, keep_alive: false };
        Self { provider: Provider::Generic, peer, id, head_only: false, sites: None }
    }
}

/// Puts an error reply into the write buffer.
pub(super) fn write_failure(buffers: &mut ExchangeBuffers, failure: &Failure, recipient: &Recipient<'_>) {
    let ExchangeBuffers { request, reply, out, .. } = buffers;
    let mut body = Vec::with_capacity(256);
    failure.write_body(recipient.provider, &mut body);
    out.clear();
    reply.clear();
    reply.status = failure.status;
    reply.version = recipient.peer.version;
    let mut fields =
        vec![(&b"content-type"[..], &b"application/json"[..]), (REQUEST_ID, recipient.id.as_slice())];
    fields.extend(failure.retry_after().map(|seconds| (&b"retry-after"[..], seconds)));
    if failure.kind == ErrorKind::UnsupportedEncoding {
        fields.push((b"accept-encoding", coding::ACCEPTED.as_bytes()));
    }
    for (name, value) in fields {
        // Fixed names and values of the gateway's own are always accepted.
        let _ = reply.fields.push(name, value);
    }
    if let Some(sites) = recipient.sites {
        sites.open_reply(&request.fields, &mut reply.fields);
    }
    if recipient.head_only {
        reply.fields.set_described_length(body.len() as u64);
        h1::write_response(reply, BodyLength::Empty, recipient.peer, out.tail());
    } else {
        h1::write_response(reply, BodyLength::Known(body.len() as u64), recipient.peer, out.tail());
        out.tail().extend_from_slice(&body);
    }
}

/// The answer to a request or a reply that the codec refuses.
pub(super) fn http_failure(error: &HttpError) -> Failure {
    let kind = match error.status() {
        413 => ErrorKind::PayloadTooLarge,
        502 => ErrorKind::UpstreamError,
        _ => ErrorKind::InvalidRequest,
    };
    Failure::new(error.status(), kind, error.reason())
}
