//! 13. Lines.
//!
//! A private key inside an agent's listing, edit, patch and file is hidden line by line, gutters stay, and the file is the same
//! afterwards.

use std::fmt::Write as _;
use std::process::Command;

use aegis_tests::oracle::assert_only_tokens_differ;
use aegis_tests::{Message, sse};
use serde_json::{Value, json};

use crate::harness::{Harness, MESSAGES, event_stream};

/// Keys of several kinds, made on the spot.
fn keys() -> Vec<(&'static str, String)> {
    let made = [
        ("RSA", &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..]),
        ("EC", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("Ed25519", &["genpkey", "-algorithm", "ed25519"]),
    ];
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("PEM is text")
    };
    let mut keys: Vec<_> = made.into_iter().map(|(name, arguments)| (name, run(arguments))).collect();
    let folder = "../dataplane/detect/tests/all/keys";
    for (name, file) in [("OpenSSH", "openssh"), ("OpenPGP", "pgp.asc"), ("PuTTY", "putty2.ppk")] {
        keys.push((name, std::fs::read_to_string(format!("{folder}/{file}")).expect("a key")));
    }
    keys
}

/// The lines of a key that must be hidden.
fn body(key: &str) -> Vec<&str> {
    let stays = ["-----", "PuTTY-", "Encryption:", "Public-Lines:", "Private-Lines:"];
    key.lines()
        .filter(|line| !line.is_empty() && !stays.iter().any(|name| line.starts_with(name)))
        .map(|line| line.split_once(": ").map_or(line, |(_, value)| value))
        .collect()
}

fn turn(listing: &str) -> String {
    let result = json!([{"type": "tool_result", "tool_use_id": "toolu_01A", "content": listing}]);
    json!({"model": "m", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": result}]})
        .to_string()
}

/// The lines that the provider saw, without their numbers.
fn lines_seen(request: &Message) -> Vec<String> {
    let request = request.json();
    let listing =
        request.pointer("/messages/0/content/0/content").and_then(Value::as_str).expect("a listing");
    listing.lines().map(|line| line.split_once('\u{2192}').expect("a number").1.to_owned()).collect()
}

fn stream(arguments: &Value) -> aegis_tests::Script {
    let text: Vec<char> = arguments.to_string().chars().collect();
    let deltas = text.chunks(7).map(|piece| {
        sse::anthropic_delta(1, "input_json_delta", "partial_json", &piece.iter().collect::<String>())
    });
    let end = sse::anthropic(&json!({"type": "content_block_stop", "index": 1}));
    event_stream(&deltas.chain([end]).collect::<String>())
}

fn arguments(reply: &Message) -> Value {
    let joined = sse::joined(&reply.body, "/delta/partial_json");
    serde_json::from_str(&joined).unwrap_or_else(|error| panic!("{error}: {joined}"))
}

#[test]
fn an_agent_s_edits_of_a_file_with_a_key_end_as_without_the_gateway() {
    let harness = Harness::new();
    for (name, key) in keys() {
        let file = format!("# keys of the service\n{key}retries: 3\n");
        let listing = file.lines().enumerate().fold(String::new(), |mut listing, (at, line)| {
            let _ = writeln!(listing, "{:6}\u{2192}{line}", at + 1);
            listing
        });
        let sent = turn(&listing);

        // Writes the file anew.
        let reply = harness.ask(MESSAGES, &sent, |request| {
            let whole = lines_seen(request).join("\n") + "\n";
            stream(&json!({"file_path": "copy", "content": whole}))
        });
        assert_eq!(arguments(&reply)["content"], file, "{name}");
        let seen = harness.upstream.last().text();
        let tokens = assert_only_tokens_differ(&sent, &seen, &body(&key));
        assert_eq!(tokens.len(), body(&key).len(), "{name}");

        // Searches for all of it and replaces something.
        let reply = harness.ask(MESSAGES, &sent, |request| {
            let old = lines_seen(request).join("\n");
            stream(&json!({"old_string": old, "new_string": old.replace("retries: 3", "retries: 5")}))
        });
        let edit = arguments(&reply);
        let old = edit["old_string"].as_str().expect("a string");
        assert!(file.contains(old), "{name}: not found: {old}");
        let edited = file.replacen(old, edit["new_string"].as_str().expect("a string"), 1);
        assert_eq!(edited, file.replace("retries: 3", "retries: 5"), "{name}");

        // Patches it, with the lines of the key as context that has no sign.
        let reply = harness.ask(MESSAGES, &sent, |request| {
            let lines = lines_seen(request);
            let context = lines[..lines.len() - 1].join("\n");
            stream(&json!({"patch": format!("@@\n{context}\n-retries: 3\n+retries: 5")}))
        });
        let expected = format!("@@\n{}\n-retries: 3\n+retries: 5", file.replace("\nretries: 3\n", ""));
        assert_eq!(arguments(&reply)["patch"], expected, "{name}");
        for line in body(&key).into_iter().filter(|line| line.len() >= 16) {
            harness.assert_unseen(line);
        }
    }
}
