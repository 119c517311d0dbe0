//! Host names, authorities and web origins, in the form in which they are compared.
//!
//! Settings list them, requests carry them; both go through the same functions.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest entry of `server.hosts` and `server.origins`, in bytes.
pub const MAX_ENTRY: usize = 255;

/// Whether nobody can make this name (lower case, without port) lead a browser to another machine: `localhost` and what
/// is below it, which browsers resolve themselves (RFC 6761 section 6.3), and loopback addresses.
pub fn is_loopback_name(host: &str) -> bool {
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().is_ok_and(|address| {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|inner| inner.is_loopback())
        });
    }
    host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Returns an authority without its port.
pub fn without_port(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    }
}

/// An authority in lower case, without the dot that may end a complete name.
pub fn normal_authority(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    let host = without_port(&lower);
    let port = &lower[host.len()..];
    [host.strip_suffix('.').unwrap_or(host), port].concat()
}

/// `scheme://host` in lower case, without the scheme's own port; none for `null` and what is no origin.
pub fn normal_origin(origin: &str) -> Option<String> {
    let (scheme, authority) = origin.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let mut authority = normal_authority(authority);
    for (known, port) in [("http", ":80"), ("https", ":443")] {
        if scheme == known
            && let Some(host) = authority.strip_suffix(port)
        {
            authority = host.to_owned();
        }
    }
    Some([&scheme, "://", &authority].concat())
}

/// What is wrong with an entry of `server.hosts`.
pub fn check_host(host: &str) -> Result<(), &'static str> {
    let name = without_port(host);
    let port = &host[name.len()..];
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if name.is_empty() || host.len() > MAX_ENTRY || !host.bytes().all(allowed) {
        return Err("is not a host name or address");
    }
    if !port.is_empty() && port[1..].parse::<u16>().is_err() {
        return Err("has a port that is none");
    }
    Ok(())
}

/// What is wrong with an entry of `server.origins`.
pub fn check_origin(origin: &str) -> Result<(), &'static str> {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return Err(if origin == "null" {
            "is what any page can make its browser send"
        } else {
            "has no scheme"
        });
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.is_empty() || origin.len() > MAX_ENTRY || !scheme.bytes().all(word) {
        return Err("has no scheme");
    }
    if authority == "*" {
        let web = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        return if web { Err("would list every web page") } else { Ok(()) };
    }
    check_host(authority).map_err(|_| "is not scheme, host and port alone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_checked() {
        let long = format!("{}.lan", "a".repeat(MAX_ENTRY - 4));
        for (host, right) in [
            ("gateway.lan", true),
            ("gateway.lan:8080", true),
            ("[fd00::1]:8080", true),
            (long.as_str(), true),
            (&format!("a{long}"), false),
            ("", false),
            (":80", false),
            ("a:x", false),
            ("a:70000", false),
            ("http://a", false),
            ("a/b", false),
        ] {
            assert_eq!(check_host(host).is_ok(), right, "{host}");
        }
        for (origin, right) in [
            ("https://app.example", true),
            ("http://localhost:3000", true),
            ("vscode-webview://*", true),
            ("app://obsidian.md", true),
            ("null", false),
            ("*", false),
            ("https://*", false),
            ("HTTP://*", false),
            ("https://app.example/", false),
            ("app.example", false),
        ] {
            assert_eq!(check_origin(origin).is_ok(), right, "{origin}");
        }
    }
}
