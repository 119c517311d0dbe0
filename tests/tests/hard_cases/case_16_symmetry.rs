//! Symmetry, the sixteenth case: what is restored somewhere is found there when it comes back. Media is media by its
//! bytes, and at the places where an API takes some; a text that merely looks like it is text in both directions.

use aegis_tests::Script;
use aegis_tests::client::post;
use aegis_tests::oracle::{assert_absent, contains, tokens_in};
use aegis_tests::secrets::Seeded;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, MESSAGES, at, chat, token};

/// A picture of one pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
/// What a data URL may begin with, and no more of a picture than that.
const LETTERS: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhf";

#[test]
fn what_is_restored_behind_a_data_url_is_hidden_in_the_next_turn() {
    let harness = Harness::new();
    let secret = Seeded::new(1_601).aws();
    for between in [" ", "\n", "=", "-", "==\n\n"] {
        let first = harness.ask(CHAT, &chat(&format!("my key is {secret}")), move |request| {
            let text = format!("data:image/png;base64,{LETTERS}{between}{}", token(request));
            let message = json!({"role": "assistant", "content": text});
            Script::reply(
                "application/json",
                json!({"choices": [{"message": message}]}).to_string().as_bytes(),
            )
        });
        let answer = first.json();
        let text = at(&answer, "/choices/0/message/content").to_owned();
        assert!(text.ends_with(&secret), "the tool sees the value: {text}");
        let next = json!({"messages": [
            {"role": "user", "content": "go on"},
            {"role": "assistant", "content": text},
        ]});
        let seen = harness.seen(CHAT, &next.to_string());
        assert_eq!(tokens_in(&seen).len(), 1, "{seen}");
        harness.assert_unseen(&secret);
    }
}

#[test]
fn what_is_restored_in_a_tools_input_is_hidden_in_the_next_turn() {
    let harness = Harness::new();
    let secret = Seeded::new(1_602).aws();
    for member in ["data", "blob", "bytes", "file_data", "url"] {
        let first = harness.ask(MESSAGES, &json!({"messages": [{"role": "user", "content": secret}]}).to_string(), {
            move |request| {
                let token = token(request);
                let value = format!("{LETTERS}{LETTERS}-{token}");
                let input = json!({ member: value, "images": [value], "source": {"type": "base64", "data": value}, "inlineData": {"data": token}, "image_url": {"url": format!("data:image/png;base64,{value}")} });
                let call = json!({"type": "tool_use", "id": "t", "name": "n", "input": input});
                Script::reply("application/json", json!({"content": [call]}).to_string().as_bytes())
            }
        });
        let call = first.json()["content"][0].clone();
        assert!(at(&call, &format!("/input/{member}")).ends_with(&secret), "{call}");
        let next = json!({"messages": [
            {"role": "user", "content": "go on"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": json!({"data": format!("{LETTERS}{LETTERS}-{secret}")}).to_string()}]},
        ]});
        let seen = harness.seen(MESSAGES, &next.to_string());
        assert_absent(seen.as_bytes(), &secret, member);
    }
}

#[test]
fn base64_ends_where_it_ends_and_what_follows_is_scanned_and_kept() {
    let harness = Harness::new();
    let secret = Seeded::new(1_603).aws();
    for head in ["data:image/png;base64,", "data:text/plain;base64,"] {
        for run in ["AAAA".repeat(400), "c29tZSB3b3JkcyBhbmQgbW9yZSB3b3Jkcw==".to_owned(), PNG.to_owned()] {
            for text in [format!("{head}{run}\n{secret} and words"), format!("{head}{run} words, {secret}\n")]
            {
                let seen = harness
                    .seen(MESSAGES, &json!({"messages": [{"role": "user", "content": text}]}).to_string());
                let seen: Value = serde_json::from_str(&seen).expect("JSON");
                let seen = at(&seen, "/messages/0/content");
                assert_eq!(seen.replace(tokens_in(seen)[0], &secret), text);
            }
        }
    }
}

#[test]
fn what_is_not_read_is_reported_in_audit_and_metrics() {
    let harness = Harness::new();
    let url = format!("data:image/png;base64,{PNG}");
    let body = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]});
    assert_eq!(harness.seen(CHAT, &body.to_string()), body.to_string(), "an image passes byte by byte");
    assert!((harness.gateway.metric("aegis_opaque_total", "type=\"image\"") - 1.0).abs() < 0.5);
    assert!((harness.gateway.metric("aegis_opaque_bytes_total", "type=\"image\"") - 70.0).abs() < 0.5);
    harness.gateway.terminate();
    let mut gateway = harness.gateway;
    gateway.process.wait(std::time::Duration::from_secs(20)).expect("it stops");
    let written = gateway.everything_written();
    let event = br#""opaque_total":1,"opaque":[{"type":"image","bytes":70,"place":"messages[0].content[0].image_url.url"}]"#;
    assert!(written.iter().any(|(path, bytes)| path.ends_with("audit.jsonl") && contains(bytes, event)));
    assert!(!written.iter().any(|(_, bytes)| contains(bytes, &PNG.as_bytes()[..40])), "never content");
}

