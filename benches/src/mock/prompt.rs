//! What the mock needs to know of a request: which API, which model, streaming or not, and the text to say
//! back.

use super::scenario::{MAX_REPLY_SIZE, Scenario};
use serde_json::Value;

/// Text that pads replies; ordinary words, so that no scanner finds anything in it.
const FILLER: &str = " The quick brown fox reads the manual, fixes the build and goes for a walk.";

/// The API a request is for, recognised by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `POST .../chat/completions`
    Chat,
    /// `POST .../completions`
    Completions,
    /// `POST .../responses`
    Responses,
    /// `POST .../messages`
    Messages,
    /// `POST .../messages/count_tokens`
    CountTokens,
    /// `POST .../models/M:generateContent`
    Generate,
    /// `POST .../models/M:streamGenerateContent`, as SSE if true, else as a JSON array
    StreamGenerate {
        /// Whether `?alt=sse` asked for events.
        sse: bool,
    },
    /// `POST .../models/M:countTokens`
    GeminiCount,
    /// `GET .../models[/M]`
    Models,
    /// Anything else: the body is sent back as it came.
    Echo,
}

impl Api {
    /// Decides by method and request target.
    pub fn of(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if method == "GET" {
            let models = path.ends_with("/models") || path.contains("/models/");
            return if models { Self::Models } else { Self::Echo };
        }
        let sse = query.split('&').any(|p| p == "alt=sse");
        match path {
            p if p.ends_with("/chat/completions") => Self::Chat,
            p if p.ends_with("/completions") => Self::Completions,
            p if p.ends_with("/responses") => Self::Responses,
            p if p.ends_with("/messages/count_tokens") => Self::CountTokens,
            p if p.ends_with("/messages") => Self::Messages,
            p if p.ends_with(":generateContent") => Self::Generate,
            p if p.ends_with(":streamGenerateContent") => Self::StreamGenerate { sse },
            p if p.ends_with(":countTokens") => Self::GeminiCount,
            _ => Self::Echo,
        }
    }
}

/// A parsed request.
#[derive(Debug, Default)]
pub struct Prompt {
    /// Model named in the body (or path).
    pub model: String,
    /// `stream: true`.
    pub stream: bool,
    /// `stream_options.include_usage: true`.
    pub include_usage: bool,
    /// Number of choices (`n` or `candidateCount`).
    pub choices: usize,
    /// Names of the tools offered.
    pub tools: Vec<String>,
    /// The Responses API sends the instructions back; raw JSON.
    pub instructions: String,
    /// What to say.
    pub text: String,
}

