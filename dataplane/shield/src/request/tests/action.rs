//! What policy, sessions and limits make of the same body.

use std::sync::Arc;

use aegis_detect::{Category, KnownKey, Rules};
use serde_json::json;

use crate::format::Format;
use crate::keyring::Keyring;
use crate::policy::{Action, Policy};
use crate::request::refusal::Refusal;
use crate::request::tests::support::{AWS, OTHER_PAT, PAT, run_pieces, shield_with};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};
use crate::shield::{RequestLimits, Shield};
use crate::token::Token;
use crate::vault::Vault;

fn tokenize(tokenizer: Tokenizer, body: &str) -> Result<(String, TokenizeOutcome), Refusal> {
    let result = run_pieces(tokenizer, &[body.as_bytes()]);
    result.map(|(out, outcome)| (String::from_utf8(out).unwrap(), outcome)).map_err(|(refusal, _)| refusal)
}

fn act(action: Action, body: &str) -> (String, TokenizeOutcome) {
    tokenize(Tokenizer::new(shield_with(Policy::new(action)), Format::Json), body).unwrap()
}

fn shield_of_epoch(current: u8, older: &[u8]) -> Arc<Shield> {
    let keyring = Arc::new(Keyring::new(&[7; 32], "acme", current, older).unwrap());
    let (rules, policy, limits) = (Rules::builtin().unwrap(), Policy::default(), RequestLimits::default());
    Arc::new(Shield { rules, policy, keyring, search_key: KnownKey::new(&[9; 32]), limits })
}

fn body() -> String {
    json!([format!("{PAT} and {AWS}"), PAT]).to_string()
}

#[test]
fn allowed_findings_leave_no_trace() {
    let (out, outcome) = act(Action::Allow, &body());
    assert_eq!(out, body());
    assert_eq!(outcome.report.total(), 0);
    assert!(outcome.vault.is_empty());
}

#[test]
fn monitored_findings_pass_and_are_reported() {
    let (out, outcome) = act(Action::Monitor, &body());
    assert_eq!(out, body());
    assert_eq!(outcome.report.action(Action::Monitor), 3);
    assert_eq!(outcome.report.findings()[1].place, "[0]");
    assert!(outcome.report.findings().iter().all(|place| place.token.is_none()));
    assert!(outcome.vault.is_empty());
}

#[test]
fn redacted_findings_never_come_back() {
    let (out, outcome) = act(Action::Redact, &body());
    assert_eq!(out, json!(["[REDACTED-TOKEN] and [REDACTED-KEY]", "[REDACTED-TOKEN]"]).to_string());
    assert!(outcome.vault.is_empty());
    assert_eq!(outcome.report.category(Category::Token), 2);
}

#[test]
fn warned_findings_are_tokens() {
    let (warned, outcome) = act(Action::Warn, &body());
    assert_eq!(outcome.report.action(Action::Warn), 3);
    assert_eq!(warned, act(Action::Tokenize, &body()).0);
}

#[test]
fn a_session_keeps_its_tokens_over_turns_and_epochs() {
    let first = Tokenizer::new(shield_of_epoch(0, &[]), Format::Json);
    let (out, outcome) = tokenize(first, &json!([PAT]).to_string()).unwrap();
    let second = Tokenizer::with_vault(shield_of_epoch(1, &[0]), Format::Json, outcome.vault);
    let (next, outcome) = tokenize(second, &json!([PAT, AWS]).to_string()).unwrap();
    assert!(next.starts_with(out.trim_end_matches(']')), "what was sent before is sent again");
    assert!(next.contains("-1"), "a new secret has the new epoch");
    assert_eq!(outcome.vault.len(), 3, "and its older name is known too");
}

#[test]
fn older_epochs_resolve() {
    let (old, _) =
        tokenize(Tokenizer::new(shield_of_epoch(0, &[]), Format::Json), &json!([PAT]).to_string()).unwrap();
    let rotated = Tokenizer::new(shield_of_epoch(1, &[0]), Format::Json);
    let (new, outcome) = tokenize(rotated, &json!([PAT]).to_string()).unwrap();
    assert_ne!(old, new);
    for text in [old, new] {
        let token = Token::parse(&text.as_bytes()[2..text.len() - 2]).unwrap();
        assert_eq!(outcome.vault.resolve(&token), Some(PAT.as_bytes()));
    }
}

#[test]
fn secrets_are_limited() {
    let body = json!([PAT, OTHER_PAT, PAT]).to_string();
    let with = |secrets| {
        let mut shield = Arc::into_inner(shield_with(Policy::default())).unwrap();
        shield.limits = RequestLimits { secrets };
        tokenize(Tokenizer::new(Arc::new(shield), Format::Json), &body)
    };
    assert!(with(2).is_ok());
    assert_eq!(with(1).err(), Some(Refusal::TooManySecrets));
    assert!(RequestLimits::default().secrets <= Vault::MAX_ENTRIES);
}

#[test]
fn the_fifty_first_secret_after_fifty_decoys_is_found() {
    let decoys: Vec<String> = (0..50).map(|n| format!("ghp_{n:036}")).collect();
    let (_, outcome) = act(Action::Tokenize, &json!([decoys, AWS]).to_string());
    assert_eq!(outcome.vault.token_of(AWS.as_bytes()).map(|token| token.category()), Some(Category::Key));
}

#[test]
fn retries_and_turns_repeat_the_bytes() {
    let turn = |count: usize| {
        let messages: Vec<_> =
            (0..count).map(|n| json!({ "role": "user", "content": format!("{n}: {PAT} {AWS}") })).collect();
        let body = json!({ "messages": messages }).to_string();
        act(Action::Tokenize, &body).0
    };
    assert_eq!(turn(7), turn(7));
    for count in 1..50 {
        let (short, long) = (turn(count), turn(count + 1));
        assert!(long.starts_with(short.trim_end_matches("]}")));
    }
}