#[test]
fn policy_can_refuse_what_is_not_read() {
    let harness = Harness::with(|builder| builder.config("[policy]\nopaque = \"refuse\""));
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let body = json!({"messages": [{"role": "user", "content": [image]}]}).to_string();
    let reply = harness.gateway.exchange(&post(MESSAGES, "application/json", body.as_bytes()));
    assert_eq!(reply.status(), 403, "{}", reply.text());
    let error = reply.json();
    assert_eq!(at(&error, "/type"), "error", "the provider's own shape");
    let message = at(&error, "/error/message");
    assert!(message.contains("image") && message.contains("messages[0].content[0].source.data"), "{message}");
    assert!(harness.upstream.records().is_empty(), "nothing of it was sent");
    let text = json!({"messages": [{"role": "user", "content": format!("data:image/png;base64,{PNG}")}]});
    let _ = harness.seen(MESSAGES, &text.to_string());
}

/// A request whose last part is not read, far behind the first window.
fn unread_at_the_end() -> Vec<u8> {
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let text = json!({"type": "text", "text": "words ".repeat(30_000)});
    let body = json!({"messages": [{"role": "user", "content": [text, image]}]}).to_string();
    post(MESSAGES, "application/json", body.as_bytes())
}

#[test]
fn a_refusal_at_the_end_of_a_body_reaches_no_upstream() {
    let harness = Harness::with(|builder| builder.config("[policy]\nopaque = \"refuse\""));
    let reply = harness.gateway.exchange(&unread_at_the_end());
    assert_eq!(reply.status(), 403, "{}", reply.text());
    assert!(harness.upstream.records().is_empty(), "nothing of it was sent");
}

#[test]
fn a_refusal_in_a_streamed_body_ends_the_upstream_request_before_its_last_chunk() {
    let streamed = "[policy]\nopaque = \"refuse\"\n[limits]\nhold = \"64KiB\"\nbeyond_hold = \"stream\"";
    let harness = Harness::with(|builder| builder.config(streamed));
    let reply = harness.gateway.exchange(&unread_at_the_end());
    assert_eq!(reply.status(), 403, "{}", reply.text());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while harness.upstream.records().is_empty() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let records = harness.upstream.records();
    assert_eq!(records.len(), 1, "its first windows were on their way");
    assert!(!records[0].complete, "no request the provider could act on");
    assert!(!contains(&records[0].raw, PNG.as_bytes()));
}

#[test]
fn a_small_body_goes_out_whole_and_with_a_length_whatever_it_holds() {
    let harness = Harness::new();
    let secret = Seeded::new(1_605).aws();
    let image = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}});
    let text = json!({"type": "text", "text": format!("my key is {secret}")});
    let body = json!({"messages": [{"role": "user", "content": [image, text, image, text]}]}).to_string();
    let seen = harness.seen(CHAT, &body);
    assert_eq!(seen.replace(tokens_in(&seen)[0], &secret), body);
    let length = harness.upstream.last().field("content-length").map(str::to_owned);
    assert_eq!(length, Some(seen.len().to_string()));
    harness.assert_unseen(&secret);
}

#[test]
fn wide_text_is_scanned_wherever_a_body_holds_it() {
    let harness = Harness::new();
    let secret = Seeded::new(1_604).github();
    let text = format!("\u{feff}Zeile \u{fc}ber\r\nkey {secret}\r\n");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let four: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    for wide in [&little, &big, &four] {
        let part = [
            b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n",
            &wide[..],
            b"\r\n--b--\r\n",
        ]
        .concat();
        for (kind, body) in [
            ("text/plain", wide),
            ("text/plain; charset=utf-16", wide),
            ("application/octet-stream", wide),
            ("multipart/form-data; boundary=b", &part),
        ] {
            let reply = harness.gateway.exchange(&post("/v1/files", kind, body));
            assert_eq!(reply.status(), 200, "{kind}: {}", reply.text());
            let seen = harness.upstream.last().body.clone();
            let narrow: Vec<u8> = seen.into_iter().filter(|&byte| byte != 0).collect();
            assert_absent(&narrow, &secret, kind);
            assert!(contains(&narrow, b"AEGIS-TOKEN-"), "{kind}");
        }
    }
    let json = json!({"content": secret}).to_string();
    let json: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for kind in ["application/json", "application/json; charset=utf-16"] {
        let reply = harness.gateway.exchange(&post(CHAT, kind, &json));
        assert_eq!(reply.status(), 400, "{kind}: {}", reply.text());
    }
}
