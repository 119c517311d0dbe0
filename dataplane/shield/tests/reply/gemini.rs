//! Gemini, by server-sent events and as a document.

use std::sync::Arc;

use aegis_shield::reply::{Rehydrator, ReplyFormat, RestorePolicy, ToolNames};
use serde_json::{Value, json};

use crate::support::*;

fn chunk(parts: &Value, finish: Option<&str>) -> Value {
    let mut chunk = json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "usageMetadata": {"totalTokenCount": 9}, "modelVersion": "gemini-x", "responseId": "r"});
    if let Some(finish) = finish {
        chunk["candidates"][0]["finishReason"] = finish.into();
    }
    chunk
}

fn read(data: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for candidate in data["candidates"].as_array().into_iter().flatten() {
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            if let Some(text) = part["text"].as_str() {
                let kind = if part["thought"] == true { "thought" } else { "text" };
                found.push((format!("{} {kind}", candidate["index"]), text.to_owned()));
            }
        }
    }
    found
}

fn stream(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| frame("", &chunk.to_string(), "\r\n")).collect()
}

#[test]
fn text_and_thoughts() {
    let text = "key <<quoted>>, <<pem>> and <<plain>>";
    for size in [1, 9, 300] {
        let mut chunks = Vec::new();
        for piece in pieces(&masked(text), size) {
            chunks.push(chunk(&json!([{"text": piece, "thought": true}, {"text": piece}]), None));
        }
        chunks.push(chunk(&json!([{"text": "", "thoughtSignature": masked("Cs<<plain>>")}]), Some("STOP")));
        let (output, stats) = run_sse(&stream(&chunks));
        let read = channels(&output, read);
        assert_eq!(read["0 text"], clear(text));
        assert_eq!(read["0 thought"], masked(text), "a thought is signed by what comes after it");
        assert_eq!((stats.restored, stats.kept), (3, 3));
        let last = events(&output).last().unwrap().json();
        assert_eq!(last["candidates"][0]["content"]["parts"][0]["thoughtSignature"], masked("Cs<<plain>>"));
    }
}

#[test]
fn a_tail_goes_out_with_the_finish_reason() {
    let inside =
        [chunk(&json!([{"text": "x AEG"}]), None), chunk(&json!([{"text": "IS-"}]), Some("MAX_TOKENS"))];
    let (output, _) = run_sse(&stream(&inside));
    assert_eq!(events(&output).len(), 2);
    assert_eq!(channels(&output, read)["0 text"], "x AEGIS-");
    let text = json!([{"text": "x AEG"}]);
    let (output, _) = run_sse(&stream(&[chunk(&text, None), chunk(&json!([]), Some("STOP"))]));
    let events = events(&output);
    assert_eq!(channels(&output, read)["0 text"], "x AEG");
    assert_eq!(events.len(), 3);
    let made_up = events[1].json();
    assert_eq!(made_up["candidates"][0]["content"]["role"], "model");
    assert!(made_up["usageMetadata"].is_null(), "usage does not count twice");
}

#[test]
fn function_calls_come_whole() {
    let args = json!({"path": "p", "content": masked("<<quoted>>"), "json": json!({"k": masked("<<pem>>")}).to_string(),
        masked("<<plain>>"): [masked("<<plain>>A")]});
    let parts = json!([{"functionCall": {"name": "write", "args": args}}]);
    let (output, _) = run_sse(&stream(&[chunk(&parts, Some("STOP"))]));
    let args =
        events(&output)[0].json()["candidates"][0]["content"]["parts"][0]["functionCall"]["args"].clone();
    assert_eq!(args["content"], QUOTED);
    assert_eq!(args[PLAIN][0], format!("{PLAIN}A"));
    let inner: Value = serde_json::from_str(args["json"].as_str().unwrap()).unwrap();
    assert_eq!(inner["k"], PEM);
}

#[test]
fn arguments_in_pieces_are_keyed_by_their_path() {
    let token = masked("<<quoted>>");
    let chunks: Vec<Value> = pieces(&token, 4)
        .iter()
        .map(|piece| {
            let args =
                json!([{"jsonPath": "$.a", "stringValue": piece}, {"jsonPath": "$.b", "stringValue": piece}]);
            chunk(&json!([{"functionCall": {"partialArgs": args, "willContinue": true}}]), None)
        })
        .collect();
    let (output, _) = run_sse(&stream(&chunks));
    let read = |data: &Value| {
        let args = &data["candidates"][0]["content"]["parts"][0]["functionCall"]["partialArgs"];
        let piece =
            |arg: &Value| (arg["jsonPath"].to_string(), arg["stringValue"].as_str().unwrap().to_owned());
        args.as_array().unwrap().iter().map(piece).collect()
    };
    assert!(channels(&output, read).values().all(|text| text == QUOTED));
}

#[test]
fn arguments_in_pieces_belong_to_the_call_that_was_named() {
    let token = masked("<<plain>>");
    let call = |call: Value| chunk(&json!([{"functionCall": call}]), None);
    let piece = |text: &str| json!([{"jsonPath": "$.a", "stringValue": text}]);
    let (first, second) = token.split_at(9);
    let input = stream(&[
        call(json!({"name": "web", "willContinue": true})),
        call(json!({"partialArgs": piece(first), "willContinue": true})),
        call(json!({"partialArgs": piece(second)})),
        call(json!({"name": "files", "partialArgs": piece(first), "willContinue": true})),
        call(json!({"partialArgs": piece(second)})),
        call(json!({"name": "web", "willContinue": true})),
        call(json!({"partialArgs": piece(&token)})),
        chunk(&json!([]), Some("STOP")),
    ]);
    let policy = RestorePolicy { except_tools: ToolNames::new(["web"]), ..RestorePolicy::default() };
    let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Sse).with_policy(Arc::new(policy));
    let mut out = Vec::new();
    rehydrator.push(input.as_bytes(), &mut out);
    rehydrator.finish(&mut out);
    assert_eq!((rehydrator.stats().restored, rehydrator.stats().withheld_by_policy), (1, 2));
    assert_eq!(String::from_utf8(out).unwrap().matches(PLAIN).count(), 1);
}

#[test]
fn wrapped_answers_of_the_code_assistant() {
    let chunks: Vec<Value> = pieces(&masked("<<plain>>A"), 3)
        .iter()
        .map(|piece| json!({"response": chunk(&json!([{"text": piece}]), None), "traceId": "t"}))
        .chain([json!({"response": chunk(&json!([]), Some("STOP"))})])
        .collect();
    let (output, _) = run_sse(&stream(&chunks));
    assert_eq!(channels(&output, |data| read(&data["response"]))["0 text"], format!("{PLAIN}A"));
}

#[test]
fn an_array_of_chunks_is_a_document() {
    let chunks = json!([
        chunk(&json!([{"text": masked("<<quoted>>")}]), None),
        chunk(&json!([{"text": "A"}]), Some("STOP"))
    ]);
    let (output, _) = run(ReplyFormat::Json, &chunks.to_string());
    let parsed: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(parsed[0]["candidates"][0]["content"]["parts"][0]["text"], QUOTED);
}
