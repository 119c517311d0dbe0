//! No line of a key leaves.

use std::fmt::Write as _;

use aegis_detect::Category;
use aegis_shield::reply::ReplyFormat;
use aegis_shield::{Action, Format, Policy, Refusal, WINDOW};
use serde_json::{Value, json};

use crate::support::{KEYS, assert_hidden, body, long_body, receive, send, shield_with};

fn pkey_policy(action: Action) -> Policy {
    Policy::default().with_category(Category::Pkey, action)
}

/// The lines of a text, each behind its number.
fn with_numbers(text: &str) -> String {
    text.lines().enumerate().fold(String::new(), |mut out, (n, line)| {
        let _ = writeln!(out, "{n:6}\u{2192}{line}");
        out
    })
}

#[test]
fn every_line_is_a_token_of_its_own_and_a_key_is_one_finding() {
    let shield = shield_with(Policy::default());
    for (name, key) in KEYS {
        for eol in ["\n", "\r\n"] {
            let text = format!("before\n{key}after\n").replace('\n', eol);
            let request = json!({"messages": [{"role": "user", "content": text}]}).to_string();
            for (format, sent) in [(Format::Text, &text), (Format::Json, &request)] {
                let (seen, outcome) = send(&shield, format, &[sent.as_bytes()]).expect("a sound document");
                assert_hidden(&seen, key, name);
                assert_eq!(seen.matches("AEGIS-PKEY-").count(), body(key).count(), "{name}:\n{seen}");
                assert_eq!(outcome.report.total(), 1, "{name}");
                assert_eq!(outcome.report.findings()[0].lines as usize, body(key).count(), "{name}");
                let first = key.lines().next().expect("a sound document");
                assert!(seen.contains(first) && !seen.contains("[REDACTED"), "{name}:\n{seen}");
                let back = if matches!(format, Format::Json) { ReplyFormat::Json } else { ReplyFormat::Text };
                assert_eq!(receive(outcome.vault, back, &seen), *sent, "{name}");
            }
        }
    }
}

#[test]
fn a_key_on_one_line_with_blanks_for_its_line_ends_is_hidden() {
    let shield = shield_with(Policy::default());
    for (name, key) in KEYS {
        let with_header = key.replacen("KEY BLOCK-----\n", "KEY BLOCK-----\nVersion: GnuPG v2\n", 1);
        for key in [key, &with_header] {
            let line = key.trim_end().replace('\n', " ");
            for text in [line.clone(), format!("KEY=\"{line}\" make"), json!({"k": line}).to_string()] {
                let (seen, outcome) =
                    send(&shield, Format::Text, &[text.as_bytes()]).expect("a sound document");
                // What stands before the key itself may stay.
                let of_key =
                    |line: &&str| line.len() >= 16 && !line.contains([':', ' ']) && !line.starts_with('-');
                let line = key.lines().filter(of_key).find(|line| seen.contains(line));
                assert_eq!(line, None, "{name}:\n{seen}");
                assert_eq!(receive(outcome.vault, ReplyFormat::Text, &seen), text, "{name}");
            }
        }
    }
}

