//! Streams of other shapes.

use aegis_shield::reply::ReplyFormat;
use serde_json::{Value, json};

use crate::support::*;

const TEXT: &str = "key <<quoted>> and <<plain>><<pem>> A";

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| value.to_string() + "\n").collect()
}

/// The strings at `pointer` of each line, one after the other.
fn joined<'a>(values: impl Iterator<Item = &'a Value>, pointer: &str) -> String {
    values.filter_map(|value| value.pointer(pointer)?.as_str()).collect()
}

fn parsed_lines(output: &str) -> Vec<Value> {
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn ollama_streams_lines() {
    for size in [1, 8, 500] {
        let piece = |piece: &String| {
            let message = json!({"role": "assistant", "content": piece, "thinking": piece});
            json!({"model": "llama", "created_at": "2026", "message": message, "done": false})
        };
        let mut values: Vec<Value> = pieces(&masked(TEXT), size).iter().map(piece).collect();
        let call = json!({"function": {"name": "f", "arguments": {"content": masked("<<quoted>>A")}}});
        values.push(
            json!({"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": false}),
        );
        let last = json!({"model": "llama", "message": {"content": ""}, "done": true, "eval_count": 3});
        values.push(last.clone());
        let (output, _) = run(ReplyFormat::JsonLines, &lines(&values));
        let values = parsed_lines(&output);
        assert_eq!(joined(values.iter(), "/message/content"), clear(TEXT));
        assert_eq!(joined(values.iter(), "/message/thinking"), clear(TEXT));
        let call = joined(values.iter(), "/message/tool_calls/0/function/arguments/content");
        assert_eq!(call, format!("{QUOTED}A"), "complete");
        assert!(values.last().unwrap()["done"] == true && values.last().unwrap()["eval_count"] == 3);
    }
}

#[test]
fn lines_that_end_without_being_done() {
    let values = [json!({"response": "x AEG", "done": false}), json!({"response": "IS-", "done": false})];
    let (output, _) = run(ReplyFormat::JsonLines, &lines(&values));
    assert_eq!(joined(parsed_lines(&output).iter(), "/response"), "x AEGIS-");
    let (output, _) = run(ReplyFormat::JsonLines, lines(&values).trim_end());
    assert_eq!(joined(parsed_lines(&output).iter(), "/response"), "x AEGIS-");
}

#[test]
fn lines_of_results_are_not_pieces() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(10);
    let values = [json!({"text": first}), json!({"text": second}), json!({"text": format!("{token} A")})];
    let (output, _) = run(ReplyFormat::JsonLines, &lines(&values));
    let values = parsed_lines(&output);
    assert_eq!((&values[0]["text"], &values[1]["text"]), (&json!(first), &json!(second)));
    assert_eq!(values[2]["text"], format!("{PLAIN} A"));
}

#[test]
fn cohere_streams_nested_deltas() {
    let mut input = String::new();
    let mut push = |value: Value| input += &frame(value["type"].as_str().unwrap(), &value.to_string(), "\n");
    push(
        json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
    );
    for piece in pieces(&masked(TEXT), 5) {
        push(
            json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}),
        );
    }
    push(json!({"type": "content-end", "index": 0}));
    for piece in pieces(&json!({"a": masked("<<quoted>>")}).to_string(), 5) {
        let call = json!({"function": {"arguments": piece}});
        push(json!({"type": "tool-call-delta", "index": 1, "delta": {"message": {"tool_calls": call}}}));
    }
    push(json!({"type": "tool-call-end", "index": 1}));
    push(json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": 1}}}));
    let (output, _) = run_sse(&input);
    let values: Vec<Value> = events(&output).iter().map(SseEvent::json).collect();
    assert_eq!(joined(values.iter(), "/delta/message/content/text"), clear(TEXT));
    let arguments = joined(values.iter(), "/delta/message/tool_calls/function/arguments");
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap()["a"], QUOTED);
    let ends = values.iter().position(|value| value["type"] == "content-end").unwrap();
    assert_eq!(
        joined(values[..ends].iter(), "/delta/message/content/text"),
        clear(TEXT),
        "nothing comes after the end"
    );
}

