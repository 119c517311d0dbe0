//! Names of hosts that somebody lists: those that may get values in addresses, or may be sent on to.

use std::fmt;

/// Bytes of the longest name of a host (RFC 1035).
pub(crate) const MAX_HOST: usize = 253;

/// Names of hosts: whole ones, and `*.` before a name for all below it.
#[derive(Clone, Default, Debug)]
pub struct HostNames {
    exact: Vec<Box<[u8]>>,
    /// Each with its leading dot.
    suffixes: Vec<Box<[u8]>>,
}

/// Why a text names no host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidHostName {
    /// There is nothing in it.
    Empty,
    /// It is longer than 253 bytes.
    TooLong,
    /// A scheme, port or path stands with it.
    MoreThanAHost,
    /// A `*` stands elsewhere than in front of a dot at the beginning.
    Wildcard,
    /// All hosts below a name without a dot, such as `*.com`.
    TooWide,
    /// It has characters beyond ASCII.
    Unicode,
    /// It has other characters that no host has, or an empty label.
    Characters,
}

impl fmt::Display for InvalidHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::TooLong => "is longer than a host name may be",
            Self::MoreThanAHost => "has a scheme, a port or a path",
            Self::Wildcard => "has a * that is not the whole first label",
            Self::TooWide => "names everything below a top-level domain",
            Self::Unicode => "is not written in ASCII (use its xn-- form)",
            Self::Characters => "is not a host name",
        })
    }
}

impl HostNames {
    /// Adds a name like `example.com`, `*.example.com`, `192.0.2.1` or `[2001:db8::1]`, in any case.
    ///
    /// # Errors
    ///
    /// If no host is called so.
    pub fn add(&mut self, name: &str) -> Result<(), InvalidHostName> {
        let name = name.to_ascii_lowercase();
        if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let _: std::net::Ipv6Addr = address.parse().map_err(|_| InvalidHostName::Characters)?;
            self.exact.push(name.into_bytes().into());
            return Ok(());
        }
        let wide = name.strip_prefix("*.");
        let host = wide.unwrap_or(&name);
        check(host)?;
        if wide.is_some() {
            if !host.contains('.') && host != "localhost" {
                return Err(InvalidHostName::TooWide);
            }
            self.suffixes.push(name.as_bytes()[1..].into());
        } else {
            self.exact.push(host.as_bytes().into());
        }
        Ok(())
    }

    /// The hosts of these names; those that name none are left out.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> HostNames {
        let mut hosts = HostNames::default();
        for name in names {
            let _ = hosts.add(name);
        }
        hosts
    }

    /// Whether `host`, in lower case and without port, is named.
    pub fn contains(&self, host: &[u8]) -> bool {
        self.exact.iter().any(|name| **name == *host)
            || self.suffixes.iter().any(|suffix| host.len() > suffix.len() && host.ends_with(suffix))
    }
}

fn check(host: &str) -> Result<(), InvalidHostName> {
    if host.is_empty() {
        return Err(InvalidHostName::Empty);
    }
    if host.len() > MAX_HOST {
        return Err(InvalidHostName::TooLong);
    }
    if !host.is_ascii() {
        return Err(InvalidHostName::Unicode);
    }
    if host.contains(['/', ':', '?', '#', '@']) {
        return Err(InvalidHostName::MoreThanAHost);
    }
    if host.contains('*') {
        return Err(InvalidHostName::Wildcard);
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.split('.').all(is_label) { Ok(()) } else { Err(InvalidHostName::Characters) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_whole_or_from_a_dot_on() {
        let mut hosts = HostNames::default();
        for name in ["Good.example", "*.cdn.example", "[2001:db8::1]", "192.0.2.1", "localhost"] {
            hosts.add(name).unwrap();
        }
        for host in
            ["good.example", "a.cdn.example", "a.b.cdn.example", "[2001:db8::1]", "192.0.2.1", "localhost"]
        {
            assert!(hosts.contains(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            "xgood.example",
            "good.example.evil",
            "cdn.example",
            ".cdn.example",
            "xcdn.example",
            "a.good.example",
            "192.0.2.10",
        ] {
            assert!(!hosts.contains(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        let long = format!("{}.example", "a".repeat(MAX_HOST - ".example".len()));
        for (name, expected) in [
            ("", Err(InvalidHostName::Empty)),
            ("*.", Err(InvalidHostName::Empty)),
            ("https://good.example", Err(InvalidHostName::MoreThanAHost)),
            ("good.example:443", Err(InvalidHostName::MoreThanAHost)),
            ("good.example/x", Err(InvalidHostName::MoreThanAHost)),
            ("*", Err(InvalidHostName::Wildcard)),
            ("*good.example", Err(InvalidHostName::Wildcard)),
            ("a.*.example", Err(InvalidHostName::Wildcard)),
            ("*.com", Err(InvalidHostName::TooWide)),
            ("*.localhost", Ok(())),
            ("b\u{fc}cher.example", Err(InvalidHostName::Unicode)),
            ("good..example", Err(InvalidHostName::Characters)),
            ("good example", Err(InvalidHostName::Characters)),
            ("[::x]", Err(InvalidHostName::Characters)),
            (&long, Ok(())),
            (&format!("a{long}"), Err(InvalidHostName::TooLong)),
        ] {
            assert_eq!(HostNames::default().add(name), expected, "{name}");
        }
    }
}
