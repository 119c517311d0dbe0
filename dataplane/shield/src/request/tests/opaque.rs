//! Whole documents with values that are not text.

#![expect(clippy::cast_possible_truncation, reason = "lengths are small")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::format::Format;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{AWS, PAT, PEM, lines, noise, restore, run, run_in_pieces};

/// What stands before a part of a message.
const MESSAGE: &str = r#"{"messages":[{"content":["#;

/// Base64 that is no text and holds strings that look like keys.
fn sealed(len: u32) -> String {
    let blob = STANDARD.encode(noise(len));
    format!("{}+{AWS}/{PAT}+{}", &blob[..blob.len() / 8 * 4], &blob[blob.len() / 8 * 4..])
        .replace("ghp_", "ghpX")
        .replace('=', "A")
}

fn assert_untouched(body: &Value) {
    let body = body.to_string();
    let (out, outcome) = run_in_pieces(&body);
    assert!(outcome.vault.is_empty());
    assert!(out == body);
}

#[test]
fn what_the_providers_sealed_passes() {
    for len in [100, 3 * WINDOW as u32] {
        let blob = sealed(len);
        assert_untouched(&json!({ "messages": [{ "content": [
            { "type": "thinking", "thinking": "", "signature": blob },
            { "signature": blob, "thinking": "x", "type": "thinking" },
            { "type": "redacted_thinking", "data": blob },
        ] }] }));
        assert_untouched(&json!({ "input": [{ "type": "reasoning", "encrypted_content": blob }] }));
        assert_untouched(&json!({ "contents": [{ "parts": [{ "text": "a", "thoughtSignature": blob }] }] }));
        assert_untouched(&json!({ "messages": [{ "tool_calls": [
            { "extra_content": { "google": { "thought_signature": blob } } }] }] }));
    }
}

#[test]
fn short_sealed_values_need_their_type_before_them() {
    let known = r#"{"messages":[{"content":[{"type":"thinking","signature":"X"}]}]}"#.replace('X', AWS);
    let (out, outcome) = run_in_pieces(&known);
    assert!(outcome.vault.is_empty() && out == known);
    let unknown = r#"{"messages":[{"content":[{"signature":"X","type":"thinking"}]}]}"#.replace('X', AWS);
    assert_eq!(run_in_pieces(&unknown).1.vault.len(), 1);
}

