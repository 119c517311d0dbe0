//! Messages.

use serde_json::{Value, json};

use crate::support::*;

fn event(data: &Value, eol: &str) -> String {
    frame(data["type"].as_str().unwrap(), &data.to_string(), eol)
}

pub(crate) fn start(index: u32, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

pub(crate) fn delta(index: u32, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

pub(crate) fn stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn ping() -> Value {
    json!({"type": "ping"})
}

/// A message of these events, with its head and tail.
pub(crate) fn message(inner: &[Value], eol: &str) -> String {
    let head = json!({"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [],
        "usage": {"input_tokens": 25, "output_tokens": 1}}});
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": 15}});
    let all = [head].into_iter().chain(inner.iter().cloned()).chain([end, json!({"type": "message_stop"})]);
    all.map(|data| event(&data, eol)).collect()
}

/// What a client puts together, by block.
pub(crate) fn read(data: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if data["type"] == "content_block_delta" {
        let delta = &data["delta"];
        for key in ["text", "thinking", "partial_json", "signature"] {
            if let Some(text) = delta[key].as_str() {
                assert!(delta["type"].as_str().unwrap().starts_with(&key.replace("partial", "input")[..4]));
                found.push((format!("{}.{key}", data["index"]), text.to_owned()));
            }
        }
    }
    found
}

fn deltas(index: u32, kind: &str, key: &str, text: &str, size: usize) -> Vec<Value> {
    pieces(text, size).iter().map(|piece| delta(index, &json!({"type": kind, key: piece}))).collect()
}

fn is_delta(frame: &str) -> bool {
    frame.contains("content_block_delta")
}

#[test]
fn text_thinking_and_tool_input_in_one_message() {
    let text = "I use <<quoted>> then <<plain>>.";
    let arguments =
        json!({"path": "/k", "content": masked("a=<<quoted>>\nb=<<pem>>"), "n": 1.50}).to_string();
    for (size, eol) in [(1, "\n"), (4, "\r\n"), (11, "\r"), (500, "\n")] {
        let mut inner = vec![start(0, &json!({"type": "thinking", "thinking": "", "signature": ""}))];
        inner.extend(deltas(0, "thinking_delta", "thinking", &masked(text), size));
        inner.push(delta(0, &json!({"type": "signature_delta", "signature": masked("Eq<<plain>>AEG")})));
        inner.extend([stop(0), start(1, &json!({"type": "text", "text": ""})), ping()]);
        inner.extend(deltas(1, "text_delta", "text", &masked(text), size));
        inner.push(stop(1));
        inner.push(start(2, &json!({"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}})));
        inner.extend(deltas(2, "input_json_delta", "partial_json", &arguments, size));
        inner.push(stop(2));
        let input = message(&inner, eol);
        let (output, stats) = run_sse(&input);
        let read = channels(&output, read);
        assert_eq!(read["0.thinking"], masked(text), "signed: as it is from its first byte");
        assert_eq!(read["0.signature"], masked("Eq<<plain>>AEG"), "a signature is nobody's to change");
        assert_eq!(read["1.text"], clear(text));
        let parsed: Value = serde_json::from_str(&read["2.partial_json"]).unwrap();
        assert_eq!(parsed["content"], clear("a=<<quoted>>\nb=<<pem>>"));
        assert_eq!((stats.restored, stats.kept, stats.unresolved), (4, 2, 0));
        assert_untouched(&input, &output, eol, |frame| {
            !is_delta(frame) || frame.contains("signature") || frame.contains("thinking")
        });
    }
}

#[test]
fn one_character_an_event_with_pings_and_comments_between() {
    let text = "key <<plain>><<quoted>> A";
    let mut input = event(&start(0, &json!({"type": "text", "text": ""})), "\n");
    for data in deltas(0, "text_delta", "text", &masked(text), 1) {
        input += &event(&data, "\n");
        input += &event(&ping(), "\n");
        input += ": keep-alive\n\n";
    }
    input += &event(&stop(0), "\n");
    let (output, _) = run_sse(&input);
    assert_eq!(channels(&output, read)["0.text"], clear(text));
    assert_untouched(&input, &output, "\n", |frame| !is_delta(frame));
    assert!(output.ends_with(&event(&stop(0), "\n")));
}

#[test]
fn a_tail_goes_out_before_its_block_stops() {
    let closers = [
        stop(0),
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
        json!({"type": "message_stop"}),
    ];
    for (kind, key) in [("text_delta", "text"), ("input_json_delta", "partial_json")] {
        for closer in &closers {
            for eol in ["\n", "\r\n", "\r"] {
                let head = event(&delta(0, &json!({"type": kind, key: "so AEGIS-KEY-"})), eol);
                let end = event(closer, eol);
                let (output, stats) = run_sse(&format!("{head}{end}"));
                assert_eq!(channels(&output, read)[&format!("0.{key}")], "so AEGIS-KEY-");
                assert!(output.ends_with(&end));
                let made_up = event(&delta(0, &json!({"type": kind, key: "AEGIS-KEY-"})), eol);
                assert_eq!(events(&output)[1], events(&made_up)[0]);
                assert_eq!(stats.unresolved, 1);
            }
        }
    }
}

#[test]
fn blocks_are_apart() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(15);
    let inner = [
        delta(0, &json!({"type": "text_delta", "text": first})),
        delta(1, &json!({"type": "text_delta", "text": second})),
        delta(0, &json!({"type": "text_delta", "text": second})),
    ];
    let (output, _) = run_sse(&message(&inner, "\n"));
    let read = channels(&output, read);
    assert_eq!(read["0.text"], PLAIN);
    assert_eq!(read["1.text"], second);
}

#[test]
fn complete_strings_in_events_are_restored() {
    let inner = [
        start(0, &json!({"type": "text", "text": masked("<<quoted>>")})),
        stop(0),
        start(
            1,
            &json!({"type": "tool_use", "id": "t", "name": "x", "input": {masked("<<plain>>"): masked("<<pem>>")}}),
        ),
        stop(1),
        start(2, &json!({"type": "redacted_thinking", "data": masked("Em<<plain>>")})),
        stop(2),
    ];
    let (output, stats) = run_sse(&message(&inner, "\n"));
    let events = events(&output);
    assert_eq!(events[1].json()["content_block"]["text"], QUOTED);
    assert_eq!(events[3].json()["content_block"]["input"][PLAIN], PEM);
    assert_eq!(events[5].json()["content_block"]["data"], masked("Em<<plain>>"));
    assert_eq!(stats.restored, 3);
}

#[test]
fn signed_thinking_is_kept_byte_for_byte_and_counted() {
    let text = "first <<plain>>, then <<quoted>>";
    for size in [1, 5, 300] {
        let mut inner =
            vec![start(0, &json!({"type": "thinking", "thinking": masked("<<plain>>"), "signature": ""}))];
        inner.extend(deltas(0, "thinking_delta", "thinking", &masked(text), size));
        inner.push(delta(0, &json!({"type": "signature_delta", "signature": "Eq=="})));
        inner.push(stop(0));
        let input = message(&inner, "\n");
        let (output, stats) = run_sse(&input);
        assert_eq!(output, input);
        assert_eq!((stats.restored, stats.kept, stats.unresolved), (0, 3, 0));
    }
    let input = message(&deltas(0, "thinking_delta", "thinking", &masked("<<plain>>")[..20], 3), "\n");
    let (output, stats) = run_sse(&input);
    assert_eq!(output, input, "nothing is held that is kept");
    assert_eq!((stats.kept, stats.unresolved), (0, 1));
}

#[test]
fn a_block_index_that_is_used_again_is_another_text() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(15);
    for kind in ["text_delta", "input_json_delta"] {
        let key = if kind == "text_delta" { "text" } else { "partial_json" };
        let inner = [
            start(0, &json!({"type": "text", "text": ""})),
            delta(0, &json!({"type": kind, key: first})),
            start(0, &json!({"type": "text", "text": ""})),
            delta(0, &json!({"type": kind, key: second})),
            stop(0),
        ];
        let (output, _) = run_sse(&message(&inner, "\n"));
        let parsed: Vec<Value> = events(&output).iter().map(SseEvent::json).collect();
        let starts: Vec<usize> =
            (0..parsed.len()).filter(|&at| parsed[at]["type"] == "content_block_start").collect();
        let said = |events: &[Value]| -> String {
            events.iter().filter_map(|event| event["delta"][key].as_str()).collect()
        };
        assert_eq!(said(&parsed[starts[0]..starts[1]]), first);
        assert_eq!(said(&parsed[starts[1]..]), second);
    }
}

#[test]
fn what_a_tool_gets_is_text_whatever_its_members_are_called() {
    let token = masked("<<quoted>>");
    let input = json!({"data": token, "audio": {"data": token}, "signature": token, "type": "base64",
        "thinking": token, "inlineData": {"data": token}, "reasoning_details": [token], "b64_json": token});
    let block = json!({"type": "tool_use", "id": "t", "name": "x", "input": input});
    let (output, stats) = run_sse(&message(&[start(0, &block), stop(0)], "\n"));
    assert!(!output.contains("AEGIS-"), "{output}");
    assert_eq!(stats.restored, 7);
    let document = json!({"role": "assistant", "content": [block], "pad": ""});
    for pad in [0, aegis_shield::reply::MAX_EVENT] {
        let mut document = document.clone();
        document["pad"] = "x".repeat(pad).into();
        let (output, stats) =
            run_cut(aegis_shield::reply::ReplyFormat::Json, document.to_string().as_bytes(), &[77]);
        let parsed: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(parsed["content"][0]["input"]["inlineData"]["data"], QUOTED);
        assert_eq!(stats.restored, 7, "{pad}");
    }
}
