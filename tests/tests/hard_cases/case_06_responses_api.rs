//! 6. The Responses API says everything several times over; each copy is restored.

use aegis_tests::secrets::Seeded;
use aegis_tests::sse;
use aegis_tests::{Message, Script};
use serde_json::{Value, json};

use crate::harness::{Harness, RESPONSES, event_stream, token};

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
}

fn pieces(text: &str) -> Vec<String> {
    text.chars().collect::<Vec<_>>().chunks(3).map(|piece| piece.iter().collect()).collect()
}

fn request(secret: &str) -> String {
    json!({"model": "m", "stream": true, "input": format!("use {secret}")}).to_string()
}

/// Text, function arguments and freeform input, each streamed and then repeated in every closing event.
fn stream(request: &Message) -> String {
    let said = format!("it is {}.", token(request));
    let arguments = json!({"command": said}).to_string();
    let message = json!({"type": "message", "id": "i0", "role": "assistant", "content": [{"type": "output_text", "text": said, "annotations": []}]});
    let call =
        json!({"type": "function_call", "id": "i1", "call_id": "c1", "name": "run", "arguments": arguments});
    let custom =
        json!({"type": "custom_tool_call", "id": "i2", "call_id": "c2", "name": "patch", "input": said});
    let mut events = vec![json!({"type": "response.created", "response": {"id": "r", "output": []}})];
    let texts = [
        ("output_text", &said, 0),
        ("function_call_arguments", &arguments, 1),
        ("custom_tool_call_input", &said, 2),
    ];
    for (kind, text, index) in texts {
        for piece in pieces(text) {
            events.push(json!({"type": format!("response.{kind}.delta"), "output_index": index, "item_id": format!("i{index}"), "content_index": 0, "delta": piece}));
        }
    }
    events.push(json!({"type": "response.output_text.done", "output_index": 0, "item_id": "i0", "content_index": 0, "text": said}));
    events.push(json!({"type": "response.content_part.done", "output_index": 0, "item_id": "i0", "content_index": 0, "part": {"type": "output_text", "text": said}}));
    events.push(json!({"type": "response.function_call_arguments.done", "output_index": 1, "item_id": "i1", "arguments": arguments}));
    events.push(json!({"type": "response.custom_tool_call_input.done", "output_index": 2, "item_id": "i2", "input": said}));
    for (index, item) in [&message, &call, &custom].into_iter().enumerate() {
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": {"id": "r", "output": [message, call, custom], "usage": {"total_tokens": 3}}}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(event).collect()
}

fn check(reply: &Message, secret: &str) {
    let said = format!("it is {secret}.");
    let arguments = json!({"command": said}).to_string();
    let delta = |kind: &str| {
        sse::joined_where(&reply.body, "/type", &json!(format!("response.{kind}.delta")), "/delta")
    };
    assert_eq!(delta("output_text"), said);
    assert_eq!(delta("custom_tool_call_input"), said);
    assert_eq!(delta("function_call_arguments"), arguments);
    let one = |kind: &str, pointer: &str| sse::joined_where(&reply.body, "/type", &json!(kind), pointer);
    assert_eq!(one("response.output_text.done", "/text"), said);
    assert_eq!(one("response.content_part.done", "/part/text"), said);
    assert_eq!(one("response.function_call_arguments.done", "/arguments"), arguments);
    assert_eq!(one("response.custom_tool_call_input.done", "/input"), said);
    let done = "response.output_item.done";
    assert_eq!(one(done, "/item/content/0/text") + &one(done, "/item/input"), said.repeat(2));
    assert_eq!(one(done, "/item/arguments"), arguments);
    let completed = "response.completed";
    assert_eq!(one(completed, "/response/output/0/content/0/text"), said);
    assert_eq!(one(completed, "/response/output/1/arguments"), arguments);
    assert_eq!(one(completed, "/response/output/2/input"), said);
    let numbers: Vec<u64> =
        sse::json(&reply.body).iter().filter_map(|e| e["sequence_number"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] <= pair[1]), "sequence numbers stay in order: {numbers:?}");
    assert!(!reply.text().contains("AEGIS-"), "{}", reply.text());
}

#[test]
fn every_copy_of_the_text_is_restored() {
    let harness = Harness::new();
    let secret = Seeded::new(601).github();
    for size in [1, 11, 100_000] {
        let reply = harness
            .ask(RESPONSES, &request(&secret), move |request| event_stream(&stream(request)).cut(size));
        check(&reply, &secret);
    }
    harness.assert_unseen(&secret);
}

#[test]
fn an_event_stream_without_a_content_type_is_known_by_its_bytes() {
    let harness = Harness::new();
    let secret = Seeded::new(602).github();
    let reply = harness.ask(RESPONSES, &request(&secret), |request| {
        let body = stream(request);
        Script::raw(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    });
    check(&reply, &secret);
}

#[test]
fn a_whole_response_is_restored() {
    let harness = Harness::new();
    let secret = Seeded::new(603).stripe();
    let body = json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": format!("use {secret}")}]}]});
    let reply = harness.ask(RESPONSES, &body.to_string(), |request| {
        let completed = sse::json(stream(request).as_bytes()).pop().expect("the last event");
        Script::reply("application/json", completed["response"].to_string().as_bytes())
    });
    let whole = reply.json();
    assert_eq!(whole.pointer("/output/0/content/0/text"), Some(&json!(format!("it is {secret}."))));
    let arguments = crate::harness::at(&whole, "/output/1/arguments");
    let arguments: Value = serde_json::from_str(arguments).expect("arguments are JSON");
    assert_eq!(arguments["command"], format!("it is {secret}."));
    assert_eq!(whole.pointer("/output/2/input"), Some(&json!(format!("it is {secret}."))));
}
