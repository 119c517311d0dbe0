//! Numbers that point into restored text point at the same words, whichever way the stream is cut.

use aegis_shield::reply::ReplyFormat;
use serde_json::{Value, json};

use crate::support::*;

/// Before and behind tokens, with characters that take one, two, three and four bytes.
const TEXT: &str = "\u{1F511} caf\u{e9}: <<quoted>> \u{2192} [first] <<plain>><<pem>> [second] end";

/// The part of `text` that the numbers cover, counted in code points.
fn of_points(text: &str, start: &Value, end: &Value) -> String {
    let (start, end) = (start.as_u64().unwrap() as usize, end.as_u64().unwrap() as usize);
    text.chars().skip(start).take(end - start).collect()
}

fn of_bytes(text: &str, start: &Value, end: &Value) -> String {
    text[start.as_u64().unwrap() as usize..end.as_u64().unwrap() as usize].to_owned()
}

/// Where `word` stands in the text that the provider wrote.
fn points(word: &str) -> (usize, usize) {
    let text = masked(TEXT);
    let start = text[..text.find(word).unwrap()].chars().count();
    (start, start + word.chars().count())
}

fn bytes(word: &str) -> (usize, usize) {
    let start = masked(TEXT).find(word).unwrap();
    (start, start + word.len())
}

fn flat_annotation(word: &str) -> Value {
    let (start, end) = points(word);
    json!({"type": "url_citation", "start_index": start, "end_index": end, "url": "https://x", "title": masked("<<plain>>")})
}

fn assert_flat(text: &str, annotations: &Value) {
    let annotations = annotations.as_array().unwrap();
    assert_eq!(annotations.len(), 2);
    for (annotation, word) in annotations.iter().zip(["[first]", "[second]"]) {
        let inner =
            if annotation["url_citation"].is_null() { annotation } else { &annotation["url_citation"] };
        assert_eq!(of_points(text, &inner["start_index"], &inner["end_index"]), word);
    }
}

#[test]
fn responses_streamed_and_whole() {
    let annotations = json!([flat_annotation("[first]"), flat_annotation("[second]")]);
    let part = json!({"type": "output_text", "annotations": annotations, "text": masked(TEXT)});
    let item = json!({"type": "message", "content": [part]});
    let at = |kind: &str| json!({"type": kind, "output_index": 0, "content_index": 0});
    for size in [1, 6, 400] {
        for late in [false, true] {
            let mut all = Vec::new();
            for piece in pieces(&masked(TEXT), size) {
                let mut delta = at("response.output_text.delta");
                delta["delta"] = piece.into();
                all.push(delta);
            }
            let mut text_done = at("response.output_text.done");
            text_done["text"] = masked(TEXT).into();
            let mut added: Vec<Value> = annotations
                .as_array()
                .unwrap()
                .iter()
                .map(|annotation| {
                    let mut added = at("response.output_text.annotation.added");
                    added["annotation"] = annotation.clone();
                    added
                })
                .collect();
            let second = added.len();
            added.insert(if late { 0 } else { second }, text_done);
            all.extend(added);
            let mut part_done = at("response.content_part.done");
            part_done["part"] = part.clone();
            all.push(part_done);
            all.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
            all.push(json!({"type": "response.completed", "response": {"output": [item]}}));
            let input: String = all
                .iter()
                .map(|data| frame(data["type"].as_str().unwrap(), &data.to_string(), "\n"))
                .collect();
            let parsed: Vec<Value> = events(&run_sse(&input).0).iter().map(SseEvent::json).collect();
            let text: String = parsed.iter().filter_map(|data| data["delta"].as_str()).collect();
            assert_eq!(text, clear(TEXT));
            let added: Vec<Value> = parsed
                .iter()
                .filter(|data| !data["annotation"].is_null())
                .map(|data| data["annotation"].clone())
                .collect();
            assert_flat(&text, &Value::from(added));
            let of = |kind: &str| parsed.iter().find(|data| data["type"] == kind).unwrap().clone();
            assert_flat(&text, &of("response.content_part.done")["part"]["annotations"]);
            assert_flat(&text, &of("response.output_item.done")["item"]["content"][0]["annotations"]);
            assert_flat(
                &text,
                &of("response.completed")["response"]["output"][0]["content"][0]["annotations"],
            );
        }
    }
    let document = json!({"object": "response", "output": [item]});
    let (output, stats) = run(ReplyFormat::Json, &document.to_string());
    let parsed: Value = serde_json::from_str(&output).unwrap();
    let part = &parsed["output"][0]["content"][0];
    assert_eq!(part["text"], clear(TEXT));
    assert_flat(&clear(TEXT), &part["annotations"]);
    assert_eq!(stats.restored, 5, "each token is counted once");
}

