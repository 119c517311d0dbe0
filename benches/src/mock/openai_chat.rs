//! OpenAI chat completions and the older completions, whole and streamed, in the shape of the public API
//! reference. Identifiers, times and usage are constants, so that two replies to one prompt are equal.

use super::interleave::interleave;
use super::prompt::Prompt;
use super::quote::{pieces, quote};
use super::reply::StreamEvent;
use super::scenario::Scenario;

const USAGE: &str = "{\"prompt_tokens\":11,\"completion_tokens\":7,\"total_tokens\":18,\
    \"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\
    \"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}";

fn finish(scenario: &Scenario) -> &str {
    scenario.stop.as_deref().unwrap_or(if scenario.tools > 0 { "tool_calls" } else { "stop" })
}

/// The non-streaming chat completion.
pub fn whole(prompt: &Prompt, scenario: &Scenario) -> String {
    let q = |text: &str| quote(text, scenario.escape);
    let calls: Vec<String> = (0..scenario.tools)
        .map(|i| {
            format!(
                "{{\"id\":\"call_mock{i}\",\"type\":\"function\",\"function\":{{\"name\":{},\"arguments\":{}}}}}",
                q(prompt.tool(i)),
                q(&prompt.arguments(i, scenario))
            )
        })
        .collect();
    let calls =
        if calls.is_empty() { String::new() } else { format!(",\"tool_calls\":[{}]", calls.join(",")) };
    let content = if scenario.text { q(&prompt.text) } else { "null".to_owned() };
    let thinking = if scenario.thinking > 0 {
        format!(",\"reasoning_content\":{}", q(&prompt.text))
    } else {
        String::new()
    };
    let choices: Vec<String> = (0..prompt.choices)
        .map(|index| {
            format!(
                "{{\"index\":{index},\"message\":{{\"role\":\"assistant\",\"content\":{content}{thinking}{calls},\
                 \"refusal\":null,\"annotations\":[]}},\"logprobs\":null,\"finish_reason\":{}}}",
                q(finish(scenario))
            )
        })
        .collect();
    format!(
        "{{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":{},\
         \"choices\":[{}],\"usage\":{USAGE},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\"}}",
        q(&prompt.model),
        choices.join(",")
    )
}

/// The streamed chat completion.
pub fn stream(prompt: &Prompt, scenario: &Scenario) -> Vec<StreamEvent> {
    let model = quote(&prompt.model, scenario.escape);
    let usage = if prompt.include_usage { ",\"usage\":null" } else { "" };
    let chunk = |choices: &str, usage: &str| {
        StreamEvent::bare(format!(
            "{{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":{model},\
             \"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\",\"choices\":[{choices}]{usage}}}"
        ))
    };
    let delta = |index: usize, delta: &str, reason: &str| {
        let choice =
            format!("{{\"index\":{index},\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}");
        chunk(&choice, usage)
    };
    let mut out = Vec::new();
    let content = if scenario.text { "\"\"" } else { "null" };
    let first = format!("{{\"role\":\"assistant\",\"content\":{content},\"refusal\":null}}");
    out.extend((0..prompt.choices).map(|index| delta(index, &first, "null")));
    let mut say = |kind: &str| {
        for piece in prompt.deltas(scenario) {
            let body = format!("{{\"{kind}\":{}}}", quote(&piece, scenario.escape));
            out.extend((0..prompt.choices).map(|index| delta(index, &body, "null")));
        }
    };
    if scenario.thinking > 0 {
        say("reasoning_content");
    }
    if scenario.text {
        say("content");
    }
    for body in tool_deltas(prompt, scenario) {
        out.extend((0..prompt.choices).map(|index| delta(index, &body, "null")));
    }
    let reason = quote(finish(scenario), scenario.escape);
    out.extend((0..prompt.choices).map(|index| delta(index, "{}", &reason)));
    if prompt.include_usage {
        out.push(chunk("", &format!(",\"usage\":{USAGE}")));
    }
    out.push(StreamEvent::bare("[DONE]"));
    out
}

