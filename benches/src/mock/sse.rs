//! Events as the text of a stream, in every legal way of writing them.

use super::prompt::Api;
use super::reply::StreamEvent;
use super::scenario::Scenario;

/// Writes events as `text/event-stream` (WHATWG HTML, 9.2), one piece an event.
pub fn render(events: Vec<StreamEvent>, api: Api, scenario: &Scenario) -> Vec<Vec<u8>> {
    let eol = scenario.eol;
    let mut pieces = Vec::with_capacity(events.len());
    for (i, event) in events.into_iter().enumerate() {
        let mut text = String::new();
        if scenario.comment {
            text.push_str(": keep-alive");
            text.push_str(eol);
        }
        write_event(&mut text, &event, scenario);
        pieces.push(text.into_bytes());
        if scenario.ping.is_some_and(|n| (i + 1) % n == 0) {
            pieces.push(match api {
                Api::Messages => {
                    format!("event: ping{eol}data: {{\"type\": \"ping\"}}{eol}{eol}").into_bytes()
                }
                _ => format!(": ping{eol}{eol}").into_bytes(),
            });
        }
    }
    pieces
}

fn write_event(text: &mut String, event: &StreamEvent, scenario: &Scenario) {
    let eol = scenario.eol;
    if let Some(name) = event.name {
        text.push_str("event: ");
        text.push_str(name);
        text.push_str(eol);
    }
    let lines = if scenario.split_data { split_json(&event.data) } else { vec![event.data.as_str()] };
    for line in lines {
        text.push_str("data: ");
        text.push_str(line);
        text.push_str(eol);
    }
    text.push_str(eol);
}

/// Splits JSON after commas outside strings: joined by newlines again it is the same document.
fn split_json(json: &str) -> Vec<&str> {
    let (mut lines, mut start, mut in_string, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' if !in_string => {
                lines.push(&json[start..=at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    lines.push(&json[start..]);
    lines
}
