//! 12. Conversations that come back.
//!
//! A tool sends the model's words back as it got them, with values in the place of tokens. To the provider they are the words that
//! it sent, byte by byte: text, arguments of tools and text inside their strings, over 50 turns. A token that the model wrote in
//! another way comes back as the gateway writes it.

use aegis_tests::oracle::Runs;
use aegis_tests::secrets::Seeded;
use aegis_tests::{Message, sse};
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, MESSAGES, RESPONSES, event_stream, tokens};

const TURNS: usize = 50;
/// In so many turns the model once writes a token in small letters.
const ALTERED_EVERY: usize = 7;
/// Letters of one piece of a stream.
const PIECE: usize = 19;

/// What the model writes in a turn.
#[derive(Clone)]
struct Words {
    text: String,
    /// JSON, as text.
    arguments: String,
}

impl Words {
    /// With three tokens, of which one is glued to words, and one stands in JSON inside JSON.
    fn of(turn: usize, tokens: &[String]) -> Words {
        let [a, b, c] = tokens else { panic!("three tokens: {tokens:?}") };
        let inner =
            json!({"dsn": format!("postgres://app:{c}@db/x"), "line": format!("a\t{a}\n")}).to_string();
        let arguments = json!({"command": format!("mysql -p'{b}' # \u{fc} {turn}"), "file": inner});
        let text = format!("Turn {turn}: \"{a}\", then `x{b}y`\n| {c} | \\{a} |");
        Words { text, arguments: arguments.to_string() }
    }
}

/// An API: how it streams words, and what its clients make of them.
struct Api {
    path: &'static str,
    /// The name of the list of messages.
    list: &'static str,
    stream: fn(&Words) -> String,
    /// The words in a reply.
    read: fn(&Message) -> Words,
    /// The turn as a client keeps it: the model's words, and what the tool printed.
    keep: fn(&Words, usize, &str) -> Vec<Value>,
    /// Text and arguments of the last words in a request.
    last: fn(&Value) -> Words,
}

fn pieces(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(PIECE).map(|piece| piece.iter().collect()).collect()
}

fn text_at(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {pointer}: {value}"))
        .to_owned()
}

fn chat() -> Api {
    Api {
        path: CHAT,
        list: "messages",
        stream: |words| {
            let text = pieces(&words.text).into_iter().map(|piece| sse::chat_text(0, &piece));
            let arguments = pieces(&words.arguments).into_iter().map(|piece| sse::chat_arguments(0, &piece));
            text.chain(arguments).chain([sse::chat_end()]).collect()
        },
        read: |reply| Words {
            text: sse::joined(&reply.body, "/choices/0/delta/content"),
            arguments: sse::joined(&reply.body, "/choices/0/delta/tool_calls/0/function/arguments"),
        },
        keep: |words, turn, printed| {
            let id = format!("call_{turn}");
            let call = json!({"id": id, "type": "function", "function": {"name": "run", "arguments": words.arguments}});
            vec![
                json!({"role": "assistant", "content": words.text, "tool_calls": [call]}),
                json!({"role": "tool", "tool_call_id": id, "content": printed}),
            ]
        },
        last: |request| {
            let messages = request["messages"].as_array().expect("messages");
            let message = &messages[messages.len() - 2];
            Words {
                text: text_at(message, "/content"),
                arguments: text_at(message, "/tool_calls/0/function/arguments"),
            }
        },
    }
}

fn messages() -> Api {
    Api {
        path: MESSAGES,
        list: "messages",
        stream: |words| {
            let text = pieces(&words.text);
            let text = text.iter().map(|piece| sse::anthropic_delta(0, "text_delta", "text", piece));
            let arguments = pieces(&words.arguments);
            let arguments = arguments
                .iter()
                .map(|piece| sse::anthropic_delta(1, "input_json_delta", "partial_json", piece));
            let stop = |index| sse::anthropic(&json!({"type": "content_block_stop", "index": index}));
            text.chain([stop(0)]).chain(arguments).chain([stop(1)]).collect()
        },
        read: |reply| Words {
            text: sse::joined(&reply.body, "/delta/text"),
            arguments: sse::joined(&reply.body, "/delta/partial_json"),
        },
        // Clients read the input as an object and write it anew.
        keep: |words, turn, printed| {
            let id = format!("toolu_{turn}");
            let input: Value = serde_json::from_str(&words.arguments).expect("JSON");
            let call = json!({"type": "tool_use", "id": id, "name": "run", "input": input});
            vec![
                json!({"role": "assistant", "content": [{"type": "text", "text": words.text}, call]}),
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": printed}]}),
            ]
        },
        last: |request| {
            let messages = request["messages"].as_array().expect("messages");
            let message = &messages[messages.len() - 2];
            Words {
                text: text_at(message, "/content/0/text"),
                arguments: message["content"][1]["input"].to_string(),
            }
        },
    }
}

