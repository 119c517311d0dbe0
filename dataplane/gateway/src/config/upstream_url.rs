//! The address of an upstream, taken apart.

use std::net::{IpAddr, SocketAddr};

use axum::http::Uri;

/// An upstream's `url`, checked: scheme, host, port and base path, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// Host name in lower case, or an address without brackets.
    pub host: String,
    /// Port, the scheme's own when none is written.
    pub port: u16,
    /// Empty, or `/...` without a trailing slash.
    pub base_path: String,
}

impl UpstreamUrl {
    /// Takes `text` apart; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<UpstreamUrl, String> {
        if text.contains('@') {
            return Err("holds a user or password; use api_key_file or api_key_env".to_owned());
        }
        if text.contains(['?', '#']) {
            return Err(format!("`{text}` has a query or fragment"));
        }
        let uri: Uri = text.parse().map_err(|error| format!("`{text}` is not a URL: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(other) => return Err(format!("`{other}` is not a scheme that can be used")),
            None => return Err(format!("`{text}` has no scheme")),
        };
        let host =
            uri.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(format!("`{text}` has no host"));
        }
        let written = uri
            .authority()
            .and_then(|authority| authority.as_str().rsplit_once(']').or(authority.as_str().split_once(':')));
        let port = match written.map(|(_, port)| port.trim_start_matches(':')) {
            Some(port) if !port.is_empty() => port
                .parse::<u16>()
                .map_err(|_| format!("`{text}` is not a URL: port {port} is not below 65536"))?,
            _ if tls => 443,
            _ => 80,
        };
        if port == 0 {
            return Err(format!("`{text}` has port 0"));
        }
        let base_path = uri.path().trim_end_matches('/').to_owned();
        Ok(UpstreamUrl { tls, host, port, base_path })
    }

    /// The host's address when it is written as one: then no name is looked up.
    pub fn literal(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, self.port))
    }

    /// Whether the host is this machine.
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.literal().is_some_and(|address| address.ip().is_loopback())
    }

    /// Value of the `host` field.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart() {
        let cases = [
            ("https://api.example.com", true, "api.example.com", 443, "", "api.example.com"),
            ("https://API.example.com:8443/", true, "api.example.com", 8443, "", "api.example.com:8443"),
            ("http://127.0.0.1:9000/base/v2/", false, "127.0.0.1", 9000, "/base/v2", "127.0.0.1:9000"),
            ("http://[::1]:80", false, "::1", 80, "", "[::1]"),
        ];
        for (text, tls, host, port, base, authority) in cases {
            let url = UpstreamUrl::parse(text).expect(text);
            assert_eq!(
                (url.tls, url.host.as_str(), url.port, url.base_path.as_str()),
                (tls, host, port, base),
                "{text}"
            );
            assert_eq!(url.authority(), authority);
        }
    }

    #[test]
    fn what_cannot_be_an_upstream_is_refused() {
        for (text, reason) in [
            ("ftp://host", "not a scheme"),
            ("api.example.com", "no scheme"),
            ("/path", "no scheme"),
            ("https://user:pw@host", "user or password"),
            ("https://host/?q=1", "query"),
            ("https://host/#f", "fragment"),
            ("https://host:99999", "not a URL"),
            ("https://host:0", "port 0"),
            ("https://", "not a URL"),
            ("", "not a URL"),
        ] {
            let error = UpstreamUrl::parse(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn local_hosts_are_known() {
        for (text, local) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]", true),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(UpstreamUrl::parse(text).expect(text).is_local(), local, "{text}");
        }
    }
}
