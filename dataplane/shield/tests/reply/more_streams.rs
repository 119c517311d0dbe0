//! Streams beside the usual: arrays that come over time, threads, speech, code, and what the labels do not say.

use aegis_shield::reply::{MAX_EVENT, Rehydrator, ReplyFormat};
use serde_json::{Value, json};

use crate::support::*;

/// A chunk of Gemini with one part.
fn gemini(part: &Value, finish: Option<&str>) -> Value {
    let mut chunk = json!({"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}], "modelVersion": "g"});
    if let Some(finish) = finish {
        chunk["candidates"][0]["finishReason"] = finish.into();
    }
    chunk
}

/// As Google writes an array over time.
fn array(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(|item| serde_json::to_string_pretty(item).unwrap()).collect();
    format!("[{}\n]\n", items.join("\n,\r\n"))
}

fn said(items: &Value, path: &str) -> String {
    let items = items.as_array().unwrap().iter();
    items.filter_map(|item| item.pointer(&format!("/candidates/0/content/parts/0{path}"))?.as_str()).collect()
}

#[test]
fn a_token_over_items_of_an_array() {
    let text = "key <<quoted>>, <<pem>> and <<plain>>A";
    for size in [1, 9, 300] {
        let mut chunks: Vec<Value> =
            pieces(&masked(text), size).iter().map(|piece| gemini(&json!({"text": piece}), None)).collect();
        chunks.push(gemini(&json!({"text": ""}), Some("STOP")));
        for format in [ReplyFormat::Json, ReplyFormat::Unknown] {
            let (output, stats) = run(format, &array(&chunks));
            let parsed: Value = serde_json::from_str(&output).unwrap();
            assert_eq!(said(&parsed, "/text"), clear(text));
            assert_eq!(parsed.as_array().unwrap().len(), chunks.len(), "nothing is made up");
            assert_eq!((stats.restored, stats.unresolved), (3, 0));
        }
    }
}

#[test]
fn every_cut_of_a_token_over_two_items() {
    let token = masked("<<plain>>");
    for cut in 1..token.len() {
        let chunks =
            [gemini(&json!({"text": token[..cut]}), None), gemini(&json!({"text": token[cut..]}), None)];
        let (output, _) = run_cut(ReplyFormat::Json, array(&chunks).as_bytes(), &[]);
        assert_eq!(said(&serde_json::from_slice(&output).unwrap(), "/text"), PLAIN);
    }
}

#[test]
fn items_go_on_as_they_come() {
    let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Json);
    for (at, piece) in ["Hello", " wor", "ld.", " AEGIS-KEY-Z"].iter().enumerate() {
        let item = gemini(&json!({"text": piece}), None).to_string();
        let head = if at == 0 { "[" } else { "," };
        let mut out = Vec::new();
        rehydrator.push(format!("{head}{item}").as_bytes(), &mut out);
        assert_eq!(out, format!("{head}{item}").as_bytes(), "at its last brace");
    }
}

#[test]
fn what_an_array_holds_comes_out_before_its_end() {
    let begun = gemini(&json!({"text": "x AEGIS-"}), None);
    for end in [vec![], vec![gemini(&json!({"functionCall": {"name": "f"}}), Some("STOP"))]] {
        let items = [vec![begun.clone()], end].concat();
        let (output, stats) = run(ReplyFormat::Json, &array(&items));
        let parsed: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(said(&parsed, "/text"), "x AEGIS-", "{output}");
        assert_eq!(parsed.as_array().unwrap().len(), items.len() + 1);
        assert_eq!(stats.restored, 0);
    }
    let whole = array(&[begun.clone(), begun]);
    for end in 0..whole.len() {
        let (output, _) = run_cut(ReplyFormat::Json, &whole.as_bytes()[..end], &[]);
        let output = String::from_utf8(output).unwrap();
        let count = |text: &str| text.matches("AEGIS-").count();
        assert_eq!(count(&output), count(&whole[..end]), "cut off, nothing is lost or said twice: {output}");
    }
}

#[test]
fn large_items_and_odd_arrays() {
    let token = masked("<<quoted>>");
    for pad in [10, MAX_EVENT + 1] {
        let item = json!({"a": token, "pad": "y".repeat(pad)});
        let input = json!([item, item]).to_string();
        for size in [7, 4096, MAX_EVENT, input.len()] {
            let cuts: Vec<usize> = (size..input.len()).step_by(size).collect();
            let (output, _) = run_cut(ReplyFormat::Json, input.as_bytes(), &cuts);
            let parsed: Value = serde_json::from_slice(&output).unwrap();
            assert_eq!((&parsed[0]["a"], &parsed[1]["a"]), (&json!(QUOTED), &json!(QUOTED)));
        }
    }
    for array in
        [json!([{}, token, [token, {"a": token}]]), json!([token, {"a": token}]), json!([[token]]), json!([])]
    {
        let (output, _) = run(ReplyFormat::Json, &array.to_string());
        let expected = array.to_string().replace(&token, &quote(QUOTED)[1..quote(QUOTED).len() - 1]);
        assert_eq!(output, expected);
    }
    // Only Gemini's arrays are streams. Others get no item more, and what looks like pieces is none.
    for array in [
        json!([{"object": "chunk", "text": "x A"}, {"object": "chunk", "text": "EGIS"}]),
        json!([{"choices": [{"delta": {"content": "x AEGIS-"}}]}]),
        json!([{"delta": {"text": "x A"}, "type": "x.delta"}]),
    ] {
        assert_eq!(run(ReplyFormat::Json, &array.to_string()).0, array.to_string());
    }
    for odd in [
        "[{}{\"a\":\"<<plain>>\"}]",
        "[{},,{\"a\":\"<<plain>>\"}]",
        "[{]<<plain>>",
        "{}<<plain>>",
        "[{}]x<<plain>>",
    ] {
        assert_eq!(run(ReplyFormat::Json, &masked(odd)).0, clear(odd), "{odd}");
    }
}

#[test]
fn documents_have_a_limit() {
    let of = |len: usize| {
        let text = |pad: usize| json!({"a": "y".repeat(pad), "t": masked("<<quoted>>")}).to_string();
        text(len - text(0).len())
    };
    for (len, at_once) in [(MAX_EVENT, false), (MAX_EVENT + 1, true)] {
        let input = of(len);
        let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Json);
        let mut out = Vec::new();
        rehydrator.push(&input.as_bytes()[..len - 1], &mut out);
        assert!(out.is_empty());
        rehydrator.push(&input.as_bytes()[len - 1..], &mut out);
        rehydrator.finish(&mut out);
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["t"], QUOTED);
        let (mut head, mut rehydrator) = (Vec::new(), Rehydrator::new(vault(), ReplyFormat::Json));
        let longer = of(2 * len);
        rehydrator.push(&longer.as_bytes()[..len], &mut head);
        assert_eq!(!head.is_empty(), at_once, "no more is collected");
    }
}

