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

#[test]
fn tokens_in_cursors_credentials_and_media_stay() {
    let token = masked("<<plain>>");
    let picture = format!("iVBORw0KGgoAAAANSUhEUgAA{token}");
    for body in [
        json!({"files": [], "nextPageToken": token}),
        json!({"object": "list", "data": [], "first_id": token, "last_id": token}),
        json!({"next_page": token, "response": {"tools": [{"type": "mcp", "authorization": token, "headers": {"x": token}}]}}),
        json!({"mcp_servers": [{"authorization_token": token}], "network_policy": {"domain_secrets": [{"value": token}]}}),
        json!({"message": {"content": [{"input_audio": token}]}}),
        json!({"content": [{"type": "image", "source": {"data": picture}}]}),
        json!({"output": [{"type": "image_generation_call", "result": picture}]}),
        json!({"images": [picture], "blob": picture, "bytes": picture}),
    ] {
        let input = body.to_string();
        let (output, stats) = run(ReplyFormat::Json, &input);
        assert_eq!(output, input);
        assert!(stats.kept > 0 && stats.restored == 0, "{input}");
        let mut large = body.clone();
        large["pad"] = "x".repeat(MAX_EVENT).into();
        assert_eq!(
            run_cut(ReplyFormat::Json, large.to_string().as_bytes(), &[7]).0,
            large.to_string().as_bytes()
        );
    }
}

#[test]
fn what_only_shares_a_name_with_them_is_text() {
    let token = masked("<<plain>>");
    for body in [
        json!({"content": [{"type": "tool_use", "name": "x", "input": {"nextPageToken": token, "headers": {"a": token}}}]}),
        json!({"content": [{"type": "tool_use", "name": "x", "input": {"data": format!("iVBORw0KGgo{token}")}}]}),
        json!({"result": format!("the key is {token}"), "data": token, "images": [format!("see {token}")]}),
        json!({"custom_id": token, "id": token, "authorization": token, "source": {"type": "text", "text": token}}),
        json!({"content": [{"type": "text", "text": {"value": token}}], "tools": [{"description": token}]}),
    ] {
        let (output, stats) = run(ReplyFormat::Json, &body.to_string());
        assert!(!output.contains(&token) && stats.kept == 0, "{output}");
        let large = json!({"pad": "x".repeat(MAX_EVENT), "after": body}).to_string();
        let (output, _) = run_cut(ReplyFormat::Json, large.as_bytes(), &[7]);
        assert!(!String::from_utf8(output).unwrap().contains(&token));
    }
}
