//! 9. Where secrets hide, and where they do not.

use aegis_tests::client::post;
use aegis_tests::oracle::{assert_absent, assert_only_tokens_differ, tokens_in, unicode_escape};
use aegis_tests::secrets::Seeded;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, MESSAGES, chat};

#[test]
fn every_place_of_a_document_is_looked_at() {
    let harness = Harness::new();
    let secret = Seeded::new(901).github();
    let places: Vec<Value> = vec![
        json!({"system": secret}),
        json!({"tools": [{"name": "t", "description": format!("call with {secret}")}]}),
        json!({"tools": [{"input_schema": {"properties": {"k": {"default": secret, "enum": ["a", secret]}}}}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": secret}]}]}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [[{"deep": [secret]}]]}]}]}),
        json!({"mcp_servers": [{"url": "https://mcp.internal", "notes": {"authorization_token": secret}}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "tool_use", "input": {"authorization_token": secret}}]}]}),
        json!({"messages": [{"role": "user", "content": {secret.clone(): "a key of the document"}}]}),
        json!({"metadata": {"nested": json!({"inner": json!({"k": secret}).to_string()}).to_string()}}),
        json!({"input": format!("curl 'https://api.internal/?q={secret}&r=1'")}),
        json!({"stop_sequences": [secret]}),
    ];
    for place in places {
        let body = place.to_string();
        let seen = harness.seen(MESSAGES, &body);
        assert_absent(seen.as_bytes(), &secret, &body);
        assert!(!tokens_in(&seen).is_empty(), "{body}");
        assert_only_tokens_differ(&body, &seen, &[&secret]);
    }
}

#[test]
fn escapes_do_not_hide_a_secret() {
    let harness = Harness::new();
    let secret = Seeded::new(902).stripe();
    let plain = json!({"content": "HERE"}).to_string();
    let mixed: String = secret
        .chars()
        .enumerate()
        .map(|(at, c)| if at % 3 == 0 { unicode_escape(&c.to_string()) } else { c.to_string() })
        .collect();
    for written in
        [unicode_escape(&secret), unicode_escape(&secret).to_uppercase().replace("\\U", "\\u"), mixed]
    {
        let body = plain.replace("HERE", &format!("a {written} b"));
        let seen = harness.seen(CHAT, &body);
        assert_eq!(assert_only_tokens_differ(&body, &seen, &[&written]).len(), 1, "{body}");
    }
}

#[test]
fn a_pem_block_is_hidden_line_by_line() {
    let harness = Harness::new();
    let pem = Seeded::new(903).pem();
    let escaped_twice = pem.replace('\n', "\\n");
    for written in [&pem, &escaped_twice] {
        let body = json!({"content": format!("key:\n{written}\nend")}).to_string();
        let seen = harness.seen(CHAT, &body);
        assert_absent(seen.as_bytes(), &pem, "a PEM block");
        let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(assert_only_tokens_differ(&body, &seen, &lines).len(), lines.len(), "{seen}");
    }
}

#[test]
fn the_fifty_first_secret_after_fifty_decoys() {
    let harness = Harness::new();
    let mut seeded = Seeded::new(904);
    let decoys: Vec<String> = (0..50).map(|_| seeded.github()).collect();
    let last = seeded.github();
    let body = chat(&format!("{} {last}", decoys.join(" ")));
    let seen = harness.seen(CHAT, &body);
    assert_eq!(tokens_in(&seen).len(), 51);
    assert_absent(seen.as_bytes(), &last, "the 51st");
}

#[test]
fn secrets_at_every_place_around_a_window_border() {
    const WINDOW: usize = 32 * 1024;
    let harness = Harness::new();
    let secret = Seeded::new(905).github();
    let word = "lorem ipsum ";
    for place in (WINDOW - 60..WINDOW + 20).step_by(4) {
        let start = r#"{"messages":[{"role":"user","content":""#;
        let filler: String = word.chars().cycle().take(place - start.len()).collect();
        let body = format!("{start}{filler} {secret} {}\"}}]}}", word.repeat(6_000));
        let seen = harness.seen(CHAT, &body);
        assert_eq!(assert_only_tokens_differ(&body, &seen, &[&secret]).len(), 1, "at {place}");
    }
}

#[test]
fn other_bodies_are_scanned_in_their_own_way() {
    let harness = Harness::new();
    let secret = Seeded::new(906).github();
    let line = json!({"custom_id": "1", "body": {"input": format!("use {secret}")}}).to_string();
    let multipart = format!(
        "--b0\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b0\r\ncontent-disposition: form-data; \
         name=\"file\"; filename=\"a.jsonl\"\r\ncontent-type: application/jsonl\r\n\r\n{line}\n{line}\n\r\n--b0--\r\n"
    );
    let cases = [
        ("text/plain", format!("use {secret}\nagain {secret}\n"), 2),
        ("application/jsonl", format!("{line}\n{line}\n"), 2),
        ("application/x-ndjson", format!("{line}\n"), 1),
        ("multipart/form-data; boundary=b0", multipart, 2),
        ("application/x-www-form-urlencoded", format!("a=1&key={secret}&b=2"), 1),
        ("application/json; charset=utf-8", format!("{{\"a\": \"{secret}\"}}"), 1),
    ];
    for (content_type, body, count) in cases {
        let reply = harness.gateway.exchange(&post("/openai/v1/files", content_type, body.as_bytes()));
        assert_eq!(reply.status(), 200, "{content_type}: {}", reply.text());
        let seen = harness.upstream.last().text();
        let found = assert_only_tokens_differ(&body, &seen, &[&secret]);
        assert_eq!(found.len(), count, "{content_type}: {seen}");
    }
}

#[test]
fn ordinary_things_pass_untouched() {
    let harness = Harness::new();
    let mut seeded = Seeded::new(907);
    let base64 = seeded.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 4_000);
    let image = format!("data:image/png;base64,iVBORw0KGgo{base64}");
    let hex = |seeded: &mut Seeded, length| seeded.text(b"0123456789abcdef", length);
    let sha = hex(&mut seeded, 64);
    let lock = format!("\"integrity\": \"sha512-{}==\"", &base64[..86]);
    let harmless = [
        "password = changeme".to_owned(),
        "API_KEY=${API_KEY}".to_owned(),
        "token: <your-key>".to_owned(),
        "password = os.environ[\"DB_PASSWORD\"]".to_owned(),
        "the sk-learn and sk-something words".to_owned(),
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301".to_owned(),
        format!("commit {sha}"),
        lock,
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        "postgres://user:password@localhost/db".to_owned(),
        "a = b; if (x < y && y > z) { return \"\\u003c\\/p\"; }".to_owned(),
    ];
    let parts: Vec<Value> = harmless.iter().map(|text| json!({"type": "text", "text": text})).collect();
    let picture = json!({"type": "image_url", "image_url": {"url": image}});
    let body =
        json!({"messages": [{"role": "user", "content": parts}, {"role": "user", "content": [picture]}]})
            .to_string();
    assert_eq!(harness.seen(CHAT, &body), body);
}
