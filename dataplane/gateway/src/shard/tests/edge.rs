//! What comes in at the edge: paths, pages, upgrades, empty lines; and where links in replies lead.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aegis_shield::reply::HostNames;
use aegis_wire::head::Method;
use aegis_wire::tls::Validity;

use super::harness::{GatewaySetup, MockUpstream, SECRET, ok, on_both_drivers, write};
use crate::browser::Sites;
use crate::config::Secret;
use crate::config::settings::{Driver, Provider};
use crate::snapshot::{Snapshot, Upstream, UpstreamKey};

fn change(
    setup: &mut GatewaySetup,
    change: impl Fn(&mut Snapshot, &mut dyn FnMut(&dyn Fn(&mut Upstream))) + 'static,
) {
    setup.change = Box::new(move |snapshot| {
        let mut upstream = snapshot.upstreams.remove(0);
        change(snapshot, &mut |edit| edit(Arc::get_mut(&mut upstream).unwrap()));
        snapshot.upstreams.insert(0, upstream);
    });
}

fn with_key(upstream: &mut Upstream) {
    upstream.key = Some(UpstreamKey { name: "authorization", value: Secret::new("Bearer own".to_owned()) });
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n{fields}\r\n")
}

#[test]
fn no_path_leaves_the_base_path() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.head.path)]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.provider = Provider::Anthropic;
        change(&mut setup, |_, edit| edit(&|up| up.base_path = "/base".into()));
        let gateway = setup.start();
        for path in [
            "/up/../../admin",
            "/up/%2e%2e/admin",
            "/up/%252e%252e/admin",
            "/up/v1/..;/..;/admin",
            "/up/..%2fadmin",
            "/up/..%5cadmin",
            "/up/..\\admin",
            "/up/a%00/x",
            "/up//admin",
            "/up/%2fevil.test/x",
            "/up/%2f%2fevil.test/x",
            "/up/%252fevil.test/x",
            "//up/admin",
            "http://127.0.0.1:8080/up/../admin",
            "http://127.0.0.1:8080//up/admin",
            "/../admin",
        ] {
            let mut client = gateway.client();
            client.send(get(path, ""));
            let reply = client.reply_to(Method::Get);
            assert_eq!(reply.status, 400, "{path}");
            let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!((&body["type"], &body["error"]["type"]), (&"error".into(), &"invalid_request".into()));
            client.send(get("/up/v1/x", ""));
            assert_eq!(client.reply_to(Method::Get).text(), "/base/v1/x", "the connection lives on");
        }
        assert!(upstream.seen().iter().all(|seen| seen.head.path == "/base/v1/x"));
        let mut client = gateway.client();
        client.send(get("http://127.0.0.1:8080/up/a%2Fb//c?../..", ""));
        assert_eq!(client.reply_to(Method::Get).text(), "/base/a%2Fb//c?../..");
    });
}

#[test]
fn a_page_does_not_spend_the_gateways_key() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        change(&mut setup, |snapshot, edit| {
            snapshot.sites = Sites::new(&["gw.lan".to_owned()], &["https://app.example".to_owned()]);
            edit(&with_key);
        });
        let gateway = setup.start();
        let mut asked = 0;
        for (host, fields, status) in [
            ("127.0.0.1:8080", "", 200),
            ("LocalHost.:8080", "", 200),
            ("gw.lan", "", 200),
            ("127.0.0.1", "origin: https://app.example\r\n", 200),
            ("127.0.0.1", "origin: null\r\n", 403),
            ("127.0.0.1", "origin: https://evil.example\r\n", 403),
            ("127.0.0.1", "sec-fetch-site: cross-site\r\n", 403),
            ("rebound.evil.example:8080", "", 403),
            ("rebound.evil.example:8080", "origin: https://app.example\r\n", 403),
        ] {
            let mut client = gateway.client();
            client.send(format!(
                "POST /up/x HTTP/1.1\r\nhost: {host}\r\n{fields}content-type: text/plain\r\ncontent-length: 2\r\n\r\nhi"
            ));
            let reply = client.reply();
            assert_eq!(reply.status, status, "{host} {fields}");
            asked += usize::from(status == 200);
            if status == 403 {
                assert!(
                    reply.text().contains("\"forbidden\"") && reply.text().contains("auth.keys"),
                    "{}",
                    reply.text()
                );
            }
            let allowed = if fields.contains("app.example") { "https://app.example" } else { "" };
            assert_eq!(reply.field("access-control-allow-origin"), allowed, "{host} {fields}");
        }
        assert_eq!(upstream.seen().len(), asked);
        let mut client = gateway.client();
        let preflight = |origin: &str| {
            format!(
                "OPTIONS /up/x HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\naccess-control-request-method: POST\r\n\r\n"
            )
        };
        client.send(preflight("https://app.example"));
        let reply = client.reply_to(Method::Options);
        assert_eq!((reply.status, reply.field("access-control-allow-methods")), (204, "POST"));
        client.send(preflight("https://evil.example"));
        assert_eq!(client.reply_to(Method::Options).status, 403);
        assert_eq!(upstream.seen().len(), asked);
    });
}

