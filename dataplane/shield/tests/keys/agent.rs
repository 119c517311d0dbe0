//! An agent that copies, edits and patches a file with a key: it reads a listing, and what the model answers, with the
//! tokens that it saw, is carried out on the real file.

use std::fmt::Write as _;

use aegis_shield::reply::ReplyFormat;
use aegis_shield::{Format, Policy};
use serde_json::{Value, json};

use crate::support::{KEYS, assert_hidden, receive, send, shield_with};

/// A file with a key in it, in which the model changes something beside a line of the key, and the lines around.
struct File {
    text: String,
}

impl File {
    fn new(key: &str, eol: &str) -> File {
        File { text: format!("# keys of the service\n{key}retries: 3\n").replace('\n', eol) }
    }

    /// As a tool shows it.
    fn numbered(&self) -> String {
        let lines = self.text.lines().enumerate();
        lines.fold(String::new(), |mut out, (n, line)| {
            let _ = writeln!(out, "{:6}\u{2192}{line}", n + 1);
            out
        })
    }
}

/// What the model calls a tool with, after it saw `listing`: made of what it saw alone. `answer` gets the lines that
/// the model saw, without their numbers. The arguments come back as the client gets them.
fn call(listing: &str, key: &str, answer: impl Fn(&[&str]) -> Value) -> Value {
    let shield = shield_with(Policy::default());
    let request =
        json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": listing}]}]});
    let (seen, outcome) =
        send(&shield, Format::Json, &[request.to_string().as_bytes()]).expect("a sound document");
    assert_hidden(&seen, key, "the request");
    let seen: Value = serde_json::from_str(&seen).expect("a sound document");
    let content = seen["messages"][0]["content"][0]["content"].as_str().expect("a sound document");
    let lines: Vec<&str> =
        content.lines().map(|line| line.split_once('\u{2192}').map_or(line, |(_, l)| l)).collect();
    let arguments = answer(&lines).to_string();
    assert_hidden(&arguments, key, "what the model writes");
    let reply = json!({"choices": [{"index": 0, "message": {"tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "edit", "arguments": arguments}}]}}]});
    let reply = receive(outcome.vault, ReplyFormat::Json, &reply.to_string());
    let reply: Value = serde_json::from_str(&reply).expect("a sound document");
    let arguments = reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        .as_str()
        .expect("a sound document");
    serde_json::from_str(arguments).expect("a sound document")
}

/// The lines of a text, each behind a sign.
fn signed(sign: &str, text: &str) -> String {
    text.lines().flat_map(|line| [sign, line, "\n"]).collect()
}

#[test]
fn a_search_and_replace_applies_and_gives_the_same_file() {
    for (name, key) in KEYS {
        let file = File::new(key, "\n");
        let arguments = call(&file.numbered(), key, |lines| {
            let old = lines.join("\n");
            json!({"old_string": old, "new_string": old.replace("retries: 3", "retries: 5")})
        });
        let (old, new) = (
            arguments["old_string"].as_str().expect("a sound document"),
            arguments["new_string"].as_str().expect("a sound document"),
        );
        assert!(file.text.contains(old), "{name}: the text is not found:\n{old}");
        assert_eq!(file.text.replacen(old, new, 1), file.text.replace("retries: 3", "retries: 5"), "{name}");
    }
}

#[test]
fn a_written_file_holds_the_key_and_no_number_of_a_line() {
    for (name, key) in KEYS {
        for eol in ["\n", "\r\n"] {
            let file = File::new(key, eol);
            let listing = if eol == "\n" { file.numbered() } else { file.text.clone() };
            let arguments = call(&listing, key, |lines| {
                let whole: String = lines.iter().flat_map(|line| [*line, eol]).collect();
                json!({"path": "copy", "content": whole})
            });
            assert_eq!(arguments["content"], file.text, "{name}");
        }
    }
}

#[test]
fn a_patch_with_and_without_signs_applies() {
    for (name, key) in KEYS {
        let file = File::new(key, "\n");
        for sign in [" ", ""] {
            let arguments = call(&file.numbered(), key, |lines| {
                let context: String =
                    lines[..lines.len() - 1].iter().flat_map(|line| [sign, *line, "\n"]).collect();
                json!({"patch": format!("@@\n{context}-retries: 3\n+retries: 5\n")})
            });
            let patch = arguments["patch"].as_str().expect("a sound document");
            let changed = ["-retries: 3", "+retries: 5"];
            let context = patch.lines().skip(1).filter(|line| !changed.contains(line));
            let context: Vec<&str> = context.map(|line| line.strip_prefix(sign).unwrap_or(line)).collect();
            let real: Vec<&str> = file.text.lines().collect();
            assert_eq!(context, real[..real.len() - 1], "{name}: the hunk does not fit");
        }
    }
}

#[test]
fn one_line_of_a_key_can_be_edited() {
    for (name, key) in KEYS {
        let file = File::new(key, "\n");
        let count = file.text.lines().count();
        for at in 1..count - 1 {
            let arguments = call(
                &file.numbered(),
                key,
                |lines| json!({"line": lines[at], "after": format!("# {}", lines[at])}),
            );
            let line = file.text.lines().nth(at).expect("a sound document");
            assert_eq!(arguments, json!({"line": line, "after": format!("# {line}")}), "{name}, line {at}");
        }
    }
}

#[test]
fn a_patch_that_adds_a_key_is_hidden_and_comes_back() {
    for (name, key) in KEYS {
        for listing in [
            signed("+", key),
            signed("-", key),
            key.lines().enumerate().flat_map(|(n, line)| [["+", " ", "-"][n % 3], line, "\n"]).collect(),
            signed("", key),
        ] {
            let patch = format!("*** Begin Patch\n*** Add File: key\n{listing}*** End Patch\n");
            let arguments = call(&patch, key, |lines| json!({"input": lines.join("\n")}));
            assert_eq!(arguments["input"], patch.trim_end(), "{name}");
        }
    }
}
