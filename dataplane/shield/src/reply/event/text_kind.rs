//! What a string of an event is to the client, by the key that it stands under.

use crate::reply::event::view::Event;
use crate::reply::gate::TextKind;

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

/// What a string that is restored whole is for: its kind by its key or, among the arguments of a tool call, that
/// of the arguments, with the tool's name if it stands beside them.
pub(crate) fn purpose(event: Event<'_>, index: usize) -> (TextKind, Option<&str>) {
    let text_kind = text_kind_of(event.key(index)).unwrap_or(TextKind::Other);
    let way = std::iter::successors(Some(index), |&node| event.values.parent(node));
    for node in way {
        if matches!(event.key(node), b"arguments" | b"args" | b"input" | b"parameters") {
            let object = event.values.parent(node).unwrap_or_default();
            let name = event.string(object, b"name").and_then(|name| std::str::from_utf8(name).ok());
            if node != index || name.is_some() {
                return (TextKind::ToolArguments, name);
            }
        }
    }
    (text_kind, None)
}
