//! `generateContent`, of Google.

use crate::reply::event::json_index::ValueKind;
use crate::reply::event::plan::{ChannelId, Close, Plan, hash};
use crate::reply::event::view::Event;
use crate::reply::gate::TextKind;
use crate::reply::text::position_tracker::PositionUnit;

pub(crate) fn plan(event: Event<'_>, candidates: usize, plan: &mut Plan) {
    for candidate in event.values.children(candidates).filter(|&node| event.kind(node) == ValueKind::Object) {
        let group = event.place(candidate);
        if event.is_set(candidate, b"finishReason") {
            plan.closes.push(Close::Group(group));
        }
        plan.cited = Some(text_channel(group));
        let parts = event.child(candidate, b"content").and_then(|content| event.child(content, b"parts"));
        for part in parts.into_iter().flat_map(|parts| event.values.children(parts)) {
            self::part(event, part, group, plan);
        }
    }
}

/// The channel of what the user reads.
fn text_channel(group: u64) -> ChannelId {
    ChannelId::new(b"part", group, 0)
}

fn part(event: Event<'_>, part: usize, group: u64, plan: &mut Plan) {
    let text =
        |node: usize, key: &[u8]| event.child(node, key).filter(|&text| event.kind(text) == ValueKind::Text);
    let (code, output) = (ChannelId::new(b"code", group, 0), ChannelId::new(b"output", group, 0));
    if let Some(text) = text(part, b"text") {
        if event.is_true(part, b"thought") {
            plan.piece(text, ChannelId::new(b"part", group, 1), group, TextKind::Thinking);
        } else {
            plan.cited_piece(text, text_channel(group), group, PositionUnit::Bytes);
        }
        plan.closes.extend([Close::Channel(code), Close::Channel(output)]);
    } else if let Some(code_text) =
        event.child(part, b"executableCode").and_then(|inner| text(inner, b"code"))
    {
        plan.piece(code_text, code, group, TextKind::ToolInput);
        plan.closes.push(Close::Channel(output));
    } else if let Some(printed) =
        event.child(part, b"codeExecutionResult").and_then(|inner| text(inner, b"output"))
    {
        plan.piece(printed, output, group, TextKind::Other);
        plan.closes.push(Close::Channel(code));
    }
    // The arguments of a call, streamed: each piece belongs to the string that `jsonPath` names.
    let pieces = event.child(part, b"functionCall").and_then(|call| event.child(call, b"partialArgs"));
    for piece in pieces.into_iter().flat_map(|pieces| event.values.children(pieces)) {
        let value = event.child(piece, b"stringValue").filter(|&value| event.kind(value) == ValueKind::Text);
        let path = hash(0, event.string(piece, b"jsonPath").unwrap_or_default());
        if let Some(value) = value {
            plan.piece(value, ChannelId::new(b"argument", group, path), group, TextKind::ToolInput);
        }
    }
}
