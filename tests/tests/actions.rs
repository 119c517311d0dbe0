//! The six actions, as README's table says what each does: what the provider sees, what comes back, what is recorded, and
//! which of several words about one finding counts.

use std::path::Path;

use aegis_tests::client::post;
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, Message, Mock, wait_until};
use sha2::{Digest as _, Sha256};

/// What README says of an action, and what is true of it.
struct Row {
    action: &'static str,
    /// The second and third cells of its row.
    said: [&'static str; 2],
    provider_sees: Seen,
    client_gets: Got,
    is_recorded: bool,
    is_warned_of: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Secret,
    Token,
    Placeholder,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Got {
    Secret,
    Placeholder,
    Error,
}

const ROWS: [Row; 6] = [
    Row {
        action: "tokenize",
        said: ["a token", "the secret"],
        provider_sees: Seen::Token,
        client_gets: Got::Secret,
        is_recorded: true,
        is_warned_of: false,
    },
    Row {
        action: "warn",
        said: ["a token", "the secret; the reply says so"],
        provider_sees: Seen::Token,
        client_gets: Got::Secret,
        is_recorded: true,
        is_warned_of: true,
    },
    Row {
        action: "redact",
        said: ["a word that hides it", "that word: nothing brings the secret back"],
        provider_sees: Seen::Placeholder,
        client_gets: Got::Placeholder,
        is_recorded: true,
        is_warned_of: false,
    },
    Row {
        action: "block",
        said: ["nothing", "an error with rule, place and what to do"],
        provider_sees: Seen::Nothing,
        client_gets: Got::Error,
        is_recorded: true,
        is_warned_of: false,
    },
    Row {
        action: "monitor",
        said: ["**the secret**; it is recorded", "what the provider answers"],
        provider_sees: Seen::Secret,
        client_gets: Got::Secret,
        is_recorded: true,
        is_warned_of: false,
    },
    Row {
        action: "allow",
        said: ["**the secret**; nothing is recorded", "what the provider answers"],
        provider_sees: Seen::Secret,
        client_gets: Got::Secret,
        is_recorded: false,
        is_warned_of: false,
    },
];

/// A gateway before a provider that answers with what it was told.
struct Setup {
    gateway: Gateway,
    mock: Mock,
}

impl Setup {
    fn new(config: &str) -> Setup {
        let mock = Mock::start();
        Setup { gateway: Gateway::builder().all_upstreams(&mock.url()).config(config).start(), mock }
    }

    /// What the provider saw of a request with `secret` (nothing if it got none), and the reply.
    fn send(&self, secret: &str) -> (Option<String>, Message) {
        let before = self.mock.records(None).len();
        let text = format!("the key {secret} is new");
        let body =
            serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
        let reply = self.gateway.exchange(&post("/v1/chat/completions", "application/json", body.as_bytes()));
        let seen =
            self.mock.records(None).get(before).map(|r| String::from_utf8_lossy(&r.payload).into_owned());
        (seen, reply)
    }

    /// The last line of the audit log, once it is there.
    fn audit_line(&self) -> serde_json::Value {
        let file = self.gateway.state().join("audit.jsonl");
        let read = || std::fs::read_to_string(&file).unwrap_or_default();
        wait_until("an audit line", || read().ends_with('\n'));
        let lines = read();
        serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON")
    }
}

fn seen(sent: Option<&str>, secret: &str) -> Seen {
    match sent {
        None => Seen::Nothing,
        Some(sent) if sent.contains(secret) => Seen::Secret,
        Some(sent) if sent.contains("AEGIS-TOKEN-") => Seen::Token,
        Some(sent) if sent.contains("the key ") => Seen::Placeholder,
        Some(sent) => panic!("{sent}"),
    }
}

#[test]
fn each_action_does_what_the_table_says() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    for row in &ROWS {
        let action = row.action;
        let default = if action == "tokenize" { ", the default" } else { "" };
        let [sees, gets] = row.said;
        let line = format!("| `{action}`{default} | {sees} | {gets} |");
        assert!(readme.contains(&line), "README has no line {line}");

        let secret = Seeded::new(7).github();
        let setup = Setup::new(&format!("[policy]\ndefault = \"{action}\"\n"));
        let (sent, reply) = setup.send(&secret);
        assert_eq!(seen(sent.as_deref(), &secret), row.provider_sees, "{action}: {sent:?}");
        let text = reply.text();
        let got = match reply.status() {
            200 if text.contains(&secret) => Got::Secret,
            200 => Got::Placeholder,
            _ => Got::Error,
        };
        assert_eq!(got, row.client_gets, "{action}: {text}");
        if got == Got::Error {
            for part in ["github-pat", "messages[0].content", "policy.rules.github-pat"] {
                assert!(text.contains(part), "{action}: no {part} in {text}");
            }
            assert!(!text.contains(&secret), "{text}");
        }
        assert_eq!(
            reply.field("x-aegis-findings").is_some(),
            row.is_warned_of,
            "{action}: {:?}",
            reply.fields
        );
        let event = setup.audit_line();
        let findings = event["findings"].as_array().expect("a list");
        assert_eq!(!findings.is_empty(), row.is_recorded, "{action}: {event}");
        assert!(!event.to_string().contains(&secret), "{event}");
    }
}

#[test]
fn a_rule_counts_before_its_category_and_that_before_the_default_and_an_allowed_value_passes() {
    let secret = Seeded::new(8).github();
    let hash =
        Sha256::digest(&secret).iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    for (config, expected) in [
        ("[policy]\ndefault = \"allow\"\n".to_owned(), Seen::Secret),
        ("[policy]\ndefault = \"allow\"\n[policy.categories]\ntoken = \"block\"\n".to_owned(), Seen::Nothing),
        (
            "[policy]\ndefault = \"allow\"\n[policy.categories]\ntoken = \"block\"\n[policy.rules]\ngithub-pat = \"tokenize\"\n"
                .to_owned(),
            Seen::Token,
        ),
        (format!("[policy]\ndefault = \"block\"\nallow_sha256 = [\"{hash}\"]\n"), Seen::Secret),
    ] {
        let (sent, _) = Setup::new(&config).send(&secret);
        assert_eq!(seen(sent.as_deref(), &secret), expected, "{config}");
    }
}