#[test]
fn code_and_what_it_printed() {
    for (outer, inner) in [("executableCode", "code"), ("codeExecutionResult", "output")] {
        let part = |text: &str| gemini(&json!({outer: {inner: text, "language": "PYTHON"}}), None);
        let path = format!("/{outer}/{inner}");
        for size in [1, 8, 100] {
            let mut chunks: Vec<Value> =
                pieces(&masked("k = \"<<plain>>\"\n"), size).iter().map(|piece| part(piece)).collect();
            chunks.push(gemini(&json!({"text": "done"}), Some("STOP")));
            let stream: String = chunks.iter().map(|chunk| frame("", &chunk.to_string(), "\n")).collect();
            let parsed: Vec<Value> = events(&run_sse(&stream).0).iter().map(SseEvent::json).collect();
            assert_eq!(said(&Value::from(parsed), &path), clear("k = \"<<plain>>\"\n"));
            let (output, _) = run(ReplyFormat::Json, &array(&chunks));
            assert_eq!(said(&serde_json::from_str(&output).unwrap(), &path), clear("k = \"<<plain>>\"\n"));
        }
        // The tail comes out before the part that ends it, with the same language.
        let chunks = [part("x AEGIS-"), gemini(&json!({"text": "KEY"}), Some("STOP"))];
        let (output, _) = run(ReplyFormat::Json, &array(&chunks));
        let parsed: Value = serde_json::from_str(&output).unwrap();
        let made_up = &parsed[1]["candidates"][0]["content"]["parts"][0][outer];
        assert_eq!(*made_up, json!({inner: "AEGIS-", "language": "PYTHON"}));
        assert_eq!(parsed[2], chunks[1]);
    }
}

#[test]
fn speech_has_a_transcript() {
    let chunk = |audio: &Value, finish: Option<&str>| {
        let data = json!({"choices": [{"index": 0, "delta": {"audio": audio}, "finish_reason": finish}]});
        frame("", &data.to_string(), "\n")
    };
    let sound = masked("AAAA<<plain>>");
    for size in [1, 6, 90] {
        let mut input = chunk(&json!({"id": "audio_1", "transcript": ""}), None);
        for piece in pieces(&masked("say <<quoted>>"), size) {
            input += &chunk(&json!({"transcript": piece, "data": sound}), None);
        }
        input += &frame(
            "",
            &json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string(),
            "\n",
        );
        let (output, _) = run_sse(&input);
        let of = |key: &'static str| {
            move |data: &Value| {
                let text = data["choices"][0]["delta"]["audio"][key].as_str();
                text.map(|text| (String::new(), text.to_owned())).into_iter().collect()
            }
        };
        assert_eq!(channels(&output, of("transcript"))[""], clear("say <<quoted>>"));
        assert_eq!(channels(&output, of("data")), channels(&input, of("data")), "sound is no text");
    }
}

