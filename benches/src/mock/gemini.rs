//! Gemini `generateContent` and `streamGenerateContent`, as server-sent events or as a JSON array.

use super::opaque::SIGNATURE;
use super::prompt::Prompt;
use super::quote::quote;
use super::reply::{Body, Reply, StreamEvent};
use super::scenario::Scenario;

const USAGE: &str =
    "\"usageMetadata\":{\"promptTokenCount\":11,\"candidatesTokenCount\":7,\"totalTokenCount\":18}";

fn call_parts(prompt: &Prompt, scenario: &Scenario) -> Vec<String> {
    let part = |i| {
        let name = quote(prompt.tool(i), scenario.escape);
        let args = prompt.arguments(i, scenario);
        let signature = if i == 0 { format!(",\"thoughtSignature\":\"{SIGNATURE}\"") } else { String::new() };
        format!("{{\"functionCall\":{{\"id\":\"call_mock{i}\",\"name\":{name},\"args\":{args}}}{signature}}}")
    };
    (0..scenario.tools).map(part).collect()
}

fn text_part(text: &str, thought: bool, scenario: &Scenario) -> String {
    let thought = if thought { ",\"thought\":true" } else { "" };
    format!("{{\"text\":{}{thought}}}", quote(text, scenario.escape))
}

fn document(prompt: &Prompt, scenario: &Scenario, parts: &[String], last: bool) -> String {
    let reason = scenario.stop.as_deref().unwrap_or("STOP");
    let finish =
        if last { format!("\"finishReason\":{},", quote(reason, scenario.escape)) } else { String::new() };
    let candidates: Vec<String> = (0..prompt.choices)
        .map(|i| {
            let parts = parts.join(",");
            format!("{{\"content\":{{\"parts\":[{parts}],\"role\":\"model\"}},{finish}\"index\":{i}}}")
        })
        .collect();
    format!(
        "{{\"candidates\":[{}],{USAGE},\"modelVersion\":{},\"responseId\":\"resp-mock\"}}",
        candidates.join(","),
        quote(&prompt.model, scenario.escape)
    )
}

/// The non-streaming reply.
pub fn whole(prompt: &Prompt, scenario: &Scenario) -> String {
    let mut parts = Vec::new();
    if scenario.thinking > 0 {
        parts.push(text_part(&prompt.text, true, scenario));
    }
    if scenario.text {
        parts.push(text_part(&prompt.text, false, scenario));
    }
    parts.extend(call_parts(prompt, scenario));
    document(prompt, scenario, &parts, true)
}

/// The documents of a stream; calls come whole, as the real API sends them.
pub fn stream(prompt: &Prompt, scenario: &Scenario) -> Vec<StreamEvent> {
    let mut parts: Vec<String> = Vec::new();
    let deltas = prompt.deltas(scenario);
    if scenario.thinking > 0 {
        parts.extend(deltas.iter().map(|p| text_part(p, true, scenario)));
    }
    if scenario.text {
        parts.extend(deltas.iter().map(|p| text_part(p, false, scenario)));
    }
    parts.extend(call_parts(prompt, scenario));
    let last = parts.len().saturating_sub(1);
    (parts.into_iter().enumerate())
        .map(|(i, part)| StreamEvent::bare(document(prompt, scenario, &[part], i == last)))
        .collect()
}

/// The stream's documents as one JSON array, as sent without `alt=sse`.
pub fn array(events: &[StreamEvent]) -> Reply {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for (i, event) in events.iter().enumerate() {
        let lead = if i == 0 { "[" } else { ",\r\n" };
        pieces.push(format!("{lead}{}\n", event.data).into_bytes());
    }
    pieces.push(if events.is_empty() { b"[]\n".to_vec() } else { b"]\n".to_vec() });
    Reply { body: Body::Stream(pieces), ..Reply::json("") }
}

/// The body of an error reply.
pub fn failure(status: u16, message: &str, scenario: &Scenario) -> String {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    let message = quote(message, scenario.escape);
    format!("{{\"error\":{{\"code\":{status},\"message\":{message},\"status\":\"{name}\"}}}}")
}
