//! One gateway before one scripted provider, and the requests that the cases share.

use aegis_tests::client::post;
use aegis_tests::oracle::{assert_absent, tokens_in};
use aegis_tests::sse;
use aegis_tests::{Gateway, GatewayBuilder, Message, Script, Upstream};
use serde_json::{Value, json};

/// Path of each API.
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const MESSAGES: &str = "/v1/messages";
pub(crate) const RESPONSES: &str = "/v1/responses";
pub(crate) const GEMINI: &str = "/v1beta/models/gemini-pro:generateContent";

/// Anything between braces after this word is a secret, words too: for values that no built-in rule would allow.
const SEAL_RULE: &str = r#"
[[rule]]
id = "test-seal"
name = "Sealed value of the tests"
category = "secret"
severity = "high"
impact = "Nothing."
pattern = 'seal\{[^{}]{8,200}\}'
left = "any"
right = "any"
entropy = 0
match = ["a «seal{0123456789}» b"]
no_match = ["seal{}"]
"#;

pub(crate) struct Harness {
    pub(crate) gateway: Gateway,
    pub(crate) upstream: Upstream,
}

impl Harness {
    pub(crate) fn new() -> Harness {
        Harness::with(|builder| builder)
    }

    /// A harness whose gateway also knows `seal{...}`.
    pub(crate) fn with_seals() -> (Harness, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = dir.path().join("seal.toml");
        std::fs::write(&file, SEAL_RULE).expect("a rule file");
        let config = format!("[rules]\ncustom = [\"{}\"]", file.display());
        (Harness::with(|builder| builder.config(&config)), dir)
    }

    pub(crate) fn with(shape: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Harness {
        let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
        let gateway = shape(Gateway::builder().all_upstreams(&upstream.url())).start();
        Harness { gateway, upstream }
    }

    /// Sends a JSON document, answered by `script`, which is given the request that the provider saw.
    pub(crate) fn ask(
        &self,
        target: &str,
        body: &str,
        script: impl Fn(&Message) -> Script + Send + Sync + 'static,
    ) -> Message {
        self.upstream.play(move |request, _| script(request));
        let reply = self.gateway.exchange(&post(target, "application/json", body.as_bytes()));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply
    }

    /// What the provider saw of `body`.
    pub(crate) fn seen(&self, target: &str, body: &str) -> String {
        let _ = self.ask(target, body, |_| Script::reply("application/json", b"{}"));
        self.upstream.last().text()
    }

    /// Asserts that nothing the provider ever received holds a run of `secret`.
    pub(crate) fn assert_unseen(&self, secret: &str) {
        for (index, request) in self.upstream.records().iter().enumerate() {
            assert_absent(&request.raw, secret, &format!("request {index} at the provider"));
        }
    }
}

/// A streaming chat request with one user message.
pub(crate) fn chat(prompt: &str) -> String {
    json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": prompt}]}).to_string()
}

/// A streaming Anthropic request with one user message.
pub(crate) fn messages(prompt: &str) -> String {
    json!({"model": "m", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": prompt}]})
        .to_string()
}

/// Tokens of a request, in order of their first appearance.
pub(crate) fn tokens(request: &Message) -> Vec<String> {
    let text = request.text();
    let mut found: Vec<String> = Vec::new();
    for token in tokens_in(&text) {
        if !found.iter().any(|known| known == token) {
            found.push(token.to_owned());
        }
    }
    found
}

/// The first token of a request.
pub(crate) fn token(request: &Message) -> String {
    tokens(request).into_iter().next().unwrap_or_else(|| panic!("no token in {}", request.text()))
}

/// A complete event stream with a length.
pub(crate) fn event_stream(body: &str) -> Script {
    Script::reply("text/event-stream", body.as_bytes())
}

/// The text of the first choice of a chat stream.
pub(crate) fn chat_text(reply: &Message) -> String {
    sse::joined(&reply.body, "/choices/0/delta/content")
}

/// A chat stream that says `text` in events of `size` characters.
pub(crate) fn chat_stream(text: &str, size: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    let events =
        characters.chunks(size.max(1)).map(|piece| sse::chat_text(0, &piece.iter().collect::<String>()));
    events.chain([sse::chat_end()]).collect()
}

/// Strings at a pointer of a JSON reply.
pub(crate) fn at<'a>(reply: &'a Value, pointer: &str) -> &'a str {
    reply
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no string at {pointer}: {reply}"))
}
