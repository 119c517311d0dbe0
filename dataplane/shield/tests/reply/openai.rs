//! Chat completions and completions.

use serde_json::{Value, json};

use crate::support::*;

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-x",
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}], "usage": null})
}

fn stream(chunks: &[Value], eol: &str) -> String {
    let frames: Vec<String> = chunks.iter().map(|chunk| frame("", &chunk.to_string(), eol)).collect();
    frames.concat() + &frame("", "[DONE]", eol)
}

/// What a client puts together: texts by choice and key, arguments by choice and call.
pub(crate) fn read(chunk: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for choice in chunk["choices"].as_array().into_iter().flatten() {
        let index = choice["index"].as_u64().unwrap_or_default();
        let mut add = |name: String, value: &Value| {
            if let Some(text) = value.as_str() {
                found.push((name, text.to_owned()));
            }
        };
        for key in ["content", "refusal", "reasoning", "reasoning_content", "role"] {
            add(format!("{index}.{key}"), &choice["delta"][key]);
        }
        add(format!("{index}.text"), &choice["text"]);
        add(format!("{index}.call"), &choice["delta"]["function_call"]["arguments"]);
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            add(format!("{index}.tool.{}", call["index"]), &call["function"]["arguments"]);
            add(format!("{index}.tool.{}.name", call["index"]), &call["function"]["name"]);
            add(format!("{index}.tool.{}.id", call["index"]), &call["id"]);
            add(format!("{index}.custom.{}", call["index"]), &call["custom"]["input"]);
        }
        add(format!("{index}.finish"), &choice["finish_reason"]);
    }
    found
}

fn text_stream(text: &str, size: usize, eol: &str) -> String {
    let mut chunks = vec![chunk(&json!({"role": "assistant", "content": ""}), None)];
    chunks.extend(pieces(&masked(text), size).iter().map(|piece| chunk(&json!({"content": piece}), None)));
    chunks.push(chunk(&json!({}), Some("stop")));
    chunks.push(json!({"id": "chatcmpl-1", "choices": [], "usage": {"total_tokens": 7}}));
    stream(&chunks, eol)
}

#[test]
fn content_comes_back_for_every_size_of_delta() {
    let text = "Your keys: <<plain>>, and\n<<quoted>><<pem>> \u{e9}\u{1F600} end: <<plain>>";
    for (size, eol) in [(1, "\n"), (3, "\r\n"), (7, "\r"), (40, "\n"), (1000, "\r\n")] {
        let input = text_stream(text, size, eol);
        let (output, stats) = run_sse(&input);
        let read = channels(&output, read);
        assert_eq!(read["0.content"], clear(text), "{size}");
        assert_eq!(read["0.role"], "assistant");
        assert_eq!(read["0.finish"], "stop");
        assert_eq!((stats.restored, stats.unresolved, stats.skipped), (4, 0, 0));
        assert_untouched(&input, &output, eol, |frame| !frame.contains("\"content\":"));
    }
}

#[test]
fn ordinary_text_passes_at_once_and_unchanged() {
    let input =
        text_stream("No secrets here, not in the least. Uuid 1b-2c, A-E, AEG but \\ no more", 1000, "\n");
    let (output, stats) = run_sse(&input);
    assert_eq!(output, input);
    assert_eq!(stats, aegis_shield::reply::RestoreStats::default());
}

#[test]
fn a_tail_goes_out_before_the_choice_finishes() {
    for tail in ["A", "AEGIS-", &masked("<<plain>>")[..30], "AEGIS\\"] {
        let input = text_stream(&format!("cut off: {tail}"), 4, "\n");
        let (output, _) = run_sse(&input);
        let read = channels(&output, read);
        assert_eq!(read["0.content"], format!("cut off: {tail}"));
        let finish = output.find("\"finish_reason\":\"stop\"").unwrap();
        assert!(!output[finish..].contains("\"content\""), "{output}");
        assert_untouched(&input, &output, "\n", |frame| !frame.contains("\"content\":"));
    }
}

#[test]
fn a_tail_goes_out_in_the_chunk_that_finishes() {
    let chunks =
        [chunk(&json!({"content": "x AEG"}), None), chunk(&json!({"content": "IS-K"}), Some("length"))];
    let (output, _) = run_sse(&stream(&chunks, "\n"));
    assert_eq!(events(&output).len(), 3, "no event is made up");
    assert_eq!(channels(&output, read)["0.content"], "x AEGIS-K");
}

#[test]
fn the_index_may_come_after_the_delta() {
    let data = |choice: u32, text: &str| {
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null,\"index\":{choice}}}]}}\n\n"
        )
    };
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(9);
    let input = [data(0, first), data(1, "AEG"), data(0, second), data(1, "is")].concat();
    let (output, _) = run_sse(&input);
    let read = channels(&output, read);
    assert_eq!(read["0.content"], PLAIN);
    assert_eq!(read["1.content"], "AEGis");
}