#[test]
fn threads_of_assistants() {
    let message = |text: &str| {
        let delta =
            json!({"content": [{"index": 0, "type": "text", "text": {"value": text, "annotations": []}}]});
        json!({"id": "msg_1", "object": "thread.message.delta", "delta": delta})
    };
    let step = |call: &Value| {
        let delta = json!({"step_details": {"type": "tool_calls", "tool_calls": [call]}});
        json!({"id": "step_1", "object": "thread.run.step.delta", "delta": delta})
    };
    let code = |text: &str| {
        step(&json!({"index": 0, "type": "code_interpreter", "code_interpreter": {"input": text}}))
    };
    let logs = |text: &str| {
        let output = json!({"index": 0, "type": "logs", "logs": text});
        step(&json!({"index": 0, "type": "code_interpreter", "code_interpreter": {"outputs": [output]}}))
    };
    let call = |text: &str| step(&json!({"index": 1, "type": "function", "function": {"arguments": text}}));
    let arguments = json!({"p": masked("<<quoted>>")}).to_string();
    let text = "so <<quoted>> and <<pem>>";
    let read = |data: &Value| {
        let delta = &data["delta"];
        let tool = &delta["step_details"]["tool_calls"][0];
        [
            ("text", &delta["content"][0]["text"]["value"]),
            ("code", &tool["code_interpreter"]["input"]),
            ("logs", &tool["code_interpreter"]["outputs"][0]["logs"]),
            ("call", &tool["function"]["arguments"]),
        ]
        .iter()
        .filter_map(|(name, text)| Some(((*name).to_owned(), text.as_str()?.to_owned())))
        .collect()
    };
    for size in [1, 7, 200] {
        let mut input = frame(
            "thread.run.created",
            &json!({"id": "run_1", "object": "thread.run", "status": "queued"}).to_string(),
            "\n",
        );
        for (make, text) in [
            (&code as &dyn Fn(&str) -> Value, masked(text)),
            (&logs, masked(text)),
            (&call, arguments.clone()),
            (&message, masked(text)),
        ] {
            for piece in pieces(&text, size) {
                let data = make(&piece);
                input += &frame(data["object"].as_str().unwrap(), &data.to_string(), "\n");
            }
        }
        let content = json!([{"type": "text", "text": {"value": masked(text), "annotations": []}}]);
        let done =
            json!({"id": "msg_1", "object": "thread.message", "status": "completed", "content": content});
        input +=
            &(frame("thread.message.completed", &done.to_string(), "\n") + &frame("done", "[DONE]", "\n"));
        let (output, stats) = run_sse(&input);
        let texts = channels(&output, read);
        for channel in ["text", "code", "logs"] {
            assert_eq!(texts[channel], clear(text), "{channel}");
        }
        assert_eq!(serde_json::from_str::<Value>(&texts["call"]).unwrap()["p"], QUOTED);
        let events = events(&output);
        let completed = events[events.len() - 2].json();
        assert_eq!(completed["content"][0]["text"]["value"], clear(text));
        assert_eq!((stats.restored, stats.unresolved), (9, 0));
    }
    // A tail goes out before what ends it, and in the shape of a delta.
    for (status, made_up) in [("completed", true), ("incomplete", true), ("in_progress", false)] {
        let end = json!({"id": "msg_1", "object": "thread.message", "status": status}).to_string();
        let input =
            frame("thread.message.delta", &message("x AEGIS-").to_string(), "\n") + &frame("e", &end, "\n");
        let parsed: Vec<Value> = events(&run_sse(&input).0).iter().map(SseEvent::json).collect();
        let tail = if made_up { 1 } else { 2 };
        assert_eq!(parsed[tail], message("AEGIS-"));
    }
}

