//! What a broken, slow or absent provider makes of an exchange: a clear error in the provider's shape, never a hang,
//! never a reply that looks whole and is not.

use std::time::{Duration, Instant};

use aegis_tests::client::{post, post_with};
use aegis_tests::secrets::Seeded;
use aegis_tests::upstream::Step;
use aegis_tests::{Gateway, Message, Mock, Script, Upstream, sse};
use serde_json::Value;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/gemini-pro:generateContent";

fn body(secret: &str) -> String {
    serde_json::json!({"model": "m", "messages": [{"role": "user", "content": format!("use {secret}")}]})
        .to_string()
}

/// Asserts the error shape of each provider.
fn assert_shape(target: &str, reply: &Message, kind: &str) {
    let error = reply.json();
    let fits = match target {
        MESSAGES => error["type"] == "error" && error.pointer("/error/type") == Some(&Value::from(kind)),
        GEMINI => {
            error.pointer("/error/code") == Some(&Value::from(reply.status()))
                && error.to_string().contains(kind)
        }
        _ => {
            error.pointer("/error/type") == Some(&Value::from(kind)) && error.pointer("/error/code").is_some()
        }
    };
    assert!(fits, "{target}: not the provider's shape of {kind}: {error}");
    assert!(
        error
            .pointer("/error/message")
            .is_some_and(|message| message.as_str().is_some_and(|text| !text.is_empty()))
    );
    assert!(reply.field("x-aegis-request-id").is_some(), "{:?}", reply.fields);
    assert!(reply.field("content-type").is_some_and(|kind| kind.starts_with("application/json")));
}

#[test]
fn malformed_replies_are_bad_gateways() {
    let mock = Mock::start();
    let gateway = Gateway::before(&mock.url());
    let request = body(&Seeded::new(1).github());
    for quirk in [
        "cl_te",
        "dup_cl",
        "bad_cl",
        "te_gzip",
        "bad_status",
        "garbage",
        "nul_value",
        "obs_fold",
        "bad_name",
        "huge_head",
        "many_fields",
        "switching",
        "head_cut",
        "silent",
        "info_flood",
    ] {
        let fields = [("x-mock-scenario", format!("quirk={quirk}"))];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for target in [CHAT, MESSAGES, GEMINI] {
            let reply = gateway.exchange(&post_with(target, "application/json", &fields, request.as_bytes()));
            assert_eq!(reply.status(), 502, "{quirk}: {}", reply.text());
            assert_shape(target, &reply, "upstream_error");
        }
    }
}

#[test]
fn broken_bodies_do_not_look_whole() {
    let mock = Mock::start();
    let gateway = Gateway::before(&mock.url());
    let request = body(&Seeded::new(2).github());
    for quirk in ["bad_chunk", "long_chunk", "no_last_chunk", "short_body"] {
        let fields = [("x-mock-scenario", format!("quirk={quirk}"))];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut client = gateway.connect();
        client.send(&post_with(CHAT, "application/json", &fields, request.as_bytes())).expect("sent");
        if let Ok(reply) = client.reply() {
            assert!(
                reply.status() == 502 || !reply.complete,
                "{quirk}: {} looks whole: {}",
                reply.status(),
                reply.text()
            );
        }
    }
}

#[test]
fn what_is_allowed_passes() {
    let mock = Mock::start();
    let gateway = Gateway::before(&mock.url());
    let secret = Seeded::new(3).github();
    for scenario in [
        "quirk=trailers",
        "quirk=hop",
        "quirk=extra",
        "info=103",
        "framing=close",
        "framing=length",
        "http_chunk=1",
    ] {
        let fields = [("x-mock-scenario", scenario)];
        let request = post_with(CHAT, "application/json", &fields, body(&secret).as_bytes());
        // The provider closes behind such replies. A request that meets the close may have been taken, so it is not
        // sent twice.
        let reply = (0..3).map(|_| gateway.exchange(&request)).find(|reply| reply.status() != 502);
        let reply = reply.expect("a connection that is not being closed");
        assert_eq!(reply.status(), 200, "{scenario}: {}", reply.text());
        assert!(reply.text().contains(&secret), "{scenario}: {}", reply.text());
        assert!(reply.field("x-hop").is_none() && reply.field("keep-alive").is_none(), "{:?}", reply.fields);
    }
    // Bytes after a reply belong to nobody: the connection is not used again.
    let request = post(CHAT, "application/json", body(&secret).as_bytes());
    let reply = (0..3).map(|_| gateway.exchange(&request)).find(|reply| reply.status() != 502);
    assert!(reply.is_some_and(|reply| reply.text().contains(&secret)));
}

