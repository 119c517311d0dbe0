//! Google's generateContent, with the signature of a thought at every call.

use aegis_tests::Script;
use serde_json::{Value, json};

use super::{Input, Reply, pieces};

/// The results of tools, oldest first. gemini-cli says each twice when it goes on with a session.
pub(super) fn results(request: &Value) -> Vec<String> {
    let contents = request["contents"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let parts = contents.flat_map(|content| content["parts"].as_array().map_or(&[][..], Vec::as_slice));
    let mut results: Vec<&Value> =
        parts.map(|part| &part["functionResponse"]).filter(|result| !result.is_null()).collect();
    results.dedup_by_key(|result| result["id"].as_str());
    let text = |result: &&Value| {
        let response = &result["response"];
        response["output"].as_str().map_or_else(|| response.to_string(), str::to_owned)
    };
    results.iter().map(text).collect()
}

fn signature(reply: &Reply) -> String {
    aegis_tests::oracle::base64(format!("thought {} {}", reply.number, reply.text).repeat(3).as_bytes())
}

fn arguments(reply: &Reply) -> Option<(&'static str, &Value)> {
    match reply.call.as_ref().map(|call| (call.tool, &call.input))? {
        (tool, Input::Json(input)) => Some((tool, input)),
        (tool, Input::Text(_)) => panic!("Google has no tools with free text: {tool}"),
    }
}

fn response(part: &Value, reason: Option<&str>) -> Value {
    json!({"candidates": [{"index": 0, "finishReason": reason, "content": {"role": "model", "parts": [part]}}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18},
        "modelVersion": "m", "responseId": "r"})
}

/// A whole reply with nothing but a text.
pub(super) fn whole(text: &str) -> Value {
    response(&json!({"text": text}), Some("STOP"))
}

pub(super) fn stream(reply: &Reply) -> Script {
    let mut events: Vec<Value> =
        pieces(&reply.text).into_iter().map(|piece| response(&json!({"text": piece}), None)).collect();
    events.extend(arguments(reply).map(|(tool, input)| {
        let call = json!({"functionCall": {"id": format!("call_{}", reply.number), "name": tool, "args": input},
            "thoughtSignature": signature(reply)});
        response(&call, None)
    }));
    events.push(response(&json!({"text": ""}), Some("STOP")));
    let events = events.iter().map(|event| format!("data: {event}\r\n\r\n"));
    events.fold(Script::stream(), |stream, event| stream.event(event.as_bytes())).end()
}

/// The text, and with a call its signature and every string of its arguments: clients write the object anew.
pub(super) fn repeated(reply: &Reply) -> Vec<String> {
    let mut texts = vec![Value::from(reply.text.as_str())];
    if let Some((_, input)) = arguments(reply) {
        texts.push(signature(reply).into());
        texts.extend(input.as_object().expect("arguments are an object").values().cloned());
    }
    texts.iter().map(Value::to_string).collect()
}
