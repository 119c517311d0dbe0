//! What passing an event costs, for whoever works on it:
//! `cargo test --release -p aegis-shield --test reply -- speed --ignored --nocapture`.

use std::time::Instant;

use aegis_shield::reply::{Rehydrator, ReplyFormat};
use serde_json::json;

use crate::anthropic::delta;
use crate::support::*;

#[test]
#[ignore = "prints times, decides nothing"]
fn speed_of_events_and_documents() {
    let chat = |content: &str| {
        let data = json!({"id": "chatcmpl-1234567890", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-x",
            "system_fingerprint": "fp_0123456789", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]});
        frame("", &data.to_string(), "\n")
    };
    let message = |text: &str| {
        frame(
            "content_block_delta",
            &delta(0, &json!({"type": "text_delta", "text": text})).to_string(),
            "\n",
        )
    };
    let arguments = |text: &str| {
        let data = delta(0, &json!({"type": "input_json_delta", "partial_json": text}));
        frame("content_block_delta", &data.to_string(), "\n")
    };
    let document = json!({"choices": [{"message": {"content": "A line of ordinary text, \"quoted\".\n".repeat(30_000)}}]});
    for (name, format, input) in [
        ("chat event", ReplyFormat::Sse, chat(" a few words")),
        ("chat event with a token", ReplyFormat::Sse, chat(&masked("key <<plain>>"))),
        ("message event", ReplyFormat::Sse, message(" a few words")),
        ("arguments event", ReplyFormat::Sse, arguments("a few words\\nand")),
        ("document", ReplyFormat::Json, document.to_string()),
    ] {
        let mut rehydrator = Rehydrator::new(vault(), format);
        let mut out = Vec::with_capacity(2 * input.len());
        let rounds = 1_000_000 / (input.len() + 200) as u32 + 2;
        // The best of several, as other work on the machine only adds.
        let batch = |_| {
            let start = Instant::now();
            for _ in 0..rounds {
                out.clear();
                rehydrator.push(input.as_bytes(), &mut out);
            }
            start.elapsed() / rounds
        };
        let each = (0..50).map(batch).min().unwrap();
        let speed = input.len() as u128 * 1000 / each.as_nanos().max(1);
        println!("{name}: {} bytes, {each:?}, {speed} MB/s", input.len());
    }
}