#[test]
fn an_absent_provider_is_a_bad_gateway() {
    let nobody = aegis_tests::process::free_address();
    let gateway = Gateway::before(&format!("http://{nobody}"));
    for target in [CHAT, MESSAGES, GEMINI] {
        let reply = gateway.exchange(&post(target, "application/json", b"{}"));
        assert_eq!(reply.status(), 502, "{}", reply.text());
        assert_shape(target, &reply, "upstream_error");
    }
}

#[test]
fn a_silent_provider_is_a_timeout() {
    let upstream = Upstream::start(|_, _| Script::raw("").then(Step::Pause(Duration::from_secs(20))));
    let gateway = Gateway::builder()
        .all_upstreams(&upstream.url())
        .config("[timeouts]\nfirst_byte = \"400ms\"")
        .start();
    for target in [CHAT, MESSAGES, GEMINI] {
        let before = Instant::now();
        let reply = gateway.exchange(&post(target, "application/json", b"{}"));
        assert_eq!(reply.status(), 504, "{}", reply.text());
        assert_shape(target, &reply, "upstream_timeout");
        let waited = before.elapsed();
        assert!(waited > Duration::from_millis(300) && waited < Duration::from_secs(5), "{waited:?}");
    }
}

#[test]
fn a_stream_that_falls_silent_is_cut_and_its_held_text_comes_out() {
    let upstream = Upstream::start(|_, _| {
        Script::stream()
            .event(sse::chat_text(0, "so far AEG").as_bytes())
            .then(Step::Pause(Duration::from_secs(20)))
    });
    let config = "[timeouts]\nstream_read_gap = \"500ms\"\nupstream_read_gap = \"500ms\"";
    let gateway = Gateway::builder().all_upstreams(&upstream.url()).config(config).start();
    let request = body(&Seeded::new(4).github());
    let before = Instant::now();
    let reply = gateway.exchange(&post(CHAT, "application/json", request.as_bytes()));
    assert!(before.elapsed() < Duration::from_secs(8));
    assert_eq!(sse::joined(&reply.body, "/choices/0/delta/content"), "so far AEG");
    assert!(!reply.complete, "a stream that was cut is not passed off as complete");
}

#[test]
fn an_early_reply_is_delivered() {
    let mock = Mock::start();
    let gateway = Gateway::before(&mock.url());
    let fields = [("x-mock-scenario", "early=1,status=401,reply=no such key")];
    let large = body(&"words ".repeat(1_000_000));
    let reply = gateway.exchange(&post_with(CHAT, "application/json", &fields, large.as_bytes()));
    assert_eq!(reply.status(), 401, "{}", reply.text());
    assert!(reply.text().contains("no such key"));
    // The connection it came on is not used again.
    let reply = gateway.exchange(&post(CHAT, "application/json", body("x").as_bytes()));
    assert_eq!(reply.status(), 200, "{}", reply.text());
}

#[test]
fn the_providers_own_errors_pass_as_they_are() {
    let mock = Mock::start();
    let gateway = Gateway::before(&mock.url());
    for (target, status) in [(CHAT, 429), (MESSAGES, 529), (GEMINI, 400), (CHAT, 500), (MESSAGES, 404)] {
        let scenario = format!("status={status},reply=the provider says no");
        let fields = [("x-mock-scenario", scenario.as_str())];
        let request = post_with(target, "application/json", &fields, b"{}");
        let direct = aegis_tests::Client::connect(mock.address).exchange(&request);
        let reply = gateway.exchange(&request);
        assert_eq!((reply.status(), reply.text()), (direct.status(), direct.text()), "{target}");
    }
}

#[test]
fn a_reply_without_tokens_passes_byte_for_byte() {
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    let gateway = Gateway::before(&upstream.url());
    let odd = "{ \"a\":1.0e0,\t\"b\" : \"\\u0041\\/caf\\u00e9\" ,\"a\":[ ] }\n\n";
    for (request, content_type) in
        [("{}", "application/json"), (&body(&Seeded::new(5).github()), "application/json")]
    {
        for (kind, body) in [
            (content_type, odd),
            ("text/plain", "AEGIS- AEGIS-KEY-0 \u{1F980}"),
            ("image/png", "\u{1}\u{2}AEGIS-KEY"),
        ] {
            upstream.play(move |_, _| Script::reply(kind, body.as_bytes()));
            let reply = gateway.exchange(&post(CHAT, "application/json", request.as_bytes()));
            assert_eq!(reply.text(), body, "{kind}");
            assert_eq!(reply.field("content-type"), Some(kind));
        }
    }
}
