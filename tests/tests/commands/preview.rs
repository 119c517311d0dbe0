//! `POST /aegis/v1/preview`: what would be sent, without sending it.

use aegis_tests::client::{Client, post, post_with};
use aegis_tests::oracle::assert_absent;
use aegis_tests::{Gateway, Message, Script, Upstream};
use serde_json::{Value, json};

use super::TOKEN;

const PREVIEW: &str = "/aegis/v1/preview";
/// A gateway key that somebody thought up, and its SHA-256.
const KEY: (&str, &str) =
    ("gate-key-one", "8842b98e92ad844553bdddeaefa955c1cde0b1e45830bf388c4e19c3e96bb46e");

fn provider() -> Upstream {
    Upstream::start(|request, _| Script::reply("application/json", &request.body))
}

fn message(text: &str) -> String {
    json!({"messages": [{"role": "user", "content": text}]}).to_string()
}

fn ask(gateway: &Gateway, body: &str) -> Message {
    gateway.exchange(&post(PREVIEW, "application/json", body.as_bytes()))
}

#[test]
fn it_says_what_would_be_sent_and_sends_nothing() {
    let upstream = provider();
    let gateway = Gateway::before(&upstream.url());
    let body = message(&format!("my token is {TOKEN}, \u{e4}"));
    let reply = ask(&gateway, &body);
    assert_eq!((reply.status(), reply.field("content-type")), (200, Some("application/json")));
    assert!(reply.field("x-aegis-request-id").is_some());
    assert_absent(&reply.body, TOKEN, "the answer");
    let preview = reply.json();
    let finding = &preview["findings"][0];
    assert_eq!(preview["blocked"], false);
    assert_eq!(preview["findings_total"], 1);
    assert_eq!((finding["rule"].as_str(), finding["category"].as_str()), (Some("github-pat"), Some("TOKEN")));
    assert_eq!(
        (finding["action"].as_str(), finding["place"].as_str()),
        (Some("tokenize"), Some("messages[0].content"))
    );
    assert_eq!(preview["bytes"]["request"], body.len());
    assert!(upstream.records().is_empty(), "nothing is sent");
    // It is what is sent: byte for byte, with the same token.
    gateway.exchange(&post("/v1/chat/completions", "application/json", body.as_bytes()));
    let sent = String::from_utf8(upstream.last().body).expect("text");
    assert_eq!(preview["body"].as_str(), Some(sent.as_str()));
    assert!(sent.contains(finding["token"].as_str().expect("a token")));
    // Its findings are no findings of requests.
    assert_eq!(gateway.metric("aegis_findings_total", "TOKEN").to_string(), "1");
    for (path, bytes) in gateway.everything_written() {
        assert_absent(&bytes, TOKEN, &path.display().to_string());
    }
}

#[test]
fn it_is_behind_the_key_of_the_gateway() {
    let upstream = provider();
    let config = format!(
        "[[auth.keys]]\nid = \"one\"\nsha256 = \"{}\"\nupstreams = [\"openai\"]\n\
         [upstreams.mine]\nurl = \"{}\"\nprovider = \"anthropic\"\napi_key = \"sk-of-the-gateway\"\n",
        KEY.1,
        upstream.url()
    );
    let gateway = Gateway::builder().config(&config).start();
    let body = message(&format!("{TOKEN} and {}", KEY.0));
    let ask = |target: &str, fields: &[(&str, &str)]| {
        gateway.exchange(&post_with(target, "application/json", fields, body.as_bytes()))
    };
    let with_key = [("x-aegis-key", KEY.0)];
    let mine = format!("{PREVIEW}?provider=mine");
    let openai = format!("{PREVIEW}?provider=openai");
    for (target, fields, status) in [
        (PREVIEW, &[][..], 401),
        (PREVIEW, &[("x-aegis-key", "another")], 401),
        (PREVIEW, &with_key, 200),
        (PREVIEW, &[("authorization", "Bearer gate-key-one")], 200),
        (&openai, &with_key, 200),
        (&mine, &with_key, 403),
    ] {
        let reply = ask(target, fields);
        assert_eq!(reply.status(), status, "{target} {fields:?} {}", reply.text());
        assert_absent(&reply.body, KEY.0, "the answer");
        assert_absent(&reply.body, TOKEN, "the answer");
    }
    // The error has the shape of the provider that is named.
    assert_eq!(ask(&mine, &with_key).json()["type"], "error");
    assert!(upstream.records().is_empty());
}

