//! 21. Personal data is hidden and restored where its pack is on, and untouched where it is off.

use aegis_tests::oracle::{assert_only_tokens_differ, tokens_in};
use serde_json::json;

use crate::harness::{CHAT, Harness, chat, chat_stream, chat_text, event_stream, tokens};

/// Made up, with a right Luhn digit.
const CARD: &str = "4532 1487 6540 9871";
const ADDRESS: &str = "mara.brandt@posteo.de";

fn prompt() -> String {
    format!("charge {CARD} and write to {ADDRESS}")
}

#[test]
fn cards_and_addresses_are_restored_where_the_pack_is_on() {
    let harness = Harness::with(|builder| builder.config("[rules]\npacks = [\"personal\"]"));
    let reply = harness.ask(CHAT, &chat(&prompt()), |request| {
        let found = tokens(request);
        assert_eq!(found.len(), 2, "{}", request.text());
        event_stream(&chat_stream(&format!("charged {}, wrote to {}", found[0], found[1]), 5))
    });
    assert_eq!(chat_text(&reply), format!("charged {CARD}, wrote to {ADDRESS}"));
    harness.assert_unseen(CARD);
    harness.assert_unseen(ADDRESS);
    assert_only_tokens_differ(&chat(&prompt()), &harness.upstream.last().text(), &[CARD, ADDRESS]);
}

#[test]
fn they_pass_untouched_where_it_is_off() {
    let harness = Harness::new();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": prompt()}]}).to_string();
    let seen = harness.seen(CHAT, &body);
    assert_eq!(seen, body);
    assert!(tokens_in(&seen).is_empty());
}
