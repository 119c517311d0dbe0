//! Links in replies: what leads to the upstream itself leads through the gateway again.
//!
//! Providers hand out addresses (where to upload a file, where a result lies, where something moved to), and their
//! libraries follow them: a file would go to the provider unread. An address of the upstream's own origin is therefore
//! replaced by the one below `/<upstream>/` of the gateway's own address.

pub mod results;

use std::net::Ipv6Addr;

use aegis_wire::target::RequestTarget;

use crate::snapshot::Upstream;

/// Where a link of a reply leads.
#[derive(Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// To the upstream: path, query and fragment behind its base path, beginning with `/`.
    Upstream(String),
    /// To the upstream's origin, but not to a place that the gateway can ask it for.
    Unreachable,
    /// To another host, in lower case without port; empty when it is unknown.
    Elsewhere(String),
}

/// Reads `link`, a URI reference (RFC 3986 section 4.1) in a reply of `upstream` to a request for `target`.
pub fn place(link: &str, target: &str, upstream: &Upstream) -> LinkTarget {
    // Browsers and libraries differ in what they make of such bytes.
    if link.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
        return LinkTarget::Elsewhere(String::new());
    }
    let (rest, fragment) = cut(link, '#');
    let (path, query) = cut(rest, '?');
    let (scheme, path) = scheme(path);
    let (authority, path) = match path.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
        None => (None, path),
    };
    match (scheme, authority) {
        (None, None) => {}
        (scheme, Some(authority)) if scheme.is_none_or(is_http) => {
            if let Some(host) = other_host(scheme, authority, upstream) {
                return LinkTarget::Elsewhere(host);
            }
        }
        _ => return LinkTarget::Elsewhere(String::new()),
    }
    let asked = target.split('?').next().unwrap_or_default();
    let mut full = if authority.is_some() || path.starts_with('/') {
        without_dots(path)
    } else if path.is_empty() {
        asked.to_owned()
    } else {
        let folder = asked.rfind('/').map_or("/", |end| &asked[..=end]);
        without_dots(&[folder, path].concat())
    };
    if full.is_empty() {
        full.push('/');
    }
    let same_query =
        target[asked.len()..].strip_prefix('?').filter(|_| authority.is_none() && path.is_empty());
    for (mark, part) in [('?', query.or(same_query)), ('#', fragment)] {
        if let Some(part) = part {
            full.push(mark);
            full.push_str(part);
        }
    }
    below(&full, &upstream.base_path)
}

/// The part of an absolute path that is asked of the gateway.
fn below(full: &str, base: &str) -> LinkTarget {
    let Some(rest) = full.strip_prefix(base) else { return LinkTarget::Unreachable };
    let rest =
        if rest.starts_with(['?', '#']) || rest.is_empty() { ["/", rest].concat() } else { rest.to_owned() };
    let asked = rest.split('#').next().unwrap_or_default();
    // What the gateway would refuse to be asked for, it does not offer.
    if RequestTarget::parse(asked).is_ok() { LinkTarget::Upstream(rest) } else { LinkTarget::Unreachable }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(text, rest)| (text, Some(rest)))
}

/// The scheme of a reference, and what follows it (RFC 3986 section 3.1).
fn scheme(text: &str) -> (Option<&str>, &str) {
    let Some((scheme, rest)) = text.split_once(':') else { return (None, text) };
    let word = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    if word && begins { (Some(scheme), rest) } else { (None, text) }
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// The host of an authority, when it is not the upstream's own origin. `http` and `https` count as one where each has
/// its own port: servers behind a TLS terminator write the wrong one, and the gateway asks as it is configured to.
fn other_host(scheme: Option<&str>, authority: &str, upstream: &Upstream) -> Option<String> {
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = crate::web_origin::without_port(place);
    let port = place[host.len()..].strip_prefix(':').unwrap_or_default();
    if !is_readable(host, port) || user.contains('@') {
        return Some(String::new());
    }
    let host = host.to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let tls = scheme.map_or(upstream.tls.is_some(), |scheme| scheme.eq_ignore_ascii_case("https"));
    let usual = |tls: bool| if tls { 443 } else { 80 };
    let port = if port.is_empty() { Some(usual(tls)) } else { port.parse::<u16>().ok() };
    let same_port = port == Some(upstream.port)
        || port == Some(usual(tls)) && upstream.port == usual(upstream.tls.is_some());
    let own = user.is_empty() && *bare == *upstream.host && same_port;
    (!own).then(|| bare.to_owned())
}

/// Whether every client understands the same by host and port: a name of letters, digits, `-` and `_` (RFC 3986 allows
/// more, which some decode and others cut), or an IPv6 address in brackets.
fn is_readable(host: &str, port: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(letter);
    let name = host.strip_suffix('.').unwrap_or(host);
    let known = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok()),
        None => name.split('.').all(is_label),
    };
    known && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A path without dot segments (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    kept.iter().flat_map(|segment| ["/", segment]).collect()
}

#[cfg(test)]
mod tests;
