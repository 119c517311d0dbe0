//! Streams of any other shape: Ollama, Cohere, TGI, llama.cpp, and what is to come.
//!
//! A wrong guess here would delay a string that is complete, and make up an event for its tail. So a string is
//! taken for a piece of a text only if its key is one for text, and it stands below a `delta`, or at the root of
//! its event, or in an event that says of itself that it is a piece.

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{ChannelId, Close, EventPlan};
use crate::reply::event::text_kind::text_kind_of;
use crate::reply::event::view::{EventFraming, ReplyEvent};
use crate::reply::policy::TextKind;

/// Members of the root whose truth ends a stream.
const LAST: [&[u8]; 5] = [b"done", b"is_finished", b"stop", b"final", b"finished"];

/// The arguments of a tool call, when they come as an object, come whole.
const COMPLETE: [&[u8]; 4] = [b"arguments", b"args", b"input", b"parameters"];

pub(crate) fn plan(event: ReplyEvent<'_>, plan: &mut EventPlan) {
    match event.kind(0) {
        JsonKind::Text if event.framing == EventFraming::Sse => {
            plan.piece(0, ChannelId::new(b"", 0, 0), 0, TextKind::Text);
        }
        JsonKind::Object if event.child(0, b"jsonrpc").is_none() => object(event, plan),
        _ => {}
    }
}

/// Whether an event that stands like a document is a piece of a stream after all: a chunk of a chat completion, or
/// one of Ollama's lines. Anything else that looks so would get a second document for its tail.
pub(crate) fn is_streamed(event: ReplyEvent<'_>, choices: Option<usize>) -> bool {
    let mut choices = choices.into_iter().flat_map(|choices| event.values.children(choices));
    choices.any(|choice| event.child(choice, b"delta").is_some())
        || (event.string(0, b"model").is_some()
            && event.child(0, b"done").is_some_and(|done| event.kind(done) == JsonKind::Scalar))
}

fn object(event: ReplyEvent<'_>, plan: &mut EventPlan) {
    if is_last(event) {
        plan.closes.push(Close::All);
    }
    let piece = is_piece(event);
    for node in event.strings(0) {
        let key = event.key(node);
        let Some(text_kind) = text_kind_of(key) else { continue };
        let at_root = event.values.parent(node) == Some(0)
            && event.framing == EventFraming::Sse
            && matches!(text_kind, TextKind::Text | TextKind::Thinking)
            && !matches!(key, b"message" | b"summary" | b"output" | b"chunk");
        let below_delta = key == b"delta" || is_inside(event, node, &[b"delta"]);
        if (piece || at_root || below_delta) && !is_inside(event, node, &COMPLETE) {
            // A place in the path that every event has (`index` at the root) keeps blocks apart.
            let place = event.index(0, b"index").unwrap_or_default();
            plan.piece(node, ChannelId::new(b"generic", place, event.path(0, node)), place, text_kind);
        }
    }
}

/// Whether the event names itself a piece of something.
fn is_piece(event: ReplyEvent<'_>) -> bool {
    if LAST.iter().any(|key| event.child(0, key).is_some_and(|node| event.kind(node) == JsonKind::Scalar)) {
        return true;
    }
    let names = [b"type".as_slice(), b"event", b"eventType", b"event_type", b"object"];
    let said = names.iter().filter_map(|key| event.string(0, key)).chain([event.name]);
    said.into_iter().any(|name| {
        let has = |word: &[u8]| name.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
        has(b"delta") || has(b"chunk") || has(b"text-generation") || has(b"token")
    }) || event.child(0, b"token").is_some_and(|node| event.kind(node) == JsonKind::Object)
}

/// Whether one of the containers of a string has such a key.
fn is_inside(event: ReplyEvent<'_>, node: usize, keys: &[&[u8]]) -> bool {
    let containers = std::iter::successors(event.values.parent(node), |&node| event.values.parent(node));
    containers.into_iter().any(|container| keys.contains(&event.key(container)))
}

fn is_last(event: ReplyEvent<'_>) -> bool {
    let ends = |name: &[u8]| {
        [b"end".as_slice(), b"stop", b"done", b"error", b"completed"].iter().any(|word| name.ends_with(word))
    };
    LAST.iter().any(|key| event.is_true(0, key))
        || [b"finish_reason".as_slice(), b"stop_reason", b"generated_text"]
            .iter()
            .any(|key| event.is_set(0, key))
        || [b"type".as_slice(), b"event_type", b"event"]
            .iter()
            .any(|key| event.string(0, key).is_some_and(ends))
        || ends(event.name)
}
