//! From the providers' events to the bytes of a reply body.

use super::prompt::{Api, Prompt};
use super::scenario::Scenario;
use super::{anthropic, gemini, lists, openai_chat, openai_responses};

/// One server-sent event before it is written out.
#[derive(Clone, Debug)]
pub struct Event {
    /// `event:` field, where the API has one.
    pub name: Option<&'static str>,
    /// `data:` field, one line of JSON (or `[DONE]`).
    pub data: String,
}

impl Event {
    /// An event without a name, as OpenAI's chat API and Gemini send them.
    pub fn bare(data: impl Into<String>) -> Self {
        Self { name: None, data: data.into() }
    }

    /// A named event.
    pub fn named(name: &'static str, data: impl Into<String>) -> Self {
        Self { name: Some(name), data: data.into() }
    }
}

/// A reply before framing and coding.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// Further fields, each `name: value`.
    pub fields: Vec<String>,
    /// The body.
    pub body: Body,
}

/// A reply's body.
#[derive(Debug)]
pub enum Body {
    /// Sent at once.
    Whole(Vec<u8>),
    /// Sent piece by piece with the scenario's delays.
    Stream(Vec<Vec<u8>>),
}

impl Reply {
    /// A JSON reply with status 200.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: "application/json".to_owned(),
            fields: Vec::new(),
            body: Body::Whole(body.into()),
        }
    }

    /// The whole body, for records.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Whole(bytes) => bytes.clone(),
            Body::Stream(pieces) => pieces.concat(),
        }
    }
}

/// Answers one request. `content_type` is the request's, sent back by the echo API.
pub fn answer(
    api: Api,
    target: &str,
    anthropic_headers: bool,
    content_type: &str,
    body: &[u8],
    scenario: &Scenario,
) -> Reply {
    let prompt = Prompt::read(target, body, scenario);
    if let Some(status) = scenario.status.filter(|s| *s >= 400) {
        let message = scenario.reply.as_ref().map_or("the mock was asked to fail", |_| &prompt.text);
        return failure(api, status, message, scenario);
    }
    let stream =
        |events: Vec<Event>| events_reply(render(cut_by_error(events, api, scenario), api, scenario));
    let mut reply = match api {
        Api::Chat if prompt.stream => stream(openai_chat::stream(&prompt, scenario)),
        Api::Chat => Reply::json(openai_chat::whole(&prompt, scenario)),
        Api::Completions if prompt.stream => stream(openai_chat::completion_stream(&prompt, scenario)),
        Api::Completions => Reply::json(openai_chat::completion(&prompt, scenario)),
        Api::Responses if prompt.stream => stream(openai_responses::stream(&prompt, scenario)),
        Api::Responses => Reply::json(openai_responses::whole(&prompt, scenario)),
        Api::Messages if prompt.stream => stream(anthropic::stream(&prompt, scenario)),
        Api::Messages => Reply::json(anthropic::whole(&prompt, scenario)),
        Api::StreamGenerate { sse: true } => stream(gemini::stream(&prompt, scenario)),
        Api::StreamGenerate { sse: false } => {
            gemini::array(&cut_by_error(gemini::stream(&prompt, scenario), api, scenario))
        }
        Api::Generate => Reply::json(gemini::whole(&prompt, scenario)),
        Api::CountTokens => Reply::json("{\"input_tokens\":11}"),
        Api::GeminiCount => Reply::json("{\"totalTokens\":11}"),
        Api::Models => Reply::json(lists::models(target, anthropic_headers)),
        Api::Echo => echo(content_type, body),
    };
    reply.status = scenario.status.unwrap_or(reply.status);
    reply
}

fn echo(content_type: &str, body: &[u8]) -> Reply {
    let kind = if content_type.is_empty() { "application/octet-stream" } else { content_type };
    Reply { content_type: kind.to_owned(), ..Reply::json(body) }
}

fn events_reply(pieces: Vec<Vec<u8>>) -> Reply {
    Reply {
        status: 200,
        content_type: "text/event-stream; charset=utf-8".to_owned(),
        fields: vec!["cache-control: no-cache".to_owned()],
        body: Body::Stream(pieces),
    }
}

