//! `generateContent`, of Google.

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{ChannelId, Close, EventPlan, hash, mix};
use crate::reply::event::view::ReplyEvent;
use crate::reply::policy::TextKind;
use crate::reply::text::position_tracker::PositionUnit;

pub(crate) fn plan(event: ReplyEvent<'_>, candidates: usize, plan: &mut EventPlan) {
    for candidate in event.values.children(candidates).filter(|&node| event.kind(node) == JsonKind::Object) {
        let group = event.place(candidate);
        if event.is_set(candidate, b"finishReason") {
            plan.closes.extend([Close::Group(group), Close::Group(arguments_group(group))]);
        }
        plan.cited = Some(text_channel(group));
        let parts = event.child(candidate, b"content").and_then(|content| event.child(content, b"parts"));
        for part in parts.into_iter().flat_map(|parts| event.values.children(parts)) {
            self::part(event, part, group, plan);
        }
    }
}

/// What the arguments of a call are closed by, which are no part of what is said around it.
fn arguments_group(group: u64) -> u64 {
    mix(group, 1)
}

/// The channel of what the user reads.
fn text_channel(group: u64) -> ChannelId {
    ChannelId::new(b"part", group, 0)
}

fn part(event: ReplyEvent<'_>, part: usize, group: u64, plan: &mut EventPlan) {
    let text =
        |node: usize, key: &[u8]| event.child(node, key).filter(|&text| event.kind(text) == JsonKind::Text);
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
    if let Some(call) = event.child(part, b"functionCall") {
        partial_arguments(event, call, arguments_group(group), plan);
    }
}

/// The arguments of a call, streamed: each piece belongs to the string that `jsonPath` names. The call's name comes once,
/// and with it another call begins.
fn partial_arguments(event: ReplyEvent<'_>, call: usize, group: u64, plan: &mut EventPlan) {
    let name = event.child(call, b"name").filter(|&name| event.kind(name) == JsonKind::Text);
    if let Some(name) = name {
        plan.tools.push((group, name));
        plan.begins.push(group);
    }
    let pieces = event.child(call, b"partialArgs");
    for piece in pieces.into_iter().flat_map(|pieces| event.values.children(pieces)) {
        let value = event.child(piece, b"stringValue").filter(|&value| event.kind(value) == JsonKind::Text);
        let path = hash(0, event.string(piece, b"jsonPath").unwrap_or_default());
        let channel = ChannelId::new(b"argument", group, path);
        if let Some(value) = value {
            plan.piece(value, channel, group, TextKind::ToolInput);
        }
    }
}
