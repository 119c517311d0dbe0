//! Chat completions and completions, of OpenAI and of all that speak like it.

use crate::reply::event::json_index::Kind;
use crate::reply::event::plan::{Call, ChannelId, Close, Named, Plan};
use crate::reply::event::text_kind::lane_of;
use crate::reply::event::view::Event;
use crate::reply::gate::LaneKind;
use crate::reply::text::ruler::Unit;

pub(crate) fn plan(event: Event<'_>, choices: usize, plan: &mut Plan) {
    for choice in event.tape.children(choices) {
        if event.kind(choice) != Kind::Object {
            continue;
        }
        let group = event.place(choice);
        for member in event.tape.children(choice) {
            match (event.key(member), event.kind(member)) {
                (b"delta", Kind::Object) => delta(event, member, group, plan),
                (b"text", Kind::Text) => {
                    plan.slot(member, ChannelId::new(b"text", group, 0), group, LaneKind::Text);
                }
                (b"finish_reason", Kind::Text) => plan.closes.push(Close::Group(group)),
                _ => {}
            }
        }
    }
}

fn delta(event: Event<'_>, delta: usize, group: u64, plan: &mut Plan) {
    let content = ChannelId::new(b"content", group, 0);
    plan.cited = Some(content);
    for member in event.tape.children(delta) {
        let key = event.key(member);
        match (key, event.kind(member)) {
            (b"content", Kind::Text) => plan.cited_slot(member, content, group, Unit::CodePoints),
            (b"audio", Kind::Object) => audio(event, member, group, plan),
            (b"tool_calls", Kind::Array) => tool_calls(event, member, group, plan),
            (b"function_call", Kind::Object) => {
                call(event, member, ChannelId::new(b"call", group, 0), group, plan);
            }
            (_, Kind::Text) => {
                if let Some(lane) = lane_of(key) {
                    plan.slot(member, ChannelId::new(key, group, 0), group, lane);
                }
            }
            (b"content" | b"reasoning_details", Kind::Array) => parts(event, member, group, plan),
            _ => {}
        }
    }
}

/// What is spoken comes as sound and as text.
fn audio(event: Event<'_>, audio: usize, group: u64, plan: &mut Plan) {
    if let Some(text) = event.child(audio, b"transcript").filter(|&text| event.kind(text) == Kind::Text) {
        plan.slot(text, ChannelId::new(b"transcript", group, 0), group, LaneKind::Text);
    }
}

/// Calls are told apart by their index. Some servers give all of them the same, or none; then a new id says that
/// another call begins or goes on, and where there are no ids, a new name that another begins.
fn tool_calls(event: Event<'_>, calls: usize, group: u64, plan: &mut Plan) {
    for entry in event.tape.children(calls).filter(|&entry| event.kind(entry) == Kind::Object) {
        let channel = ChannelId::new(b"tool", group, event.place(entry));
        let (first, mut name) = (plan.slots.len(), &b""[..]);
        for key in [&b"function"[..], b"custom"] {
            if let Some(inner) = event.child(entry, key).filter(|&inner| event.kind(inner) == Kind::Object) {
                call(event, inner, channel, group, plan);
                name = event.string(inner, b"name").unwrap_or(name);
            }
        }
        let call = Call::new(event.string(entry, b"id").unwrap_or_default(), name);
        let loose = event.index(entry, b"index").is_none();
        if loose || call != Call::default() {
            plan.calls.push(Named { channel, group, call, loose, steady: call.id != 0 });
            plan.slots[first..].iter_mut().for_each(|slot| slot.call = call);
        }
    }
}

/// The `arguments` of a function, or the free `input` of a custom tool.
fn call(event: Event<'_>, call: usize, channel: ChannelId, group: u64, plan: &mut Plan) {
    for member in event.tape.children(call).filter(|&member| event.kind(member) == Kind::Text) {
        match event.key(member) {
            b"arguments" => plan.slot(member, channel, group, LaneKind::ToolArguments),
            b"input" => plan.slot(member, channel, group, LaneKind::ToolInput),
            b"name" => plan.tools.push((channel.number(), member)),
            _ => {}
        }
    }
}

/// Text in parts (`content: [{"type":"text",..}]`, `reasoning_details`).
fn parts(event: Event<'_>, top: usize, group: u64, plan: &mut Plan) {
    for node in event.strings(top) {
        if let Some(lane) = lane_of(event.key(node)) {
            let channel = ChannelId::new(event.key(top), group, event.path(top, node));
            plan.slot(node, channel, group, lane);
        }
    }
}
