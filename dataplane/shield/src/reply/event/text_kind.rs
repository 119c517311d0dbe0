//! What a string of an event is to the client, by the key that it stands under.

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::view::ReplyEvent;
use crate::reply::policy::{RestoreDecision, TextKind};
use crate::reply::text::context::ReplyContext;

/// The kind of a text by its key, or `None` if a string under this key is no piece of a text.
pub(crate) fn text_kind_of(key: &[u8]) -> Option<TextKind> {
    Some(match key {
        b"content" | b"text" | b"delta" | b"response" | b"completion" | b"token" | b"output"
        | b"output_text" | b"answer" | b"message" | b"chunk" | b"transcript" | b"generated_text"
        | b"summary" => TextKind::Text,
        b"thinking" | b"reasoning" | b"reasoning_content" | b"reasoning_text" | b"thought" | b"tool_plan" => {
            TextKind::Thinking
        }
        b"refusal" => TextKind::Refusal,
        b"arguments" | b"partial_json" => TextKind::ToolArguments,
        b"input" | b"code" | b"stringValue" => TextKind::ToolInput,
        _ => return None,
    })
}

/// What the policy says of a string that is restored whole.
pub(crate) fn decide(event: ReplyEvent<'_>, index: usize, context: &ReplyContext) -> RestoreDecision {
    if context.policy.is_none() {
        return RestoreDecision::Restore;
    }
    let (text_kind, tool) = purpose(event, index);
    context.decide(text_kind, tool)
}

/// The object that a string is an argument of, at whatever depth, if it is one of a tool's.
pub(crate) fn arguments_of(event: ReplyEvent<'_>, index: usize) -> Option<usize> {
    let mut above = std::iter::successors(event.values.parent(index), |&node| event.values.parent(node));
    above.find(|&node| event.kind(node) == JsonKind::Object && is_arguments(event.key(node)))
}

fn is_arguments(key: &[u8]) -> bool {
    matches!(key, b"arguments" | b"args" | b"input" | b"parameters")
}

/// What a string that is restored whole is for: its kind by its key or, among the arguments of a tool call, that
/// of the arguments, with the tool's name if it stands beside them. Of calls in each other the outermost with a name
/// counts: what is written into the arguments of one names no other.
fn purpose(event: ReplyEvent<'_>, index: usize) -> (TextKind, Option<&str>) {
    let mut found = (text_kind_of(event.key(index)).unwrap_or(TextKind::Other), None);
    let way = std::iter::successors(Some(index), |&node| event.values.parent(node));
    for node in way.filter(|&node| is_arguments(event.key(node))) {
        let object = event.values.parent(node).unwrap_or_default();
        let name = event.string(object, b"name");
        if name.is_some() || (node != index && found.1.is_none()) {
            found = (TextKind::ToolArguments, name.and_then(tool_name));
        }
    }
    found
}

/// The name of a tool as a policy can compare it. One with escapes is not what it seems.
pub(crate) fn tool_name(written: &[u8]) -> Option<&str> {
    std::str::from_utf8(written).ok().filter(|name| !name.contains('\\'))
}
