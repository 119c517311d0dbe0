//! The request's head on its way to the upstream.

use aegis_wire::h1::CONTINUE;
use aegis_wire::target::rebase;

use super::{Exchange, Stop};
use crate::auth::CREDENTIAL_FIELDS;
use crate::config::settings::FindingsHeader;
use crate::error_body::Failure;
use crate::route::Route;

/// Reply field with the id of the exchange.
pub(crate) const REQUEST_ID: &[u8] = b"x-aegis-request-id";
/// Request field that asks for counts of findings, and reply field that holds them.
pub(crate) const FINDINGS: &[u8] = b"x-aegis-findings";
/// Fields that begin so are between the client and the gateway.
const OWN: &[u8] = b"x-aegis-";

const BAD_FIELD: Failure = Failure::internal("the upstream's key cannot be sent in a header");

impl Exchange<'_> {
    /// Rewrites the head for the upstream: its path, its authority, its key; nothing that is between client and gateway.
    pub(super) fn shape_request(&mut self, route: &Route) -> Result<(), Stop> {
        let upstream = &route.upstream;
        let head = &mut self.bench.request;
        self.draft.reported = match self.snapshot.findings_header {
            FindingsHeader::Never => false,
            FindingsHeader::Always => true,
            FindingsHeader::OnRequest => head.fields.contains(FINDINGS),
        };
        rebase(&mut head.path, route.strip, &upstream.base_path);
        if upstream.key.is_some() {
            drop_key_parameter(&mut head.path);
        }
        // The name that the client used is needed for links in the reply.
        std::mem::swap(&mut head.authority, &mut self.bench.asked_host);
        head.authority.clear();
        head.authority.push_str(&upstream.authority);
        self.bench.accepts.clear();
        for value in head.fields.get_all(b"accept-encoding") {
            self.bench.accepts.extend_from_slice(value);
            self.bench.accepts.push(b',');
        }
        let (replaces_key, raw) = (upstream.key.is_some(), self.raw);
        head.fields.retain(|name, _| {
            !name.starts_with(OWN)
                && name != b"accept-encoding"
                && (raw || name != b"content-encoding")
                && name != b"expect"
                && !(replaces_key && CREDENTIAL_FIELDS.contains(&name))
        });
        // The body goes on as it was decoded. What comes back must be readable; a reply that is compressed all the same is decoded.
        let identity = head.fields.push(b"accept-encoding", b"identity");
        let key = match &upstream.key {
            Some(key) => head.fields.push(key.name.as_bytes(), key.value.expose().as_bytes()),
            None => Ok(()),
        };
        identity.and(key).map_err(|_| BAD_FIELD.into())
    }

    /// Tells a client that waits for it to send its body: the gateway reads it in any case.
    pub(super) async fn answer_expectation(&mut self) -> Result<(), Stop> {
        if self.parse.expect_continue && !self.has_all() && self.client.conn.rx.data().is_empty() {
            self.bench.out.clear();
            self.bench.out.tail().extend_from_slice(CONTINUE);
            self.flush().await?;
        }
        Ok(())
    }
}

/// Drops the client's own `key` from the query (Google's other place for it): the upstream's key goes along in a field, and a
/// gateway key that was put there is none of the upstream's business.
fn drop_key_parameter(path: &mut String) {
    if !path.contains("key=") {
        return;
    }
    let Some((place, query)) = path.split_once('?') else { return };
    let kept: Vec<&str> = query.split('&').filter(|parameter| !parameter.starts_with("key=")).collect();
    let separator = if kept.is_empty() { "" } else { "?" };
    *path = [place, separator, &kept.join("&")].concat();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_key_parameter_goes_and_others_stay() {
        for (path, expected) in [
            ("/v1beta/models?key=abc", "/v1beta/models"),
            ("/x?alt=sse&key=abc&n=1", "/x?alt=sse&n=1"),
            ("/x?monkey=1", "/x?monkey=1"),
            ("/key=1", "/key=1"),
        ] {
            let mut path = path.to_owned();
            drop_key_parameter(&mut path);
            assert_eq!(path, expected);
        }
    }
}
