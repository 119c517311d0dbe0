//! Which API answers a request, and with what: the one place that knows all of them.

use super::prompt::{Api, Prompt};
use super::reply::{Reply, StreamEvent};
use super::scenario::Scenario;
use super::{anthropic, gemini, lists, openai_chat, openai_responses, sse};

/// What of a request its answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// Which API it is for.
    pub api: Api,
    /// Its target, with the query.
    pub target: &'r str,
    /// Whether it has header fields of Anthropic's.
    pub anthropic_headers: bool,
    /// Its `content-type`, which the echo API sends back.
    pub content_type: &'r str,
    /// Its decoded body.
    pub body: &'r [u8],
}

/// Answers one request.
pub fn answer(asked: Asked<'_>, scenario: &Scenario) -> Reply {
    let Asked { api, target, anthropic_headers, content_type, body } = asked;
    let prompt = Prompt::read(target, body, scenario);
    if let Some(status) = scenario.status.filter(|s| *s >= 400) {
        let message = scenario.reply.as_ref().map_or("the mock was asked to fail", |_| &prompt.text);
        return failure(api, status, message, scenario);
    }
    let stream = |events: Vec<StreamEvent>| {
        Reply::events(sse::render(cut_by_error(events, api, scenario), api, scenario))
    };
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
fn cut_by_error(mut events: Vec<StreamEvent>, api: Api, scenario: &Scenario) -> Vec<StreamEvent> {
    if let Some(at) = scenario.error_at {
        events.truncate(at);
        events.push(match api {
            Api::Messages => anthropic::error_event(scenario),
            Api::Responses => openai_responses::error_event(events.len()),
            Api::StreamGenerate { .. } => {
                StreamEvent::bare(gemini::failure(503, "The model is overloaded.", scenario))
            }
            _ => StreamEvent::bare(openai_chat::failure(500, "The server had an error.", scenario)),
        });
    }
    events
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
        let asked = Asked { api, target, anthropic_headers: false, content_type: "", body: body.as_bytes() };
        String::from_utf8(answer(asked, &parsed).bytes()).unwrap()
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