fn responses() -> Api {
    Api {
        path: RESPONSES,
        list: "input",
        stream: |words| {
            let event = |kind: &str, item: usize, delta: &str| {
                let data = json!({"type": kind, "item_id": format!("i{item}"), "output_index": item,
                    "content_index": 0, "delta": delta});
                format!("event: {kind}\ndata: {data}\n\n")
            };
            let text = pieces(&words.text);
            let text = text.iter().map(|piece| event("response.output_text.delta", 0, piece));
            let arguments = pieces(&words.arguments);
            let arguments =
                arguments.iter().map(|piece| event("response.function_call_arguments.delta", 1, piece));
            let end =
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n";
            text.chain(arguments).chain([end.to_owned()]).collect()
        },
        read: |reply| Words {
            text: sse::joined_where(&reply.body, "/item_id", &json!("i0"), "/delta"),
            arguments: sse::joined_where(&reply.body, "/item_id", &json!("i1"), "/delta"),
        },
        keep: |words, turn, printed| {
            let id = format!("call_{turn}");
            vec![
                json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": words.text}]}),
                json!({"type": "function_call", "call_id": id, "name": "run", "arguments": words.arguments}),
                json!({"type": "function_call_output", "call_id": id, "output": printed}),
            ]
        },
        last: |request| {
            let input = request["input"].as_array().expect("input");
            Words {
                text: text_at(&input[input.len() - 3], "/content/0/text"),
                arguments: text_at(&input[input.len() - 2], "/arguments"),
            }
        },
    }
}

#[test]
fn fifty_turns_come_back_as_the_model_wrote_them() {
    for (number, api) in [chat(), messages(), responses()].into_iter().enumerate() {
        let harness = Harness::new();
        let mut seeded = Seeded::new(1_210 + number as u64);
        // Two of a shape, and one that nothing but its name betrays, once.
        let values = [seeded.github(), seeded.password(), seeded.aws()];
        let [github, password, aws] = &values;
        let first = format!("GITHUB_TOKEN={github}\nDB_PASSWORD={password}\nAWS_ACCESS_KEY_ID={aws}\n");
        let mut history = vec![json!({"role": "user", "content": first})];
        let (mut before, mut written) = (String::new(), None::<Words>);
        for turn in 0..TURNS {
            // The list last, so that what was sent before is a prefix.
            let list = Value::from(history.clone());
            let body =
                format!("{{\"model\":\"m\",\"stream\":true,\"max_tokens\":9,\"{}\":{list}}}", api.list);
            let stream = api.stream;
            let reply = harness.ask(api.path, &body, move |request| {
                let tokens = tokens(request);
                let mut words = Words::of(turn, &tokens);
                if turn % ALTERED_EVERY == 1 {
                    let small = |text: &str| text.replacen(&tokens[1], &tokens[1].to_lowercase(), 1);
                    words = Words { text: small(&words.text), arguments: small(&words.arguments) };
                }
                event_stream(&stream(&words))
            });
            let seen = harness.upstream.last();
            let prefix = seen.text();
            let prefix = prefix.strip_suffix("]}").expect("the end is untouched");
            assert!(prefix.starts_with(&before), "{} {turn}: what the provider has cached changed", api.path);
            prefix.clone_into(&mut before);
            if let Some(written) = &written {
                let back = (api.last)(&seen.json());
                assert_eq!(back.text, written.text, "{} {turn}", api.path);
                assert_eq!(back.arguments, written.arguments, "{} {turn}", api.path);
            }
            // Altered or not, this is what it is to be in the next request.
            written = Some(Words::of(turn, &tokens(&seen)));
            let got = (api.read)(&reply);
            let own = Words::of(turn, &values);
            assert_eq!((&got.text, &got.arguments), (&own.text, &own.arguments), "{} {turn}", api.path);
            let printed = format!("{turn}: access denied for {password}{turn}");
            history.extend((api.keep)(&got, turn, &printed));
        }
        // Each request holds those before.
        let last = harness.upstream.last();
        Runs::of(&values).assert_absent(&last.raw, api.path);
    }
}
