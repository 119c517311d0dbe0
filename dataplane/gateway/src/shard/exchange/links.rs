//! Links in a reply on its way: fields that hold addresses, redirects, and addresses of results.
//!
//! A redirect that makes the client repeat its body at another host would carry it past the gateway, unread; it is
//! refused unless the configuration names that host. What only says where something is may lead elsewhere.

use std::sync::Arc;

use aegis_wire::head::{BodyLength, Fields, Method};

use super::error::ExchangeError;
use super::state::Exchange;
use crate::error_body::{ErrorKind, Failure};
use crate::links::results::{Replaced, ResultLinks, has_result_links};
use crate::links::{LinkTarget, place};
use crate::route::{self, UploadStep};
use crate::snapshot::Upstream;
use crate::web_origin::{is_loopback_name, without_port};

const NO_ADDRESS: Failure = Failure::upstream(
    "the upstream named an address for an upload, and the gateway does not know its own to replace it by: set server.public_url",
);
const UNREACHABLE: Failure = Failure::upstream(
    "the upstream named an address of its own that is not below the configured url, so it would lead past the gateway",
);

/// What a field's addresses are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkUse {
    /// Followed at once: a redirect, or where something was made.
    Location,
    /// Bytes of the user's are sent there.
    Upload,
    /// Something to look at.
    Related,
    /// As [`LinkUse::Related`], several of them in angle brackets (RFC 8288).
    List,
}

fn use_of(name: &[u8]) -> Option<LinkUse> {
    Some(match name {
        b"location" => LinkUse::Location,
        b"x-goog-upload-url" | b"x-goog-upload-control-url" => LinkUse::Upload,
        b"content-location" | b"operation-location" | b"azure-asyncoperation" => LinkUse::Related,
        b"link" => LinkUse::List,
        _ => return None,
    })
}

impl Exchange<'_> {
    /// Makes the links in the head of the reply lead through the gateway.
    pub(super) fn rewrite_links(&mut self, upstream: &Upstream) -> Result<(), ExchangeError> {
        if !self.buffers.reply.fields.iter().any(|(name, _)| use_of(name).is_some()) {
            return Ok(());
        }
        let base = self.own_address();
        let fields = std::mem::take(&mut self.buffers.reply.fields);
        let mut kept = Fields::new();
        for (name, value) in fields.iter() {
            let written = match use_of(name) {
                Some(kind) => self.rewritten(kind, value, base.as_deref(), upstream)?,
                None => Some(value.to_vec()),
            };
            if let Some(written) = written {
                // Names and values came from a parser, or are addresses of visible ASCII.
                let _ = kept.push(name, &written);
            }
        }
        if let Some(length) = fields.content_length() {
            // What describes a body that is not sent is no field that could be pushed.
            kept.set_described_length(length);
        }
        self.buffers.reply.fields = kept;
        Ok(())
    }

    /// The value of a field with its addresses replaced; none when the field must go.
    fn rewritten(
        &self,
        kind: LinkUse,
        value: &[u8],
        base: Option<&str>,
        upstream: &Upstream,
    ) -> Result<Option<Vec<u8>>, ExchangeError> {
        let Ok(text) = std::str::from_utf8(value) else {
            return if self.can_receive_body(kind) {
                Err(elsewhere("").into())
            } else {
                Ok(Some(value.to_vec()))
            };
        };
        let target = &self.buffers.request.path;
        if kind == LinkUse::List {
            return Ok(list(text, |link| match place(link, target, upstream) {
                LinkTarget::Upstream(rest) => Some(address(base, upstream, &rest)),
                LinkTarget::Elsewhere(_) => Some(link.to_owned()),
                LinkTarget::Unreachable => None,
            }));
        }
        match place(text, target, upstream) {
            LinkTarget::Upstream(_) if kind == LinkUse::Upload && base.is_none() => Err(NO_ADDRESS.into()),
            LinkTarget::Upstream(rest) => Ok(Some(address(base, upstream, &rest).into_bytes())),
            // Where nobody is sent there, the field is merely left out.
            LinkTarget::Unreachable if kind == LinkUse::Related => Ok(None),
            LinkTarget::Unreachable if kind == LinkUse::Location && !self.is_redirect() => Ok(None),
            LinkTarget::Unreachable => Err(UNREACHABLE.into()),
            LinkTarget::Elsewhere(host)
                if self.can_receive_body(kind) && !upstream.redirect_hosts.contains(host.as_bytes()) =>
            {
                Err(elsewhere(&host).into())
            }
            LinkTarget::Elsewhere(_) => Ok(Some(value.to_vec())),
        }
    }

    /// Whether the client sends a body to the address in a field of this use.
    fn can_receive_body(&self, kind: LinkUse) -> bool {
        match kind {
            LinkUse::Upload => true,
            LinkUse::Related | LinkUse::List => false,
            LinkUse::Location if self.is_upload() => true,
            LinkUse::Location => self.had_body() && matches!(self.buffers.reply.status, 307 | 308),
        }
    }

    fn is_redirect(&self) -> bool {
        matches!(self.buffers.reply.status, 301..=303 | 307 | 308)
    }

    /// Whether the request is part of an upload: then what its reply names is where the next part goes. A client also
    /// repeats the body of a PUT, or of a method of its own, at a 301 or 302, which it turns into a GET for a POST
    /// alone.
    fn is_upload(&self) -> bool {
        let repeats = !matches!(self.method, Method::Get | Method::Head | Method::Post) && self.had_body();
        repeats
            || matches!(self.method, Method::Put | Method::Patch)
            || route::upload_of(&self.buffers.request) != UploadStep::None
    }

    fn had_body(&self) -> bool {
        !matches!(self.parse.framing.length(), BodyLength::Empty | BodyLength::Known(0))
    }

    /// The gateway's address as this client knows it: configured, or on the loopback interface the one it asked for.
    /// From elsewhere a name that the client wrote is no address to hand out.
    fn own_address(&self) -> Option<String> {
        if let Some(address) = &self.snapshot.public_url {
            return Some(address.to_string());
        }
        let host = self.buffers.asked_host.to_ascii_lowercase();
        let local = is_loopback_name(without_port(&host)) && self.client.is_loopback();
        let scheme = if self.snapshot.server_tls.is_some() { "https" } else { "http" };
        local.then(|| format!("{scheme}://{host}"))
    }

    /// What replaces the addresses of results in the body, where it may hold some.
    pub(super) fn result_links(&self, upstream: &Upstream) -> Option<ResultLinks> {
        let path = route::path_of(&self.buffers.request.path);
        if !has_result_links(path.strip_prefix(&*upstream.base_path)?) {
            return None;
        }
        let upstream = Arc::clone(self.snapshot.upstream(&upstream.name)?);
        let (base, target) = (self.own_address(), self.buffers.request.path.clone());
        Some(ResultLinks::new(Box::new(move |link| match place(link, &target, &upstream) {
            // Without an address of its own the gateway gives the provider's path: libraries put it behind their base
            // URL.
            LinkTarget::Upstream(rest) if base.is_none() => Replaced::By(rest),
            LinkTarget::Upstream(rest) => Replaced::By(address(base.as_deref(), &upstream, &rest)),
            // The gateway cannot fetch it, and nobody is led to the upstream past the gateway.
            LinkTarget::Unreachable => Replaced::Null,
            LinkTarget::Elsewhere(_) => Replaced::Kept,
        })))
    }
}