/// An error reply in the provider's own shape.
fn failure(api: Api, status: u16, message: &str, scenario: &Scenario) -> Reply {
    let body = match api {
        Api::Messages | Api::CountTokens => anthropic::failure(status, message, scenario),
        Api::Generate | Api::StreamGenerate { .. } | Api::GeminiCount => {
            gemini::failure(status, message, scenario)
        }
        _ => openai_chat::failure(status, message, scenario),
    };
    let retry = (status == 429 || status == 503).then(|| "retry-after: 1".to_owned());
    Reply { status, fields: retry.into_iter().collect(), ..Reply::json(body) }
}

/// Ends the stream with the provider's error event where the scenario says so.
fn cut_by_error(mut events: Vec<Event>, api: Api, scenario: &Scenario) -> Vec<Event> {
    if let Some(at) = scenario.error_at {
        events.truncate(at);
        events.push(match api {
            Api::Messages => anthropic::error_event(scenario),
            Api::Responses => openai_responses::error_event(events.len()),
            Api::StreamGenerate { .. } => {
                Event::bare(gemini::failure(503, "The model is overloaded.", scenario))
            }
            _ => Event::bare(openai_chat::failure(500, "The server had an error.", scenario)),
        });
    }
    events
}

/// Writes events as `text/event-stream` (WHATWG HTML, 9.2), one piece an event.
fn render(events: Vec<Event>, api: Api, scenario: &Scenario) -> Vec<Vec<u8>> {
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

fn write_event(text: &mut String, event: &Event, scenario: &Scenario) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const APIS: [&str; 4] = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"];

    fn reply(target: &str, scenario: &str) -> String {
        let mut parsed = Scenario::default();
        parsed.apply(scenario).unwrap();
        let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x, \"y\" and z"}]}"#;
        let api = Api::of("POST", target);
        String::from_utf8(answer(api, target, false, "", body.as_bytes(), &parsed).bytes()).unwrap()
    }

    /// Reads SSE the way the standard says: lines end in CRLF, LF or CR; data lines are joined by newlines.
    fn events(text: &str) -> Vec<String> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let data = |block: &str| {
            let lines: Vec<&str> = block.lines().filter_map(|l| l.strip_prefix("data: ")).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        };
        text.split("\n\n").filter_map(data).collect()
    }

    #[test]
    fn every_cutting_gives_the_same_events() {
        for target in APIS {
            let plain = events(&reply(target, "chunk=3,tools=2,nested=1,thinking=2"));
            assert!(plain.len() > 5, "{target}");
            for cut in ["eol=crlf", "eol=cr", "split_data=1", "comment=1", "escape=all,split_data=1,eol=cr"] {
                let other = events(&reply(target, &format!("chunk=3,tools=2,nested=1,thinking=2,{cut}")));
                let values = |list: &[String]| -> Vec<Option<serde_json::Value>> {
                    list.iter().map(|e| serde_json::from_str(e).ok()).collect()
                };
                if !cut.contains("escape") {
                    assert_eq!(values(&plain), values(&other), "{target} {cut}");
                }
                assert!(
                    other
                        .iter()
                        .all(|e| e == "[DONE]" || serde_json::from_str::<serde_json::Value>(e).is_ok())
                );
            }
        }
    }

    #[test]
    fn an_error_event_is_the_last_one() {
        for target in APIS {
            let list = events(&reply(target, "chunk=1,error_at=3"));
            assert_eq!(list.len(), 4, "{target}");
            assert!(list[3].contains("error"), "{target}");
        }
    }

    #[test]
    fn failures_have_the_providers_shape() {
        assert!(reply("/v1/messages", "status=529").starts_with("{\"type\":\"error\",\"error\":{\"type\":"));
        assert!(reply("/v1/chat/completions", "status=429,reply=no").contains("\"message\":\"no\""));
        assert!(
            reply("/v1beta/models/g:generateContent", "status=400")
                .contains("\"status\":\"INVALID_ARGUMENT\"")
        );
    }
}
