//! `generateContent`, of Google.

use super::{ChannelId, Close, Event, Kind, LaneKind, Plan, hash};

pub(super) fn plan(event: Event<'_>, candidates: usize, plan: &mut Plan) {
    for candidate in event.tape.children(candidates).filter(|&node| event.kind(node) == Kind::Object) {
        let group = event.place(candidate);
        if event.is_set(candidate, b"finishReason") {
            plan.closes.push(Close::Group(group));
        }
        let parts = event.child(candidate, b"content").and_then(|content| event.child(content, b"parts"));
        for part in parts.into_iter().flat_map(|parts| event.tape.children(parts)) {
            self::part(event, part, group, plan);
        }
    }
}

fn part(event: Event<'_>, part: usize, group: u64, plan: &mut Plan) {
    if let Some(text) = event.child(part, b"text").filter(|&text| event.kind(text) == Kind::Text) {
        let thought = event.is_true(part, b"thought");
        let lane = if thought { LaneKind::Thinking } else { LaneKind::Text };
        plan.slot(text, ChannelId::new(b"part", group, u64::from(thought)), group, lane);
    }
    // The arguments of a call, streamed: each piece belongs to the string that `jsonPath` names.
    let pieces = event.child(part, b"functionCall").and_then(|call| event.child(call, b"partialArgs"));
    for piece in pieces.into_iter().flat_map(|pieces| event.tape.children(pieces)) {
        let value = event.child(piece, b"stringValue").filter(|&value| event.kind(value) == Kind::Text);
        let path = hash(0, event.string(piece, b"jsonPath").unwrap_or_default());
        if let Some(value) = value {
            plan.slot(value, ChannelId::new(b"argument", group, path), group, LaneKind::ToolInput);
        }
    }
}
