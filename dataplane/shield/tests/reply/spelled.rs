//! A value that a document spelled in its own way, at every cut: the text in documents and parts of them, else the value.

use aegis_detect::Category;
use aegis_shield::reply::{Rehydrator, ReplyFormat};
use aegis_shield::{Spelling, Token, Vault};
use serde_json::{Value, json};

use crate::support::keyring;

const TEXT: &str = r#"gT5v\/Lq8x\u0026\"Wz2R"#;
const VALUE: &str = "gT5v/Lq8x&\"Wz2R";
/// Of two strings, one in the other.
const INNER: &str = r#"q7W8\\/e9R0\\\"t1Y2"#;

fn token(text: &str) -> Token {
    keyring().mint(Category::Secret, text.as_bytes())
}

fn vault(spelling: Spelling) -> Vault {
    let mut vault = Vault::new();
    vault.insert_spelled(token(TEXT), TEXT.as_bytes(), spelling).unwrap();
    vault.insert(token(TEXT), vault.resolve(&token(TEXT)).unwrap().to_vec().as_slice()).unwrap();
    vault.insert_spelled(token(INNER), INNER.as_bytes(), Spelling::in_document(2)).unwrap();
    vault
}

/// What the client gets in pieces that end at `cuts`.
fn received(spelling: Spelling, format: ReplyFormat, reply: &str, cuts: &[usize]) -> String {
    let mut rehydrator = Rehydrator::new(vault(spelling), format);
    let (mut out, mut start) = (Vec::new(), 0);
    for &cut in cuts.iter().chain([&reply.len()]) {
        rehydrator.push(&reply.as_bytes()[start..cut], &mut out);
        start = cut;
    }
    rehydrator.finish(&mut out);
    String::from_utf8(out).unwrap()
}

fn assert_at_every_cut(spelling: Spelling, format: ReplyFormat, reply: &str, expected: &str) {
    assert_eq!(received(spelling, format, reply, &[]), expected);
    let all: Vec<usize> = (1..reply.len()).collect();
    assert_eq!(received(spelling, format, reply, &all), expected, "byte by byte");
    for cut in all {
        assert_eq!(received(spelling, format, reply, &[cut]), expected, "cut at {cut}");
    }
}

/// What the model says, and what of it the client sees.
fn texts(instead: &str) -> Vec<(String, String)> {
    [
        (r#"{"password": "@"}"#, TEXT),
        ("{\"a\": 1}\n{\"password\": \"x @ y\"}", TEXT),
        ("  \"password\": \"@\",", TEXT),
        ("It is\n```json\n{\"user\": \"x\",\n \"password\" :\t\"https://u:@x\"}\n```\nor @", TEXT),
        ("login --password='@' \"@\"", instead),
        ("@", instead),
        ("password: \"@\"", instead),
        ("\"password\": \"x\" @", instead),
    ]
    .into_iter()
    .map(|(text, of)| {
        // The last one of several is outside of the document.
        let seen = match text.strip_suffix(" or @").or_else(|| text.strip_suffix("\nor @")) {
            Some(document) => format!("{}\nor {instead}", document.replace('@', of)),
            None => text.replace('@', of),
        };
        (text.replace('@', &token(TEXT).to_string()), seen)
    })
    .collect()
}

#[test]
fn a_text_gets_what_stood_there() {
    for (spelling, instead) in [(Spelling::in_document(1), VALUE), (Spelling::in_part_of_document(1), TEXT)] {
        for (said, seen) in texts(instead) {
            let reply =
                |text: &str| json!({"choices": [{"index": 0, "message": {"content": text}}]}).to_string();
            assert_at_every_cut(spelling, ReplyFormat::Json, &reply(&said), &reply(&seen));
        }
    }
}

#[test]
fn a_tool_gets_the_bytes_of_the_file() {
    for (said, seen) in texts(VALUE) {
        let reply = |text: &str| {
            let arguments = json!({"path": "p", "old_string": text}).to_string();
            let call = json!({"index": 0, "id": "c", "function": {"name": "edit", "arguments": arguments}});
            json!({"choices": [{"index": 0, "message": {"tool_calls": [call]}}]}).to_string()
        };
        assert_at_every_cut(Spelling::in_document(1), ReplyFormat::Json, &reply(&said), &reply(&seen));
    }
}

#[test]
fn a_stream_gets_them_however_it_is_cut() {
    let arguments = |text: &str| json!({"old_string": text}).to_string();
    for (said, seen) in texts(VALUE) {
        for length in [1, 7, 100] {
            let (text, mut stream) = (arguments(&said), String::new());
            for piece in text.as_bytes().chunks(length) {
                let piece = std::str::from_utf8(piece).unwrap();
                let call = json!({"index": 0, "function": {"arguments": piece}});
                let event = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
                stream.extend(["data: ", &event.to_string(), "\n\n"]);
            }
            stream += "data: [DONE]\n\n";
            let joined = |out: &str| -> String {
                let events = out
                    .lines()
                    .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
                let path = "/choices/0/delta/tool_calls/0/function/arguments";
                events.filter_map(|event| event.pointer(path)?.as_str().map(str::to_owned)).collect()
            };
            for step in [1, 13, 97] {
                let cuts: Vec<usize> = (step..stream.len()).step_by(step).collect();
                let out = received(Spelling::in_document(1), ReplyFormat::Sse, &stream, &cuts);
                assert_eq!(joined(&out), arguments(&seen), "pieces of {length}, cut each {step}");
            }
        }
    }
}

#[test]
fn a_document_in_a_document_keeps_the_escapes_of_both() {
    let token = token(INNER).to_string();
    let inner = |secret: &str| {
        json!({"a": 1}).to_string().replace('1', &format!("\\\"{secret}\\\"")).replace("\"a\"", "\\\"a\\\"")
    };
    let reply = |secret: &str| {
        let file = format!("{{\"text\": \"{}\"}}", inner(secret));
        json!({"choices": [{"index": 0, "message": {"content": file}}]}).to_string()
    };
    assert_at_every_cut(Spelling::in_document(1), ReplyFormat::Json, &reply(&token), &reply(INNER));
}