#[test]
fn what_the_model_sampled_stays_as_it_is() {
    let token = masked("<<plain>>");
    let entry = |text: &str| json!({"token": text, "logprob": -0.5, "bytes": text.as_bytes(), "top_logprobs": [{"token": text}]});
    let entries: Vec<Value> =
        pieces(&token, 5).iter().map(|piece| entry(piece)).chain([entry(&token)]).collect();
    let chunk =
        json!({"choices": [{"index": 0, "delta": {"content": token}, "logprobs": {"content": entries}}]});
    let (output, stats) = run_sse(&frame("", &chunk.to_string(), "\n"));
    let choice = events(&output)[0].json()["choices"][0].clone();
    assert_eq!(choice["delta"]["content"], PLAIN);
    assert_eq!(choice["logprobs"], chunk["choices"][0]["logprobs"]);
    assert_eq!((stats.restored, stats.kept, stats.unresolved), (1, 2, 0));
    let document = json!({"choices": [{"message": {"content": token}, "logprobs": {"content": entries, "tokens": [token]}}]});
    for pad in [0, MAX_EVENT] {
        let mut document = document.clone();
        document["z"] = "x".repeat(pad).into();
        let (output, _) = run_cut(ReplyFormat::Json, document.to_string().as_bytes(), &[]);
        let parsed: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(parsed["choices"][0]["logprobs"], document["choices"][0]["logprobs"]);
        assert_eq!(parsed["choices"][0]["message"]["content"], PLAIN);
    }
    let delta = json!({"type": "response.output_text.delta", "sequence_number": 1, "output_index": 0, "content_index": 0,
        "delta": "x AEG", "logprobs": [entry("x"), entry(" AEG")], "obfuscation": "zz"});
    let done = json!({"type": "response.output_text.done", "sequence_number": 2, "output_index": 0, "content_index": 0, "text": "x AEG"});
    let input = frame("", &delta.to_string(), "\n") + &frame("", &done.to_string(), "\n");
    let parsed: Vec<Value> = events(&run_sse(&input).0).iter().map(SseEvent::json).collect();
    assert_eq!(parsed[1]["logprobs"], json!([]), "there, as it must be, and not counted twice");
    assert!(parsed[1].get("obfuscation").is_none());
}

#[test]
fn labels_that_say_nothing() {
    let delta = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let token = masked("<<quoted>>");
    let (first, second) = token.split_at(12);
    for label in [None, Some("application/octet-stream"), Some("binary/octet-stream"), Some("")] {
        let format = ReplyFormat::of(label.map(str::as_bytes));
        let events =
            frame("", &delta(first).to_string(), "\n") + &frame("", &delta(second).to_string(), "\n");
        assert_eq!(channels(&run(format, &events).0, crate::openai::read)["0.content"], QUOTED, "{label:?}");
        let document = json!({"a": token}).to_string();
        assert_eq!(serde_json::from_str::<Value>(&run(format, &document).0).unwrap()["a"], QUOTED);
        let lines = format!("{}\n{}\n", delta(first), delta(second));
        let (output, _) = run(format, &lines);
        let said: Vec<String> = output
            .lines()
            .flat_map(|line| crate::openai::read(&serde_json::from_str(line).unwrap()))
            .map(|(_, text)| text)
            .collect();
        assert_eq!(said.concat(), QUOTED, "lines of JSON");
        assert_eq!(run(format, &masked("some <<quoted>>")).0, clear("some <<quoted>>"));
    }
    for label in ["application/x-jsonl", "application/jsonl", "application/x-ndjson", "text/jsonl"] {
        assert_eq!(ReplyFormat::of(Some(label.as_bytes())), ReplyFormat::JsonLines, "{label}");
    }
}

#[test]
fn bytes_that_are_no_text_pass() {
    let token = masked("<<plain>>");
    for head in ["PK\u{3}\u{4}", "\u{7f}ELF\u{1}", "%PDF-1.7\n", "\u{1f}\u{8b}", "GIF89a\u{1}"] {
        let input = format!("{head} {token} \u{0} {token}");
        assert_eq!(
            run(ReplyFormat::Unknown, &input),
            (input.clone(), aegis_shield::reply::RestoreStats::default())
        );
    }
    for head in ["%PD", "%PDX", "%", "text\u{1b}[0m"] {
        assert_eq!(run(ReplyFormat::Unknown, &format!("{head}{token}")).0, format!("{head}{PLAIN}"));
    }
    let (output, _) = run(ReplyFormat::Unknown, &format!("{token} {} \u{0}{token}", &token[..9]));
    assert_eq!(output, format!("{PLAIN} {} \u{0}{token}", &token[..9]), "what was held comes out in order");
}

#[test]
fn the_tail_of_ollama_in_documents() {
    let line = |text: &str, done: bool| json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": done});
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(9);
    let read = |output: &str| -> String {
        output
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["message"]["content"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    for (lines, expected) in [
        (vec![line(first, false), line(second, true)], PLAIN),
        (vec![line(first, false), line("", true)], first),
        (vec![line(first, false)], first),
    ] {
        let input: Vec<String> = lines.iter().map(Value::to_string).collect();
        for end in ["\n", ""] {
            let (output, _) = run(ReplyFormat::Json, &(input.join("\n") + end));
            assert_eq!(read(&output), expected, "{output}");
        }
    }
    // A document of one piece, and documents that only look like one, get no second.
    for document in
        [line("x A", true), json!({"final": false, "text": "x A"}), json!({"choices": [{"text": "x A"}]})]
    {
        assert_eq!(run(ReplyFormat::Json, &document.to_string()).0, document.to_string());
    }
}