impl Prompt {
    /// Reads a request's (decoded) body; what is not JSON gives an empty prompt.
    pub fn read(target: &str, body: &[u8], scenario: &Scenario) -> Self {
        let doc: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let path_model = target.split("/models/").nth(1).and_then(|m| m.split([':', '?']).next());
        let model = doc["model"].as_str().or(path_model).unwrap_or("mock-model").to_owned();
        let choices = doc["n"].as_u64().or_else(|| doc["generationConfig"]["candidateCount"].as_u64());
        let echo = if scenario.echo_all { all_strings(&doc) } else { last_user_text(&doc) };
        Self {
            model,
            stream: doc["stream"].as_bool().unwrap_or(false),
            include_usage: doc["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            choices: choices.unwrap_or(1).clamp(1, 16) as usize,
            tools: tool_names(&doc["tools"]),
            instructions: doc.get("instructions").map_or("null".to_owned(), Value::to_string),
            text: said(&echo, &tokens_in(body), scenario),
        }
    }

    /// Name of the `i`-th call's tool.
    pub fn tool(&self, i: usize) -> &str {
        if self.tools.is_empty() { "run" } else { &self.tools[i % self.tools.len()] }
    }

    /// Arguments of the `i`-th tool call as JSON text, wrapped as deep as the scenario asks.
    pub fn arguments(&self, i: usize, scenario: &Scenario) -> String {
        let quote = |text: &str| super::quote::quote(text, scenario.escape);
        let mut json = format!("{{\"command\":{},\"call\":{i}}}", quote(&self.text));
        for _ in 0..scenario.nested {
            json = format!("{{\"payload\":{}}}", quote(&json));
        }
        json
    }

    /// The text deltas of a stream.
    pub fn deltas(&self, scenario: &Scenario) -> Vec<String> {
        let Some(count) = scenario.events else {
            return super::quote::pieces(&self.text, scenario.chunk).into_iter().map(str::to_owned).collect();
        };
        let mut text = self.text.clone();
        let mut filler = FILLER.chars().cycle();
        while text.chars().count() < count {
            text.extend(filler.by_ref().take(8 * count));
        }
        let chars: Vec<char> = text.chars().collect();
        (0..count)
            .map(|i| chars[i * chars.len() / count..(i + 1) * chars.len() / count].iter().collect())
            .collect()
    }
}

/// The reply's text: template filled in, case changed, cut and padded.
fn said(echo: &str, tokens: &[String], scenario: &Scenario) -> String {
    let mut text = match &scenario.reply {
        None => echo.to_owned(),
        Some(template) => {
            let mut text = template.replace("{tokens}", &tokens.join(" "));
            for (i, token) in tokens.iter().enumerate() {
                text = text.replace(&format!("{{t{i}}}"), token);
            }
            text.replace("{echo}", echo)
        }
    };
    if scenario.repeat > 1 {
        text = text.repeat(scenario.repeat.min(1 + MAX_REPLY_SIZE / text.len().max(1)));
    }
    if let Some(upper) = scenario.upper {
        text = if upper { text.to_uppercase() } else { text.to_lowercase() };
    }
    if let Some(count) = scenario.truncate {
        text = text.chars().take(count).collect();
    }
    if let Some(size) = scenario.size {
        while text.len() < size {
            let room = size - text.len();
            text.push_str(&FILLER[..FILLER.len().min(room)]);
        }
    }
    text
}

/// Every run of the token alphabet that starts with `AEGIS-`, in order, without repeats.
pub fn tokens_in(body: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for at in memchr::memmem::find_iter(body, b"AEGIS-") {
        let run = body[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
        let token = String::from_utf8_lossy(&body[at..at + run]).into_owned();
        if !found.contains(&token) {
            found.push(token);
        }
    }
    found
}

fn tool_names(tools: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for tool in tools.as_array().into_iter().flatten() {
        let nested =
            tool["functionDeclarations"].as_array().or_else(|| tool["function_declarations"].as_array());
        for entry in nested.map_or(std::slice::from_ref(tool), Vec::as_slice) {
            let name = entry["name"].as_str().or_else(|| entry["function"]["name"].as_str());
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

/// Text of the last message by the user, in any of the APIs' shapes.
fn last_user_text(doc: &Value) -> String {
    for key in ["messages", "input", "contents", "prompt"] {
        match &doc[key] {
            Value::String(text) => return text.clone(),
            Value::Array(items) => {
                let by_user =
                    |m: &&Value| m["role"].as_str().is_none_or(|r| r == "user") && m["type"] != "reasoning";
                return items.iter().rev().find(by_user).map(text_of).unwrap_or_default();
            }
            Value::Object(_) => return text_of(&doc[key]),
            _ => {}
        }
    }
    String::new()
}

/// The text of a message: its strings and text parts joined by newlines; media and opaque parts left out.
fn text_of(value: &Value) -> String {
    let parts: Vec<String> = match value {
        Value::String(text) => return text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Object(map) => ["text", "content", "parts", "output", "functionResponse", "response"]
            .iter()
            .filter_map(|key| map.get(*key))
            .map(text_of)
            .collect(),
        _ => Vec::new(),
    };
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Every string value of the document, joined by newlines.
fn all_strings(doc: &Value) -> String {
    fn walk<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => out.push(text),
            Value::Array(items) => items.iter().for_each(|v| walk(v, out)),
            Value::Object(map) => map.values().for_each(|v| walk(v, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(doc, &mut out);
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> String {
        Prompt::read("/v1/messages", body.as_bytes(), &Scenario::default()).text
    }

    #[test]
    fn the_last_user_message_is_found_in_every_shape() {
        assert_eq!(
            text(r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#),
            "a"
        );
        assert_eq!(
            text(
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},
            {"type":"tool_result","content":[{"type":"text","text":"b"}]}]}]}"#
            ),
            "a\nb"
        );
        assert_eq!(text(r#"{"input":"hello"}"#), "hello");
        assert_eq!(
            text(
                r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"reasoning"}]}"#
            ),
            "x"
        );
        assert_eq!(text(r#"{"contents":[{"role":"user","parts":[{"text":"g"}]}]}"#), "g");
        assert_eq!(text("not json"), "");
    }

    #[test]
    fn templates_name_tokens() {
        let mut scenario = Scenario::default();
        scenario.apply("reply=<{t1}|{tokens}>").unwrap();
        let body = br#"{"input":"AEGIS-KEY-0AAAA, AEGIS-PKEY-0BBBB and AEGIS-KEY-0AAAA"}"#;
        let prompt = Prompt::read("/v1/responses", body, &scenario);
        assert_eq!(prompt.text, "<AEGIS-PKEY-0BBBB|AEGIS-KEY-0AAAA AEGIS-PKEY-0BBBB>");
    }

    #[test]
    fn events_and_size_are_exact() {
        let mut scenario = Scenario::default();
        scenario.apply("reply=ab,size=1000,events=200").unwrap();
        let prompt = Prompt::read("/v1/responses", b"{}", &scenario);
        assert_eq!((prompt.text.len(), prompt.deltas(&scenario).len()), (1000, 200));
        assert_eq!(prompt.deltas(&scenario).concat(), prompt.text);
    }

    #[test]
    fn apis_are_recognised_by_path() {
        assert_eq!(Api::of("POST", "/openai/v1/chat/completions"), Api::Chat);
        assert_eq!(Api::of("POST", "/v1/messages/count_tokens?beta=true"), Api::CountTokens);
        let gemini = Api::of("POST", "/v1beta/models/g:streamGenerateContent?alt=sse");
        assert_eq!(gemini, Api::StreamGenerate { sse: true });
        assert_eq!(Api::of("POST", "/anything"), Api::Echo);
    }
}
