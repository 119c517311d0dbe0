//! Reads event streams as a client does, and builds them as providers do.

use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's name, empty when it has none.
    pub name: String,
    /// Its data lines, joined by newlines.
    pub data: String,
}

/// Parses a whole stream by the rules of the HTML standard: any of the three line endings, comments skipped.
pub fn events(stream: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    for line in text.split('\n') {
        if line.is_empty() {
            if !data.is_empty() {
                events.push(Event { name: std::mem::take(&mut name), data: data.join("\n") });
                data.clear();
            }
            name.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.push(value.to_owned()),
            _ => {}
        }
    }
    events
}

/// The JSON of every event that has some.
pub fn json(stream: &[u8]) -> Vec<Value> {
    events(stream).iter().filter_map(|event| serde_json::from_str(&event.data).ok()).collect()
}

/// Joins the strings found at a JSON pointer in every event.
pub fn joined(stream: &[u8], pointer: &str) -> String {
    json(stream).iter().filter_map(|event| event.pointer(pointer)?.as_str().map(str::to_owned)).collect()
}

/// Joins the strings at `pointer` in those events in which `key` (a pointer) equals `value`.
pub fn joined_where(stream: &[u8], key: &str, value: &Value, pointer: &str) -> String {
    let of_lane = json(stream).into_iter().filter(|event| event.pointer(key) == Some(value));
    of_lane.filter_map(|event| event.pointer(pointer)?.as_str().map(str::to_owned)).collect()
}

/// A chat-completions delta with text.
pub fn chat_text(choice: usize, text: &str) -> String {
    let delta = serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": choice, "delta": {"content": text}, "finish_reason": null}]
    });
    format!("data: {delta}\n\n")
}

/// A chat-completions delta with a piece of a tool call's arguments.
pub fn chat_arguments(call: usize, piece: &str) -> String {
    let delta = serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"tool_calls": [{"index": call, "function": {"arguments": piece}}]}}]
    });
    format!("data: {delta}\n\n")
}

/// The end of a chat-completions stream.
pub fn chat_end() -> String {
    let last = serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    });
    format!("data: {last}\n\ndata: [DONE]\n\n")
}

/// An Anthropic event.
pub fn anthropic(event: &Value) -> String {
    let name = event["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {event}\n\n")
}

/// An Anthropic delta of a content block: `kind` is `text_delta`, `thinking_delta`, `input_json_delta`, ...
pub fn anthropic_delta(block: usize, kind: &str, field: &str, piece: &str) -> String {
    anthropic(&serde_json::json!({
        "type": "content_block_delta", "index": block, "delta": {"type": kind, field: piece}
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_endings_and_comments() {
        for ending in ["\n", "\r\n", "\r"] {
            let stream = ["event: a", ": note", "data: 1", "data: 2", "", "data:3", "", ""].join(ending);
            let found = events(stream.as_bytes());
            assert_eq!(found.len(), 2);
            assert_eq!((found[0].name.as_str(), found[0].data.as_str()), ("a", "1\n2"));
            assert_eq!((found[1].name.as_str(), found[1].data.as_str()), ("", "3"));
        }
    }
}
