//! 2. Tool arguments: a secret with every awkward character, restored in a string inside JSON inside an event.

use aegis_tests::oracle::escape;
use aegis_tests::secrets::Seeded;
use aegis_tests::{Message, sse};
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, MESSAGES, at, chat, event_stream, messages, token};

/// Quote, backslash, newline, tab, text of several bytes, and what looks like an escape but is none.
const SEALED: &str = "seal{a \"quoted\" \\ path\\new\tline\nand ünïcode 日本 🦀 \\u0041 end}";

fn pieces(text: &str, size: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

/// What the prompt of a request says behind its first word, as the provider saw it.
fn said(request: &Message) -> String {
    let request = request.json();
    let prompt = at(&request, "/messages/0/content");
    prompt.split_once(' ').expect("a word before it").1.to_owned()
}

#[test]
fn anthropic_input_json_parses_and_equals_the_original() {
    let (harness, _rules) = Harness::with_seals();
    let pem = Seeded::new(201).pem();
    for secret in [SEALED, pem.as_str()] {
        for size in [1, 2, 5, 1_000] {
            let reply = harness.ask(MESSAGES, &messages(&format!("keep {secret}")), move |request| {
                let arguments =
                    json!({"path": "a.txt", "content": format!("k={}\n", said(request))}).to_string();
                let deltas = pieces(&arguments, size).into_iter();
                let deltas =
                    deltas.map(|piece| sse::anthropic_delta(1, "input_json_delta", "partial_json", &piece));
                let end = sse::anthropic(&json!({"type": "content_block_stop", "index": 1}));
                event_stream(&deltas.chain([end]).collect::<String>())
            });
            let arguments: Value = serde_json::from_str(&sse::joined(&reply.body, "/delta/partial_json"))
                .unwrap_or_else(|e| panic!("{e} in pieces of {size}: {}", reply.text()));
            assert_eq!(arguments["content"], format!("k={secret}\n"), "in pieces of {size}");
            assert_eq!(arguments["path"], "a.txt");
        }
        harness.assert_unseen(secret);
    }
}

#[test]
fn openai_arguments_of_parallel_calls_interleaved_by_index() {
    let (harness, _rules) = Harness::with_seals();
    let pem = Seeded::new(202).pem();
    let prompt = format!("first {SEALED} then {pem}");
    let reply = harness.ask(CHAT, &chat(&prompt), |request| {
        let said = said(request);
        let found = said.split_once(" then ").expect("two secrets");
        let found = [found.0, found.1];
        let calls: Vec<Vec<String>> = (0..2)
            .map(|call| pieces(&json!({"command": found[call], "call": call}).to_string(), 3))
            .collect();
        let mut stream = String::new();
        for step in 0..calls[0].len().max(calls[1].len()) {
            for (call, deltas) in calls.iter().enumerate() {
                stream.extend(deltas.get(step).map(|piece| sse::chat_arguments(call, piece)));
            }
        }
        event_stream(&(stream + &sse::chat_end()))
    });
    for (call, secret) in [SEALED, pem.as_str()].into_iter().enumerate() {
        let joined = sse::joined_where(
            &reply.body,
            "/choices/0/delta/tool_calls/0/index",
            &json!(call),
            "/choices/0/delta/tool_calls/0/function/arguments",
        );
        let arguments: Value = serde_json::from_str(&joined).unwrap_or_else(|e| panic!("{e}: {joined}"));
        assert_eq!(arguments, json!({"command": secret, "call": call}));
        harness.assert_unseen(secret);
    }
}

#[test]
fn json_in_json_twice_streamed_and_whole() {
    let (harness, _rules) = Harness::with_seals();
    let wrap = |text: &str| {
        json!({"payload": json!({"inner": json!({"value": text}).to_string()}).to_string()}).to_string()
    };
    let unwrap = |text: &str| -> String {
        let mut value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        for key in ["payload", "inner"] {
            value = serde_json::from_str(value[key].as_str().expect("a string"))
                .unwrap_or_else(|e| panic!("{e}: {text}"));
        }
        value["value"].as_str().expect("a string").to_owned()
    };
    let reply = harness.ask(CHAT, &chat(&format!("keep {SEALED}")), move |request| {
        let deltas = pieces(&wrap(&token(request)), 4);
        let stream: String = deltas.iter().map(|piece| sse::chat_arguments(0, piece)).collect();
        event_stream(&(stream + &sse::chat_end()))
    });
    let streamed = sse::joined(&reply.body, "/choices/0/delta/tool_calls/0/function/arguments");
    assert_eq!(unwrap(&streamed), SEALED);

    let reply = harness.ask(CHAT, &chat(&format!("keep {SEALED}")), move |request| {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": wrap(&token(request))}});
        let body = json!({"choices": [{"index": 0, "message": {"content": null, "tool_calls": [call]}}]});
        aegis_tests::Script::reply("application/json", body.to_string().as_bytes())
    });
    let whole = reply.json();
    let whole = at(&whole, "/choices/0/message/tool_calls/0/function/arguments");
    assert_eq!(unwrap(whole), SEALED);
    harness.assert_unseen(SEALED);
}

#[test]
fn restored_arguments_sent_back_give_the_same_token() {
    let (harness, _rules) = Harness::with_seals();
    let first = harness.seen(CHAT, &chat(&format!("keep {SEALED}")));
    let token = aegis_tests::oracle::tokens_in(&first)[0].to_owned();
    let arguments = json!({"content": SEALED}).to_string();
    let body = json!({"messages": [
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function",
            "function": {"name": "write", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "c", "content": format!("wrote {SEALED}")},
    ]});
    let seen = harness.seen(CHAT, &body.to_string());
    let escaped_twice = escape(&escape(SEALED));
    let expected = body.to_string().replace(&escaped_twice, &token).replace(&escape(SEALED), &token);
    assert_eq!(seen, expected);
    harness.assert_unseen(SEALED);
}
