//! Addresses that go back to the provider unsearched get no secret on their way here.

use aegis_shield::reply::{MAX_EVENT, ReplyFormat};
use serde_json::json;

use crate::support::*;

#[test]
fn tokens_in_addresses_stay() {
    let url = format!("https://h/{}", masked("<<plain>>"));
    for body in [
        json!({"choices": [{"message": {"images": [{"type": "image_url", "image_url": {"url": url}}]}}]}),
        json!({"choices": [{"message": {"content": [{"image_url": url}, {"document_url": url}]}}]}),
        json!({"candidates": [{"content": {"parts": [{"fileData": {"fileUri": url}}, {"file_data": {"file_uri": url}}]}}]}),
        json!({"type": "message", "content": [{"type": "image", "source": {"type": "url", "url": url}}]}),
        json!({"output": [{"type": "x", "output": {"image_url": url}}, {"content": [{"file_url": url}]}]}),
    ] {
        let input = body.to_string();
        let (output, stats) = run(ReplyFormat::Json, &input);
        assert_eq!(output, input);
        assert!(stats.kept > 0 && stats.restored == 0, "{input}");
        let mut large = body.clone();
        large["pad"] = "x".repeat(MAX_EVENT).into();
        large["after"] = masked("<<plain>>").into();
        let (output, _) = run(ReplyFormat::Json, &large.to_string());
        assert_eq!(
            output,
            large.to_string().replace(
                &format!("\"after\":\"{}\"", masked("<<plain>>")),
                &format!("\"after\":\"{PLAIN}\"")
            )
        );
        let stream = frame("", &input, "\n");
        assert_eq!(run_sse(&stream).0, stream);
    }
}

#[test]
fn other_addresses_are_text() {
    let url = format!("https://h/{}", masked("<<plain>>"));
    for body in [
        json!({"content": [{"type": "web_search_result", "url": url}]}),
        json!({"content": [{"type": "tool_use", "input": {"source": {"url": url}, "image_url": url}}]}),
        json!({"choices": [{"message": {"content": url}}]}),
    ] {
        let (output, stats) = run(ReplyFormat::Json, &body.to_string());
        assert!(output.contains(PLAIN) && stats.restored > 0 && stats.kept == 0, "{output}");
    }
}
