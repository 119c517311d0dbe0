//! What replies are, whatever their labels say.

use aegis_shield::reply::{Rehydrator, ReplyFormat, RestoreStats};
use serde_json::{Value, json};

use crate::support::*;

/// Labels that say nothing, or nothing that is known.
const LABELS: [&str; 20] = [
    "binary",
    "octet-stream",
    "application",
    "json",
    "text",
    "*/*",
    "unknown/unknown",
    "application/octet-stream",
    "application/x-json",
    "application/json-seq",
    "application/geo+json-seq",
    "application/download",
    "application/force-download",
    "application/vnd.openai.v1",
    "multipart/mixed; boundary=b",
    "\"application/json\"",
    "application/json,application/json",
    "application/json, text/event-stream",
    "application/x-json-lines",
    "application/x-ldjson",
];

fn delta(text: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}}]})
}

fn ollama(text: &str, done: bool) -> String {
    json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": done}).to_string() + "\n"
}

/// What Ollama's lines say.
fn said(output: &str) -> String {
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    output.lines().map(|text| line(text)["message"]["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn unknown_labels_are_looked_behind() {
    let token = masked("<<quoted>>");
    for label in LABELS {
        let format = ReplyFormat::of(Some(label.as_bytes()));
        let (output, _) = run(format, &json!({"a": token}).to_string());
        assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), json!({"a": QUOTED}), "{label}");
        for cut in (1..token.len()).step_by(7) {
            let events =
                [&token[..cut], &token[cut..]].map(|piece| frame("", &delta(piece).to_string(), "\n"));
            let (output, _) = run(format, &events.concat());
            assert_eq!(channels(&output, crate::openai::read)["0.content"], QUOTED, "{label}");
        }
    }
}

#[test]
fn records_of_json() {
    let input = masked("\u{1e}{\"a\":\"<<plain>>\"}\n\u{1e}{\"a\":\"<<plain>>\"}\n");
    assert_eq!(
        run(ReplyFormat::of(Some(b"application/json-seq")), &input).0,
        input.replace(&masked("<<plain>>"), PLAIN)
    );
}

#[test]
fn binary_types_pass() {
    let token = masked("<<plain>>");
    for label in ["image/png", "audio/mpeg", "application/zip", "application/vnd.amazon.eventstream"] {
        let rehydrator = Rehydrator::new(vault(), ReplyFormat::of(Some(label.as_bytes())));
        assert!(rehydrator.is_transparent(), "{label}");
    }
    let input = format!("\u{0}{token}");
    assert_eq!(
        run(ReplyFormat::of(Some(b"application/x-something")), &input),
        (input, RestoreStats::default())
    );
}

#[test]
fn lines_of_chunks_labelled_as_text() {
    let token = masked("<<quoted>>");
    for format in [ReplyFormat::Text, ReplyFormat::JsonLines, ReplyFormat::Json] {
        for cut in 1..token.len() {
            let input = ollama(&token[..cut], false) + &ollama(&token[cut..], false) + &ollama("", true);
            let whole = run_cut(format, input.as_bytes(), &[]);
            assert_eq!(said(&String::from_utf8(whole.0).unwrap()), QUOTED, "{format:?} {cut}");
        }
        let input = ollama(&token[..9], false) + &ollama(&token[9..], true);
        assert_eq!(said(&run(format, &input).0), QUOTED);
    }
    let part = |text: &str| json!({"candidates": [{"index": 0, "content": {"parts": [{"text": text}]}}]});
    let array = |first: &Value, second: &Value| format!("[{first},\r\n{second}]\n");
    let input = array(&part(&token[..9]), &part(&token[9..]));
    let parsed: Value = serde_json::from_str(&run(ReplyFormat::Text, &input).0).unwrap();
    let said =
        |at: usize| parsed[at]["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(said(0) + &said(1), QUOTED);
}

#[test]
fn events_with_comments_before_them() {
    let token = masked("<<quoted>>");
    for head in
        [": PROCESSING\n\n", ":\r\n\r\n: x\r\n\r\n", "\u{feff}: a\n", "retry: 5\n\n: b\n\n", "id: 7\n", ""]
    {
        for format in [ReplyFormat::Text, ReplyFormat::JsonLines, ReplyFormat::Unknown, ReplyFormat::Json] {
            for cut in (1..token.len()).step_by(6) {
                let pieces =
                    [&token[..cut], &token[cut..]].map(|piece| frame("", &delta(piece).to_string(), "\n"));
                let (output, _) = run(format, &(head.to_owned() + &pieces.concat()));
                assert!(output.starts_with(head), "{output}");
                assert_eq!(channels(&output, crate::openai::read)["0.content"], QUOTED, "{format:?} {head}");
            }
        }
    }
}

#[test]
fn text_that_begins_like_something_else_passes_at_once() {
    for text in [
        ":smile: <<plain>>\n\nid: <<plain>>\ndata: <<plain>>\n{\"model\": 1}\nend <<plain>>",
        ": a\ndat",
        ": a\nid",
        ":a\rretry: <<plain>>\r\n<<plain>>",
        "{ x <<plain>> }",
        "{\"a\": \"<<plain>>\", \"model\": 1}\n{\"model\": oops",
        "{\"",
        "[1, <<plain>>",
        "id of <<plain>>",
        "{\"model\": \"<<plain>>\", oops",
    ] {
        assert_eq!(run(ReplyFormat::Text, &masked(text)).0, clear(text));
    }
    // Nothing waits but what may begin a token, an event, or a chunk.
    for (text, waits) in [
        (": hello\nwell, {\"model\":", 0),
        (": hello\n\nid: 1\nda", 2),
        ("{\"name\": 1, \"x\": \"AEGIS-", 6),
        ("{ \"mod", 6),
        ("{\n", 2),
        (": x AEGIS-K", 7),
    ] {
        let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Text);
        let mut out = Vec::new();
        for byte in text.bytes() {
            rehydrator.push(&[byte], &mut out);
        }
        assert_eq!(String::from_utf8(out).unwrap(), text[..text.len() - waits], "{text}");
    }
}
