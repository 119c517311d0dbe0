//! Replies that are no stream: JSON documents, text, and what claims to be something else.

use aegis_shield::Vault;
use aegis_shield::reply::{Rehydrator, ReplyFormat};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a_chat_completion() {
    let arguments =
        json!({"content": masked("<<quoted>>"), "f": json!({"k": masked("<<flat>>")}).to_string()})
            .to_string();
    let message = json!({"role": "assistant", "content": masked("Use <<quoted>>, <<pem>>."),
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "w", "arguments": arguments}}]});
    let reply =
        json!({"id": "x", "choices": [{"index": 0, "message": message}], "usage": {"total_tokens": 1.0}});
    for text in [reply.to_string(), serde_json::to_string_pretty(&reply).unwrap()] {
        let (output, stats) = run(ReplyFormat::Json, &text);
        let parsed: Value = serde_json::from_str(&output).unwrap();
        let message = &parsed["choices"][0]["message"];
        assert_eq!(message["content"], clear("Use <<quoted>>, <<pem>>."));
        let text = message["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        let arguments: Value = serde_json::from_str(text).unwrap();
        assert_eq!(arguments["content"], QUOTED);
        let file: Value = serde_json::from_str(arguments["f"].as_str().unwrap()).unwrap();
        assert_eq!(file["k"], FLAT_PEM.replace("\\n", "\n"));
        assert_eq!(stats.restored, 4);
    }
}

#[test]
fn a_message_with_opaque_parts() {
    let token = masked("<<plain>>");
    let reply = json!({"content": [
        {"type": "thinking", "thinking": token, "signature": token},
        {"type": "redacted_thinking", "data": token}, {"type": "text", "text": token},
        {"type": "tool_use", "input": {"data": token, "type": "x", token.clone(): 1}}]});
    // As providers order them: the type first.
    let text = reply.to_string().replace(
        &format!("{{\"data\":\"{token}\",\"type\":\"redacted_thinking\"}}"),
        &format!("{{\"type\":\"redacted_thinking\",\"data\":\"{token}\"}}"),
    );
    let (output, stats) = run(ReplyFormat::Json, &text);
    let parsed: Value = serde_json::from_str(&output).unwrap();
    let content = &parsed["content"];
    assert_eq!((&content[0]["thinking"], &content[0]["signature"]), (&json!(token), &json!(token)));
    assert_eq!((&content[1]["data"], &content[2]["text"]), (&json!(token), &json!(PLAIN)));
    assert_eq!((&content[3]["input"]["data"], &content[3]["input"][PLAIN]), (&json!(PLAIN), &json!(1)));
    assert_eq!((stats.restored, stats.kept, stats.unresolved), (3, 1, 0));
}

#[test]
fn escapes_and_numbers_stay_as_they_are() {
    let text = "{ \"a\\/b\" : [1.50, 1e3,\t-0], \"t\": \"\\u00e9\\ud83d\\ude00 \\u0041 A\\\\ \\u0041\" }\n";
    assert_eq!(run(ReplyFormat::Json, text).0, text);
}

#[test]
fn a_token_written_with_escapes() {
    let token = masked("<<plain>>");
    for spelled in [token.replace('-', "\\u002d"), token.replace('A', "\\u0041"), token.to_lowercase()] {
        let (output, _) = run(ReplyFormat::Json, &format!("{{\"t\": \"\\n{spelled}\"}}"));
        assert_eq!(output, format!("{{\"t\": \"\\n{PLAIN}\"}}"));
    }
}

#[test]
fn text_and_what_is_not_what_it_claims() {
    for text in [
        "A page for <<quoted>> and <<plain>>",
        "<html>\\A\"<<quoted>>",
        "{oops: \"<<quoted>>\" <<pem>>",
        "oops",
    ] {
        for format in [ReplyFormat::Json, ReplyFormat::Text, ReplyFormat::Unknown] {
            assert_eq!(run(format, &masked(text)).0, clear(text), "{format:?}");
        }
    }
    let text = "<html><<quoted>>";
    assert_eq!(run(ReplyFormat::Sse, &masked(text)).0, clear(text));
    let error = json!({"error": {"message": masked("<<quoted>>")}}).to_string();
    let parsed: Value = serde_json::from_str(&run(ReplyFormat::Sse, &error).0).unwrap();
    assert_eq!(parsed["error"]["message"], QUOTED);
}

#[test]
fn a_document_that_ends_in_a_token_or_part_of_one() {
    let token = masked("<<plain>>");
    assert_eq!(run(ReplyFormat::Text, &token).0, PLAIN);
    for end in 1..token.len() {
        assert_eq!(run(ReplyFormat::Text, &token[..end]).0, token[..end]);
        let broken = format!("{{\"a\": \"{}", &token[..end]);
        assert_eq!(run(ReplyFormat::Json, &broken).0, broken);
    }
}

#[test]
fn text_that_is_json_keeps_being_json() {
    let lines = format!("{}\n{}\n", json!({"a": masked("<<quoted>>")}), json!({"a": masked("<<pem>>")}));
    for format in [ReplyFormat::Text, ReplyFormat::JsonLines, ReplyFormat::Json] {
        let (output, _) = run(format, &lines);
        let values: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&values[0]["a"], &values[1]["a"]), (&json!(QUOTED), &json!(PEM)));
    }
}

#[test]
fn nothing_is_parsed_without_secrets_or_in_media() {
    let input = format!("data: AEGIS-{}\n", masked("<<plain>>"));
    let mut rehydrator = Rehydrator::new(Vault::new(), ReplyFormat::Sse);
    assert!(rehydrator.is_transparent());
    let mut out = Vec::new();
    rehydrator.push(input.as_bytes(), &mut out);
    assert_eq!(out, input.as_bytes(), "at once");
    assert!(Rehydrator::new(vault(), ReplyFormat::Binary).is_transparent());
    assert!(!Rehydrator::new(vault(), ReplyFormat::Json).is_transparent());
}

#[test]
fn debug_shows_no_secret() {
    assert_eq!(format!("{:?}", Rehydrator::new(vault(), ReplyFormat::Text)).find("hunter"), None);
}

#[test]
fn leading_white_space_and_marks() {
    let object = json!({"a": masked("<<quoted>>")}).to_string();
    for head in ["\u{feff}", "\n\n   ", "\r\n\u{feff}"] {
        let (output, _) = run(ReplyFormat::Json, &format!("{head}{object}"));
        let parsed: Value = serde_json::from_str(output.strip_prefix(head).unwrap()).unwrap();
        assert_eq!(parsed["a"], QUOTED);
    }
}
