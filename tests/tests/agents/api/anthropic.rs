//! Anthropic's Messages, with signed thinking before every turn.

use aegis_tests::{Script, sse};
use serde_json::{Value, json};

use super::{Input, Reply, pieces, text_of};

/// The results of tools, oldest first.
pub(super) fn results(request: &Value) -> Vec<String> {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let blocks = messages.flat_map(|message| message["content"].as_array().map_or(&[][..], Vec::as_slice));
    blocks.filter(|block| block["type"] == "tool_result").map(|block| text_of(&block["content"])).collect()
}

fn input_of(reply: &Reply) -> Option<(&'static str, &Value)> {
    match reply.call.as_ref().map(|call| (call.tool, &call.input))? {
        (tool, Input::Json(input)) => Some((tool, input)),
        (tool, Input::Text(_)) => panic!("Anthropic has no tools with free text: {tool}"),
    }
}

/// What the model thinks before it speaks.
fn thought(reply: &Reply) -> String {
    format!("Turn {}. The user wants this: {}", reply.number, reply.text)
}

/// A signature that looks like Anthropic's: base64 of some hundred bytes.
fn signature(reply: &Reply) -> String {
    format!("EqQBCgIYAhIM{}", aegis_tests::oracle::base64(thought(reply).repeat(3).as_bytes()))
}

pub(super) fn stream(request: &Value, reply: &Reply) -> Script {
    let mut events = vec![json!({"type": "message_start", "message": {
        "id": format!("msg_{:024}", reply.number), "type": "message", "role": "assistant", "model": request["model"],
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 1}}})];
    let mut block = |index: usize, start: Value, deltas: Vec<Value>| {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        let deltas = deltas.into_iter();
        events.extend(
            deltas.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    };
    let is_thinking = request["thinking"]["type"].as_str().is_some_and(|kind| kind != "disabled");
    let first = usize::from(is_thinking);
    if is_thinking {
        let mut deltas: Vec<Value> = pieces(&thought(reply))
            .into_iter()
            .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
            .collect();
        deltas.push(json!({"type": "signature_delta", "signature": signature(reply)}));
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
    }
    let texts =
        pieces(&reply.text).into_iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect();
    block(first, json!({"type": "text", "text": ""}), texts);
    if let Some((tool, input)) = input_of(reply) {
        let id = format!("toolu_{:022}", reply.number);
        let inputs = pieces(&input.to_string())
            .into_iter()
            .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
            .collect();
        block(first + 1, json!({"type": "tool_use", "id": id, "name": tool, "input": {}}), inputs);
    }
    let reason = if reply.call.is_some() { "tool_use" } else { "end_turn" };
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": 9}}));
    events.push(json!({"type": "message_stop"}));
    let stream = Script::stream();
    events.iter().fold(stream, |stream, event| stream.event(sse::anthropic(event).as_bytes())).end()
}

/// The text, and every string of the tool's input: clients write the object anew.
pub(super) fn repeated(reply: &Reply) -> Vec<String> {
    let mut texts = vec![Value::from(reply.text.as_str()).to_string()];
    if let Some((_, input)) = input_of(reply) {
        let values = input.as_object().expect("a tool's input is an object").values();
        texts.extend(values.map(Value::to_string));
    }
    texts
}