/// The `delta` objects of the tool calls, interleaved where the scenario says so.
fn tool_deltas(prompt: &Prompt, scenario: &Scenario) -> Vec<String> {
    let calls = (0..scenario.tools).map(|i| {
        let name = quote(prompt.tool(i), scenario.escape);
        let first = format!(
            "{{\"tool_calls\":[{{\"index\":{i},\"id\":\"call_mock{i}\",\"type\":\"function\",\
             \"function\":{{\"name\":{name},\"arguments\":\"\"}}}}]}}"
        );
        let arguments = prompt.arguments(i, scenario);
        let rest = pieces(&arguments, scenario.chunk).into_iter().map(|piece| {
            let piece = quote(piece, scenario.escape);
            format!("{{\"tool_calls\":[{{\"index\":{i},\"function\":{{\"arguments\":{piece}}}}}]}}")
        });
        std::iter::once(first).chain(rest).collect::<Vec<_>>()
    });
    if scenario.interleave { interleave(calls.collect()) } else { calls.flatten().collect() }
}

/// The non-streaming text completion.
pub fn completion(prompt: &Prompt, scenario: &Scenario) -> String {
    let reason = quote(scenario.stop.as_deref().unwrap_or("stop"), scenario.escape);
    let text = quote(&prompt.text, scenario.escape);
    let choices: Vec<String> = (0..prompt.choices)
        .map(|i| format!("{{\"text\":{text},\"index\":{i},\"logprobs\":null,\"finish_reason\":{reason}}}"))
        .collect();
    format!(
        "{{\"id\":\"cmpl-mock\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":{},\"choices\":[{}],\
         \"usage\":{USAGE}}}",
        quote(&prompt.model, scenario.escape),
        choices.join(",")
    )
}

/// The streamed text completion.
pub fn completion_stream(prompt: &Prompt, scenario: &Scenario) -> Vec<StreamEvent> {
    let model = quote(&prompt.model, scenario.escape);
    let chunk = |index: usize, text: &str, reason: &str| {
        StreamEvent::bare(format!(
            "{{\"id\":\"cmpl-mock\",\"object\":\"text_completion\",\"created\":1700000000,\"choices\":[{{\"text\":{},\
             \"index\":{index},\"logprobs\":null,\"finish_reason\":{reason}}}],\"model\":{model}}}",
            quote(text, scenario.escape)
        ))
    };
    let mut out = Vec::new();
    for piece in prompt.deltas(scenario) {
        out.extend((0..prompt.choices).map(|i| chunk(i, &piece, "null")));
    }
    let reason = quote(scenario.stop.as_deref().unwrap_or("stop"), scenario.escape);
    out.extend((0..prompt.choices).map(|i| chunk(i, "", &reason)));
    out.push(StreamEvent::bare("[DONE]"));
    out
}

/// The body of an error reply; also the data of an error event in mid-stream.
pub fn failure(status: u16, message: &str, scenario: &Scenario) -> String {
    let (kind, code) = match status {
        401 => ("invalid_request_error", "\"invalid_api_key\""),
        429 => ("requests", "\"rate_limit_exceeded\""),
        500.. => ("server_error", "null"),
        _ => ("invalid_request_error", "null"),
    };
    let message = quote(message, scenario.escape);
    format!("{{\"error\":{{\"message\":{message},\"type\":\"{kind}\",\"param\":null,\"code\":{code}}}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streamed_arguments_join_to_the_whole_ones() {
        let mut scenario = Scenario::default();
        scenario.apply("tools=2,nested=2,chunk=1").unwrap();
        let prompt = Prompt { text: "p\"q\\\n\u{e9}".to_owned(), choices: 1, ..Prompt::default() };
        let mut calls = [String::new(), String::new()];
        for event in stream(&prompt, &scenario) {
            let Ok(doc) = serde_json::from_str::<serde_json::Value>(&event.data) else { continue };
            let call = &doc["choices"][0]["delta"]["tool_calls"][0];
            if let Some(text) = call["function"]["arguments"].as_str() {
                calls[usize::try_from(call["index"].as_u64().unwrap()).unwrap()].push_str(text);
            }
        }
        for (i, joined) in calls.iter().enumerate() {
            let mut value: serde_json::Value = serde_json::from_str(joined).unwrap();
            for _ in 0..2 {
                value = serde_json::from_str(value["payload"].as_str().unwrap()).unwrap();
            }
            assert_eq!(value["command"], "p\"q\\\n\u{e9}");
            assert_eq!(value["call"], i);
        }
    }
}