/// The address of `rest` of an upstream at the gateway; without an address of the gateway, a reference to it that leads
/// to whomever the client asked.
fn address(base: Option<&str>, upstream: &Upstream, rest: &str) -> String {
    [base.unwrap_or_default(), "/", &upstream.name, rest].concat()
}

fn elsewhere(host: &str) -> Failure {
    let host = if host.is_empty() { "an address that cannot be read" } else { host };
    let message = format!(
        "the upstream sends this request on to {host}, where the gateway could not look into it: name the host in \
         redirect_hosts of the upstream to allow that"
    );
    Failure { status: 502, kind: ErrorKind::UpstreamError, message: message.into() }
}

/// Replaces the addresses in angle brackets; a link that becomes none goes with its parameters. None when nothing is
/// left.
fn list(text: &str, replace: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((link, behind)) = behind.split_once('>') else { break };
        let end = end_of_link(behind);
        if let Some(link) = replace(link) {
            out.push(["<", &link, ">", behind[..end].trim_end()].concat());
        }
        rest = &behind[end..];
    }
    (!out.is_empty()).then(|| out.join(", ").into_bytes())
}

/// Where the parameters of a link end: at a comma outside of quotes.
fn end_of_link(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b',' if !quoted => return at,
            b'"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_links_is_replaced_one_by_one() {
        let replace = |link: &str| (link != "gone").then(|| link.to_uppercase());
        for (text, expected) in [
            ("<a>; rel=\"next\", <b>", Some("<A>; rel=\"next\", <B>")),
            ("<a>; title=\"x, <y>\" , <gone>; rel=prev,<c>", Some("<A>; title=\"x, <y>\", <C>")),
            ("<gone>; rel=next", None),
            ("nothing", None),
            ("<open", None),
        ] {
            let written = list(text, replace).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(written.as_deref(), expected, "{text}");
        }
    }
}
