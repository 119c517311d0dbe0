//! References of every form, and where they lead.

use std::sync::Arc;

use aegis_shield::reply::HostNames;

use super::*;
use crate::config::settings::{Provider, Timeouts};
use crate::snapshot::{Addresses, TrustIdentity};

fn upstream(tls: bool, host: &str, port: u16, base: &str) -> Upstream {
    let tls = tls.then(|| {
        let options = aegis_wire::tls::ClientOptions {
            roots: aegis_wire::tls::Roots::Webpki,
            identity: None,
            alpn: &[b"http/1.1"],
        };
        aegis_wire::tls::client_config(&options).unwrap()
    });
    Upstream {
        idempotency_header: None,
        name: "up".into(),
        provider: Provider::Generic,
        host: host.into(),
        port,
        authority: host.into(),
        base_path: base.into(),
        tls,
        addresses: Arc::new(Addresses::default()),
        key: None,
        tls_health: Arc::default(),
        client_certificate: None,
        timeouts: Timeouts::default(),
        slot: 0,
        identity: TrustIdentity::default(),
        redirect_hosts: HostNames::default(),
        recall: true,
        needed: true,
    }
}

#[test]
fn links_are_read_as_clients_read_them() {
    let here = |path: &str| LinkTarget::Upstream(path.to_owned());
    let there = |host: &str| LinkTarget::Elsewhere(host.to_owned());
    let plain = upstream(true, "api.example.com", 443, "");
    let based = upstream(false, "::1", 9000, "/base");
    for (up, target, link, expected) in [
        (&plain, "/v1/x?q=1", "https://api.example.com/v1/y?z=1#f", here("/v1/y?z=1#f")),
        (&plain, "/v1/x", "HTTPS://API.Example.COM:443/a", here("/a")),
        (&plain, "/v1/x", "https://api.example.com./a", here("/a")),
        (&plain, "/v1/x", "http://api.example.com/a", here("/a")),
        (&plain, "/v1/x", "http://api.example.com:80/a", here("/a")),
        (&plain, "/v1/x", "//api.example.com/a", here("/a")),
        (&plain, "/v1/x", "https://api.example.com", here("/")),
        (&plain, "/v1/x", "https://api.example.com?upload_id=1", here("/?upload_id=1")),
        (&plain, "/v1/x", "/a/../b", here("/b")),
        (&plain, "/v1/x", "y", here("/v1/y")),
        (&plain, "/v1/x", "../../../y/.", here("/y/")),
        (&plain, "/v1/x?q=1", "?r=2", here("/v1/x?r=2")),
        (&plain, "/v1/x?q=1", "", here("/v1/x?q=1")),
        (&plain, "/v1/x?q=1", "#f", here("/v1/x?q=1#f")),
        (&plain, "/v1/x", "https://api.example.com:8443/a", there("api.example.com")),
        (&plain, "/v1/x", "https://other.example.com/a", there("other.example.com")),
        (&plain, "/v1/x", "https://api.example.com@evil.example/a", there("evil.example")),
        (&plain, "/v1/x", "https://user@api.example.com/a", there("api.example.com")),
        (&plain, "/v1/x", "https://api.example.com.evil.example/", there("api.example.com.evil.example")),
        (&plain, "/v1/x", "//evil.example/a", there("evil.example")),
        (&plain, "/v1/x", "https://else.example:8443/a", there("else.example")),
        (&plain, "/v1/x", "https://[2001:db8::1]:8443/a", there("2001:db8::1")),
        (&plain, "/v1/x", "/\\evil.example/a", there("")),
        (&plain, "/v1/x", "https:/\\evil.example/a", there("")),
        (&plain, "/v1/x", "https:evil.example", there("")),
        (&plain, "/v1/x", "ftp://api.example.com/a", there("")),
        (&plain, "/v1/x", "data:text/plain,x", there("")),
        (&plain, "/v1/x", "https://api.example.com//a", LinkTarget::Unreachable),
        (&plain, "/v1/x", "/a/%2e%2e/b", LinkTarget::Unreachable),
        (&based, "/base/x", "http://[::1]:9000/base/y", here("/y")),
        (&based, "/base/x", "http://[::1]:9000/base", here("/")),
        (&based, "/base/x", "/base?x", here("/?x")),
        (&based, "/base/x", "y", here("/y")),
        (&based, "/base/x", "/basement", LinkTarget::Unreachable),
        (&based, "/base/x", "../other", LinkTarget::Unreachable),
        (&based, "/base/x", "http://[::1]/base/y", there("::1")),
    ] {
        assert_eq!(place(link, target, up), expected, "{link} in {target}");
    }
}

#[test]
fn hosts_that_clients_read_differently_are_ambiguous() {
    let plain = upstream(true, "api.example.com", 443, "");
    for host in [
        "evil.test%2f.good.test",
        "evil.test%23.good.test",
        "evil.test%00.good.test",
        "evil.test,.good.test",
        "*.good.test",
        "[good.test]",
        "[::1",
        "::1]",
        "[::1]x",
        "evil.test@@good.test",
        "evil.test@x@good.test",
        "evil.test:80:good.test",
        "good.test:80x",
        "good.test:123456",
        "good.test:+80",
        ".good.test",
        "evil..good.test",
        "evil.test&.good.test",
        "",
    ] {
        let link = format!("https://{host}/x");
        assert_eq!(place(&link, "/v1/x", &plain), LinkTarget::Elsewhere(String::new()), "{host}");
    }
}
