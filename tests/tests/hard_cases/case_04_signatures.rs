//! 4. Signatures and other opaque fields go both ways byte for byte, whatever they look like.

use aegis_tests::oracle::{assert_only_tokens_differ, escape};
use aegis_tests::secrets::Seeded;
use aegis_tests::sse;
use serde_json::{Value, json};

use crate::harness::{GEMINI, Harness, MESSAGES, RESPONSES, event_stream, messages, token};

/// A signature in base64url that holds the shapes of keys: their bytes mean nothing here.
fn signature(seeded: &mut Seeded) -> String {
    let filler = |seeded: &mut Seeded| seeded.text(b"ABCDEFGHIJKLMNOPabcdefghijklmnop0123456789-_", 40);
    let twilio = format!("SK{}", seeded.text(b"0123456789abcdef", 32));
    let google = format!("AI{}{}", "za", seeded.text(b"ABCDEFabcdef0123456789_-", 35));
    let parts = [filler(seeded), seeded.aws(), seeded.github(), twilio, google, filler(seeded)];
    format!("{}==", parts.join("-"))
}

/// Media in base64 that holds what of those shapes base64 can hold.
fn media(seeded: &mut Seeded) -> String {
    let filler = |seeded: &mut Seeded| seeded.text(b"ABCDEFGHIJKLMNOPabcdefghijklmnop0123456789+/", 40);
    let twilio = format!("SK{}", seeded.text(b"0123456789abcdef", 32));
    format!("{}==", [filler(seeded), seeded.aws(), twilio, filler(seeded)].join("/"))
}

#[test]
fn requests_keep_every_opaque_field() {
    let harness = Harness::new();
    let mut seeded = Seeded::new(401);
    let (secret, signed, media) = (seeded.github(), signature(&mut seeded), media(&mut seeded));
    let anthropic = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": format!("use {secret}")},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": signed},
            {"type": "thinking", "thinking": "let me see", "signature": signed},
            {"type": "redacted_thinking", "data": signed},
            {"type": "text", "text": "done"}]},
        {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": media}}]},
    ]});
    let responses = json!({"model": "m", "input": [
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": signed},
        {"type": "compaction", "encrypted_content": signed},
        {"role": "user", "content": [{"type": "input_text", "text": format!("use {secret}")},
            {"type": "input_image", "image_url": format!("data:image/png;base64,{media}")}]},
    ]});
    let gemini = json!({"contents": [
        {"role": "model", "parts": [{"text": "hm", "thoughtSignature": signed}, {"inlineData": {"mimeType": "image/png", "data": media}}]},
        {"role": "user", "parts": [{"text": format!("use {secret}")}]},
    ]});
    for (target, body) in [(MESSAGES, anthropic), (RESPONSES, responses), (GEMINI, gemini)] {
        let body = body.to_string();
        let seen = harness.seen(target, &body);
        let tokens = assert_only_tokens_differ(&body, &seen, &[&secret]);
        assert_eq!(tokens.len(), 1, "{target}: {seen}");
    }
}

#[test]
fn replies_keep_every_opaque_field() {
    let harness = Harness::new();
    let mut seeded = Seeded::new(402);
    let (secret, signed) = (seeded.github(), signature(&mut seeded));
    let start = signed.clone();
    let reply = harness.ask(MESSAGES, &messages(&format!("use {secret}")), move |request| {
        // Even a token of this very request stays inside a signature.
        let signed = format!("{start}{}", token(request));
        let block = json!({"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": signed}});
        let events = [
            sse::anthropic_delta(0, "thinking_delta", "thinking", &format!("I see {}", token(request))),
            sse::anthropic_delta(0, "signature_delta", "signature", &signed),
            sse::anthropic(&json!({"type": "content_block_stop", "index": 0})),
            sse::anthropic(&block),
        ];
        event_stream(&events.concat())
    });
    let kept = token(&harness.upstream.last());
    let signed = format!("{signed}{kept}");
    assert_eq!(sse::joined(&reply.body, "/delta/signature"), signed);
    assert_eq!(sse::joined(&reply.body, "/content_block/data"), signed);
    assert_eq!(sse::joined(&reply.body, "/delta/thinking"), format!("I see {kept}"), "it is signed as it is");
}

#[test]
fn thinking_comes_and_goes_back_as_it_was_signed() {
    let harness = Harness::new();
    let secret = Seeded::new(403).github();
    let reply = harness.ask(MESSAGES, &messages(&format!("use {secret}")), |request| {
        let thought = format!("the key {} opens it", token(request));
        event_stream(&sse::anthropic_delta(0, "thinking_delta", "thinking", &thought))
    });
    let signed_over = format!("the key {} opens it", token(&harness.upstream.last()));
    let thinking = sse::joined(&reply.body, "/delta/thinking");
    assert_eq!(thinking, signed_over);
    let next = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": [
        {"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"}]}]});
    let seen: Value = serde_json::from_str(&harness.seen(MESSAGES, &next.to_string())).expect("JSON");
    assert_eq!(seen.pointer("/messages/0/content/0/thinking"), Some(&Value::from(signed_over)));
    assert!(!harness.upstream.last().text().contains(&escape(&secret)));
}
