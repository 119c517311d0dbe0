//! 5. The same history gives the same bytes: over turns, restarts and replicas, and tokens outlive a rotation.

use std::fmt::Write as _;
use std::fs;

use aegis_tests::client::post;
use aegis_tests::oracle::{assert_only_tokens_differ, tokens_in};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, Script, Upstream};

use crate::harness::{CHAT, Harness, chat, chat_stream, chat_text, event_stream};

#[test]
fn fifty_turns_keep_their_prefix() {
    let harness = Harness::new();
    let mut seeded = Seeded::new(501);
    let secrets: Vec<String> = (0..10).map(|_| seeded.github()).collect();
    let known: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let mut history = String::from(
        r#"{"model":"m" , "n":1.0e0,"messages":[{"role":"system","content":"caf\u00e9 \/ \u003c"}"#,
    );
    let mut before = String::new();
    for turn in 0..50 {
        let secret = &secrets[turn % secrets.len()];
        write!(history, ", {{\"role\":\"user\",\n  \"content\":\"turn {turn} with {secret}\\/x\"}}")
            .expect("a String takes text");
        let seen = harness.seen(CHAT, &format!("{history}]}}"));
        assert_only_tokens_differ(&format!("{history}]}}"), &seen, &known);
        let prefix = seen.strip_suffix("]}").expect("the end is untouched");
        assert!(prefix.starts_with(&before), "turn {turn} changed what the provider has cached");
        prefix.clone_into(&mut before);
    }
    for secret in &secrets {
        harness.assert_unseen(secret);
    }
}

#[test]
fn a_restart_and_a_second_replica_mint_the_same_tokens() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    let body = chat(&format!("use {}", Seeded::new(502).github()));
    let ask = |gateway: &Gateway| {
        assert_eq!(gateway.exchange(&post(CHAT, "application/json", body.as_bytes())).status(), 200);
        upstream.last().text()
    };
    let start = || Gateway::builder().all_upstreams(&upstream.url()).state(state.path()).start();
    let first = start();
    let seen = ask(&first);
    assert_eq!(tokens_in(&seen).len(), 1);
    drop(first);
    let second = start();
    assert_eq!(ask(&second), seen, "after a restart");
    // A replica on another machine shares the key, not the folder.
    let other = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(state.path()).expect("the state folder").flatten() {
        if entry.path().is_file() && !entry.file_name().to_string_lossy().contains("audit") {
            fs::copy(entry.path(), other.path().join(entry.file_name())).expect("a copy of the key");
        }
    }
    let replica = Gateway::builder().all_upstreams(&upstream.url()).state(other.path()).start();
    assert_eq!(ask(&replica), seen, "on a second replica");
}

#[test]
fn keys_in_the_state_folder_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let harness = Harness::new();
    let entries: Vec<_> =
        fs::read_dir(harness.gateway.state()).expect("the state folder").flatten().collect();
    let keys: Vec<_> =
        entries.iter().filter(|entry| entry.file_name().to_string_lossy().contains("key")).collect();
    assert!(!keys.is_empty(), "a master key was made: {entries:?}");
    for key in keys {
        let mode = key.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", key.path());
    }
}

#[test]
fn tokens_of_the_epoch_before_still_resolve() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    let secret = Seeded::new(503).github();
    let request = post(CHAT, "application/json", chat(&format!("use {secret}")).as_bytes());
    let start = |tokens: &str| {
        Gateway::builder().all_upstreams(&upstream.url()).state(state.path()).config(tokens).start()
    };
    let old = start("[tokens]\nepoch = \"0\"");
    old.exchange(&request);
    let old_token = tokens_in(&upstream.last().text())[0].to_owned();
    drop(old);
    let new = start("[tokens]\nepoch = \"1\"\nolder_epochs = [\"0\"]");
    new.exchange(&request);
    let new_token = tokens_in(&upstream.last().text())[0].to_owned();
    assert_ne!(old_token, new_token, "the new epoch mints");
    // The provider keeps the history of the old epoch (previous_response_id) and speaks of it.
    let answer = format!("{old_token} and {new_token}");
    upstream.play(move |_, _| event_stream(&chat_stream(&answer, 3)));
    let reply = new.exchange(&request);
    assert_eq!(chat_text(&reply), format!("{secret} and {secret}"));
}