#[test]
fn a_type_right_behind_counts_too() {
    let blob = format!("EmwKAhgB-{AWS}-_q8f");
    for (before, after, passes) in [
        ("", r#","type":"redacted_thinking"}"#, true),
        ("", " ,\n \"type\" : \"redacted_thinking\"}", true),
        ("", r#","type":"redacted_thinkin"}"#, false),
        ("", r#","kind":"redacted_thinking"}"#, false),
        (" b", r#","type":"redacted_thinking"}"#, false),
    ] {
        for lead in (WINDOW - 200..WINDOW + 20).step_by(17) {
            let lead = "x ".repeat(lead / 2);
            let body = format!(
                "{{\"a\":\"{lead}\",\"messages\":[{{\"content\":[{{\"data\":\"{blob}{before}\"{after}]}}]}}"
            );
            let (out, outcome) = run_in_pieces(&body);
            assert_eq!(outcome.vault.is_empty(), passes, "{after}");
            assert!(!passes || out == body);
        }
    }
}

#[test]
fn media_passes_whatever_the_order_of_keys() {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(STANDARD.decode(&sealed(2 * WINDOW as u32)[..4 * 10_000]).unwrap());
    let data = STANDARD.encode(&png);
    let unknown = sealed(WINDOW as u32);
    for body in [
        format!(r#"{{"source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}}"#),
        format!(r#"{{"source":{{"data":"{data}","media_type":"image/png","type":"base64"}}}}"#),
        format!(r#"{{"input_audio":{{"data":"{unknown}","format":"pcm16"}}}}"#),
        format!(r#"{{"image_url":{{"url":"data:image/png;base64,{data}"}}}}"#),
        format!(r#"{{"image_url":"data:image\/png;base64,{}"}}"#, data.replace('/', "\\/")),
        format!(r#"{{"image":{{"format":"png","source":{{"bytes":"{data}"}}}}}}"#),
        format!(r#"{{"resource":{{"uri":"a:b","blob":"{data}","mimeType":"image/png"}}}}"#),
        format!(r#"{{"type":"image","data":"{data}","mimeType":"image/png"}}"#),
    ]
    .map(|part| format!(r#"{{"messages":[{{"content":[{part}]}}]}}"#))
    .into_iter()
    .chain([
        format!(r#"{{"contents":[{{"parts":[{{"inlineData":{{"data":"{data}","mimeType":"image/png"}}}}]}}]}}"#),
        format!(r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"video/x-new","data":"{unknown}"}}}}]}}]}}"#),
        format!(r#"{{"images":["{data}"]}}"#),
        format!(r#"{{"input":[{{"type":"image_generation_call","result":"{data}"}}]}}"#),
    ]) {
        let (out, outcome) = run_in_pieces(&body);
        assert!(outcome.vault.is_empty() && out == body);
    }
}

#[test]
fn ordinary_members_hide_nothing() {
    let blob = STANDARD.encode(noise(3000));
    for body in [
        json!({ "signature": AWS }),
        json!({ "signature": format!("{blob} {AWS}") }),
        json!({ "tool_input": { "signature": blob.clone() + "\n" + AWS } }),
        json!({ "messages": [{ "content": [{ "type": "thinking", "signature": format!("{blob} {AWS}") }] }] }),
        json!({ "content": [{ "type": "tool_use", "input": { "signature": format!("{AWS} "), "data": AWS } }] }),
        json!({ "source": { "type": "text", "media_type": "text/plain", "data": PAT } }),
        json!({ "source": { "type": "base64", "media_type": "image/png", "data": AWS } }),
        json!({ "data": format!("data:image/png;base64,{AWS}") }),
        json!({ "url": format!("data:text/plain,{AWS}") }),
    ] {
        let (out, outcome) = run_in_pieces(&body.to_string());
        assert_eq!(outcome.vault.len(), 1, "{body}");
        assert!(!out.contains(AWS) && !out.contains(PAT), "{out}");
    }
}

fn text(before: usize, after: usize) -> String {
    let (start, rest) = (lines("line", before), lines("and", after));
    format!("{start}key {PAT}\n{PEM}\n{rest}{AWS}{}", "!".repeat(after % 3))
}

#[test]
fn text_in_base64_is_scanned() {
    for (before, after) in [(0, 0), (0, 1), (1, 2), (3, 3), (9000, 9000), (4567, 7654)] {
        let original = text(before, after);
        let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD];
        for (index, engine) in engines.iter().enumerate() {
            let data = engine.encode(&original);
            for (head, tail) in [
                (r#"{"source":{"type":"base64","media_type":"text/plain","data":""#, r#""},"next":[1]}"#),
                (r#"{"source":{"data":""#, r#"","media_type":"text/plain"}}"#),
                (r#"{"file":{"file_data":"data:text/plain;base64,"#, r#"","file_name":"a"}}"#),
                (r#"{"source":{"media_type":"image/png","data":""#, r#""}}"#),
            ]
            .map(|(head, tail)| (format!("{MESSAGE}{head}"), format!("{tail}]}}]}}")))
            {
                let (head, tail) = (&*head, &*tail);
                let (out, outcome) = run_in_pieces(&format!("{head}{data}{tail}"));
                assert_eq!(outcome.vault.len(), 3, "{head}");
                let value = out.strip_prefix(head).unwrap().strip_suffix(tail).unwrap();
                let decoded = engine.decode(value).unwrap_or_else(|e| panic!("{index} {e}"));
                for secret in [PAT, PEM, AWS] {
                    assert!(memchr::memmem::find(&decoded, secret.as_bytes()).is_none());
                }
                assert!(restore(&decoded, &outcome, 0) == original.as_bytes());
            }
        }
    }
}

#[test]
fn text_in_base64_without_secrets_passes_as_it_is() {
    let data = STANDARD.encode("nothing of interest here, really\n".repeat(3000)).replace('/', "\\/");
    let data =
        data.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>().join("\\n");
    let body = format!(r#"{MESSAGE}{{"source":{{"media_type":"text/plain","data":"{data}\n"}}}}]}}]}}"#);
    let (out, _) = run_in_pieces(&body);
    assert!(out == body);
}

#[test]
fn binary_of_unknown_kind_is_scanned_decoded() {
    let mut blob = noise(5000);
    blob.extend(format!("\n{PEM}\n").bytes());
    blob.extend(noise(5000));
    let file = json!({ "file": { "file_data": STANDARD.encode(&blob) } });
    let body = json!({ "messages": [{ "content": [file] }] }).to_string();
    let (out, outcome) = run_in_pieces(&body);
    assert_eq!(outcome.vault.len(), 1);
    let parsed: Value = serde_json::from_str(&out).unwrap();
    let decoded =
        STANDARD.decode(parsed["messages"][0]["content"][0]["file"]["file_data"].as_str().unwrap()).unwrap();
    assert_eq!(restore(&decoded, &outcome, 0), blob);
}

#[test]
fn a_label_does_not_hide_text_in_another_encoding() {
    let text = format!("the key is {AWS}, not for others");
    for before in [&b"caf\xe9: "[..], b"\x01", b"\xff\xd8", b"\0\0"] {
        for pad in [0, 30, 3000] {
            let bytes = [before, text.as_bytes(), " caf\u{e9}".repeat(pad).as_bytes(), b"\xe9"].concat();
            for kind in ["image/png", "audio/wav", "video/mp4", "application/pdf", "x"] {
                let data = STANDARD.encode(&bytes);
                let source = json!({ "type": "base64", "media_type": kind, "data": data });
                let body = json!({ "messages": [{ "content": [{ "type": "image", "source": source }] }] });
                let (out, outcome) = run_in_pieces(&body.to_string());
                assert_eq!(outcome.vault.len(), 1, "{before:?} {pad} {kind}");
                assert!(outcome.report.opaque_total() > 0, "it is reported");
                let out: Value = serde_json::from_str(&out).unwrap();
                let value = &out["messages"][0]["content"][0]["source"]["data"];
                let decoded = STANDARD.decode(value.as_str().unwrap()).unwrap();
                assert_eq!(restore(&decoded, &outcome, 0), bytes);
            }
        }
    }
}

#[test]
fn an_unfinished_value_is_refused() {
    for blob in [sealed(3000), STANDARD.encode(text(9, 9))] {
        let body = format!(r#"{MESSAGE}{{"source":{{"media_type":"image/png","data":"{blob}"#);
        assert!(run(Format::Json, body.as_bytes()).is_err());
    }
}
