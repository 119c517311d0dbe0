//! Events that are put in keep the order of the stream, its numbers, and whose text is whose.

use aegis_shield::reply::MAX_EVENT;
use serde_json::{Value, json};

use crate::support::*;

fn numbered(number: u64, kind: &str, rest: &Value) -> String {
    let mut data = json!({"type": kind, "sequence_number": number});
    data.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    frame(kind, &data.to_string(), "\n")
}

/// All numbers of a stream, which must ascend.
fn numbers(output: &str) -> Vec<u64> {
    let numbers: Vec<u64> = events(output)
        .iter()
        .filter(|event| event.data != "[DONE]")
        .map(|event| event.json()["sequence_number"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    numbers
}

#[test]
fn numbers_of_responses_ascend() {
    let text = |number: u64, output: u64, text: &str| {
        numbered(
            number,
            "response.output_text.delta",
            &json!({"output_index": output, "content_index": 0, "delta": text}),
        )
    };
    let done = |number: u64, output: u64| {
        numbered(
            number,
            "response.output_text.done",
            &json!({"output_index": output, "content_index": 0, "text": "x A"}),
        )
    };
    let whole = numbered(8, "response.completed", &json!({"response": {"output": []}}));
    let input = [
        text(0, 0, "x AEGIS"),
        text(1, 1, "y A"),
        done(2, 0),
        text(3, 2, masked("<<quoted>>").as_str()),
        text(4, 2, "z aegis-"),
        done(5, 1),
        done(7, 2),
        whole,
    ]
    .concat();
    let (output, _) = run_sse(&input);
    assert_eq!(numbers(&output), [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11], "three were put in");
    // Nothing but the numbers changes, and where nothing is put in not even these.
    let (output, _) = run_sse(&[text(5, 0, "x"), text(9, 0, "y"), done(11, 0)].concat());
    assert_eq!(numbers(&output), [5, 9, 11]);
    // The stream ends without a word.
    for end in ["", "data: [DONE]\n\n"] {
        let (output, _) = run_sse(&(text(3, 0, "x A") + end));
        assert_eq!(numbers(&output), [3, 4]);
    }
}

#[test]
fn numbers_of_large_events_ascend_too() {
    let tail = |number: u64| {
        let delta = json!({"output_index": 0, "content_index": 0, "delta": "x AEGIS-"});
        let done = json!({"output_index": 0, "content_index": 0, "text": "x AEGIS-"});
        numbered(number, "response.output_text.delta", &delta)
            + &numbered(number + 1, "response.output_text.done", &done)
    };
    for pad in [10, MAX_EVENT - 300, MAX_EVENT + 1] {
        for nested in [json!({"sequence_number": 1}), json!([{"x": "\"}]"}])] {
            let response =
                json!({"a_nested": nested, "output": "y".repeat(pad), "secret": masked("<<quoted>>")});
            // As the service orders them.
            let large = format!(
                "event: x\ndata: {{\"type\": \"response.completed\", \"sequence_number\" : 2,\"response\":{response}}}\n\n"
            );
            let input = tail(0) + &large + &numbered(3, "response.done", &json!({}));
            let whole = run_cut(aegis_shield::reply::ReplyFormat::Sse, input.as_bytes(), &[]);
            for size in [1000, MAX_EVENT, MAX_EVENT + 1] {
                let cuts: Vec<usize> = (size..input.len()).step_by(size).collect();
                assert!(
                    run_cut(aegis_shield::reply::ReplyFormat::Sse, input.as_bytes(), &cuts) == whole,
                    "{size}"
                );
            }
            let output = String::from_utf8(whole.0).unwrap();
            assert_eq!(numbers(&output), [0, 1, 2, 3, 4]);
            assert_eq!(events(&output)[3].json()["response"]["secret"], QUOTED);
            assert_eq!(events(&output)[3].json()["response"]["a_nested"], nested);
        }
    }
}

fn calls(entries: &[Value]) -> String {
    frame("", &json!({"choices": [{"index": 0, "delta": {"tool_calls": entries}}]}).to_string(), "\n")
}

fn call(id: Option<&str>, arguments: &str) -> Value {
    let mut entry = json!({"index": 0, "function": {"arguments": arguments}});
    if let Some(id) = id {
        entry["id"] = id.into();
    }
    entry
}

/// The arguments of each call, separated as by a client that looks at ids.
fn by_id(output: &str) -> Vec<String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for event in events(output) {
        let data = event.json();
        for entry in data["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let id = entry["id"].as_str().unwrap_or_default();
            if !id.is_empty() && found.last().is_none_or(|(last, _)| last != id) {
                found.push((id.to_owned(), String::new()));
            }
            found.last_mut().unwrap().1 += entry["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    found.into_iter().map(|(_, arguments)| arguments).collect()
}

#[test]
fn a_tool_index_that_is_used_again_is_another_call() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(14);
    for (input, expected) in [
        ([calls(&[call(Some("a"), first)]), calls(&[call(Some("b"), second)])].concat(), vec![first, second]),
        (
            [
                calls(&[call(Some("a"), "")]),
                calls(&[call(None, first)]),
                calls(&[call(Some("b"), "")]),
                calls(&[call(None, second)]),
            ]
            .concat(),
            vec![first, second],
        ),
        (calls(&[call(Some("a"), first), call(Some("b"), second)]), vec![first, second]),
        (
            [calls(&[call(Some("a"), first), call(Some("b"), first)]), calls(&[call(None, second)])].concat(),
            vec![first, PLAIN],
        ),
        ([calls(&[call(Some("a"), first)]), calls(&[call(Some("a"), second)])].concat(), vec![PLAIN]),
        ([calls(&[call(Some("a"), first)]), calls(&[call(Some(""), second)])].concat(), vec![PLAIN]),
    ] {
        assert_eq!(by_id(&run_sse(&input).0), expected, "{input}");
    }
    // The first event of a call need not have arguments.
    let named = |id: &str| calls(&[json!({"index": 0, "id": id, "function": {"name": "f"}})]);
    let input = [named("a"), calls(&[call(None, first)]), named("b"), calls(&[call(None, second)])].concat();
    assert_eq!(by_id(&run_sse(&input).0), [first, second]);
}

/// The arguments of each call, separated by what `key` finds in an entry, or put to the last one.
fn apart(output: &str, key: impl Fn(&Value) -> Option<&str>) -> Vec<String> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut last = 0;
    for event in events(output) {
        let data = event.json();
        for entry in data["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            if let Some(key) = key(entry) {
                last = found.iter().position(|(known, _)| known == key).unwrap_or(found.len());
                if last == found.len() {
                    found.push((key.to_owned(), String::new()));
                }
            }
            found[last].1 += entry["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    found.into_iter().map(|(_, arguments)| arguments).collect()
}

fn finish() -> String {
    frame(
        "",
        &json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}).to_string(),
        "\n",
    )
}

#[test]
fn another_name_without_an_id_is_another_call() {
    let token = masked("<<quoted>>");
    let second = json!({"b": token}).to_string();
    for index in [json!(0), Value::Null] {
        let call = |name: Option<&str>, arguments: &str| {
            let mut function = json!({"arguments": arguments});
            if let Some(name) = name {
                function["name"] = name.into();
            }
            calls(&[json!({"index": index, "function": function})])
        };
        for cut in 0..token.len() {
            let first = format!("{{\"a\":\"x {}", &token[..cut]);
            for split in [1, second.len() - 5] {
                // The name may come with every piece.
                for again in [None, Some("n2")] {
                    let pieces = [
                        call(Some("n1"), &first),
                        call(Some("n2"), &second[..split]),
                        call(again, &second[split..]),
                        finish(),
                    ];
                    let (output, _) =
                        run_cut(aegis_shield::reply::ReplyFormat::Sse, pieces.concat().as_bytes(), &[]);
                    let output = String::from_utf8(output).unwrap();
                    let said = apart(&output, |entry| entry["function"]["name"].as_str());
                    assert_eq!(said[0], first, "{output}");
                    assert_eq!(
                        serde_json::from_str::<Value>(&said[1]).unwrap(),
                        json!({"b": QUOTED}),
                        "{output}"
                    );
                }
            }
        }
    }
    // An id that comes behind the name is no other call.
    let (first, rest) = token.split_at(14);
    let named = json!({"index": 0, "function": {"name": "f", "arguments": first}});
    let input = [calls(&[named]), calls(&[call(Some("a"), rest)]), finish()].concat();
    assert_eq!(apart(&run_sse(&input).0, |_| Some("")), [QUOTED]);
}

#[test]
fn calls_without_an_index_are_distinguished_by_id() {
    let token = masked("<<quoted>>");
    let arguments = |key: &str| format!("{{\"{key}\":\"{token}\"}}");
    let piece = |id: &str, arguments: &str| json!({"id": id, "function": {"arguments": arguments}});
    let (first, second) = (arguments("a"), arguments("b"));
    let by_id = |output: &str| apart(output, |entry| entry["id"].as_str().filter(|id| !id.is_empty()));
    let equal = |input: &str| {
        let (output, _) = run_cut(aegis_shield::reply::ReplyFormat::Sse, input.as_bytes(), &[]);
        let output = String::from_utf8(output).unwrap();
        let parsed: Vec<Value> =
            by_id(&output).iter().map(|said| serde_json::from_str(said).unwrap()).collect();
        assert_eq!(parsed, [json!({"a": QUOTED}), json!({"b": QUOTED})], "{output}");
    };
    for cut in 0..first.len() {
        let other = (cut * 7 + 3) % second.len();
        let [one, two] = [piece("c1", &first[..cut]), piece("c2", &second[..other])];
        let [one_more, two_more] = [piece("c1", &first[cut..]), piece("c2", &second[other..])];
        let lone = |entry: &Value| calls(std::slice::from_ref(entry));
        equal(&[lone(&one), lone(&two), lone(&one_more), lone(&two_more), finish()].concat());
        equal(
            &[calls(&[one.clone(), two.clone()]), calls(&[two_more.clone(), one_more.clone()]), finish()]
                .concat(),
        );
        equal(&[calls(&[one.clone(), two.clone()]), lone(&two_more), lone(&one_more), finish()].concat());
        // Whole calls, one after the other; later pieces without an id.
        let bare = |text: &str| lone(&json!({"function": {"arguments": text}}));
        equal(&[lone(&one), bare(&first[cut..]), lone(&two), bare(&second[other..]), finish()].concat());
    }
    // A tail stays with its call, whether it comes out at the end or before the next call.
    let half = &token[..14];
    let input = [calls(&[piece("c1", half)]), calls(&[piece("c2", "{}")]), finish()].concat();
    assert_eq!(by_id(&run_sse(&input).0), [half, "{}"]);
    let bare = json!({"function": {"arguments": half}});
    let input = [calls(&[piece("c1", "")]), calls(&[bare]), calls(&[piece("c2", "{}")]), finish()].concat();
    assert_eq!(by_id(&run_sse(&input).0), [half, "{}"]);
}

#[test]
fn items_without_an_index_are_distinguished_by_id() {
    let token = masked("<<quoted>>");
    let whole = json!({"a": token}).to_string();
    let delta = |id: &str, text: &str| {
        let data = json!({"type": "response.function_call_arguments.delta", "item_id": id, "delta": text});
        frame("", &data.to_string(), "\n")
    };
    let done = |id: &str| {
        let data = json!({"type": "response.output_item.done", "item": {"id": id, "type": "function_call"}});
        frame("", &data.to_string(), "\n")
    };
    let read = |data: &Value| match (data["item_id"].as_str(), data["delta"].as_str()) {
        (Some(id), Some(text)) => vec![(id.to_owned(), text.to_owned())],
        _ => Vec::new(),
    };
    for cut in 0..whole.len() {
        let other = (cut * 7 + 3) % whole.len();
        let input = [
            delta("x", &whole[..cut]),
            delta("y", &whole[..other]),
            delta("x", &whole[cut..]),
            done("x"),
            delta("y", &whole[other..]),
            done("y"),
        ];
        let (output, _) = run_cut(aegis_shield::reply::ReplyFormat::Sse, input.concat().as_bytes(), &[]);
        let texts = channels(&String::from_utf8(output).unwrap(), read);
        for channel in ["x", "y"] {
            assert_eq!(
                serde_json::from_str::<Value>(&texts[channel]).unwrap(),
                json!({"a": QUOTED}),
                "{cut}"
            );
        }
    }
    // The item that is done lets out its tail, and no other's.
    let input = [delta("x", "AEGIS-K"), delta("y", "AEGIS-K"), done("x"), delta("y", "")].concat();
    let said: Vec<Value> =
        events(&run_sse(&input).0).iter().map(|event| event.json()["delta"].clone()).collect();
    assert_eq!(said, [json!(""), json!(""), json!("AEGIS-K"), Value::Null, json!(""), json!("AEGIS-K")]);
}

#[test]
fn an_output_index_that_is_used_again_is_another_item() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(14);
    let delta = |text: &str| json!({"output_index": 0, "delta": text});
    let kind = "response.function_call_arguments.delta";
    let added = json!({"output_index": 0, "item": {"type": "function_call", "name": "f"}});
    let input = [
        numbered(0, kind, &delta(first)),
        numbered(1, "response.output_item.added", &added),
        numbered(2, kind, &delta(second)),
    ]
    .concat();
    let (output, _) = run_sse(&input);
    let said: Vec<Value> = events(&output).iter().map(|event| event.json()["delta"].clone()).collect();
    assert_eq!(said, [json!(""), json!(first), Value::Null, json!(second)]);
    assert_eq!(numbers(&output), [0, 1, 2, 3]);
}

/// `text` inside of JSON inside of strings, `layers` deep.
fn nested(text: &str, layers: usize) -> String {
    (0..layers).fold(text.to_owned(), |text, _| json!({"v": text}).to_string())
}

#[test]
fn json_of_any_depth_is_escaped_right_or_not_at_all() {
    for layers in 0..9 {
        for (name, secret) in [("<<quoted>>", QUOTED), ("<<plain>>", PLAIN)] {
            let token = masked(name);
            let content = nested(&token, layers);
            let stream = [frame(
                "",
                &json!({"choices": [{"index": 0, "delta": {"content": content}}]}).to_string(),
                "\n",
            )]
            .concat();
            let (output, stats) = run_sse(&stream);
            let mut text = channels(&output, crate::openai::read)["0.content"].clone();
            for _ in 0..layers {
                text = serde_json::from_str::<Value>(&text).unwrap()["v"].as_str().unwrap().to_owned();
            }
            // The string of the event is a layer too.
            let restored = layers < 5 || name == "<<plain>>";
            assert_eq!(text, if restored { secret } else { &token }, "{layers}");
            assert_eq!((stats.restored, stats.unresolved), if restored { (1, 0) } else { (0, 1) });
            let document = json!({"a": content}).to_string();
            let (output, stats) = run(aegis_shield::reply::ReplyFormat::Json, &document);
            let mut text = serde_json::from_str::<Value>(&output).unwrap()["a"].as_str().unwrap().to_owned();
            for _ in 0..layers {
                text = serde_json::from_str::<Value>(&text).unwrap()["v"].as_str().unwrap().to_owned();
            }
            assert_eq!(text, if restored { secret } else { &token }, "{layers}");
            assert_eq!(stats.restored, u64::from(restored));
        }
    }
    // As many containers in one layer as are followed, and one more.
    for (depth, restored) in [(64, true), (65, false)] {
        let content = format!("{}{}{}", "[".repeat(depth), quote(&masked("<<quoted>>")), "]".repeat(depth));
        let stream =
            frame("", &json!({"choices": [{"index": 0, "delta": {"content": content}}]}).to_string(), "\n");
        let text = channels(&run_sse(&stream).0, crate::openai::read)["0.content"].clone();
        let expected = if restored { QUOTED.to_owned() } else { masked("<<quoted>>") };
        assert_eq!(text, content.replace(&quote(&masked("<<quoted>>")), &quote(&expected)));
    }
}
