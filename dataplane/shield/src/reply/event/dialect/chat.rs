//! Chat completions and completions, of OpenAI and of all that speak like it.

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{Call, ChannelId, Close, EventPlan, NamedCall};
use crate::reply::event::text_kind::text_kind_of;
use crate::reply::event::view::ReplyEvent;
use crate::reply::policy::TextKind;
use crate::reply::text::position_tracker::PositionUnit;

pub(crate) fn plan(event: ReplyEvent<'_>, choices: usize, plan: &mut EventPlan) {
    for choice in event.values.children(choices) {
        if event.kind(choice) != JsonKind::Object {
            continue;
        }
        let group = event.place(choice);
        for member in event.values.children(choice) {
            match (event.key(member), event.kind(member)) {
                (b"delta", JsonKind::Object) => delta(event, member, group, plan),
                (b"text", JsonKind::Text) => {
                    plan.piece(member, ChannelId::new(b"text", group, 0), group, TextKind::Text);
                }
                (b"finish_reason", JsonKind::Text) => plan.closes.push(Close::Group(group)),
                _ => {}
            }
        }
    }
}

fn delta(event: ReplyEvent<'_>, delta: usize, group: u64, plan: &mut EventPlan) {
    let content = ChannelId::new(b"content", group, 0);
    plan.cited = Some(content);
    for member in event.values.children(delta) {
        let key = event.key(member);
        match (key, event.kind(member)) {
            (b"content", JsonKind::Text) => {
                plan.cited_piece(member, content, group, PositionUnit::CodePoints);
            }
            (b"audio", JsonKind::Object) => audio(event, member, group, plan),
            (b"tool_calls", JsonKind::Array) => tool_calls(event, member, group, plan),
            (b"function_call", JsonKind::Object) => {
                call(event, member, ChannelId::new(b"call", group, 0), group, plan);
            }
            (_, JsonKind::Text) => {
                if let Some(text_kind) = text_kind_of(key) {
                    plan.piece(member, ChannelId::new(key, group, 0), group, text_kind);
                }
            }
            (b"content" | b"reasoning_details", JsonKind::Array) => parts(event, member, group, plan),
            _ => {}
        }
    }
}

/// What is spoken comes as sound and as text.
fn audio(event: ReplyEvent<'_>, audio: usize, group: u64, plan: &mut EventPlan) {
    if let Some(text) = event.child(audio, b"transcript").filter(|&text| event.kind(text) == JsonKind::Text) {
        plan.piece(text, ChannelId::new(b"transcript", group, 0), group, TextKind::Text);
    }
}

/// Calls are distinguished by their index. Some servers give all of them the same, or none; then a new id says that
/// another call begins or goes on, and where there are no ids, a new name that another begins.
fn tool_calls(event: ReplyEvent<'_>, calls: usize, group: u64, plan: &mut EventPlan) {
    for entry in event.values.children(calls).filter(|&entry| event.kind(entry) == JsonKind::Object) {
        let channel = ChannelId::new(b"tool", group, event.place(entry));
        let (first, mut name) = (plan.pieces.len(), &b""[..]);
        for key in [&b"function"[..], b"custom"] {
            if let Some(inner) =
                event.child(entry, key).filter(|&inner| event.kind(inner) == JsonKind::Object)
            {
                call(event, inner, channel, group, plan);
                name = event.string(inner, b"name").unwrap_or(name);
            }
        }
        let call = Call::new(event.string(entry, b"id").unwrap_or_default(), name);
        let loose = event.index(entry, b"index").is_none();
        if loose || call != Call::default() {
            plan.calls.push(NamedCall { channel, group, call, loose, steady: call.id != 0 });
            plan.pieces[first..].iter_mut().for_each(|piece| piece.call = call);
        }
    }
}

/// The `arguments` of a function, or the free `input` of a custom tool.
fn call(event: ReplyEvent<'_>, call: usize, channel: ChannelId, group: u64, plan: &mut EventPlan) {
    for member in event.values.children(call).filter(|&member| event.kind(member) == JsonKind::Text) {
        match event.key(member) {
            b"arguments" => plan.piece(member, channel, group, TextKind::ToolArguments),
            b"input" => plan.piece(member, channel, group, TextKind::ToolInput),
            b"name" => plan.tools.push((channel.number(), member)),
            _ => {}
        }
    }
}

/// Text in parts (`content: [{"type":"text",..}]`, `reasoning_details`).
fn parts(event: ReplyEvent<'_>, top: usize, group: u64, plan: &mut EventPlan) {
    for node in event.strings(top) {
        if let Some(text_kind) = text_kind_of(event.key(node)) {
            let channel = ChannelId::new(event.key(top), group, event.path(top, node));
            plan.piece(node, channel, group, text_kind);
        }
    }
}