#[test]
fn the_same_line_is_the_same_token_wherever_it_was_read() {
    let shield = shield_with(Policy::default());
    for (name, key) in KEYS {
        let (whole, _) = send(&shield, Format::Text, &[key.as_bytes()]).expect("a sound document");
        let numbered: String = with_numbers(key);
        let (seen, _) = send(&shield, Format::Text, &[numbered.as_bytes()]).expect("a sound document");
        let expected: String = with_numbers(&whole);
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn redacting_hides_every_line_and_blocking_names_one_place() {
    for (name, key) in KEYS {
        let request = json!({"messages": [{"role": "user", "content": key}]}).to_string();
        let redact = shield_with(pkey_policy(Action::Redact));
        let (seen, outcome) = send(&redact, Format::Json, &[request.as_bytes()]).expect("a sound document");
        assert_hidden(&seen, key, name);
        assert_eq!(seen.matches("[REDACTED-PKEY]").count(), body(key).count(), "{name}:\n{seen}");
        assert_eq!((outcome.vault.len(), outcome.report.action(Action::Redact)), (0, 1), "{name}");
        let block = shield_with(pkey_policy(Action::Block));
        match send(&block, Format::Json, &[request.as_bytes()]) {
            Err(Refusal::Blocked { place, .. }) => assert_eq!(place, "messages[0].content", "{name}"),
            other => panic!("{name}: {:?}", other.map(|(seen, _)| seen)),
        }
    }
}

#[test]
fn keys_around_every_border_of_a_window_are_hidden() {
    let shield = shield_with(Policy::default());
    let key = KEYS[0].1;
    for place in (WINDOW - key.len() - 700..WINDOW + 40).step_by(61) {
        let text =
            format!("{}\n{key}{}", "x ".repeat(place / 2) + &"y".repeat(place % 2), "z ".repeat(20_000));
        let request = json!({"messages": [{"role": "user", "content": text}], "n": 1}).to_string();
        for (format, sent) in [(Format::Text, &text), (Format::Json, &request)] {
            let (seen, outcome) = send(&shield, format, &[sent.as_bytes()]).expect("a sound document");
            assert_hidden(&seen, key, &place.to_string());
            assert_eq!((outcome.report.total(), outcome.vault.len()), (1, body(key).count()), "{place}");
        }
    }
}

#[test]
fn a_key_over_many_windows_is_hidden_in_any_pieces() {
    let shield = shield_with(Policy::default());
    let lines = long_body(1700);
    let key =
        format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{lines}-----END PGP PRIVATE KEY BLOCK-----\n");
    assert!(key.len() > 3 * WINDOW);
    let numbered: String = with_numbers(&key);
    for text in [key.clone(), numbered] {
        let content = json!([{"type": "text", "text": "look"}, {"type": "tool_result", "content": text}]);
        let request = json!({"messages": [{"role": "user", "content": content}], "n": 1}).to_string();
        let (whole, outcome) = send(&shield, Format::Json, &[request.as_bytes()]).expect("a sound document");
        assert_hidden(&whole, &key, "a long key");
        assert_eq!((outcome.report.total(), outcome.report.findings()[0].lines), (1, 1700));
        assert_eq!(receive(outcome.vault, ReplyFormat::Json, &whole), request);
        for size in [4096, WINDOW - 1, WINDOW + 1, 50_001] {
            let mut pieces: Vec<&[u8]> = request.as_bytes().chunks(size).collect();
            pieces.push(b"");
            assert!(
                send(&shield, Format::Json, &pieces).expect("a sound document").0 == whole,
                "in pieces of {size}"
            );
        }
    }
}

#[test]
fn a_key_cut_over_parts_and_messages_is_hidden() {
    let shield = shield_with(Policy::default());
    for (name, key) in [KEYS[0], KEYS[1], KEYS[6]] {
        let (from, to) = (
            key.find('\n').expect("a sound document") + 40,
            key.find("\n-----END").expect("a sound document"),
        );
        for at in from..to {
            let (head, tail) = key.split_at(at);
            let parts = json!({"messages": [{"role": "user", "content": [
                {"type": "text", "text": head}, {"type": "text", "text": tail}]}]});
            let messages = json!({"messages": [
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01Qw8eR7tY6uI5oP4aS3dF2g",
                    "content": head}]},
                {"role": "assistant", "content": [{"type": "text", "text": "I read on."}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01Zx8cV7bN6mQ5wE4rT3yU2i",
                    "content": tail}]}]});
            for request in [parts, messages] {
                let request = request.to_string();
                let (seen, outcome) =
                    send(&shield, Format::Json, &[request.as_bytes()]).expect("a sound document");
                let document: Value = serde_json::from_str(&seen).expect("a sound document");
                assert!(document["messages"].is_array());
                for line in body(key) {
                    assert!(!seen.contains(line), "{name} at {at}: {line} in\n{seen}");
                }
                let pieces = [head.lines().last().unwrap_or(""), tail.lines().next().unwrap_or("")];
                for piece in pieces.iter().filter(|piece| piece.len() >= 8 && !piece.starts_with('-')) {
                    assert!(!seen.contains(piece), "{name} at {at}: {piece} in\n{seen}");
                }
                assert!(!seen.contains("toolu_01Q") || seen.contains("toolu_01Qw8eR7tY6uI5oP4aS3dF2g"));
                assert_eq!(receive(outcome.vault, ReplyFormat::Json, &seen), request, "{name} at {at}");
            }
        }
    }
}

#[test]
fn a_second_pass_changes_nothing() {
    let shield = shield_with(Policy::default());
    for (name, key) in KEYS {
        let (once, _) = send(&shield, Format::Text, &[key.as_bytes()]).expect("a sound document");
        let (twice, outcome) = send(&shield, Format::Text, &[once.as_bytes()]).expect("a sound document");
        assert_eq!(once, twice, "{name}");
        assert!(outcome.vault.is_empty(), "{name}");
    }
}