#[test]
fn without_a_key_to_spend_nobody_is_asked() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.send("GET /up/x HTTP/1.1\r\nhost: evil.example\r\norigin: null\r\n\r\n");
        assert_eq!(client.reply_to(Method::Get).status, 200);
    });
}

#[test]
fn upgrades_are_answered_so_that_clients_go_on_over_http() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.send(get("/up/v1/responses", "connection: upgrade\r\nupgrade: websocket\r\n"));
        let mut raw = Vec::new();
        while !raw.ends_with(b"}}") {
            let mut byte = [0; 1];
            std::io::Read::read_exact(&mut client.stream, &mut byte).unwrap();
            raw.push(byte[0]);
        }
        let text = String::from_utf8(raw).unwrap();
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
        assert!(text.contains("\r\nupgrade: HTTP/1.1\r\nconnection: upgrade\r\n"), "{text}");
        client.send(get("/up/v1/responses", ""));
        assert_eq!(client.reply_to(Method::Get).text(), "fine");
    });
}

#[test]
fn the_answer_of_a_gateway_without_room_is_complete() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.buffers_per_shard = 1000);
        let gateway = setup.start();
        let mut client = gateway.client();
        client.send(get("/up/x", ""));
        let reply = client.reply_to(Method::Get);
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, &body["error"]["type"]), (503, &"overloaded".into()));
        assert_eq!((reply.field("retry-after"), reply.complete, reply.keep_alive), ("1", true, false));
        assert!(client.is_closed() && client.buffer.is_empty(), "nothing follows the body");
    });
}

#[test]
fn empty_lines_between_requests_do_not_begin_one() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.timeouts.request_head = Duration::from_millis(150);
        let gateway = setup.start();
        let mut client = gateway.client();
        for lines in ["\r\n", "\r\n\r\n\r\n\r\n"] {
            client.post("/up/x", "a");
            assert_eq!(client.reply().text(), "fine");
            client.send(lines);
            std::thread::sleep(Duration::from_millis(600));
        }
        client.post("/up/x", "a");
        assert_eq!(client.reply().text(), "fine");
        client.send("\r\n\r\n\r\n\r\n\r\n");
        assert_eq!(client.reply().status, 400);
    });
}

