//! Requests that go well.

use aegis_shield::Action;
use aegis_wire::head::Method;

use super::harness::{GatewaySetup, MockUpstream, SECRET, ScriptStep, ok, on_both_drivers, write};
use crate::config::settings::{FindingsHeader, Provider};
use crate::events::Ending;

#[test]
fn a_request_goes_out_and_its_reply_comes_back() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&format!("got {}", seen.body.len()))]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/v1/chat?x=1", "hello");
        let reply = client.reply();
        assert_eq!((reply.status, reply.text(), reply.keep_alive), (200, "got 5", true));
        assert_eq!(reply.field("x-aegis-request-id").len(), 32);
        let seen = &upstream.seen()[0];
        assert_eq!((seen.head.path.as_str(), seen.body.as_slice()), ("/v1/chat?x=1", &b"hello"[..]));
        assert_eq!(seen.head.authority, upstream.address.to_string());
        assert_eq!(seen.head.fields.get(b"accept-encoding"), Some(&b"identity"[..]));
        let record = gateway.record();
        assert_eq!((record.status, record.upstream_status, record.ended), (200, Some(200), Ending::Complete));
        assert_eq!((record.request_bytes, record.sent_bytes), (5, 5));
        assert_eq!((record.response_bytes, record.delivered_bytes), (5, 5));
        assert_eq!(&*record.path, "/v1/chat");
        assert_eq!(record.id.to_hex(), reply.field("x-aegis-request-id").as_bytes());
    });
}

#[test]
fn connections_are_kept_on_both_sides() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.connection.to_string())]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        for _ in 0..20 {
            client.post("/up/x", "again");
            assert_eq!(client.reply().text(), "0");
        }
        assert_eq!(gateway.metrics.upstreams[0].pool_hits.get(), 19);
        assert_eq!(gateway.metrics.connections_total.get(), 1);
    });
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ScriptStep::Sleep(20), ok(&seen.head.path)]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        let mut all = Vec::new();
        for index in 0..5 {
            all.push(format!("POST /up/{index} HTTP/1.1\r\nhost: g\r\ncontent-length: 3\r\n\r\nabc"));
        }
        all.push("GET /up/last HTTP/1.1\r\nhost: g\r\n\r\n".to_owned());
        client.send(all.concat());
        for index in 0..5 {
            assert_eq!(client.reply().text(), format!("/{index}"));
        }
        assert_eq!(client.reply().text(), "/last");
    });
}

#[test]
fn a_secret_is_a_token_at_the_provider() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        let text = format!("my key is {SECRET}, keep it");
        client.post("/up/x", &text);
        assert_eq!(client.reply().status, 200);
        let body = String::from_utf8(upstream.seen()[0].body.clone()).unwrap();
        assert!(!body.contains(SECRET), "{body}");
        assert!(body.starts_with("my key is AEGIS-KEY-") && body.ends_with(", keep it"), "{body}");
        let record = gateway.record();
        assert_eq!(record.findings_total, 1);
        assert!(body.contains(record.findings[0].token.as_deref().unwrap()));
        assert_eq!(gateway.metrics.findings[0][Action::Tokenize as usize].get(), 1);
    });
}

#[test]
fn findings_are_reported_when_asked_for() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.findings_header = FindingsHeader::Always);
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", &format!("key {SECRET}"));
        assert_eq!(client.reply().field("x-aegis-findings"), "KEY=1");
        client.post("/up/x", "nothing here");
        assert_eq!(client.reply().field("x-aegis-findings"), "none");
    });
}

#[test]
fn a_block_reaches_nobody_and_says_why_in_the_providers_shape() {
    on_both_drivers(|driver| {
        for provider in [Provider::Anthropic, Provider::Google, Provider::Openai] {
            let upstream = MockUpstream::new(|_| vec![ok("fine")]);
            let mut setup = GatewaySetup::new(driver, &upstream);
            setup.provider = provider;
            setup.action = Action::Block;
            let mut gateway = setup.start();
            let mut client = gateway.client();
            client.post("/up/x", &format!("key {SECRET}"));
            let reply = client.reply();
            let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(reply.status, 403);
            assert!(!reply.text().contains(SECRET));
            assert!(body["error"]["message"].as_str().unwrap().contains("aws-access-key-id"), "{body}");
            if provider == Provider::Anthropic {
                assert_eq!(body["type"], "error");
            }
            let record = gateway.record();
            assert_eq!((record.error, record.findings_total), (Some("policy_violation"), 1));
            client.post("/up/x", "harmless");
            assert_eq!(client.reply().status, 200, "the connection lives on");
            assert_eq!(upstream.seen().len(), 1);
        }
    });
}

#[test]
fn replies_without_bodies_end_at_their_heads() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            vec![write(match seen.head.method {
                Method::Head => "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n",
                Method::Options => "HTTP/1.1 204 No Content\r\nallow: GET\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            })]
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.send("HEAD /up/x HTTP/1.1\r\nhost: g\r\n\r\n");
        let reply = client.reply_to(Method::Head);
        assert_eq!((reply.status, reply.field("content-length"), reply.body.len()), (200, "12", 0));
        client.send("OPTIONS /up/x HTTP/1.1\r\nhost: g\r\n\r\n");
        assert_eq!(client.reply_to(Method::Options).status, 204);
        client.send("DELETE /up/x HTTP/1.1\r\nhost: g\r\n\r\n");
        assert_eq!(client.reply_to(Method::Delete).status, 200);
    });
}

#[test]
fn interim_replies_are_not_the_reply() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| {
            vec![write("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"), ScriptStep::Sleep(20), ok("final")]
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().text(), "final");
        client.post("/up/x", "b");
        assert_eq!(client.reply().text(), "final");
    });
}

#[test]
fn http_1_0_clients_get_what_they_understand() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| {
            vec![write(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            )]
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.send("GET /up/x HTTP/1.0\r\n\r\n");
        let reply = client.reply_to(Method::Get);
        assert_eq!((reply.text(), reply.head.fields.contains(b"transfer-encoding")), ("abcde", false));
        assert!(client.is_closed());
    });
}

#[test]
fn secrets_outside_of_the_body_are_found_and_credentials_left_alone() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.send(format!(
            "GET /up/v1/items/{SECRET}?q={SECRET}&alt=sse&key={SECRET}&n=1 HTTP/1.1\r\nhost: g\r\n\
             authorization: Bearer {SECRET}\r\nx-title: about {SECRET}!\r\nx-api-key: {SECRET}\r\n\r\n"
        ));
        assert_eq!(client.reply().status, 200);
        let head = &upstream.seen()[0].head;
        let token = &head.path["/v1/items/".len()..head.path.find('?').unwrap()];
        assert!(token.starts_with("AEGIS-KEY-"), "{}", head.path);
        assert_eq!(head.path, format!("/v1/items/{token}?q={token}&alt=sse&key={SECRET}&n=1"));
        assert_eq!(head.fields.get(b"x-title"), Some(format!("about {token}!").as_bytes()));
        assert_eq!(head.fields.get(b"authorization"), Some(format!("Bearer {SECRET}").as_bytes()));
        assert_eq!(head.fields.get(b"x-api-key"), Some(SECRET.as_bytes()));
        let record = gateway.record();
        let places: Vec<&str> = record.findings.iter().map(|finding| &*finding.place).collect();
        assert_eq!(places, ["path", "query[0]", "header x-title"]);
        assert_eq!(&*record.path, "/v1/items/{id}");
    });
}
