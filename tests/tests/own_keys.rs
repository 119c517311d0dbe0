//! Keys in a prompt that open the gateway or a provider: an agent may read them on its machine, and no provider may, except in
//! the field where the client shows the provider its own.

use std::fs;

use aegis_tests::client::post_with;
use aegis_tests::oracle::{assert_absent, tokens_in};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, Script, Upstream};

const CHAT: &str = "/v1/chat/completions";
/// Thought up by somebody, and its SHA-256.
const THOUGHT_UP: (&str, &str) =
    ("gate-key-one", "8842b98e92ad844553bdddeaefa955c1cde0b1e45830bf388c4e19c3e96bb46e");
/// As an older `key new` made it, and one with its check value.
const OLDER: &str = "aegis-gk-d23f0824128b2f330c5c7fd0a6a3a4506513270e269e0d37f2a74de452e6b438";
const NEWER: &str = "aegis-gk-36f675cc81e74ef5e8e25d940ed904759531985d5d9dc9f81818e811892f902b7ac32a06";
/// Of a provider that no rule knows.
const PROVIDER: &str = "Nebel9vTq2LmXw4Zr8Ks/Ufer";

#[test]
fn no_key_of_the_gateway_s_own_reaches_a_provider() {
    let upstream = Upstream::start(|request, _| Script::reply("application/json", &request.body));
    let config = format!(
        "[[auth.keys]]\nid = \"one\"\nsha256 = \"{}\"\n\
         [upstreams.mine]\nurl = \"{}\"\nprovider = \"openai\"\napi_key = \"{PROVIDER}\"\n",
        THOUGHT_UP.1,
        upstream.url()
    );
    let gateway = Gateway::builder().config(&config).start();
    let master = fs::read_to_string(gateway.state().join("master.key")).expect("a master key");
    let master = master.trim();
    for secret in [THOUGHT_UP.0, OLDER, NEWER, PROVIDER, master] {
        upstream.forget();
        let text = format!("cat .env\nKEYS: {secret} and ({secret}), twice.");
        let body = serde_json::json!({"messages": [{"role": "user", "content": text}]}).to_string();
        let fields = [("x-aegis-key", THOUGHT_UP.0), ("x-title", secret)];
        let target = format!("/mine{CHAT}?q={secret}");
        let reply = gateway.exchange(&post_with(&target, "application/json", &fields, body.as_bytes()));
        assert_eq!((reply.status(), reply.text()), (200, body), "it comes back");
        let seen = upstream.records();
        let sent = String::from_utf8_lossy(&seen[0].raw).replace(&format!("Bearer {PROVIDER}"), "");
        assert_absent(sent.as_bytes(), secret, "what the provider saw");
        // A field or parameter with the key that the client showed is dropped.
        let replaced = if secret == THOUGHT_UP.0 { 2 } else { 4 };
        assert_eq!(sent.matches("AEGIS-").count(), replaced, "{sent}");
    }
    // What another key of the same kind is cannot be known: it is nowhere but with its owner.
    for (path, bytes) in gateway.everything_written() {
        if !path.ends_with("master.key") {
            for secret in [THOUGHT_UP.0, OLDER, NEWER, PROVIDER, master] {
                assert_absent(&bytes, secret, &path.display().to_string());
            }
        }
    }
}

#[test]
fn a_key_that_is_a_word_is_not_looked_for() {
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    let config = format!(
        "[server]\nhosts = [\"aegis.test\"]\n\
         [upstreams.mine]\nurl = \"{}\"\nprovider = \"openai\"\napi_key = \"ollama\"\n",
        upstream.url()
    );
    let gateway = Gateway::builder().config(&config).start();
    let body = br#"{"messages":[{"role":"user","content":"how do I run ollama?"}]}"#;
    let reply = gateway.exchange(&post_with(&format!("/mine{CHAT}"), "application/json", &[], body));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(upstream.records()[0].body, body);
}

/// The key is in the environment of the tool that shows it, so a command may well print it.
#[test]
fn a_client_s_own_provider_key_is_hidden_in_the_body_and_untouched_in_the_head() {
    let upstream = Upstream::start(|request, _| Script::reply("application/json", &request.body));
    let gateway = Gateway::builder().all_upstreams(&upstream.url()).start();
    let mut seeded = Seeded::new(9);
    let anthropic = seeded.anthropic();
    let openai =
        format!("sk-proj-{}", seeded.text(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghkmnpqrstuvwxyz23456789", 48));
    for (target, field, shown, key) in [
        ("/v1/messages", "x-api-key", anthropic.clone(), &anthropic),
        (CHAT, "authorization", format!("Bearer {openai}"), &openai),
        // No rule knows it by its shape, but by the name that it has in the prompt.
        (CHAT, "authorization", format!("Bearer {PROVIDER}"), &PROVIDER.to_owned()),
    ] {
        upstream.forget();
        let text =
            format!("$ env\nPROVIDER_API_KEY={key}\n$ curl -H 'x-api-key: {key}' https://provider.example/");
        let body = serde_json::json!({"messages": [{"role": "user", "content": text}]}).to_string();
        let request = post_with(target, "application/json", &[(field, &shown)], body.as_bytes());
        let reply = gateway.exchange(&request);
        assert_eq!((reply.status(), reply.text()), (200, body), "it comes back");
        let seen = &upstream.records()[0];
        assert_eq!(seen.field(field), Some(shown.as_str()), "the provider knows its client");
        assert_absent(&seen.body, key, "the body that the provider saw");
        assert_eq!(tokens_in(&seen.text()).len(), 2, "{}", seen.text());
        let raw = String::from_utf8_lossy(&seen.raw);
        assert_eq!(raw.matches(key.as_str()).count(), 1, "in its field, and nowhere else: {raw}");
    }
    // The rules that are kept compiled hold how such keys begin.
    let random = [&anthropic["sk-ant-api03-".len()..], &openai["sk-proj-".len()..], PROVIDER];
    for (path, bytes) in gateway.everything_written() {
        for part in random {
            assert_absent(&bytes, part, &path.display().to_string());
        }
    }
}
