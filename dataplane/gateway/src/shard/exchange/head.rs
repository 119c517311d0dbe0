//! The request's head on its way to the upstream.

use aegis_wire::h1::CONTINUE;
use aegis_wire::target::{decoded, rebase};

use super::error::ExchangeError;
use super::state::Exchange;
use crate::auth::{self, CREDENTIAL_FIELDS};
use crate::config::settings::FindingsHeader;
use crate::error_body::Failure;
use crate::route::Route;

/// Request field that asks for counts of findings, and reply field that holds them.
pub(super) const FINDINGS: &[u8] = b"x-aegis-findings";
/// Beginning of the fields that are between the client and the gateway.
const GATEWAY_PREFIX: &[u8] = b"x-aegis-";

const BAD_FIELD: Failure = Failure::internal("the upstream's key cannot be sent in a header");

impl Exchange<'_> {
    /// Rewrites the head for the upstream: its path, its authority, its key; nothing that is between client and
    /// gateway.
    pub(super) fn shape_request(&mut self, route: &Route) -> Result<(), ExchangeError> {
        let upstream = &route.upstream;
        let head = &mut self.buffers.request;
        let is_asked = match self.snapshot.findings_header {
            FindingsHeader::Never => false,
            FindingsHeader::Always => true,
            FindingsHeader::OnRequest => head.fields.contains(FINDINGS),
        };
        self.record.report_findings(is_asked);
        rebase(&mut head.path, route.strip, &upstream.base_path);
        let shown = auth::shown(&self.snapshot.auth, &head.fields, upstream);
        drop_key_parameters(&mut head.path, upstream.key.is_some(), shown.as_deref().map(Vec::as_slice));
        // The name that the client used is needed for links in the reply.
        std::mem::swap(&mut head.authority, &mut self.buffers.asked_host);
        head.authority.clear();
        head.authority.push_str(&upstream.authority);
        self.buffers.accepts.clear();
        for value in head.fields.get_all(b"accept-encoding") {
            self.buffers.accepts.extend_from_slice(value);
            self.buffers.accepts.push(b',');
        }
        let (replaces_key, undecoded) = (upstream.key.is_some(), self.body.is_undecoded());
        let holds = |text: &[u8]| shown.as_ref().is_some_and(|key| holds_key(text, key));
        head.fields.retain(|name, value| {
            !name.starts_with(GATEWAY_PREFIX)
                && !holds(value)
                && name != b"accept-encoding"
                && (undecoded || name != b"content-encoding")
                && name != b"expect"
                && !(replaces_key && CREDENTIAL_FIELDS.contains(&name))
        });
        // The body goes on as it was decoded. What comes back must be readable; a reply that is compressed all the same
        // is decoded.
        let identity = head.fields.push(b"accept-encoding", b"identity");
        let key = match &upstream.key {
            Some(key) => head.fields.push(key.name.as_bytes(), key.value.expose().as_bytes()),
            None => Ok(()),
        };
        identity.and(key).map_err(|_| BAD_FIELD.into())
    }

    /// Answers a client that waits to be asked for its body. The gateway reads it in any case.
    pub(super) async fn answer_expectation(&mut self) -> Result<(), ExchangeError> {
        if self.parse.expect_continue && !self.has_all() && self.client.rx.data().is_empty() {
            self.buffers.out.clear();
            self.buffers.out.tail().extend_from_slice(CONTINUE);
            self.flush().await?;
        }
        Ok(())
    }
}

/// Drops the client's own `key` from the query (Google's other place for it) where the upstream's goes along in a
/// field, and every parameter with the gateway key that was `shown`: it is none of the upstream's business.
fn drop_key_parameters(path: &mut String, replaces_key: bool, shown: Option<&[u8]>) {
    let Some((place, query)) = path.split_once('?') else { return };
    let stays = |parameter: &&str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = decoded(name);
        let replaced = replaces_key && parameter.contains('=') && name.eq_ignore_ascii_case(b"key");
        let has_key = shown.is_some_and(|key| holds_key(&name, key) || holds_key(&decoded(value), key));
        !replaced && !has_key
    };
    if query.split('&').all(|parameter| stays(&parameter)) {
        return;
    }
    let kept: Vec<&str> = query.split('&').filter(stays).collect();
    let separator = if kept.is_empty() { "" } else { "?" };
    *path = [place, separator, &kept.join("&")].concat();
}

/// Keys that are not longer are met by chance: only a value that is nothing else holds one.
const SHORT_KEY: usize = 8;

/// Whether the value of a field or parameter holds the gateway key, alone, behind a scheme or among others.
fn holds_key(value: &[u8], key: &[u8]) -> bool {
    if key.len() > SHORT_KEY {
        return memchr::memmem::find(value, key).is_some();
    }
    value.rsplit(u8::is_ascii_whitespace).next() == Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_key_parameter_goes_and_others_stay() {
        for (path, expected) in [
            ("/v1beta/models?key=abc", "/v1beta/models"),
            ("/v1beta/models?Key=abc", "/v1beta/models"),
            ("/v1beta/models?%6bey=abc&a", "/v1beta/models?a"),
            ("/x?alt=sse&key=abc&n=1", "/x?alt=sse&n=1"),
            ("/x?monkey=1", "/x?monkey=1"),
            ("/key=1", "/key=1"),
        ] {
            let mut path = path.to_owned();
            drop_key_parameters(&mut path, true, None);
            assert_eq!(path, expected);
        }
    }

    #[test]
    fn a_gateway_key_does_not_pass_in_a_place_for_credentials() {
        for (query, expected) in [
            ("key=the-gateway-key", ""),
            ("KEY=the-gateway-key&n=1", "?n=1"),
            ("access_token=the%2Dgateway-key", ""),
            ("api-key=x-the-gateway-key", ""),
            ("access_token=another", "?access_token=another"),
        ] {
            let mut path = format!("/x?{query}");
            drop_key_parameters(&mut path, false, Some(b"the-gateway-key"));
            assert_eq!(path, format!("/x{expected}"));
        }
        assert!(holds_key(b"Bearer 12345678", b"12345678") && !holds_key(b"x=12345678", b"12345678"));
        assert!(holds_key(b"x=123456789;", b"123456789") && !holds_key(b"", b"123456789"));
    }
}
