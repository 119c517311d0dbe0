//! OpenAI's Responses, with sealed reasoning before every turn, as they come without storage at the provider.

use aegis_tests::Script;
use serde_json::{Value, json};

use super::{Input, Reply, is_empty, pieces, text_of};

/// Tools stand in a member of the request, or, for newer models, in an item of the conversation.
pub(super) fn has_tools(request: &Value) -> bool {
    let items = request["input"].as_array().map_or(&[][..], Vec::as_slice).iter();
    !is_empty(&request["tools"]) || items.map(|item| &item["type"]).any(|kind| kind == "additional_tools")
}

/// The results of tools, oldest first.
pub(super) fn results(request: &Value) -> Vec<String> {
    let items = request["input"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let is_result = |item: &&Value| {
        item["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("tool_call_output") || kind == "function_call_output")
    };
    items.filter(is_result).map(|item| text_of(&item["output"])).collect()
}

/// Reasoning that only the provider can read.
fn sealed(reply: &Reply) -> String {
    let text = format!("sealed reasoning of turn {}, which nobody reads: {}", reply.number, reply.text);
    format!("gAAAAABo{}==", aegis_tests::oracle::base64(text.repeat(3).as_bytes()))
}

/// The items of a reply, finished.
fn items(reply: &Reply) -> Vec<Value> {
    let number = reply.number;
    let mut items = vec![
        json!({"type": "reasoning", "id": format!("rs_{number:048}"), "summary": [],
            "encrypted_content": sealed(reply)}),
        json!({"type": "message", "id": format!("msg_{number:048}"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": reply.text, "annotations": []}]}),
    ];
    let id = format!("call_{number:024}");
    items.extend(reply.call.as_ref().map(|call| match &call.input {
        Input::Json(input) => {
            json!({"type": "function_call", "id": format!("fc_{number:048}"), "call_id": id,
            "status": "completed", "name": call.tool, "arguments": input.to_string()})
        }
        Input::Text(input) => {
            json!({"type": "custom_tool_call", "id": format!("ctc_{number:048}"), "call_id": id,
            "status": "completed", "name": call.tool, "input": input})
        }
    }));
    items
}

/// The item as it is announced: in progress, its long text still missing.
fn announced(item: &Value) -> Value {
    let mut item = item.clone();
    for (member, empty) in [("content", json!([])), ("arguments", json!("")), ("input", json!(""))] {
        if item.get(member).is_some() {
            item[member] = empty;
        }
    }
    if item.get("status").is_some() {
        item["status"] = "in_progress".into();
    }
    item
}

/// The events between announcement and end of an item.
fn inner_events(index: usize, item: &Value) -> Vec<Value> {
    let event = |kind: &str, member: &str, value: &str| {
        let mut event = json!({"type": kind, "item_id": item["id"], "output_index": index});
        event[member] = value.into();
        if kind.starts_with("response.output_text") {
            event["content_index"] = 0.into();
        }
        event
    };
    let written = |name: &str, member: &str, text: &str| {
        let delta = format!("response.{name}.delta");
        let mut events: Vec<Value> = pieces(text).iter().map(|piece| event(&delta, "delta", piece)).collect();
        events.push(event(&format!("response.{name}.done"), member, text));
        events
    };
    let text = |value: &Value| value.as_str().expect("items hold strings").to_owned();
    match item["type"].as_str() {
        Some("message") => {
            let part = |kind: &str, part: Value| json!({"type": kind, "item_id": item["id"], "output_index": index, "content_index": 0, "part": part});
            let empty = json!({"type": "output_text", "text": "", "annotations": []});
            let mut events = vec![part("response.content_part.added", empty)];
            events.extend(written("output_text", "text", &text(&item["content"][0]["text"])));
            events.push(part("response.content_part.done", item["content"][0].clone()));
            events
        }
        Some("function_call") => written("function_call_arguments", "arguments", &text(&item["arguments"])),
        Some("custom_tool_call") => written("custom_tool_call_input", "input", &text(&item["input"])),
        _ => Vec::new(),
    }
}

pub(super) fn stream(request: &Value, reply: &Reply) -> Script {
    let response = |status: &str, output: &[Value], usage: Value| {
        json!({"id": format!("resp_{:048}", reply.number), "object": "response", "created_at": 1,
            "model": request["model"], "status": status, "output": output, "usage": usage})
    };
    let items = items(reply);
    let mut events =
        vec![json!({"type": "response.created", "response": response("in_progress", &[], Value::Null)})];
    for (index, item) in items.iter().enumerate() {
        events.push(
            json!({"type": "response.output_item.added", "output_index": index, "item": announced(item)}),
        );
        events.extend(inner_events(index, item));
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    let usage = json!({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18});
    events.push(json!({"type": "response.completed", "response": response("completed", &items, usage)}));
    let mut stream = Script::stream();
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
        let kind = event["type"].as_str().expect("events have a type");
        stream = stream.event(format!("event: {kind}\ndata: {event}\n\n").as_bytes());
    }
    stream.end()
}

/// The text, the sealed reasoning, and the arguments or input as one string.
pub(super) fn repeated(reply: &Reply) -> Vec<String> {
    let mut texts = vec![Value::from(reply.text.as_str()), Value::from(sealed(reply))];
    texts.extend(reply.call.as_ref().map(|call| match &call.input {
        Input::Json(input) => Value::from(input.to_string()),
        Input::Text(input) => Value::from(input.as_str()),
    }));
    texts.iter().map(Value::to_string).collect()
}
