//! What is left alone passes untouched at its place, at every cut, and nowhere else.

#![expect(clippy::cast_possible_truncation, reason = "noise is made of the low bits")]

use serde_json::{Value, json};

use super::*;
use crate::format::Format;
use crate::places;
use crate::request::tests::support::{AWS, PAT, run, run_pieces, shield};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};

/// Base64 that could be a signature.
fn seal(len: usize) -> String {
    let bytes: Vec<u8> =
        (0..len as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Runs a short `body` with each cut, and a long one with a few.
fn checked(body: &str) -> (String, TokenizeOutcome) {
    let (out, outcome) =
        run(Format::Json, body.as_bytes()).unwrap_or_else(|(refusal, _)| panic!("{refusal}"));
    let step = if body.len() < 1000 { 1 } else { body.len() / 7 };
    for cut in (0..body.len()).step_by(step) {
        let (first, second) = body.as_bytes().split_at(cut);
        let (cut_out, _) = run_pieces(Tokenizer::new(shield(), Format::Json), &[first, second]).unwrap();
        assert!(cut_out == out, "cut {cut} of {body}");
    }
    (String::from_utf8(out).unwrap(), outcome)
}

fn passes(body: &str) {
    let (out, outcome) = checked(body);
    assert!(out == body, "{body} became {out}");
    assert!(
        outcome.vault.is_empty() && outcome.report.total() == 0,
        "what is left alone is reported nowhere"
    );
}

fn is_hidden(body: &str) {
    let (out, outcome) = checked(body);
    assert!(outcome.report.total() > 0, "{body}");
    assert!(!out.contains(AWS) && !out.contains(PAT), "{out}");
}

/// A document in which `value` is at each place of `role`.
fn at_places(role: places::Role, value: &str) -> Vec<String> {
    let of_role = [
        (
            places::Role::PageToken,
            vec![r#"{"pageToken":"@","syncToken":"@"}"#, r#"{"a":[1],"page_token":"@"}"#],
        ),
        (
            places::Role::Credential,
            vec![
                r#"{"mcp_servers":[{"type":"url","authorization_token":"@","name":"x"}],"messages":[]}"#,
                r#"{"requests":[{"params":{"mcp_servers":[{"authorization_token":"@"}]}}]}"#,
                r#"{"tools":[{"type":"mcp","headers":{"Authorization":"Bearer @","X-Key":"@"},"authorization":"@"}]}"#,
                r#"{"session":{"tools":[{"authorization":"@"}]}}"#,
            ],
        ),
        (
            places::Role::Link,
            vec![
                r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://a.b/c?X-Amz-Signature=@"}}]}]}"#,
                r#"{"messages":[{"content":[{"source":{"type":"url","url":"https:\/\/a.b/c?sig=@"}}]}]}"#,
                r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b?X-Goog-Signature=@"}}]}]}"#,
                r#"{"input":[{"content":[{"type":"input_file","file_url":"https://u:@@h/x"}]}]}"#,
            ],
        ),
    ];
    let documents = of_role.into_iter().find(|(of, _)| *of == role).unwrap().1;
    documents.into_iter().map(|document| document.replace('@', value)).collect()
}

#[test]
fn what_the_provider_needs_passes() {
    for role in [places::Role::PageToken, places::Role::Credential, places::Role::Link] {
        for value in [AWS, PAT] {
            for body in at_places(role, value) {
                passes(&body);
            }
        }
    }
    passes(&json!({ "pageToken": "" }).to_string());
    passes(&format!(r#"{{"pageToken":"a\\\"{PAT}\u0041","x":1}}"#));
}

#[test]
fn the_same_words_elsewhere_are_found() {
    for role in [places::Role::PageToken, places::Role::Credential, places::Role::Link] {
        for body in at_places(role, PAT) {
            let value: Value = serde_json::from_str(&body).unwrap();
            is_hidden(&json!({ "messages": [{ "content": body }] }).to_string());
            is_hidden(
                &json!({ "messages": [{ "content": [{ "type": "tool_use", "input": value }] }] }).to_string(),
            );
            is_hidden(&json!({ "input": [{ "type": "function_call", "arguments": body }] }).to_string());
        }
    }
    // What follows is scanned again, and so is an address that is more than one.
    is_hidden(&format!(r#"{{"pageToken":"x","messages":[{{"content":"{AWS}"}}]}}"#));
    for url in [
        format!("https://a.b/ {PAT}"),
        format!("see https://a.b/?{PAT}"),
        format!("https://a.b/\\n{PAT}\u{e9}"),
    ] {
        is_hidden(&format!(r#"{{"messages":[{{"content":[{{"source":{{"url":"{url}"}}}}]}}]}}"#));
    }
}

#[test]
fn limits_of_words_and_links() {
    for (extra, passed) in [(0, true), (1, false)] {
        let word = format!("{PAT} {}", "w".repeat(MAX_WORD + extra - PAT.len() - 1));
        let link = format!("https://a.b/?{PAT}&{}", "w".repeat(MAX_LINK + extra - PAT.len() - 14));
        for body in [
            format!(r#"{{"pageToken":"{word}"}}"#),
            format!(r#"{{"messages":[{{"content":[{{"source":{{"url":"{link}"}}}}]}}]}}"#),
        ] {
            if passed { passes(&body) } else { is_hidden(&body) }
        }
    }
}

#[test]
fn left_values_may_stand_anywhere_in_a_window() {
    for before in (WINDOW - 300..WINDOW + 40).step_by(7) {
        let text = "x ".repeat(before / 2);
        for (body, passed) in [
            (format!(r#"{{"a":"{text}","pageToken":"{PAT}","b":"c"}}"#), true),
            (format!(r#"{{"a":"{text}","pagetoken":"{PAT}","b":"c"}}"#), false),
        ] {
            let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
            assert_eq!(outcome.vault.is_empty(), passed, "{before}");
            assert_eq!(out == body.as_bytes(), passed);
        }
    }
}

/// Blocks in all orders of their members.
fn blocks(text: &str, seal: &str) -> Vec<String> {
    let members = [
        r#""type":"thinking""#.to_owned(),
        format!(r#""thinking":"{text}""#),
        format!(r#""signature":"{seal}""#),
    ];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    orders.iter().map(|order| format!("{{{}}}", order.map(|at| members[at].clone()).join(" , "))).collect()
}

#[test]
fn signed_text_passes_in_any_order() {
    for block in blocks(&format!("the key is {AWS}, \\\"quoted\\\""), &seal(200)) {
        passes(&format!(
            r#"{{"messages":[{{"role":"assistant","content":[{block},{{"type":"text","text":"x"}}]}}]}}"#
        ));
        passes(&format!(r#"{{"messages":[{{"thinking_blocks":[{block}]}}]}}"#));
    }
    let seal = seal(100);
    for body in [
        format!(
            r#"{{"messages":[{{"reasoning_details":[{{"type":"reasoning.text","text":"{PAT}","signature":"{seal}"}}]}}]}}"#
        ),
        format!(
            r#"{{"input":[{{"type":"reasoning","summary":[{{"type":"summary_text","text":"{PAT}"}},{{"text":"{AWS}"}}],"encrypted_content":"{seal}"}}]}}"#
        ),
        format!(
            r#"{{"input":[{{"encrypted_content":"{seal}","summary":[{{"text":"{PAT}"}}],"type":"reasoning"}}]}}"#
        ),
        format!(
            r#"{{"messages":[{{"content":[{{"reasoningContent":{{"reasoningText":{{"text":"{PAT}","signature":"{seal}"}}}}}}]}}]}}"#
        ),
        format!(
            r#"{{"input":[{{"type":"reasoning","summary":[],"content":[{{"type":"reasoning_text","text":"{PAT}"}},{{"text":"{AWS}"}}],"encrypted_content":"{seal}"}}]}}"#
        ),
        format!(
            r#"{{"input":[{{"content":[{{"text":"{PAT}"}}],"summary":[{{"text":"{PAT}"}}],"encrypted_content":"{seal}","type":"reasoning"}}]}}"#
        ),
        format!(
            r#"{{"messages":[{{"content":[{{"type":"compaction","content":"{PAT}","encrypted_content":"{seal}"}}]}}]}}"#
        ),
        format!(
            r#"{{"messages":[{{"content":[{{"encrypted_content":"{seal}","content":"{PAT}","type":"compaction"}}]}}]}}"#
        ),
    ] {
        passes(&body);
    }
    for name in ["thoughtSignature", "thought_signature"] {
        let members =
            [format!(r#""text":"{PAT}""#), r#""thought" : true"#.to_owned(), format!(r#""{name}":"{seal}""#)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let part = order.map(|at| members[at].clone()).join(",");
            passes(&format!(r#"{{"contents":[{{"parts":[{{{part}}},{{"text":"x"}}]}}]}}"#));
        }
    }
}

#[test]
fn unsigned_text_is_text() {
    let good = seal(200);
    let encoded_text = base64::engine::general_purpose::STANDARD.encode("just some words of text ".repeat(9));
    let short = &good[..60];
    for signature in
        ["", short, "not base64 at all, but of some length, and then some more words, too", &encoded_text]
    {
        for block in blocks(AWS, signature) {
            is_hidden(&format!(r#"{{"messages":[{{"content":[{block}]}}]}}"#));
        }
    }
    for block in [
        format!(r#"{{"type":"thinking","thinking":"{AWS}"}}"#),
        format!(r#"{{"type":"thinking","thinking":"{AWS}","signature":null}}"#),
        format!(r#"{{"type":"text","thinking":"{AWS}","signature":"{good}"}}"#),
        format!(r#"{{"thinking":"{AWS}","signature":"{good}"}}"#),
        format!(r#"{{"thinking":"{AWS}","signature":"{good}","type":"tool_use"}}"#),
        // The signature of another block, or of something inside this one.
        format!(
            r#"{{"type":"thinking","thinking":"{AWS}"}},{{"type":"thinking","thinking":"x","signature":"{good}"}}"#
        ),
        format!(r#"{{"type":"thinking","thinking":"{AWS}","a":{{"signature":"{good}"}}}}"#),
        format!(r#"{{"type":"thinking","thinking":"{AWS}","a":"\"signature\":\"{good}\""}}"#),
        format!(r#"{{"type":"text","text":"{AWS}","signature":"{good}"}}"#),
        // A signature behind the text that turns out to be none.
        format!(r#"{{"type":"thinking","thinking":"{AWS}","signature":"{good} "}}"#),
    ] {
        is_hidden(&format!(r#"{{"messages":[{{"content":[{block}]}}]}}"#));
    }
    is_hidden(&format!(r#"{{"input":[{{"type":"reasoning","summary":[{{"text":"{PAT}"}}]}}]}}"#));
    is_hidden(&format!(
        r#"{{"input":[{{"type":"reasoning","summary":[{{"text":"{PAT}","encrypted_content":"{good}"}}]}}]}}"#
    ));
    for part in [
        format!(r#"{{"text":"{PAT}","thoughtSignature":"{good}"}}"#),
        format!(r#"{{"thoughtSignature":"{good}","text":"{PAT}"}}"#),
        format!(r#"{{"text":"{PAT}","thought":true}}"#),
        format!(r#"{{"thought":true,"text":"{PAT}"}},{{"text":"x","thoughtSignature":"{good}"}}"#),
        format!(r#"{{"text":"{PAT}","thought":false,"thoughtSignature":"{good}"}}"#),
        format!(r#"{{"text":"{PAT}","thought":"true","thoughtSignature":"{good}"}}"#),
        format!(r#"{{"thought":"true","text":"{PAT}","thoughtSignature":"{good}"}}"#),
        format!(r#"{{"text":"{PAT}","a":{{"thought":true}},"thoughtSignature":"{good}"}}"#),
        format!(r#"{{"text":"{PAT}","thought":true,"thoughtSignature":"short"}}"#),
        format!(r#"{{"type":"text","text":"{PAT}","thought":true,"thoughtSignature":"{good}"}}"#),
    ] {
        is_hidden(&format!(r#"{{"contents":[{{"parts":[{part}]}}]}}"#));
    }
    for item in [
        format!(
            r#""type":"message","content":[{{"type":"input_text","text":"{PAT}"}}],"encrypted_content":"{good}""#
        ),
        format!(r#""content":[{{"type":"input_text","text":"{PAT}"}}],"encrypted_content":"{good}""#),
        format!(r#""type":"reasoning","content":[{{"text":"{PAT}"}}]"#),
    ] {
        is_hidden(&format!(r#"{{"input":[{{{item}}}]}}"#));
    }
    for block in [
        format!(r#""type":"tool_result","content":"{PAT}","encrypted_content":"{good}""#),
        format!(r#""content":"{PAT}","encrypted_content":"{good}""#),
        format!(r#""type":"compaction","content":"{PAT}""#),
    ] {
        is_hidden(&format!(r#"{{"messages":[{{"content":[{{{block}}}]}}]}}"#));
    }
}

/// Readers differ in which of two members of one name they take.
#[test]
fn each_of_several_signatures_must_be_one() {
    let good = seal(200);
    let text = format!(r#""thinking":"{AWS}""#);
    let signed = format!(r#""signature":"{good}""#);
    let kind = r#""type":"thinking""#;
    let message =
        |members: &[&str]| format!(r#"{{"messages":[{{"content":[{{{}}}]}}]}}"#, members.join(", "));
    passes(&message(&[kind, &text, &signed, &signed]));
    passes(&message(&[kind, &signed, &signed, &text]));
    for other in
        [r#""signature":"""#, r#""signature":null"#, r#""signature" : {"a":1}"#, r#""signature":"short""#]
    {
        for order in [
            [kind, &text, &signed, other],
            [kind, &text, other, &signed],
            [kind, &signed, &text, other],
            [kind, other, &text, &signed],
            [kind, &signed, other, &text],
            [&text, &signed, other, kind],
            [&signed, &text, kind, other],
        ] {
            // What stands before the text and is no string, with a signature behind it, is the last one that counts.
            if order[1] == other && (other.contains("null") || other.contains('{')) && order[2] == text {
                continue;
            }
            is_hidden(&message(&order));
        }
    }
    is_hidden(&message(&[kind, &text, &signed, r#""signatur\u0065":"""#]));
    is_hidden(&message(&[kind, &signed, r#""signatur\u0065":"""#, &text]));
    for type_of in [r#""type":"text""#, r#""type":"tool_use""#] {
        is_hidden(&message(&[kind, &text, &signed, type_of]));
    }
    // So it is for the whole item whose signature stands further out.
    for other in [r#""encrypted_content":"""#, r#""encrypted_content":null"#] {
        is_hidden(&format!(
            r#"{{"input":[{{"type":"reasoning","summary":[{{"text":"{PAT}"}}],"encrypted_content":"{good}",{other}}}]}}"#
        ));
        is_hidden(&format!(
            r#"{{"input":[{{"type":"reasoning","encrypted_content":"{good}","summary":[{{"text":"{PAT}"}}],{other}}}]}}"#
        ));
    }
}

#[test]
fn the_end_of_the_object_is_looked_for_in_one_window() {
    // What follows the text until the signature can be recognised as one.
    let tail = r#"","signature":"#.len();
    let near_end = seal(1200);
    for (len, signed) in
        [(1000, true), (MAX_AHEAD - tail - 1200, true), (MAX_AHEAD - tail, false), (WINDOW * 2, false)]
    {
        let text = format!("{AWS} {}", "x".repeat(len - AWS.len() - 1));
        for before in [0, 1, 5000, WINDOW - 50, WINDOW - 1, WINDOW] {
            let lead = "y".repeat(before);
            let body = format!(
                r#"{{"a":"{lead}","messages":[{{"content":[{{"type":"thinking","thinking":"{text}","signature":"{near_end}"}}]}}]}}"#
            );
            if signed {
                passes(&body);
            } else {
                is_hidden(&body);
            }
            let first = format!(
                r#"{{"a":"{lead}","messages":[{{"content":[{{"type":"thinking","signature":"{near_end}","thinking":"{text}"}}]}}]}}"#
            );
            passes(&first);
        }
    }
}

#[test]
fn an_object_without_end_is_read_ahead_once() {
    let parts = r#"{"text":"a"},"#.repeat(WINDOW / 4);
    let body = format!(r#"{{"input":[{{"type":"reasoning","summary":[{parts}{{"text":"{AWS}"}}]}}]}}"#);
    is_hidden(&body);
}

#[test]
fn strings_left_alone_end_where_json_says() {
    for (raw, expected) in [
        (&b"ab\"c"[..], (2, true)),
        (b"\"", (0, true)),
        (b"", (0, false)),
        (b"a\\", (1, false)),
        (b"a\\\\", (3, false)),
        (b"a\\\"", (3, false)),
        (b"a\\\\\"", (3, true)),
    ] {
        assert_eq!(run_of(raw), expected, "{}", String::from_utf8_lossy(raw));
    }
    for broken in
        [r#"{"pageToken":"abc"#, r#"{"pageToken":"abc\"#, "{\"pageToken\":\"a\nb\"}", r#"{"pageToken":"\q"}"#]
    {
        assert!(run(Format::Json, broken.as_bytes()).is_err(), "{broken}");
    }
}

fn run_of(raw: &[u8]) -> (usize, bool) {
    super::run(raw)
}

/// What a model made up itself comes in a reply and goes back with the next request.
#[test]
fn signed_text_comes_back_as_it_was() {
    use crate::reply::{Rehydrator, ReplyFormat};
    let token = crate::Keyring::new(&[42; 32], "acme", 5, &[])
        .unwrap()
        .mint(aegis_detect::Category::Key, b"hunter2-but-longer");
    let text = format!("password = Tr0ub4dor&3xyz! {AWS} {PAT} {token}");
    let seal = seal(200);
    let vouched = |kind: &str, text_name: &str, seal_name: &str| json!({ "type": kind, text_name: text, seal_name: seal });
    let reasoning = json!({ "type": "reasoning", "id": "rs_1", "encrypted_content": seal,
        "summary": [{ "type": "summary_text", "text": text }], "content": [{ "type": "reasoning_text", "text": text }] });
    let thought = json!({ "text": text, "thought": true, "thoughtSignature": seal });
    let bedrock = json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": seal } } });
    let details = json!({ "reasoning_details": [vouched("reasoning.text", "text", "signature")] });
    let blocks = json!({ "thinking_blocks": [vouched("thinking", "thinking", "signature")] });
    let of_anthropic = |block: Value| {
        (json!({ "content": [block] }), json!({ "messages": [{ "role": "assistant", "content": [block] }] }))
    };
    for (reply, request) in [
        of_anthropic(vouched("thinking", "thinking", "signature")),
        of_anthropic(vouched("compaction", "content", "encrypted_content")),
        (json!({ "output": [reasoning] }), json!({ "input": [reasoning] })),
        (
            json!({ "candidates": [{ "content": { "parts": [thought] } }] }),
            json!({ "contents": [{ "parts": [thought] }] }),
        ),
        (json!({ "choices": [{ "message": details }] }), json!({ "messages": [details] })),
        (json!({ "choices": [{ "message": blocks }] }), json!({ "messages": [blocks] })),
        (
            json!({ "output": { "message": { "content": [bedrock] } } }),
            json!({ "messages": [{ "content": [bedrock] }] }),
        ),
    ] {
        let mut vault = crate::Vault::new();
        vault.insert(token, b"hunter2-but-longer").unwrap();
        let (mut rehydrator, mut out) = (Rehydrator::new(vault, ReplyFormat::Json), Vec::new());
        rehydrator.push(reply.to_string().as_bytes(), &mut out);
        rehydrator.finish(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), reply.to_string());
        passes(&request.to_string());
    }
}