#[test]
fn a_request_that_would_be_refused_says_so() {
    let upstream = provider();
    let config = "[policy]\nopaque = \"refuse\"\n[policy.rules]\ngithub-pat = \"block\"\n";
    let gateway = Gateway::builder().all_upstreams(&upstream.url()).config(config).start();
    let body = message(&format!("my token is {TOKEN}"));
    let reply = ask(&gateway, &body);
    let preview = reply.json();
    assert_eq!((reply.status(), &preview["blocked"], &preview["body"]), (200, &json!(true), &Value::Null));
    let error = preview["error"]["message"].as_str().expect("a message");
    for part in ["github-pat (TOKEN)", "at messages[0].content", "policy.rules.github-pat"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(
        (preview["error"]["status"].as_u64(), preview["error"]["type"].as_str()),
        (Some(403), Some("policy_violation"))
    );
    assert_eq!(preview["findings"][0]["action"], "block");
    assert_absent(&reply.body, TOKEN, "the answer");
    // The same is said of the request itself.
    let refused = gateway.exchange(&post("/v1/chat/completions", "application/json", body.as_bytes()));
    assert_eq!((refused.status(), refused.json()["error"]["message"].as_str()), (403, Some(error)));
    let image = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url":
        {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}}]}]});
    let reply = ask(&gateway, &image.to_string());
    assert_eq!(reply.json()["blocked"], true, "{}", reply.text());
    assert!(reply.text().contains("policy.opaque"), "{}", reply.text());
    assert!(upstream.records().is_empty());
}

#[test]
fn what_cannot_be_previewed_is_a_clear_error() {
    let upstream = provider();
    let gateway = Gateway::builder()
        .all_upstreams(&upstream.url())
        .config("[limits]\nmax_body = \"100 KiB\"\nhold = \"100 KiB\"\n")
        .start();
    let big = message(&"x".repeat(110 << 10));
    let raw = |text: &str| gateway.exchange(text.as_bytes());
    for (reply, status, part) in [
        (ask(&gateway, "{\"a\":"), 400, "cannot be scanned"),
        (ask(&gateway, &big), 413, ""),
        (gateway.exchange(&post(&format!("{PREVIEW}?provider=nobody"), "text/plain", b"x")), 400, "provider"),
        (raw("GET /aegis/v1/preview HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"), 405, "POST"),
        (
            gateway.exchange(&post_with(PREVIEW, "text/plain", &[("content-encoding", "x-secret")], b"x")),
            415,
            "",
        ),
        (
            gateway.exchange(&post_with(PREVIEW, "text/plain", &[("origin", "https://evil.example")], b"x")),
            403,
            "page",
        ),
    ] {
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert!(reply.text().contains(part), "{}", reply.text());
    }
    assert!(upstream.records().is_empty());
}

#[test]
fn bodies_of_all_kinds_pass_and_the_connection_goes_on() {
    let gateway = Gateway::before(&provider().url());
    let mut client = Client::connect(gateway.address);
    // A text, and nothing at all.
    let reply = client.exchange(&post(PREVIEW, "text/plain", format!("token {TOKEN}\n").as_bytes()));
    assert!(
        reply.json()["body"].as_str().expect("text").starts_with("token AEGIS-TOKEN-"),
        "{}",
        reply.text()
    );
    let reply = client.exchange(&post(PREVIEW, "text/plain", b""));
    assert_eq!((reply.json()["body"].as_str(), &reply.json()["findings_total"]), (Some(""), &json!(0)));
    // What is no text comes back in base64.
    let reply = client.exchange(&post(PREVIEW, "image/png", b"\x89PNG\r\n\x1a\n\0\0"));
    assert_eq!(
        (reply.json()["body_base64"].as_str(), &reply.json()["opaque_total"]),
        (Some("iVBORw0KGgoAAA=="), &json!(1))
    );
    // Over many windows, in chunks, and compressed.
    let long = message(&format!("{}{TOKEN}", "word ".repeat(40_000)));
    let chunked = format!(
        "POST {PREVIEW} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    let chunked = client.exchange(chunked.as_bytes()).json();
    let plain = client.exchange(&post(PREVIEW, "application/json", long.as_bytes())).json();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, long.as_bytes()).expect("packed");
    let packed = packed.finish().expect("packed");
    let gzip = client
        .exchange(&post_with(PREVIEW, "application/json", &[("content-encoding", "gzip")], &packed))
        .json();
    assert_eq!(plain["findings_total"], 1);
    assert!(plain["body"].as_str().expect("text").len() > 200_000);
    assert!(chunked["body"] == plain["body"] && gzip["body"] == plain["body"]);
    assert_eq!(client.exchange(&aegis_tests::client::get("/")).status(), 200, "the connection goes on");
}
