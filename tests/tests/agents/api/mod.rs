//! The APIs that the agents speak: what a request tells, and how a turn is streamed back.
//!
//! Every text is cut into pieces of a few characters, each in an event of its own, as models write.

mod anthropic;
mod chat;
mod google;
mod responses;

use aegis_tests::{Message, Script};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::plan::Seen;

/// Characters in one event.
const PIECE_CHARS: usize = 7;

/// An API in which a model calls tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// Messages of Anthropic.
    Anthropic,
    /// Responses of OpenAI.
    Responses,
    /// Chat completions of OpenAI.
    Chat,
    /// Chat completions without tools: what the model does stands in its text.
    ChatText,
    /// Generate content of Google.
    Google,
}

/// A call of a tool, as the model writes it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Name of the tool.
    pub(crate) tool: &'static str,
    /// Its arguments.
    pub(crate) input: Input,
}

/// Arguments of a tool.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// An object.
    Json(Value),
    /// Free text.
    Text(String),
}

/// What the model writes in one turn.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Numbers the reply within its session.
    pub(crate) number: usize,
    /// What it says.
    pub(crate) text: String,
    /// What it calls; without a call its turn is over.
    pub(crate) call: Option<Call>,
}

impl Api {
    /// Whether a request asks for a streamed reply of the model; agents ask a provider for more.
    pub(crate) fn is_asked(self, request: &Message) -> bool {
        let path = request.target().split('?').next().unwrap_or_default();
        let is_path = match self {
            Api::Anthropic => path == "/v1/messages",
            Api::Responses => path == "/v1/responses",
            Api::Chat | Api::ChatText => path == "/v1/chat/completions",
            Api::Google => path.ends_with(":streamGenerateContent"),
        };
        is_path && request.start.starts_with("POST")
    }

    /// Whether a request is one of the agent's loop. Agents also ask without tools, for a title of the session.
    pub(crate) fn is_turn(self, request: &Value) -> bool {
        match self {
            Api::Anthropic | Api::Chat | Api::Google => !is_empty(&request["tools"]),
            Api::Responses => responses::has_tools(request),
            Api::ChatText => true,
        }
    }

    /// What a request tells the model.
    pub(crate) fn seen(self, request: &Value) -> Seen {
        let results = match self {
            Api::Anthropic => anthropic::results(request),
            Api::Responses => responses::results(request),
            Api::Chat => chat::results(request, "tool"),
            Api::ChatText => chat::results(request, "user"),
            Api::Google => google::results(request),
        };
        Seen { results }
    }

    /// The reply as a stream of events.
    pub(crate) fn stream(self, request: &Value, reply: &Reply) -> Script {
        match self {
            Api::Anthropic => anthropic::stream(request, reply),
            Api::Responses => responses::stream(request, reply),
            Api::Chat | Api::ChatText => chat::stream(request, reply),
            Api::Google => google::stream(reply),
        }
    }

    /// What a later request repeats of a reply, each a JSON value, or a part of a string, as it is written.
    pub(crate) fn repeated(self, reply: &Reply) -> Vec<String> {
        match self {
            Api::Anthropic => anthropic::repeated(reply),
            Api::Responses => responses::repeated(reply),
            Api::Chat => chat::repeated(reply),
            Api::ChatText => chat::repeated_lines(reply),
            Api::Google => google::repeated(reply),
        }
    }

    /// The elements of the conversation in a request, each as it is written.
    ///
    /// # Panics
    /// If the request has none.
    pub(crate) fn history(self, body: &[u8]) -> Vec<String> {
        let member = match self {
            Api::Responses => "input",
            Api::Google => "contents",
            Api::Anthropic | Api::Chat | Api::ChatText => "messages",
        };
        let members: std::collections::HashMap<String, &RawValue> =
            serde_json::from_slice(body).expect("a request is a JSON object");
        let list = members.get(member).unwrap_or_else(|| panic!("a request without {member}"));
        let elements: Vec<&RawValue> = serde_json::from_str(list.get()).expect("a conversation is a list");
        elements.into_iter().map(|element| element.get().to_owned()).collect()
    }
}

/// What the provider answers to everything else that agents ask.
pub(crate) fn other_reply(request: &Message) -> Script {
    let path = request.target().split('?').next().unwrap_or_default();
    let json = |value: &Value| Script::reply("application/json", value.to_string().as_bytes());
    if path.ends_with("/count_tokens") {
        return json(&serde_json::json!({"input_tokens": 9}));
    }
    if path.ends_with(":generateContent") {
        return json(&google::whole("A title"));
    }
    // What no gateway answers otherwise: without one, agents would try for a WebSocket several times.
    let status = if request.field("upgrade").is_some() { "426 Upgrade Required" } else { "404 Not Found" };
    Script::raw(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"))
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}

/// The text in pieces of a few characters.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(PIECE_CHARS).map(|piece| piece.iter().collect()).collect()
}

/// A text, or the texts of a list of parts, joined.
fn text_of(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = content.as_array().map_or(&[][..], Vec::as_slice).iter();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}
