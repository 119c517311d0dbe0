//! 12. Hidden once, hidden everywhere.
//!
//! A value that was found by its name stands bare elsewhere, earlier, later, glued, quoted, encoded, in the history of later
//! turns, in another conversation of the same client. Never across clients.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aegis_tests::client::{post, post_with};
use aegis_tests::oracle::{assert_absent, base64, tokens_in};
use aegis_tests::process::binary;
use aegis_tests::secrets::Seeded;
use aegis_tests::{Client, Gateway, Script, Upstream};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, chat, chat_stream, chat_text, event_stream, token, tokens};

/// A password that nothing but its name betrays.
fn password(seed: u64) -> String {
    let mut seeded = Seeded::new(seed);
    format!("gT{}v{}", seeded.text(b"kmnpqrtwxz2346789", 8), seeded.text(b"KMNPQRTWXZ2346789", 8))
}

#[test]
fn the_smallest_case() {
    let harness = Harness::new();
    let value = "gT5vLq8xWz2RkPq1";
    let body = json!({"messages": [
        {"role": "user", "content": format!("DB_PASSWORD={value}")},
        {"role": "assistant", "content": format!("then log in with {value}")},
    ]});
    let seen = harness.seen(CHAT, &body.to_string());
    assert_eq!(tokens_in(&seen).len(), 2, "{seen}");
    harness.assert_unseen(value);
}

#[test]
fn in_every_form_and_at_every_distance() {
    let harness = Harness::new();
    let mut count = 1200;
    for filler in [0, 200, 40_000, 300_000] {
        for form in [
            "@",
            "db_@",
            "@2",
            "x@y",
            "'@'",
            "| pass | @ |",
            "- @\n- b",
            "f(\"@\")",
            "sed -i s/x/@/",
            "{\"k\": \"@\"}",
            "%",
        ] {
            for is_first in [true, false] {
                count += 1;
                let value = password(count);
                let bare =
                    form.replace('@', &value).replace('%', &base64(format!("user:{value}").as_bytes()));
                let named = format!("DB_PASSWORD={value}");
                let between = "a line of the text\n".repeat(filler / 19);
                let (first, last) = if is_first { (&bare, &named) } else { (&named, &bare) };
                let body = json!({"messages": [{"role": "user", "content": first}, {"role": "user", "content": between},
                    {"role": "user", "content": last}]});
                let seen = harness.seen(CHAT, &body.to_string());
                let parsed: Value = serde_json::from_str(&seen).expect("JSON");
                assert_eq!(parsed["messages"][1], body["messages"][1], "nothing else changes");
                assert_eq!(tokens_in(&seen).len(), 2, "{form} {is_first} {filler}");
                harness.assert_unseen(&value);
            }
        }
    }
}

/// A conversation whose history the tool resends as it was restored, for 50 turns: what the model wrote comes back to it
/// byte by byte.
#[test]
fn fifty_turns_that_repeat_the_value_bare() {
    let harness = Harness::new();
    let value = password(1301);
    let mut history = vec![json!({"role": "user", "content": format!("the file says DB_PASSWORD={value}")})];
    let mut before = String::new();
    for turn in 0..50 {
        let body = format!("{{\"model\":\"m\",\"messages\":{}}}", Value::from(history.clone()));
        let reply = harness.ask(CHAT, &body, move |request| {
            let token = token(request);
            let call = json!({"command": format!("mysql -p{token} # {turn}")}).to_string();
            let message = json!({"role": "assistant", "content": format!("turn {turn}: I use {token} now"),
                "tool_calls": [{"id": format!("call_{turn}"), "type": "function",
                    "function": {"name": "bash", "arguments": call}}]});
            let reply = json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
            Script::reply("application/json", reply.to_string().as_bytes())
        });
        let seen = harness.upstream.last().text();
        let prefix = seen.strip_suffix("]}").expect("the end is untouched");
        assert!(prefix.starts_with(&before), "turn {turn} changed what the provider has cached");
        prefix.clone_into(&mut before);
        let message = reply.json()["choices"][0]["message"].clone();
        assert!(message.to_string().contains(&format!("-p{value} # {turn}")), "{message}");
        history.push(message);
        history.push(json!({"role": "tool", "tool_call_id": format!("call_{turn}"),
            "content": format!("{value}: access denied for {value}{turn}")}));
    }
    harness.assert_unseen(&value);
    assert_eq!(tokens(&harness.upstream.last()).len(), 1, "one value, one token");
}

#[test]
fn a_later_conversation_of_the_same_client_and_no_other() {
    let config = "[auth]\nkeys = [\
        { id = \"a\", sha256 = \"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\" },\
        { id = \"b\", sha256 = \"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\" },\
        { id = \"c\", sha256 = \"2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6\", recall = false }]";
    for shards in [1, 3] {
        let harness = Harness::with(|builder| builder.config(config).shards(shards));
        let value = password(1400 + shards as u64);
        let ask = |key: &str, client: &str, prompt: String| {
            let fields = [("x-aegis-key", key), ("x-aegis-client", client)];
            let request = post_with(CHAT, "application/json", &fields, chat(&prompt).as_bytes());
            assert_eq!(harness.gateway.exchange(&request).status(), 200);
            harness.upstream.last().text().contains(&value)
        };
        for key in ["a", "c"] {
            assert!(!ask(key, "", format!("DB_PASSWORD={value}")));
        }
        // On whatever shard the next connections come.
        for _ in 0..8 {
            assert!(!ask("a", "", format!("what is {value}?")), "the same client");
        }
        assert!(ask("b", "", format!("what is {value}?")), "another key");
        assert!(ask("a", "other", format!("what is {value}?")), "another user of the same key");
        assert!(ask("c", "", format!("what is {value}?")), "its key has no memory");
        let forget = |arguments: &[&str]| {
            let mut command = Command::new(binary("aegis-gateway"));
            let state = harness.gateway.state();
            let output = command.args(["recall", "forget", "--state"]).arg(state).args(arguments).output();
            let output = output.expect("the program runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text")
        };
        let page = b"DELETE /recall HTTP/1.1\r\nhost: a\r\norigin: http://evil.example\r\n\r\n";
        assert_eq!(Client::connect(harness.gateway.admin).exchange(page).status(), 403);
        assert_eq!(forget(&["--key", "b"]), "forgot 0 clients\n");
        assert_eq!(forget(&["--key", "a"]), "forgot 1 clients\n");
        assert!(ask("a", "", format!("what is {value}?")), "forgotten");
    }
}

