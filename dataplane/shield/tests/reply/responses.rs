//! Responses.

use serde_json::{Value, json};

use crate::support::*;

fn event(kind: &str, mut data: Value) -> String {
    data["type"] = kind.into();
    frame(kind, &data.to_string(), "\n")
}

fn read(data: &Value) -> Vec<(String, String)> {
    let kind = data["type"].as_str().unwrap_or_default();
    match (kind.strip_suffix(".delta"), data["delta"].as_str()) {
        (Some(kind), Some(delta)) => {
            let part =
                if data["content_index"].is_null() { &data["summary_index"] } else { &data["content_index"] };
            vec![(format!("{kind} {} {part}", data["output_index"]), delta.to_owned())]
        }
        _ => Vec::new(),
    }
}

fn deltas(kind: &str, place: &Value, text: &str, size: usize) -> String {
    let mut sequence = 0;
    let piece = |piece: &String| {
        sequence += 1;
        let mut data =
            json!({"sequence_number": sequence, "item_id": "i_1", "delta": piece, "obfuscation": "xA"});
        data.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        event(&format!("response.{kind}.delta"), data)
    };
    pieces(text, size).iter().map(piece).collect()
}

#[test]
fn every_channel_and_all_that_repeats_it() {
    let text = "Key: <<quoted>> and <<plain>>";
    let arguments =
        json!({"content": masked("<<quoted>>"), "file": json!({"k": masked("<<pem>>")}).to_string()})
            .to_string();
    let restored_arguments = |text: &str| {
        let parsed: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(parsed["content"], QUOTED);
        let file: Value = serde_json::from_str(parsed["file"].as_str().unwrap()).unwrap();
        assert_eq!(file["k"], PEM);
    };
    for size in [1, 6, 400] {
        let at = json!({"output_index": 1, "content_index": 0});
        let place = json!({"output_index": 2});
        let message = json!({"type": "message", "content": [{"type": "output_text", "text": masked(text)}]});
        let call = json!({"type": "function_call", "name": "write", "arguments": arguments});
        let input = [
            event("response.created", json!({"response": {"id": "r", "output": []}})),
            deltas(
                "reasoning_summary_text",
                &json!({"output_index": 0, "summary_index": 0}),
                &masked(text),
                size,
            ),
            event(
                "response.reasoning_summary_text.done",
                json!({"output_index": 0, "summary_index": 0, "text": masked(text)}),
            ),
            deltas("output_text", &at, &masked(text), size),
            event(
                "response.output_text.done",
                json!({"output_index": 1, "content_index": 0, "text": masked(text)}),
            ),
            event(
                "response.content_part.done",
                json!({"output_index": 1, "content_index": 0, "part": {"text": masked(text)}}),
            ),
            event("response.output_item.done", json!({"output_index": 1, "item": message})),
            deltas("function_call_arguments", &place, &arguments, size),
            event(
                "response.function_call_arguments.done",
                json!({"output_index": 2, "arguments": arguments}),
            ),
            event("response.output_item.done", json!({"output_index": 2, "item": call})),
            deltas("custom_tool_call_input", &json!({"output_index": 3}), &masked(text), size),
            event("response.custom_tool_call_input.done", json!({"output_index": 3, "input": masked(text)})),
            deltas("code_interpreter_call_code", &json!({"output_index": 4}), &masked(text), size),
            deltas("mcp_call_arguments", &json!({"output_index": 5}), &arguments, size),
            event(
                "response.completed",
                json!({"response": {"output": [message, call], "usage": {"total_tokens": 3}}}),
            ),
        ]
        .concat();
        let (output, stats) = run_sse(&input);
        let texts = channels(&output, read);
        assert_eq!(
            texts["response.reasoning_summary_text 0 0"],
            masked(text),
            "it goes back with what signs it"
        );
        assert_eq!(texts["response.output_text 1 0"], clear(text));
        assert_eq!(texts["response.custom_tool_call_input 3 null"], clear(text));
        assert_eq!(texts["response.code_interpreter_call_code 4 null"], clear(text));
        restored_arguments(&texts["response.function_call_arguments 2 null"]);
        restored_arguments(&texts["response.mcp_call_arguments 5 null"]);
        let parsed: Vec<Value> = events(&output).iter().map(SseEvent::json).collect();
        let of = |kind: &str| parsed.iter().find(|data| data["type"] == kind).unwrap();
        assert_eq!(of("response.output_text.done")["text"], clear(text));
        assert_eq!(of("response.content_part.done")["part"]["text"], clear(text));
        assert_eq!(of("response.custom_tool_call_input.done")["input"], clear(text));
        restored_arguments(of("response.function_call_arguments.done")["arguments"].as_str().unwrap());
        let completed = &of("response.completed")["response"];
        assert_eq!(completed["output"][0]["content"][0]["text"], clear(text));
        restored_arguments(completed["output"][1]["arguments"].as_str().unwrap());
        assert_eq!(events(&output).len(), events(&input).len(), "no event is made up");
        assert_eq!((stats.kept, stats.unresolved), (4, 0));
    }
}

#[test]
fn a_tail_goes_out_before_what_ends_it() {
    let at = json!({"output_index": 0, "content_index": 1});
    let text = "so AEGIS-SECRET-0";
    for end in [
        event("response.output_text.done", json!({"output_index": 0, "content_index": 1, "text": text})),
        event("response.output_item.done", json!({"output_index": 0, "item": {}})),
        event("response.content_part.done", json!({"output_index": 0, "content_index": 1, "part": {}})),
        event("response.incomplete", json!({"response": {"status": "incomplete"}})),
        event("response.failed", json!({"response": {"status": "failed"}})),
        event("error", json!({"code": "server_error", "message": "x"})),
    ] {
        let token = &masked("<<plain>>")[..20];
        let input = deltas("output_text", &at, &format!("so {token}"), 5) + &end;
        let (output, _) = run_sse(&input);
        assert_eq!(channels(&output, read)["response.output_text 0 1"], format!("so {token}"));
        assert!(output.ends_with(&end), "{output}");
    }
}

#[test]
fn one_done_does_not_end_another_channel() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(8);
    let at = json!({"output_index": 0, "content_index": 0});
    let input = [
        deltas("output_text", &at, first, 100),
        event("response.output_text.done", json!({"output_index": 1, "content_index": 0, "text": ""})),
        deltas("output_text", &at, second, 100),
    ]
    .concat();
    assert_eq!(channels(&run_sse(&input).0, read)["response.output_text 0 0"], PLAIN);
}

#[test]
fn audio_is_no_text() {
    let input = deltas("audio", &json!({"output_index": 0}), &masked("<<plain>>A"), 400)
        + &deltas("output_audio", &json!({"output_index": 0}), "AEGI", 4)
        + &event(
            "response.image_generation_call.partial_image",
            json!({"partial_image_b64": masked("<<plain>>")}),
        );
    assert_eq!(run_sse(&input).0, input);
}

#[test]
fn encrypted_reasoning_is_opaque() {
    let item = json!({"type": "reasoning", "encrypted_content": masked("gAAA<<plain>>"), "summary": [masked("<<plain>>")]});
    let (output, _) = run_sse(&event("response.output_item.done", json!({"output_index": 0, "item": item})));
    let item = &events(&output)[0].json()["item"];
    assert_eq!(item["encrypted_content"], masked("gAAA<<plain>>"));
    assert_eq!(item["summary"][0], masked("<<plain>>"), "what is signed goes both ways as it is");
}
