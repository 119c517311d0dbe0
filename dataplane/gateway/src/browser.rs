//! What a web page may do with a gateway that holds a provider's key.
//!
//! Where the gateway adds the key itself and asks for none of its own, whoever reaches it spends that key. On loopback
//! that is meant for the programs of one machine, and every page in a browser there reaches it, too: a form or a script
//! may send `text/plain` anywhere without asking. A browser says which page it is (`Origin`, and for requests without
//! one `Sec-Fetch-Site`), so a page must be listed. A page whose own name was made to resolve to the gateway (DNS
//! rebinding) is of the same origin to the browser; it is recognised by its name, so the name asked for must be one
//! that nobody can point elsewhere, or be listed. Programs send neither field and ask for `localhost` or an address.
//! Where a network reaches the gateway, every program there spends the key, and looking at pages would only look like
//! protection: there a warning at the start says so.

use aegis_wire::head::{Fields, Method, RequestHead};

use crate::config::Settings;
use crate::error_body::{ErrorKind, Failure};
use crate::web_origin::{is_loopback_name, normal_authority, normal_origin, without_port};

/// How long a browser may remember a preflight's answer, in seconds.
const PREFLIGHT_AGE: &[u8] = b"600";

const STRANGE_HOST: Failure = Failure::new(
    403,
    ErrorKind::Forbidden,
    "the gateway adds its own key here and demands none, so it answers to loopback names only: add the name that is \
     asked for to server.hosts, or demand keys (auth.keys)",
);
const STRANGE_PAGE: Failure = Failure::new(
    403,
    ErrorKind::Forbidden,
    "the gateway adds its own key here and demands none, so web pages may not use it: add the page's origin to \
     server.origins, or demand keys (auth.keys)",
);

/// The hosts and origins that the configuration lists, in the form they are compared in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sites {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Sites {
    /// Entries that [`check_host`](crate::web_origin::check_host) and [`check_origin`](crate::web_origin::check_origin)
    /// accept.
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        Self {
            hosts: hosts.iter().map(|host| normal_authority(host)).collect(),
            origins: origins.iter().filter_map(|origin| normal_origin(origin)).collect(),
        }
    }

    /// Whether a request that would spend the gateway's key may do so: `authority` is what it asked for.
    pub fn admit(&self, authority: &str, fields: &Fields) -> Result<(), Failure> {
        let asked = normal_authority(authority);
        let host = without_port(&asked);
        if !is_loopback_name(host) && !self.hosts.iter().any(|listed| *listed == asked || listed == host) {
            return Err(STRANGE_HOST);
        }
        let mut origins = fields.get_all(b"origin").peekable();
        let same_site = |value: &[u8]| matches!(value, b"none" | b"same-origin");
        if origins.peek().is_none() && !fields.get_all(b"sec-fetch-site").all(same_site) {
            return Err(STRANGE_PAGE);
        }
        if origins.all(|origin| self.is_listed(origin)) { Ok(()) } else { Err(STRANGE_PAGE) }
    }

    /// Whether the value of an `Origin` field is listed. `null`, which any page can make its browser send, never is.
    pub fn is_listed(&self, origin: &[u8]) -> bool {
        if self.origins.is_empty() {
            return false;
        }
        let Some(origin) = std::str::from_utf8(origin).ok().and_then(normal_origin) else { return false };
        self.origins.iter().any(|listed| match listed.strip_suffix('*') {
            Some(scheme) => origin.starts_with(scheme),
            None => *listed == origin,
        })
    }

    /// Whether this is the question of a listed page's browser whether it may send what it wants to (CORS preflight).
    pub fn is_preflight(&self, head: &RequestHead) -> bool {
        head.method == Method::Options
            && head.fields.contains(b"access-control-request-method")
            && head.fields.get(b"origin").is_some_and(|origin| self.is_listed(origin))
    }

    /// Lets a listed page read a reply. Fields by which the upstream says so for itself are replaced.
    pub fn open_reply(&self, request: &Fields, reply: &mut Fields) {
        let Some(origin) = request.get(b"origin").filter(|origin| self.is_listed(origin)) else { return };
        reply.retain(|name, _| !name.starts_with(b"access-control-"));
        for (name, value) in [
            (&b"access-control-allow-origin"[..], origin),
            (b"access-control-expose-headers", b"*"),
            (b"vary", b"origin"),
        ] {
            // A value that a parser accepted, and fixed ones.
            let _ = reply.push(name, value);
        }
    }

    /// Answers a preflight: what the page asks for is granted.
    pub fn answer_preflight(&self, request: &Fields, reply: &mut Fields) {
        self.open_reply(request, reply);
        for (asked, granted) in [
            (&b"access-control-request-method"[..], &b"access-control-allow-methods"[..]),
            (b"access-control-request-headers", b"access-control-allow-headers"),
        ] {
            if let Some(value) = request.get(asked) {
                let _ = reply.push(granted, value);
            }
        }
        if request.contains(b"access-control-request-private-network") {
            let _ = reply.push(b"access-control-allow-private-network", b"true");
        }
        let _ = reply.push(b"access-control-max-age", PREFLIGHT_AGE);
    }
}

/// Says what these upstreams, whose key the gateway adds for everybody, are kept from.
pub fn explain(upstreams: &[&str], settings: &Settings) -> String {
    let listed = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    format!(
        "{}: the gateway's key for everybody who reaches it, so on loopback only its names and server.hosts ({}) may be asked \
         for, and only pages of server.origins ({}) may ask",
        upstreams.join(", "),
        listed(&settings.server.hosts),
        listed(&settings.server.origins)
    )
}

/// Warns of listeners that a network reaches, where a key is added for everybody and nothing is checked.
pub fn warn_of_network(upstreams: &[&str], settings: &Settings) -> Option<String> {
    let mut open =
        settings.server.listen.iter().filter(|address| !address.ip().to_canonical().is_loopback()).peekable();
    open.peek()?;
    let ports: Vec<String> = open.map(ToString::to_string).collect();
    Some(format!(
        "anybody who reaches {} can use the gateway's key for {}: demand keys (auth.keys), or listen on loopback only",
        ports.join(", "),
        upstreams.join(", ")
    ))
}

#[cfg(test)]
mod tests;