/// Credentials tell clients apart where the gateway has no keys of its own.
#[test]
fn clients_without_a_key_are_distinguished_by_their_credentials() {
    let harness = Harness::new();
    let value = password(1501);
    let ask = |credential: &str, prompt: String| {
        let fields = [("authorization", credential)];
        let request = post_with(CHAT, "application/json", &fields, chat(&prompt).as_bytes());
        assert_eq!(harness.gateway.exchange(&request).status(), 200);
        harness.upstream.last().text().contains(&value)
    };
    assert!(!ask("Bearer one", format!("DB_PASSWORD={value}")));
    assert!(!ask("Bearer one", format!("what is {value}?")));
    assert!(ask("Bearer two", format!("what is {value}?")));
}

/// Signatures of AWS change with each request; the access key in them does not.
#[test]
fn clients_that_sign_each_request_are_recognised() {
    let harness = Harness::new();
    let value = password(1551);
    let ask = |key: &str, signature: u32, prompt: String| {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261130/eu-west-1/bedrock/aws4_request, SignedHeaders=host, \
             Signature={signature:064x}"
        );
        let fields = [("authorization", credential.as_str())];
        let request = post_with(CHAT, "application/json", &fields, chat(&prompt).as_bytes());
        assert_eq!(harness.gateway.exchange(&request).status(), 200);
        harness.upstream.last().text().contains(&value)
    };
    assert!(!ask("AKIAONE", 1, format!("DB_PASSWORD={value}")));
    assert!(!ask("AKIAONE", 2, format!("what is {value}?")));
    assert!(ask("AKIATWO", 3, format!("what is {value}?")));
}

#[test]
fn allowed_values_pass_at_once_and_memory_can_be_switched_off() {
    let harness = Harness::with(|builder| builder.config("[recall]\nenabled = false"));
    let value = password(1601);
    let seen = harness.seen(CHAT, &chat(&format!("DB_PASSWORD={value} {value}")));
    assert!(!seen.contains(&value), "one request needs no memory");
    assert!(harness.seen(CHAT, &chat(&format!("what is {value}?"))).contains(&value));

    let harness = Harness::new();
    harness.seen(CHAT, &chat(&format!("DB_PASSWORD={value}")));
    assert!(!harness.seen(CHAT, &chat(&format!("what is {value}?"))).contains(&value));
    let allowed = format!("[policy]\nallow_regex = [\"{value}\"]\n");
    fs::write(harness.gateway.config_file(), allowed).expect("a configuration file");
    harness.gateway.process.signal(Signal::SIGHUP);
    let mut waits = 0;
    while !harness.seen(CHAT, &chat(&format!("what is {value}?"))).contains(&value) {
        waits += 1;
        assert!(waits < 100, "an allowed value is still hidden");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Memory is the process's own, tokens are not: after a restart, and on a second gateway with the same key, the same history
/// has the same tokens. After a rotation it has new ones, also where the value stands bare, and those of the epoch before
/// are restored.
#[test]
fn tokens_of_bare_values_outlive_restart_replica_and_rotation() {
    let [state, other] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    let value = password(1701);
    let body = json!({"messages": [{"role": "user", "content": format!("DB_PASSWORD={value}")},
        {"role": "assistant", "content": format!("log in with {value}")}]});
    let request = post(CHAT, "application/json", body.to_string().as_bytes());
    let start = |folder: &Path, config: &str| {
        Gateway::builder().all_upstreams(&upstream.url()).state(folder).config(config).start()
    };
    let ask = |gateway: &Gateway| {
        assert_eq!(gateway.exchange(&request).status(), 200);
        let seen = upstream.last().text();
        assert_absent(seen.as_bytes(), &value, "what the provider saw");
        let tokens: Vec<String> = tokens_in(&seen).into_iter().map(str::to_owned).collect();
        assert!(tokens.len() == 2 && tokens[0] == tokens[1], "{tokens:?}");
        (seen, tokens[0].clone())
    };
    let (first, token) = ask(&start(state.path(), ""));
    let restarted = start(state.path(), "");
    assert_eq!(ask(&restarted).0, first, "after a restart");
    let key = "master.key";
    fs::copy(state.path().join(key), other.path().join(key)).expect("a copy of the key");
    assert_eq!(ask(&start(other.path(), "")).0, first, "on a replica");
    drop(restarted);

    let rotated = start(state.path(), "[tokens]\nepoch = \"1\"\nolder_epochs = [\"0\"]");
    let (_, new) = ask(&rotated);
    assert_ne!(new, token, "the new epoch mints");
    let said = format!("{token} {new}");
    upstream.play(move |_, _| event_stream(&chat_stream(&said, 3)));
    assert_eq!(chat_text(&rotated.exchange(&request)), format!("{value} {value}"));
}
