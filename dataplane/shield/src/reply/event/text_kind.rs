//! What a string of an event is to the client, by the key that it stands under.

use crate::reply::event::view::Event;
use crate::reply::gate::LaneKind;

/// The lane of a text by its key, or `None` if a string under this key is no piece of a text.
pub(crate) fn lane_of(key: &[u8]) -> Option<LaneKind> {
    Some(match key {
        b"content" | b"text" | b"delta" | b"response" | b"completion" | b"token" | b"output"
        | b"output_text" | b"answer" | b"message" | b"chunk" | b"transcript" | b"generated_text"
        | b"summary" => LaneKind::Text,
        b"thinking" | b"reasoning" | b"reasoning_content" | b"reasoning_text" | b"thought" | b"tool_plan" => {
            LaneKind::Thinking
        }
        b"refusal" => LaneKind::Refusal,
        b"arguments" | b"partial_json" => LaneKind::ToolArguments,
        b"input" | b"code" | b"stringValue" => LaneKind::ToolInput,
        _ => return None,
    })
}

/// What a string that is restored whole is for: its lane by its key or, among the arguments of a tool call, that
/// of the arguments, with the tool's name if it stands beside them.
pub(crate) fn purpose(event: Event<'_>, index: usize) -> (LaneKind, Option<&str>) {
    let lane = lane_of(event.key(index)).unwrap_or(LaneKind::Other);
    let way = std::iter::successors(Some(index), |&node| event.tape.parent(node));
    for node in way {
        if matches!(event.key(node), b"arguments" | b"args" | b"input" | b"parameters") {
            let object = event.tape.parent(node).unwrap_or_default();
            let name = event.string(object, b"name").and_then(|name| std::str::from_utf8(name).ok());
            if node != index || name.is_some() {
                return (LaneKind::ToolArguments, name);
            }
        }
    }
    (lane, None)
}