/// Starts a gateway before an upstream that answers with this head, in which `UP` is its own address.
fn linked(
    driver: Driver,
    head: &'static str,
    edit: &'static dyn Fn(&mut Snapshot, &mut Upstream),
) -> (super::harness::Gateway, MockUpstream) {
    let upstream = MockUpstream::new(move |seen| {
        let head = head.replace("UP", &seen.head.authority);
        vec![write(&format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n"))]
    });
    let mut setup = GatewaySetup::new(driver, &upstream);
    setup.change = Box::new(move |snapshot| {
        let mut upstream = snapshot.upstreams.remove(0);
        edit(snapshot, Arc::get_mut(&mut upstream).unwrap());
        snapshot.upstreams.insert(0, upstream);
    });
    (setup.start(), upstream)
}

#[test]
fn links_to_the_upstream_lead_through_the_gateway() {
    const UPLOAD: &str = "200 OK\r\nX-Goog-Upload-URL: http://UP/upload/v1beta/files?upload_id=1&x=%2F\r\n\
        x-goog-upload-control-url: http://UP/upload/c\r\nx-other: http://UP/x";
    on_both_drivers(|driver| {
        for (head, host, public, name, expected) in [
            (
                UPLOAD,
                "localhost:9",
                None,
                "x-goog-upload-url",
                "http://localhost:9/up/upload/v1beta/files?upload_id=1&x=%2F",
            ),
            (UPLOAD, "127.0.0.1:9", None, "x-goog-upload-control-url", "http://127.0.0.1:9/up/upload/c"),
            (
                UPLOAD,
                "x.example",
                Some("https://gw.example/aegis"),
                "x-goog-upload-url",
                "https://gw.example/aegis/up/upload/v1beta/files?upload_id=1&x=%2F",
            ),
            ("307 T\r\nlocation: http://UP/v1/y", "[::1]:9", None, "location", "http://[::1]:9/up/v1/y"),
            ("308 P\r\nlocation: /v1/y", "x.example", None, "location", "/up/v1/y"),
            ("307 T\r\nlocation: y?z", "x.example", None, "location", "/up/v1/y?z"),
            (
                "303 S\r\nlocation: https://else.example/y",
                "localhost",
                None,
                "location",
                "https://else.example/y",
            ),
            (
                "202 A\r\noperation-location: http://UP/v1/o",
                "localhost",
                None,
                "operation-location",
                "http://localhost/up/v1/o",
            ),
            (
                "200 OK\r\nlink: <http://UP/v1/x?p=2>; rel=\"next\", <https://else.example/>; rel=license",
                "localhost",
                None,
                "link",
                "<http://localhost/up/v1/x?p=2>; rel=\"next\", <https://else.example/>; rel=license",
            ),
            (
                "201 C\r\ncontent-location: /v1/z",
                "localhost",
                None,
                "content-location",
                "http://localhost/up/v1/z",
            ),
        ] {
            let edit: &'static dyn Fn(&mut Snapshot, &mut Upstream) =
                Box::leak(Box::new(move |snapshot: &mut Snapshot, _: &mut Upstream| {
                    snapshot.public_url = public.map(Box::from);
                }));
            let (gateway, _upstream) = linked(driver, head, edit);
            let mut client = gateway.client();
            client.send(format!("POST /up/v1/x HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\nhi"));
            let reply = client.reply();
            assert_eq!(reply.field(name), expected, "{}", reply.text());
        }
    });
}

#[test]
fn nothing_is_sent_on_past_the_gateway() {
    on_both_drivers(|driver| {
        let free: &'static dyn Fn(&mut Snapshot, &mut Upstream) = &|_, _| {};
        let named: &'static dyn Fn(&mut Snapshot, &mut Upstream) =
            &|_, up| up.redirect_hosts = HostNames::of(["else.example", "*.blob.example"]);
        for (method, path, status, edit, passes) in [
            ("POST", "/v1/x", 307, free, false),
            ("POST", "/v1/x", 308, free, false),
            ("POST", "/v1/x", 301, free, true),
            ("POST", "/v1/x", 302, free, true),
            ("POST", "/v1/x", 303, free, true),
            ("GET", "/v1/x", 307, free, true),
            ("HEAD", "/v1/x", 308, free, true),
            ("PUT", "/v1/x", 301, free, false),
            ("DELETE", "/v1/x", 302, free, false),
            ("POST", "/%75pload/v1/x", 201, free, false),
            ("POST", "/Upload/v1/x", 201, free, false),
            ("POST", "/upload/v1/x", 303, free, false),
            ("POST", "/upload/v1/x", 200, free, false),
            ("POST", "/v1/x", 201, free, true),
            ("POST", "/v1/x", 307, named, true),
            ("PUT", "/upload/x", 302, named, true),
        ] {
            let head: &'static str =
                Box::leak(format!("{status} X\r\nlocation: https://else.example/y").into_boxed_str());
            let (gateway, _upstream) = linked(driver, head, edit);
            let mut client = gateway.client();
            let body = if matches!(method, "GET" | "HEAD") { "" } else { "content-length: 2\r\n\r\nhi" };
            client.send(format!(
                "{method} /up{path} HTTP/1.1\r\nhost: localhost\r\n{}",
                if body.is_empty() { "\r\n" } else { body }
            ));
            let reply = client.reply_to(if method == "HEAD" { Method::Head } else { Method::Post });
            let expected = if passes { (status, "https://else.example/y") } else { (502, "") };
            assert_eq!((reply.status, reply.field("location")), expected, "{method} {path} {status}");
            assert!(
                passes || reply.text().contains("else.example") && reply.text().contains("redirect_hosts")
            );
        }
        for (head, host, why) in [
            ("200 OK\r\nx-goog-upload-url: https://else.example/u", "localhost", "redirect_hosts"),
            ("200 OK\r\nx-goog-upload-url: https://UP@else.example/u", "localhost", "else.example"),
            ("200 OK\r\nx-goog-upload-url: http://UP/u", "gw.example", "server.public_url"),
            ("307 X\r\nlocation: /\\else.example", "localhost", "redirect_hosts"),
            ("307 X\r\nlocation: http://UP/%2e%2e/x", "localhost", "of its own"),
        ] {
            let (gateway, _upstream) = linked(driver, head, free);
            let mut client = gateway.client();
            client.send(format!("POST /up/v1/x HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\nhi"));
            let reply = client.reply();
            assert!(
                reply.status == 502 && reply.text().contains(why),
                "{head}: {} {}",
                reply.status,
                reply.text()
            );
        }
    });
}

#[test]
fn results_are_fetched_through_the_gateway() {
    on_both_drivers(|driver| {
        for framing in ["length", "chunked", "pieces"] {
            let upstream = MockUpstream::new(move |seen| {
                let (host, path) = (&seen.head.authority, &seen.head.path);
                let echo = String::from_utf8_lossy(&seen.body).into_owned();
                let body = format!(
                    "{{\"results_url\": \"http://{host}{path}/results\",\"echo\":\"{echo}\",\"data\":[{{\"results_url\":\"http:\\/\\/{host}\\/r\"}}]}}"
                );
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
                if framing == "length" {
                    return vec![write(&format!("{head}content-length: {}\r\n\r\n{body}", body.len()))];
                }
                let size = if framing == "pieces" { 3 } else { 1000 };
                let mut text = format!("{head}transfer-encoding: chunked\r\n\r\n");
                for piece in body.as_bytes().chunks(size) {
                    write!(text, "{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)).unwrap();
                }
                vec![write(&(text + "0\r\n\r\n"))]
            });
            let gateway = GatewaySetup::new(driver, &upstream).start();
            let mut client = gateway.client();
            let own = upstream.address;
            for (host, secret, base) in [
                ("localhost:9", "", "http://localhost:9/up"),
                ("localhost:9", SECRET, "http://localhost:9/up"),
                ("gw.example", "", ""),
            ] {
                client.send(format!(
                    "POST /up/v1/messages/batches HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n{secret}",
                    secret.len()
                ));
                let reply = client.reply();
                assert_eq!(
                    reply.text(),
                    format!(
                        "{{\"results_url\": \"{base}/v1/messages/batches/results\",\"echo\":\"{secret}\",\"data\":[{{\"results_url\":\"{base}/r\"}}]}}"
                    ),
                    "{framing}"
                );
                assert!(reply.complete);
            }
            client.send(get("/up/v1/messages/batches/x/results", ""));
            let reply = client.reply_to(Method::Get);
            assert!(reply.text().contains(&format!("http://{own}/v1/messages/batches/x/results/results")));
        }
    });
}

#[test]
fn a_client_certificate_is_a_key_to_spend() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        let validity = Validity { not_before: 0, not_after: i64::MAX };
        change(&mut setup, move |_, edit| edit(&|up| up.client_certificate = Some(validity)));
        let gateway = setup.start();
        let mut client = gateway.client();
        client.send("GET /up/x HTTP/1.1\r\nhost: evil.example\r\n\r\n");
        assert_eq!(client.reply_to(Method::Get).status, 403);
    });
}

#[test]
fn results_that_the_gateway_cannot_fetch_have_no_address() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            let host = &seen.head.authority;
            let body = format!(
                "{{\"results_url\":\"http://{host}/outside\",\"data\":[{{\"results_url\":\"https://else.example/r\"}}]}}"
            );
            vec![ok(&body)]
        });
        let mut setup = GatewaySetup::new(driver, &upstream);
        change(&mut setup, |_, edit| edit(&|up| up.base_path = "/base".into()));
        let gateway = setup.start();
        let mut client = gateway.client();
        client.send(get("/up/v1/messages/batches", ""));
        let expected = "{\"results_url\":null,\"data\":[{\"results_url\":\"https://else.example/r\"}]}";
        assert_eq!(client.reply_to(Method::Get).text(), expected);
    });
}
