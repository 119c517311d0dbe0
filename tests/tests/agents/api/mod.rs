//! The APIs that the agents speak: what a request tells, and how a turn is streamed back.
//!
//! Every text is cut into pieces of a few characters, each in an event of its own, as models write.

mod anthropic;
mod chat;
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
    /// The API of a request for a reply of the model; none for everything else that tools ask of a provider.
    pub(crate) fn of(request: &Message) -> Option<Api> {
        if !request.start.starts_with("POST") {
            return None;
        }
        match request.target().split('?').next()? {
            "/v1/messages" => Some(Api::Anthropic),
            "/v1/responses" => Some(Api::Responses),
            "/v1/chat/completions" => Some(Api::Chat),
            _ => None,
        }
    }

    /// Whether a request gives the model tools. Agents also ask without any, for a title of the session.
    pub(crate) fn has_tools(self, request: &Value) -> bool {
        match self {
            Api::Anthropic | Api::Chat => !is_empty(&request["tools"]),
            Api::Responses => responses::has_tools(request),
        }
    }

    /// What a request tells the model.
    pub(crate) fn seen(self, request: &Value) -> Seen {
        let results = match self {
            Api::Anthropic => anthropic::results(request),
            Api::Responses => responses::results(request),
            Api::Chat => chat::results(request),
        };
        Seen { results }
    }

    /// The reply as a stream of events.
    pub(crate) fn stream(self, request: &Value, reply: &Reply) -> Script {
        match self {
            Api::Anthropic => anthropic::stream(request, reply),
            Api::Responses => responses::stream(request, reply),
            Api::Chat => chat::stream(request, reply),
        }
    }

    /// What a later request must repeat of a reply, each as the bytes of a JSON string's inside or of a number.
    pub(crate) fn repeated(self, reply: &Reply) -> Vec<String> {
        match self {
            Api::Anthropic => anthropic::repeated(reply),
            Api::Responses => responses::repeated(reply),
            Api::Chat => chat::repeated(reply),
        }
    }

    /// The elements of the conversation in a request, each as it is written.
    ///
    /// # Panics
    /// If the request has none.
    pub(crate) fn history(self, body: &[u8]) -> Vec<String> {
        let member = if self == Api::Responses { "input" } else { "messages" };
        let members: std::collections::HashMap<String, &RawValue> =
            serde_json::from_slice(body).expect("a request is a JSON object");
        let list = members.get(member).unwrap_or_else(|| panic!("a request without {member}"));
        let elements: Vec<&RawValue> = serde_json::from_str(list.get()).expect("a conversation is a list");
        elements.into_iter().map(|element| element.get().to_owned()).collect()
    }
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
