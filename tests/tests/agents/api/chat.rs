//! OpenAI's chat completions.

use aegis_tests::Script;
use serde_json::{Value, json};

use super::{Input, Reply, pieces, text_of};

/// The texts of one role, oldest first: results of tools, or all that the user's side said.
pub(super) fn results(request: &Value, role: &str) -> Vec<String> {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice).iter();
    messages.filter(|message| message["role"] == role).map(|message| text_of(&message["content"])).collect()
}

fn arguments(reply: &Reply) -> Option<(&'static str, String)> {
    match reply.call.as_ref().map(|call| (call.tool, &call.input))? {
        (tool, Input::Json(input)) => Some((tool, input.to_string())),
        (tool, Input::Text(_)) => panic!("chat completions have no tools with free text here: {tool}"),
    }
}

pub(super) fn stream(request: &Value, reply: &Reply) -> Script {
    let chunk = |delta: Value, reason: Value| {
        json!({"id": format!("chatcmpl-{}", reply.number), "object": "chat.completion.chunk", "created": 1,
            "model": request["model"], "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    chunks.extend(pieces(&reply.text).into_iter().map(|piece| chunk(json!({"content": piece}), Value::Null)));
    if let Some((tool, arguments)) = arguments(reply) {
        let call = |call: Value| chunk(json!({"tool_calls": [call]}), Value::Null);
        let id = format!("call_{:024}", reply.number);
        chunks.push(call(
            json!({"index": 0, "id": id, "type": "function", "function": {"name": tool, "arguments": ""}}),
        ));
        let pieces = pieces(&arguments).into_iter();
        chunks.extend(pieces.map(|piece| call(json!({"index": 0, "function": {"arguments": piece}}))));
    }
    let reason = if reply.call.is_some() { "tool_calls" } else { "stop" };
    chunks.push(chunk(json!({}), reason.into()));
    chunks.push(
        json!({"id": format!("chatcmpl-{}", reply.number), "object": "chat.completion.chunk", "created": 1,
        "model": request["model"], "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}}),
    );
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    let events = events.chain(["data: [DONE]\n\n".to_owned()]);
    events.fold(Script::stream(), |stream, event| stream.event(event.as_bytes())).end()
}

/// The text, and the arguments as one string.
pub(super) fn repeated(reply: &Reply) -> Vec<String> {
    let mut texts = vec![json_string(&reply.text)];
    texts.extend(arguments(reply).map(|(_, arguments)| json_string(&arguments)));
    texts
}

/// The lines of the text: agents without tools trim it.
pub(super) fn repeated_lines(reply: &Reply) -> Vec<String> {
    let lines = reply.text.lines().map(str::trim).filter(|line| line.len() > 8);
    lines.map(aegis_tests::oracle::escape).collect()
}

fn json_string(text: &str) -> String {
    Value::from(text).to_string()
}