#[test]
fn choices_are_apart() {
    let token = masked("<<quoted>>");
    let mut chunks = Vec::new();
    for piece in pieces(&token, 5) {
        for index in 0..3 {
            let text = if index == 1 { "nothing A" } else { &piece };
            chunks.push(
                json!({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": null}]}),
            );
        }
        chunks.push(json!({"choices": [
            {"index": 4, "delta": {"reasoning": piece}}, {"index": 5, "delta": {"reasoning_content": piece}}]}));
    }
    let (output, stats) = run_sse(&stream(&chunks, "\n"));
    let read = channels(&output, read);
    for name in ["0.content", "2.content", "4.reasoning", "5.reasoning_content"] {
        assert_eq!(read[name], QUOTED);
    }
    assert_eq!(read["1.content"], "nothing A".repeat(7));
    assert_eq!(stats.restored, 4);
}

#[test]
fn parallel_tool_calls_interleave() {
    let file = json!({"key": masked("<<pem>>"), "flat": masked("<<flat>>")}).to_string();
    let first = json!({"path": "a.json", "content": file, "p": masked("<<quoted>>")}).to_string();
    let second = json!({"command": masked("export X='<<quoted>>' && echo <<plain>><<plain>>")}).to_string();
    let (first, second) = (pieces(&first, 3), pieces(&second, 5));
    let start = |index: u32, name: &str| {
        json!({"tool_calls": [{"index": index, "id": format!("call_{index}"), "type": "function",
            "function": {"name": name, "arguments": ""}}]})
    };
    let mut chunks = vec![chunk(&start(0, "write"), None), chunk(&start(1, "bash"), None)];
    for at in 0..first.len().max(second.len()) {
        for (index, pieces) in [&first, &second].into_iter().enumerate() {
            if let Some(piece) = pieces.get(at) {
                let delta = json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]});
                chunks.push(chunk(&delta, None));
            }
        }
    }
    chunks.push(chunk(&json!({}), Some("tool_calls")));
    let (output, _) = run_sse(&stream(&chunks, "\n"));
    let read = channels(&output, read);
    let arguments: Value = serde_json::from_str(&read["0.tool.0"]).unwrap();
    assert_eq!(arguments["p"], QUOTED);
    let file: Value = serde_json::from_str(arguments["content"].as_str().unwrap()).unwrap();
    assert_eq!(file["key"], PEM);
    assert_eq!(file["flat"], FLAT_PEM.replace("\\n", "\n"), "the file's own escapes, not twice");
    let arguments: Value = serde_json::from_str(&read["0.tool.1"]).unwrap();
    assert_eq!(arguments["command"], clear("export X='<<quoted>>' && echo <<plain>><<plain>>"));
    assert_eq!((&*read["0.tool.0.name"], &*read["0.tool.1.id"]), ("write", "call_1"));
}

#[test]
fn a_tail_of_arguments_repeats_neither_name_nor_id() {
    let call = json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "bash", "arguments": "{\"c\": \"AEGIS-K"}}], "role": "assistant"});
    let (output, _) = run_sse(&stream(&[chunk(&call, None), chunk(&json!({}), Some("length"))], "\n"));
    let read = channels(&output, read);
    assert_eq!(read["0.tool.0"], "{\"c\": \"AEGIS-K");
    assert_eq!((&*read["0.tool.0.name"], &*read["0.tool.0.id"]), ("bash", "call_1"));
    assert_eq!(read["0.role"], "assistant");
}

#[test]
fn custom_tools_and_old_functions() {
    let patch = "*** Begin Patch\n+ key = \"<<quoted>>\"\n";
    let mut chunks = Vec::new();
    for piece in pieces(&masked(patch), 6) {
        chunks.push(chunk(&json!({"tool_calls": [{"index": 0, "custom": {"input": piece}}]}), None));
    }
    for piece in pieces(&json!({"a": masked("<<quoted>>")}).to_string(), 6) {
        chunks.push(chunk(&json!({"function_call": {"arguments": piece}}), None));
    }
    let (output, _) = run_sse(&stream(&chunks, "\n"));
    let read = channels(&output, read);
    assert_eq!(read["0.custom.0"], clear(patch));
    assert_eq!(serde_json::from_str::<Value>(&read["0.call"]).unwrap()["a"], QUOTED);
}

#[test]
fn old_completions() {
    let text = "say <<plain>>A";
    let frames: Vec<Value> = pieces(&masked(text), 2)
        .iter()
        .map(|piece| json!({"object": "text_completion", "choices": [{"text": piece, "index": 0, "finish_reason": null}]}))
        .chain([json!({"choices": [{"text": "", "index": 0, "finish_reason": "stop"}]})])
        .collect();
    let (output, _) = run_sse(&stream(&frames, "\n"));
    assert_eq!(channels(&output, read)["0.text"], clear(text));
}

#[test]
fn structured_output_stays_json() {
    let text = json!({"password": masked("<<quoted>>"), "key": masked("<<flat>>")}).to_string();
    let chunks: Vec<Value> =
        pieces(&text, 4).iter().map(|piece| chunk(&json!({"content": piece}), None)).collect();
    let (output, _) = run_sse(&stream(&chunks, "\n"));
    let parsed: Value = serde_json::from_str(&channels(&output, read)["0.content"]).unwrap();
    assert_eq!(parsed["password"], QUOTED);
    assert_eq!(parsed["key"], FLAT_PEM.replace("\\n", "\n"));
}

#[test]
fn an_error_in_the_middle() {
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
    let input = frame("", &chunk(&json!({"content": "x AEGIS-KE"}), None).to_string(), "\n") + error;
    let (output, _) = run_sse(&input);
    assert!(output.ends_with(error));
    let before = &output[..output.len() - error.len()];
    assert_eq!(channels(before, read)["0.content"], "x AEGIS-KE");
}

#[test]
fn content_in_parts() {
    let token = masked("<<quoted>>");
    let (first, second) = token.split_at(12);
    let chunks: Vec<Value> = [first, second]
        .iter()
        .map(|piece| {
            chunk(
                &json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]}),
                None,
            )
        })
        .collect();
    let (output, _) = run_sse(&stream(&chunks, "\n"));
    let read = |chunk: &Value| {
        let text = &chunk["choices"][0]["delta"]["content"][0]["thinking"][0]["text"];
        vec![(String::new(), text.as_str().unwrap().to_owned())]
    };
    assert_eq!(channels(&output, read)[""], QUOTED);
}
