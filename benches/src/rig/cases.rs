//! What is asked of every proxy.

use crate::corpus;
use crate::load::post;

/// Events of a streamed reply.
pub const EVENTS: usize = 200;

/// Says the token of the first of [`corpus::SECRETS`] back.
const TOKENS_BACK: &str = "reply=Done. {t0} is in place.";

/// One kind of request.
pub struct RigCase {
    /// Short name, for `--case` and the tables.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// API path.
    pub path: &'static str,
    /// Scenario of the mock.
    pub scenario: String,
    /// Bytes of the request body.
    pub size: usize,
    /// Whether the request has secrets.
    pub secrets: bool,
    /// Whether the reply says tokens, which the gateway must restore.
    pub restored: bool,
    /// Whether the reply is a stream of [`EVENTS`] events.
    pub stream: bool,
    /// Requests a round over many connections.
    pub many: usize,
    /// Requests a round over one connection.
    pub one: usize,
}

impl RigCase {
    /// The request's bytes.
    pub fn request(&self) -> Vec<u8> {
        post(self.path, &self.scenario, &corpus::chat(self.size, self.stream, self.secrets, 1))
    }
}

/// The table of cases.
pub fn all() -> Vec<RigCase> {
    let chat = |name, about, size, secrets: bool, (many, one)| RigCase {
        name,
        about,
        path: "/v1/chat/completions",
        scenario: if secrets { TOKENS_BACK.to_owned() } else { "reply=Done.".to_owned() },
        size,
        secrets,
        restored: secrets,
        stream: false,
        many,
        one,
    };
    let stream = |name, about, scenario: &str, secrets, restored| RigCase {
        name,
        about,
        path: "/v1/messages",
        scenario: format!("{scenario},events={EVENTS},delay_ms=1"),
        size: 1 << 10,
        secrets,
        restored,
        stream: true,
        many: 384,
        one: 8,
    };
    vec![
        chat("1k", "1 KB request", 1 << 10, false, (20_000, 3_000)),
        chat("1k-secret", "1 KB request, 3 secrets", 1 << 10, true, (20_000, 3_000)),
        chat("64k", "64 KB request", 64 << 10, false, (4_000, 1_000)),
        chat("64k-secret", "64 KB request, 3 secrets", 64 << 10, true, (4_000, 1_000)),
        chat("1m", "1 MB request", 1 << 20, false, (300, 150)),
        chat("1m-secret", "1 MB request, 3 secrets", 1 << 20, true, (300, 150)),
        stream(
            "sse-pass",
            "200 events, no secret in the request",
            "reply=The build is green again.%20,repeat=200",
            false,
            false,
        ),
        stream(
            "sse-watch",
            "200 events, secrets in the request, none in the reply",
            "reply=The build is green again.%20,repeat=200",
            true,
            false,
        ),
        stream("sse-restore", "200 events, each with a token", "reply={t0}%20,repeat=200", true, true),
    ]
}
