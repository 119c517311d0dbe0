//! Anthropic messages, whole and streamed, with thinking, signatures, redacted thinking and tool use.

use super::interleave::interleave;
use super::opaque::{REDACTED, SIGNATURE};
use super::prompt::Prompt;
use super::quote::{pieces, quote};
use super::reply::StreamEvent;
use super::scenario::{Escape, Scenario};

const USAGE: &str = "{\"input_tokens\":11,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\
    \"output_tokens\":7,\"service_tier\":\"standard\"}";

/// A content block: as it is at the end, as it starts, and its deltas.
struct Block {
    whole: String,
    start: String,
    deltas: Vec<String>,
}

fn blocks(prompt: &Prompt, scenario: &Scenario) -> Vec<Block> {
    let q = |text: &str| quote(text, scenario.escape);
    let mut out = Vec::new();
    if scenario.thinking > 0 {
        let mut deltas: Vec<String> = (pieces(&prompt.text, scenario.chunk).into_iter())
            .map(|p| format!("{{\"type\":\"thinking_delta\",\"thinking\":{}}}", q(p)))
            .collect();
        deltas.push(format!("{{\"type\":\"signature_delta\",\"signature\":\"{SIGNATURE}\"}}"));
        out.push(Block {
            whole: format!(
                "{{\"type\":\"thinking\",\"thinking\":{},\"signature\":\"{SIGNATURE}\"}}",
                q(&prompt.text)
            ),
            start: "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}".to_owned(),
            deltas,
        });
    }
    if scenario.thinking > 1 {
        let whole = format!("{{\"type\":\"redacted_thinking\",\"data\":\"{REDACTED}\"}}");
        out.push(Block { start: whole.clone(), whole, deltas: Vec::new() });
    }
    if scenario.text {
        let deltas = prompt.deltas(scenario);
        out.push(Block {
            whole: format!("{{\"type\":\"text\",\"text\":{}}}", q(&deltas.concat())),
            start: "{\"type\":\"text\",\"text\":\"\"}".to_owned(),
            deltas: deltas.iter().map(|p| format!("{{\"type\":\"text_delta\",\"text\":{}}}", q(p))).collect(),
        });
    }
    out.extend((0..scenario.tools).map(|i| tool_use(i, prompt, scenario)));
    out
}

fn tool_use(i: usize, prompt: &Prompt, scenario: &Scenario) -> Block {
    let q = |text: &str| quote(text, scenario.escape);
    let input = prompt.arguments(i, scenario);
    let block = |input: &str| {
        format!(
            "{{\"type\":\"tool_use\",\"id\":\"toolu_mock{i}\",\"name\":{},\"input\":{input}}}",
            q(prompt.tool(i))
        )
    };
    let delta = |piece: &str| format!("{{\"type\":\"input_json_delta\",\"partial_json\":{}}}", q(piece));
    let rest = pieces(&input, scenario.chunk);
    Block {
        whole: block(&input),
        start: block("{}"),
        deltas: std::iter::once("").chain(rest).map(delta).collect(),
    }
}

fn stop_reason(scenario: &Scenario) -> &str {
    scenario.stop.as_deref().unwrap_or(if scenario.tools > 0 { "tool_use" } else { "end_turn" })
}

/// The non-streaming message.
pub fn whole(prompt: &Prompt, scenario: &Scenario) -> String {
    let content: Vec<String> = blocks(prompt, scenario).into_iter().map(|b| b.whole).collect();
    format!(
        "{{\"id\":\"msg_mock\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{},\"content\":[{}],\
         \"stop_reason\":{},\"stop_sequence\":null,\"usage\":{USAGE}}}",
        quote(&prompt.model, scenario.escape),
        content.join(","),
        quote(stop_reason(scenario), scenario.escape)
    )
}

/// The streamed message. With several tool calls and `interleave`, their blocks are open at the same time.
pub fn stream(prompt: &Prompt, scenario: &Scenario) -> Vec<StreamEvent> {
    let mut out = vec![
        StreamEvent::named(
            "message_start",
            format!(
                "{{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_mock\",\"type\":\"message\",\
                 \"role\":\"assistant\",\"model\":{},\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\
                 \"usage\":{{\"input_tokens\":11,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\
                 \"output_tokens\":1,\"service_tier\":\"standard\"}}}}}}",
                quote(&prompt.model, scenario.escape)
            ),
        ),
        StreamEvent::named("ping", "{\"type\": \"ping\"}"),
    ];
    let blocks = blocks(prompt, scenario);
    let first_tool = blocks.len() - scenario.tools;
    let (mut starts, mut deltas, mut stops) = (Vec::new(), Vec::new(), Vec::new());
    for (index, block) in blocks.into_iter().enumerate() {
        let start = StreamEvent::named(
            "content_block_start",
            format!(
                "{{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{}}}",
                block.start
            ),
        );
        let stop = StreamEvent::named(
            "content_block_stop",
            format!("{{\"type\":\"content_block_stop\",\"index\":{index}}}"),
        );
        let body = block.deltas.into_iter().map(|delta| {
            StreamEvent::named(
                "content_block_delta",
                format!("{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}"),
            )
        });
        if scenario.interleave && index >= first_tool {
            starts.push(start);
            deltas.push(body.collect());
            stops.push(stop);
        } else {
            out.push(start);
            out.extend(body);
            out.push(stop);
        }
    }
    out.extend(starts);
    out.extend(interleave(deltas));
    out.extend(stops);
    out.push(StreamEvent::named(
        "message_delta",
        format!(
            "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":{},\"stop_sequence\":null}},\"usage\":{USAGE}}}",
            quote(stop_reason(scenario), Escape::Minimal)
        ),
    ));
    out.push(StreamEvent::named("message_stop", "{\"type\":\"message_stop\"}"));
    out
}

/// The error event in mid-stream.
pub fn error_event(scenario: &Scenario) -> StreamEvent {
    StreamEvent::named("error", failure(529, "Overloaded", scenario))
}

/// The body of an error reply.
pub fn failure(status: u16, message: &str, scenario: &Scenario) -> String {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    let message = quote(message, scenario.escape);
    format!(
        "{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":{message}}},\"request_id\":\"req_mock\"}}"
    )
}