#[test]
fn files_are_cited_at_one_place() {
    let place = points("[second]").0;
    let part = |annotation: Value| json!({"output": [{"content": [{"annotations": [annotation], "text": masked(TEXT)}]}]});
    for kind in ["file_citation", "file_path"] {
        for (index, expected) in
            [(place, clear(TEXT).chars().take_while(|&char| char != ']').count() + 1), (3, 3)]
        {
            let (output, _) = run(
                ReplyFormat::Json,
                &part(json!({"type": kind, "index": index, "file_id": "f"})).to_string(),
            );
            let parsed: Value = serde_json::from_str(&output).unwrap();
            let moved =
                parsed["output"][0]["content"][0]["annotations"][0]["index"].as_u64().unwrap() as usize;
            if index == 3 {
                assert_eq!(moved, expected, "a place in a list of files");
            } else {
                let clear = clear(TEXT);
                assert!(clear.chars().skip(moved).collect::<String>().starts_with("[second]"));
            }
        }
    }
    let other = part(json!({"type": "other", "index": place}));
    let (output, _) = run(ReplyFormat::Json, &other.to_string());
    assert!(output.contains(&format!("\"index\":{place}")));
}

#[test]
fn chat_streamed_and_whole() {
    let nested = |word: &str| {
        let (start, end) = points(word);
        json!({"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, "url": "u"}})
    };
    let annotations = json!([nested("[first]"), nested("[second]")]);
    let chunk =
        |delta: Value| frame("", &json!({"choices": [{"index": 0, "delta": delta}]}).to_string(), "\n");
    for size in [1, 6, 400] {
        let mut input: String =
            pieces(&masked(TEXT), size).iter().map(|piece| chunk(json!({"content": piece}))).collect();
        input += &chunk(json!({"annotations": annotations}));
        let (output, _) = run_sse(&input);
        let parsed: Vec<Value> = events(&output).iter().map(SseEvent::json).collect();
        assert_flat(&clear(TEXT), &parsed.last().unwrap()["choices"][0]["delta"]["annotations"]);
    }
    let message = json!({"annotations": annotations, "content": masked(TEXT), "role": "assistant"});
    let document = json!({"choices": [{"index": 0, "message": message}], "n": 1.50});
    let (output, _) = run(ReplyFormat::Json, &document.to_string());
    let parsed: Value = serde_json::from_str(&output).unwrap();
    assert_flat(&clear(TEXT), &parsed["choices"][0]["message"]["annotations"]);
    assert!(output.ends_with("\"n\":1.5}"), "all else stays");
}

#[test]
fn threads_of_assistants() {
    let annotation = |index: u32, word: &str| {
        let (start, end) = points(word);
        json!({"index": index, "type": "file_citation", "text": word, "start_index": start, "end_index": end, "file_citation": {"file_id": "f"}})
    };
    let message = |text: Value| json!({"id": "m", "object": "thread.message.delta", "delta": {"content": [{"index": 0, "type": "text", "text": text}]}});
    let annotations = json!([annotation(0, "[first]"), annotation(1, "[second]")]);
    for size in [2, 400] {
        let mut input: String = pieces(&masked(TEXT), size)
            .iter()
            .map(|piece| frame("", &message(json!({"value": piece})).to_string(), "\n"))
            .collect();
        input += &frame("", &message(json!({"annotations": annotations})).to_string(), "\n");
        let done = json!({"id": "m", "object": "thread.message", "status": "completed",
            "content": [{"type": "text", "text": {"value": masked(TEXT), "annotations": annotations}}]});
        input += &frame("", &done.to_string(), "\n");
        let parsed: Vec<Value> = events(&run_sse(&input).0).iter().map(SseEvent::json).collect();
        let added = &parsed[parsed.len() - 2]["delta"]["content"][0]["text"]["annotations"];
        assert_flat(&clear(TEXT), added);
        assert_eq!(added[1]["index"], 1, "its own number");
        assert_flat(&clear(TEXT), &parsed.last().unwrap()["content"][0]["text"]["annotations"]);
    }
}

#[test]
fn gemini_counts_bytes() {
    let segment = |word: &str| {
        let (start, end) = bytes(word);
        json!({"segment": {"startIndex": start, "endIndex": end, "text": word}, "groundingChunkIndices": [0]})
    };
    let (start, end) = bytes("[first]");
    let finish = json!({"finishReason": "STOP", "index": 0,
        "groundingMetadata": {"groundingSupports": [segment("[first]"), segment("[second]")]},
        "citationMetadata": {"citationSources": [{"startIndex": start, "endIndex": end, "uri": "u"}]}});
    let check = |candidate: &Value| {
        let text = clear(TEXT);
        let supports = &candidate["groundingMetadata"]["groundingSupports"];
        for (at, word) in ["[first]", "[second]"].into_iter().enumerate() {
            assert_eq!(
                of_bytes(&text, &supports[at]["segment"]["startIndex"], &supports[at]["segment"]["endIndex"]),
                word
            );
        }
        let source = &candidate["citationMetadata"]["citationSources"][0];
        assert_eq!(of_bytes(&text, &source["startIndex"], &source["endIndex"]), "[first]");
    };
    for size in [1, 7, 400] {
        let mut chunks: Vec<Value> = pieces(&masked(TEXT), size)
            .iter()
            .map(|piece| json!({"candidates": [{"content": {"parts": [{"text": piece, "thought": true}, {"text": piece}]}, "index": 0}]}))
            .collect();
        chunks.push(json!({"candidates": [finish]}));
        let stream: String = chunks.iter().map(|chunk| frame("", &chunk.to_string(), "\n")).collect();
        let parsed: Vec<Value> = events(&run_sse(&stream).0).iter().map(SseEvent::json).collect();
        check(&parsed.last().unwrap()["candidates"][0]);
        let (output, _) = run(ReplyFormat::Json, &Value::from(chunks.clone()).to_string());
        let parsed: Value = serde_json::from_str(&output).unwrap();
        check(&parsed.as_array().unwrap().last().unwrap()["candidates"][0]);
    }
    let mut candidate = finish.clone();
    candidate["content"] =
        json!({"parts": [{"text": masked("<<plain>> thinks"), "thought": true}, {"text": masked(TEXT)}]});
    for part_index in [None, Some(1)] {
        if let Some(index) = part_index {
            for at in 0..2 {
                candidate["groundingMetadata"]["groundingSupports"][at]["segment"]["partIndex"] =
                    index.into();
            }
        }
        let (output, _) = run(ReplyFormat::Json, &json!({"candidates": [candidate]}).to_string());
        check(&serde_json::from_str::<Value>(&output).unwrap()["candidates"][0]);
    }
}

#[test]
fn places_within_a_token_move_to_its_ends() {
    let token = masked("<<plain>>");
    let annotation = json!({"type": "url_citation", "start_index": 5, "end_index": 9});
    let part =
        json!({"output": [{"content": [{"annotations": [annotation], "text": format!("ab{token}")}]}]});
    let (output, _) = run(ReplyFormat::Json, &part.to_string());
    let parsed: Value = serde_json::from_str(&output).unwrap();
    let moved = &parsed["output"][0]["content"][0]["annotations"][0];
    assert_eq!(of_points(&format!("ab{PLAIN}"), &moved["start_index"], &moved["end_index"]), PLAIN);
}

#[test]
fn what_a_tool_gets_has_no_places() {
    let annotations = json!([{"start_index": 60, "end_index": 70}]);
    let call = json!({"content": [{"type": "tool_use", "input": {"annotations": annotations, "text": masked("<<plain>> and more")}}]});
    let (output, _) = run(ReplyFormat::Json, &call.to_string());
    let parsed: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(parsed["content"][0]["input"]["annotations"], annotations);
    assert_eq!(parsed["content"][0]["input"]["text"], clear("<<plain>> and more"));
}

#[test]
fn documents_of_the_request_are_not_known() {
    let citation = json!({"type": "char_location", "cited_text": masked("<<plain>>"), "document_index": 0,
        "start_char_index": 10, "end_char_index": 40});
    let document =
        json!({"content": [{"type": "text", "text": masked("<<plain>>"), "citations": [citation]}]});
    let (output, _) = run(ReplyFormat::Json, &document.to_string());
    let citation = &serde_json::from_str::<Value>(&output).unwrap()["content"][0]["citations"][0];
    assert_eq!(citation["cited_text"], PLAIN);
    assert_eq!((&citation["start_char_index"], &citation["end_char_index"]), (&json!(10), &json!(40)));
}

#[test]
fn numbers_move_in_documents_that_are_read_whole_and_stay_in_larger_ones() {
    let annotations = json!([flat_annotation("[first]"), flat_annotation("[second]")]);
    let part = json!({"type": "output_text", "annotations": annotations, "text": masked(TEXT)});
    let document = |pad: usize| {
        json!({"output": [{"type": "message", "content": [part]}], "pad": "x".repeat(pad)}).to_string()
    };
    let fits = aegis_shield::reply::MAX_EVENT - document(0).len();
    for (pad, moved) in [(fits, true), (fits + 1, false)] {
        let (output, _) = run(ReplyFormat::Json, &document(pad));
        let read: Value = serde_json::from_str(&output).unwrap();
        let part = &read["output"][0]["content"][0];
        assert_eq!(part["text"], clear(TEXT));
        let (start, end) = points("[first]");
        let stayed = (json!(start), json!(end));
        let found = &part["annotations"][0];
        let is = (found["start_index"].clone(), found["end_index"].clone());
        assert_eq!(is != stayed, moved, "{pad}");
        if moved {
            assert_flat(part["text"].as_str().unwrap(), &part["annotations"]);
        }
    }
}