#[test]
fn servers_with_a_text_at_the_root() {
    for (key, last) in [
        ("completion", json!({"completion": "", "stop_reason": "stop"})),
        ("content", json!({"content": "", "stop": true})),
    ] {
        let mut input = String::new();
        for piece in pieces(&masked(TEXT), 6) {
            input += &frame("", &json!({key: piece, "stop": false}).to_string(), "\n");
        }
        input += &frame("", &last.to_string(), "\n");
        let (output, _) = run_sse(&input);
        let values: Vec<Value> = events(&output).iter().map(SseEvent::json).collect();
        assert_eq!(joined(values.iter(), &format!("/{key}")), clear(TEXT));
        assert_eq!(
            values.last().unwrap()[if key == "content" { "stop" } else { "stop_reason" }],
            last[if key == "content" { "stop" } else { "stop_reason" }]
        );
    }
}

#[test]
fn generation_servers_with_a_token_object() {
    let mut input = String::new();
    for piece in pieces(&masked(TEXT), 4) {
        input += &frame(
            "",
            &json!({"token": {"id": 1, "text": piece, "special": false}, "generated_text": null}).to_string(),
            "\n",
        );
    }
    let last = json!({"token": {"id": 2, "text": "."}, "generated_text": masked(&format!("{TEXT}."))});
    input += &frame("", &last.to_string(), "\n");
    let (output, _) = run_sse(&input);
    let values: Vec<Value> = events(&output).iter().map(SseEvent::json).collect();
    assert_eq!(joined(values.iter(), "/token/text"), clear(&format!("{TEXT}.")));
    assert_eq!(joined(values.iter(), "/generated_text"), clear(&format!("{TEXT}.")));
}

#[test]
fn remote_procedure_calls_are_complete() {
    let result = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": masked("<<quoted>> A")}]}});
    let (output, _) = run_sse(&frame("message", &result.to_string(), "\n"));
    let events = events(&output);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].json()["result"]["content"][0]["text"], format!("{QUOTED} A"));
}

#[test]
fn plain_text_in_events() {
    let text = "say <<plain>>, <<pem>>!";
    for eol in ["\n", "\r\n"] {
        let frames: Vec<String> =
            pieces(&masked(text), 5).iter().map(|piece| format!("data:{piece}{eol}{eol}")).collect();
        let input = frames.concat();
        let (output, _) = run_sse(&(input + "data: [DONE]" + eol + eol));
        let read: String =
            events(&output).iter().filter(|event| event.data != "[DONE]").map(|event| &*event.data).collect();
        // Reading takes one space after the colon away.
        assert_eq!(read.replace(' ', ""), clear(text).replace(' ', ""));
    }
    let (output, _) = run_sse("data: x AEG\n\ndata: [DONE]\n\n");
    assert_eq!(output, "data: x \n\ndata: AEG\n\ndata: [DONE]\n\n");
}

#[test]
fn json_strings_as_data() {
    let input: String = pieces(&masked(TEXT), 5).iter().map(|piece| frame("", &quote(piece), "\n")).collect();
    let (output, _) = run_sse(&input);
    let read: String =
        events(&output).iter().map(|event| event.json().as_str().unwrap().to_owned()).collect();
    assert_eq!(read, clear(TEXT));
}

#[test]
fn data_over_several_lines() {
    let token = masked("<<quoted>>");
    let (first, second) = token.split_at(9);
    let one = |text: &str| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\ndata: \"index\":0,\"delta\":{{\ndata:\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let (output, _) = run_sse(&[one("é"), one(first), one(second)].concat());
    let read: String = events(&output)
        .iter()
        .map(|event| event.json()["delta"]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(read, format!("é{QUOTED}"));
    assert!(output.starts_with(&one("é")));
    let (output, _) = run_sse(&one(&masked("<<plain>>")));
    assert_eq!(output, one(PLAIN));
}

#[test]
fn a_string_does_not_cross_the_lines_of_an_event() {
    let token = masked("<<plain>>");
    let input = format!(
        "data: {{\"text\":\"{token} AEG\ndata: IS-{token}\"}}\n\ndata: {{\"text\":\"\\\ndata: \"}}\n\n"
    );
    assert_eq!(run_sse(&input).0, input.replace(&token, PLAIN));
    let input = format!("data: a AEG\ndata: IS- {token}\n\ndata: {token} AEG\n\ndata: IS\ndata: {token}\n\n");
    assert_eq!(
        run_sse(&input).0,
        input.replace(&token, PLAIN).replace(" AEG\n\ndata: IS", " \n\ndata: AEGIS")
    );
}
