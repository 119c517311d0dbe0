//! OpenAI's Responses API, whole and streamed with all its repeats: a text comes as deltas, as
//! `output_text.done`, in `content_part.done`, in `output_item.done` and in `response.completed`.

use super::interleave::interleave;
use super::opaque::SIGNATURE;
use super::prompt::Prompt;
use super::quote::{pieces, quote};
use super::reply::StreamEvent;
use super::scenario::Scenario;

const USAGE: &str = "{\"input_tokens\":11,\"input_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":0},\
    \"output_tokens\":7,\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":18}";

/// One output item: its JSON when it begins and when it is done, and the events between.
struct Item {
    started: String,
    done: String,
    /// Each event: name, and the fields that follow `"output_index":N`.
    opening: Vec<(&'static str, String)>,
    deltas: Vec<(&'static str, String)>,
    closing: Vec<(&'static str, String)>,
}

fn items(prompt: &Prompt, scenario: &Scenario) -> Vec<Item> {
    let mut out = Vec::new();
    if scenario.thinking > 0 {
        out.push(reasoning(prompt, scenario));
    }
    if scenario.text {
        out.push(message(prompt, scenario));
    }
    out.extend((0..scenario.tools).map(|i| call(i, prompt, scenario)));
    out
}

fn reasoning(prompt: &Prompt, scenario: &Scenario) -> Item {
    let q = |text: &str| quote(text, scenario.escape);
    let item = |summary: &str| {
        format!(
            "{{\"id\":\"rs_mock\",\"type\":\"reasoning\",\"summary\":[{summary}],\"encrypted_content\":\"{SIGNATURE}\"}}"
        )
    };
    let part = |text: &str| format!("{{\"type\":\"summary_text\",\"text\":{}}}", q(text));
    let at = "\"item_id\":\"rs_mock\",\"summary_index\":0";
    Item {
        started: item(""),
        done: item(&part(&prompt.text)),
        opening: vec![("response.reasoning_summary_part.added", format!("{at},\"part\":{}", part("")))],
        deltas: (pieces(&prompt.text, scenario.chunk).into_iter())
            .map(|p| ("response.reasoning_summary_text.delta", format!("{at},\"delta\":{}", q(p))))
            .collect(),
        closing: vec![
            ("response.reasoning_summary_text.done", format!("{at},\"text\":{}", q(&prompt.text))),
            ("response.reasoning_summary_part.done", format!("{at},\"part\":{}", part(&prompt.text))),
        ],
    }
}

fn message(prompt: &Prompt, scenario: &Scenario) -> Item {
    let q = |text: &str| quote(text, scenario.escape);
    let part = |text: &str| {
        format!("{{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":{}}}", q(text))
    };
    let item = |status: &str, content: &str| {
        format!(
            "{{\"id\":\"msg_mock\",\"type\":\"message\",\"status\":\"{status}\",\"content\":[{content}],\
             \"role\":\"assistant\"}}"
        )
    };
    let deltas = prompt.deltas(scenario);
    let text = deltas.concat();
    let at = "\"item_id\":\"msg_mock\",\"content_index\":0";
    Item {
        started: item("in_progress", ""),
        done: item("completed", &part(&text)),
        opening: vec![("response.content_part.added", format!("{at},\"part\":{}", part("")))],
        deltas: (deltas.iter())
            .map(|p| ("response.output_text.delta", format!("{at},\"delta\":{},\"logprobs\":[]", q(p))))
            .collect(),
        closing: vec![
            ("response.output_text.done", format!("{at},\"text\":{},\"logprobs\":[]", q(&text))),
            ("response.content_part.done", format!("{at},\"part\":{}", part(&text))),
        ],
    }
}

fn call(i: usize, prompt: &Prompt, scenario: &Scenario) -> Item {
    let q = |text: &str| quote(text, scenario.escape);
    let (id, kind, key, text) = if scenario.custom {
        (format!("ctc_mock{i}"), "custom_tool_call", "input", prompt.text.clone())
    } else {
        (format!("fc_mock{i}"), "function_call", "arguments", prompt.arguments(i, scenario))
    };
    let (delta, done) = if scenario.custom {
        ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done")
    } else {
        ("response.function_call_arguments.delta", "response.function_call_arguments.done")
    };
    let item = |status: &str, text: &str| {
        format!(
            "{{\"id\":\"{id}\",\"type\":\"{kind}\",\"status\":\"{status}\",\"{key}\":{},\"call_id\":\"call_mock{i}\",\
             \"name\":{}}}",
            q(text),
            q(prompt.tool(i))
        )
    };
    Item {
        started: item("in_progress", ""),
        done: item("completed", &text),
        opening: Vec::new(),
        deltas: (pieces(&text, scenario.chunk).into_iter())
            .map(|p| (delta, format!("\"item_id\":\"{id}\",\"delta\":{}", q(p))))
            .collect(),
        closing: vec![(done, format!("\"item_id\":\"{id}\",\"{key}\":{}", q(&text)))],
    }
}

/// The response object, in the status and with the output given.
fn response(prompt: &Prompt, scenario: &Scenario, status: &str, output: &str) -> String {
    let done = status != "in_progress";
    let incomplete = match &scenario.stop {
        Some(reason) if done => format!("{{\"reason\":{}}}", quote(reason, scenario.escape)),
        _ => "null".to_owned(),
    };
    format!(
        "{{\"id\":\"resp_mock\",\"object\":\"response\",\"created_at\":1700000000,\"status\":\"{status}\",\
         \"background\":false,\"error\":null,\"incomplete_details\":{incomplete},\"instructions\":{},\
         \"max_output_tokens\":null,\"model\":{},\"output\":[{output}],\"parallel_tool_calls\":true,\
         \"previous_response_id\":null,\"reasoning\":{{\"effort\":null,\"summary\":null}},\"store\":true,\
         \"temperature\":1.0,\"text\":{{\"format\":{{\"type\":\"text\"}}}},\"tool_choice\":\"auto\",\"tools\":[],\
         \"top_p\":1.0,\"truncation\":\"disabled\",\"usage\":{},\"user\":null,\"metadata\":{{}}}}",
        prompt.instructions,
        quote(&prompt.model, scenario.escape),
        if done { USAGE } else { "null" },
    )
}

fn final_status(scenario: &Scenario) -> (&'static str, &'static str) {
    if scenario.stop.is_some() {
        ("incomplete", "response.incomplete")
    } else {
        ("completed", "response.completed")
    }
}

fn output(items: &[Item]) -> String {
    items.iter().map(|i| i.done.as_str()).collect::<Vec<_>>().join(",")
}

/// The non-streaming response.
pub fn whole(prompt: &Prompt, scenario: &Scenario) -> String {
    response(prompt, scenario, final_status(scenario).0, &output(&items(prompt, scenario)))
}

/// The streamed response.
pub fn stream(prompt: &Prompt, scenario: &Scenario) -> Vec<StreamEvent> {
    let items = items(prompt, scenario);
    let output = output(&items);
    let started = response(prompt, scenario, "in_progress", "");
    let mut out = vec![
        ("response.created", format!("\"response\":{started}")),
        ("response.in_progress", format!("\"response\":{started}")),
    ];
    let (calls, others): (Vec<_>, Vec<_>) =
        items.into_iter().enumerate().partition(|(_, item)| item.opening.is_empty());
    for (index, item) in others {
        out.extend(phases_of(index, item).concat());
    }
    let mut phases: [Vec<Vec<_>>; 3] = Default::default();
    for (index, item) in calls {
        for (phase, events) in phases.iter_mut().zip(phases_of(index, item)) {
            phase.push(events);
        }
    }
    if scenario.interleave {
        for phase in phases {
            out.extend(interleave(phase));
        }
    } else {
        let [opening, deltas, closing] = phases;
        for ((opening, deltas), closing) in opening.into_iter().zip(deltas).zip(closing) {
            out.extend([opening, deltas, closing].concat());
        }
    }
    let (status, last) = final_status(scenario);
    out.push((last, format!("\"response\":{}", response(prompt, scenario, status, &output))));
    out.into_iter()
        .enumerate()
        .map(|(n, (name, fields))| {
            StreamEvent::named(name, format!("{{\"type\":\"{name}\",\"sequence_number\":{n},{fields}}}"))
        })
        .collect()
}

/// An item's events as opening, deltas and closing.
fn phases_of(index: usize, item: Item) -> [Vec<(&'static str, String)>; 3] {
    let place = |events: Vec<(&'static str, String)>| -> Vec<(&'static str, String)> {
        events.into_iter().map(|(n, fields)| (n, format!("\"output_index\":{index},{fields}"))).collect()
    };
    let mut opening =
        vec![("response.output_item.added", format!("\"output_index\":{index},\"item\":{}", item.started))];
    opening.extend(place(item.opening));
    let mut closing = place(item.closing);
    closing.push(("response.output_item.done", format!("\"output_index\":{index},\"item\":{}", item.done)));
    [opening, place(item.deltas), closing]
}

/// The error event in mid-stream.
pub fn error_event(sequence: usize) -> StreamEvent {
    StreamEvent::named(
        "error",
        format!(
            "{{\"type\":\"error\",\"sequence_number\":{sequence},\"code\":\"server_error\",\
             \"message\":\"The server had an error.\",\"param\":null}}"
        ),
    )
}
