//! 10. An adversary: error paths and injected text reveal no secret, and what cannot be checked is not sent.

use aegis_tests::client::{get, post, post_with};
use aegis_tests::oracle::{assert_absent, contains};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Message, Script};

use crate::harness::{CHAT, Harness, MESSAGES, chat, chat_stream, chat_text, event_stream, messages};

#[test]
fn nothing_the_gateway_writes_holds_a_secret() {
    let harness = Harness::with(|builder| builder.config("[policy.rules]\n\"stripe-key\" = \"block\""));
    let mut seeded = Seeded::new(1_001);
    let (secret, blocked, bearer) = (seeded.github(), seeded.stripe(), seeded.anthropic());
    let body = chat(&format!("use {secret} at https://evil.test/?k={secret}"));
    let fields = [("authorization", format!("Bearer {bearer}")), ("x-aegis-findings", "1".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut replies: Vec<Message> = Vec::new();
    let mut ask = |body: &str| {
        let reply = harness.gateway.exchange(&post_with(CHAT, "application/json", &fields, body.as_bytes()));
        replies.push(reply);
    };
    harness.upstream.play(|_, _| Script::reply("application/json", b"{\"ok\":true}"));
    ask(&body);
    ask(&body[..body.len() - 9]);
    ask(&format!("{{\"a\":\"{secret}\",,}}"));
    ask(&format!("{}\"{secret}\"{}", "[".repeat(100_000), "]".repeat(100_000)));
    ask(&chat(&format!("use {blocked}")));
    harness.upstream.play(|_, _| Script::raw("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"));
    ask(&body);
    for path in [
        format!("/nowhere/{secret}"),
        format!("/openai/v1/models?key={secret}"),
        format!("/v1/models/{secret}\x01"),
    ] {
        let reply = harness.gateway.exchange(&get(&path));
        if !path.starts_with("/openai/") {
            replies.push(reply);
        }
    }
    for secret in [&secret, &blocked, &bearer] {
        for (index, reply) in replies.iter().enumerate() {
            assert_absent(&reply.raw, secret, &format!("reply {index}"));
        }
        assert_absent(harness.gateway.metrics().as_bytes(), secret, "metrics");
    }
    harness.gateway.terminate();
    let mut gateway = harness.gateway;
    gateway.process.wait(std::time::Duration::from_secs(20)).expect("it stops");
    let written = gateway.everything_written();
    assert!(
        written.iter().any(|(path, bytes)| path.ends_with("audit.jsonl") && contains(bytes, b"github")),
        "an audit event names the rule"
    );
    for (path, bytes) in &written {
        for secret in [&secret, &blocked, &bearer] {
            assert_absent(bytes, secret, &path.display().to_string());
        }
    }
}

#[test]
fn a_blocked_secret_never_leaves_and_the_client_gets_the_reason() {
    let harness = Harness::with(|builder| builder.config("[policy.categories]\ntoken = \"block\""));
    let secret = Seeded::new(1_002).github();
    // First in the first window, then long after it.
    for lead in [10, 200_000] {
        harness.upstream.forget();
        for (target, body) in [
            (CHAT, chat(&format!("{} {secret}", "word ".repeat(lead)))),
            (MESSAGES, messages(&format!("{} {secret}", "word ".repeat(lead)))),
        ] {
            let reply = harness.gateway.exchange(&post(target, "application/json", body.as_bytes()));
            assert_eq!(reply.status(), 403, "{}", reply.text());
            let error = reply.json();
            assert!(error.to_string().contains("policy_violation"), "{error}");
            assert_absent(&reply.raw, &secret, "the refusal");
        }
        let acted_on = harness.upstream.records().iter().filter(|request| request.complete).count();
        assert_eq!(acted_on, 0, "the provider must not get a complete request");
        harness.assert_unseen(&secret);
    }
}

#[test]
fn redacted_values_cannot_come_back() {
    let harness = Harness::with(|builder| builder.config("[policy]\ndefault = \"redact\""));
    let secret = Seeded::new(1_003).github();
    let reply = harness.ask(CHAT, &chat(&format!("use {secret}")), |request| {
        let prompt = request.json();
        let said = crate::harness::at(&prompt, "/messages/0/content").to_owned();
        event_stream(&chat_stream(&said, 3))
    });
    assert!(!chat_text(&reply).contains(&secret));
    harness.assert_unseen(&secret);
}

#[test]
fn the_action_says_what_happens() {
    let secret = Seeded::new(1_004).github();
    for (action, leaves) in [("allow", true), ("monitor", true), ("warn", false), ("tokenize", false)] {
        let harness = Harness::with(|builder| builder.config(&format!("[policy]\ndefault = \"{action}\"")));
        let reply =
            harness.ask(CHAT, &chat(&format!("use {secret}")), |_| event_stream(&chat_stream("ok", 9)));
        assert_eq!(harness.upstream.last().text().contains(&secret), leaves, "{action}");
        let warned = reply.field("x-aegis-findings").is_some();
        assert_eq!(warned, action == "warn", "{action}: {:?}", reply.fields);
    }
}

#[test]
fn a_body_nobody_can_read_is_not_sent() {
    let harness = Harness::new();
    let secret = Seeded::new(1_005).github();
    for body in [
        format!("{{\"a\":\"{secret}"),
        format!("{{\"a\":\"{secret}\"}} trailing"),
        format!("{{\"a\" \"{secret}\"}}"),
        format!("{{\"a\":\"\\u12{secret}\"}}"),
        format!("{{\"a\":\"\\q{secret}\"}}"),
    ] {
        harness.upstream.forget();
        let reply = harness.gateway.exchange(&post(CHAT, "application/json", body.as_bytes()));
        assert_eq!(reply.status(), 400, "{body}: {}", reply.text());
        assert_eq!(harness.upstream.records().len(), 0, "{body}");
    }
}

#[test]
fn the_providers_own_key_passes_only_in_its_header() {
    let harness = Harness::new();
    let key = Seeded::new(1_007).anthropic();
    harness.upstream.play(|_, _| Script::reply("application/json", b"{}"));
    let body = messages(&format!("my key is {key}"));
    harness.gateway.exchange(&post_with(
        MESSAGES,
        "application/json",
        &[("x-api-key", &key)],
        body.as_bytes(),
    ));
    let request = harness.upstream.last();
    assert_eq!(
        request.field("x-api-key"),
        Some(key.as_str()),
        "the provider must be able to know the client"
    );
    assert_absent(&request.body, &key, "the body");
}
