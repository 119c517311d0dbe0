//! Threads of the Assistants API, of OpenAI: a message and the steps of a run, each by its id.

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{ChannelId, Close, EventPlan, hash};
use crate::reply::event::text_kind::text_kind_of;
use crate::reply::event::view::ReplyEvent;
use crate::reply::policy::TextKind;
use crate::reply::text::position_tracker::PositionUnit;

/// What the status of an object is while it may still change.
const OPEN: [&[u8]; 4] = [b"queued", b"in_progress", b"cancelling", b"requires_action"];

pub(crate) fn plan(event: ReplyEvent<'_>, object: &[u8], plan: &mut EventPlan) {
    let group = hash(0, event.string(0, b"id").unwrap_or_default());
    if object.ends_with(b".delta") {
        if let Some(delta) = event.child(0, b"delta").filter(|&delta| event.kind(delta) == JsonKind::Object) {
            self::delta(event, delta, group, plan);
        }
        return;
    }
    let open = event.string(0, b"status").is_none_or(|status| OPEN.contains(&status));
    if !open {
        plan.closes.push(if object == b"thread.run" { Close::All } else { Close::Group(group) });
    }
}

fn delta(event: ReplyEvent<'_>, delta: usize, group: u64, plan: &mut EventPlan) {
    for node in event.strings(delta) {
        let Some(parent) = event.values.parent(node) else { continue };
        let (key, under) = (event.key(node), event.key(parent));
        let channel = ChannelId::new(b"thread", group, event.path(delta, node));
        match (under, key) {
            (b"text", b"value") => plan.cited_piece(node, channel, group, PositionUnit::CodePoints),
            // What a tool answered: its text, or what its code printed.
            (b"function", b"output") | (_, b"logs") => plan.piece(node, channel, group, TextKind::Other),
            (b"function", b"arguments") | (b"code_interpreter", b"input") | (_, b"refusal") => {
                let text_kind = text_kind_of(key).unwrap_or(TextKind::Other);
                plan.piece(node, channel, group, text_kind);
            }
            (b"function", b"name") => {
                let arguments = event.path_of(delta, parent, b"arguments");
                plan.tools.push((ChannelId::new(b"thread", group, arguments).number(), node));
            }
            _ => {}
        }
    }
    plan.cited = cited(event, delta, group);
}

/// The channel of the text that has annotations here, also without a piece of it.
fn cited(event: ReplyEvent<'_>, delta: usize, group: u64) -> Option<ChannelId> {
    let content = event.child(delta, b"content")?;
    let part = event.values.children(content).next()?;
    let text = event.child(part, b"text")?;
    Some(ChannelId::new(b"thread", group, event.path_of(delta, text, b"value")))
}
