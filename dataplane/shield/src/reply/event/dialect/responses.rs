//! Responses, of OpenAI: each kind of text has its own `.delta` and `.done` events.

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{ChannelId, Close, EventPlan, hash};
use crate::reply::event::view::ReplyEvent;
use crate::reply::policy::TextKind;
use crate::reply::text::position_tracker::PositionUnit;

/// The text that annotations point into.
const OUTPUT_TEXT: &[u8] = b"output_text";

pub(crate) fn plan(event: ReplyEvent<'_>, kind: &[u8], plan: &mut EventPlan) {
    let what = &kind[b"response.".len()..];
    let group = item(event);
    let part =
        event.index(0, b"content_index").or_else(|| event.index(0, b"summary_index")).unwrap_or_default();
    if let Some(what) = what.strip_suffix(b".delta") {
        let Some(delta) = event.child(0, b"delta").filter(|&delta| event.kind(delta) == JsonKind::Text)
        else {
            return;
        };
        if what.ends_with(b"audio") {
            plan.opaque = Some(delta);
        } else if what == OUTPUT_TEXT {
            plan.cited_piece(delta, ChannelId::new(what, group, part), group, PositionUnit::CodePoints);
        } else {
            plan.piece(delta, ChannelId::new(what, group, part), group, text_kind(what));
        }
    } else if what == b"output_text.annotation.added" {
        plan.cited = Some(ChannelId::new(OUTPUT_TEXT, group, part));
    } else if what == b"output_item.added" {
        plan.closes.push(Close::Group(group));
        let name = event.child(0, b"item").and_then(|item| event.child(item, b"name"));
        plan.tools.extend(name.filter(|&name| event.kind(name) == JsonKind::Text).map(|name| (group, name)));
    } else if matches!(what, b"output_item.done" | b"content_part.done" | b"reasoning_summary_part.done") {
        plan.closes.push(Close::Group(group));
    } else if let Some(what) = what.strip_suffix(b".done") {
        plan.closes.push(Close::Channel(ChannelId::new(what, group, part)));
    } else if matches!(what, b"completed" | b"incomplete" | b"failed" | b"cancelled" | b"done") {
        plan.closes.push(Close::All);
    }
}

/// A number for the item that the event is about: its place or, from servers that do not say that, its id.
fn item(event: ReplyEvent<'_>) -> u64 {
    let id = || {
        let item = || event.child(0, b"item").and_then(|item| event.string(item, b"id"));
        event.string(0, b"item_id").or_else(item).map(|id| hash(0, id))
    };
    event.index(0, b"output_index").or_else(id).unwrap_or_default()
}

fn text_kind(what: &[u8]) -> TextKind {
    if what.ends_with(b"arguments") {
        TextKind::ToolArguments
    } else if what.ends_with(b"input") || what.ends_with(b"code") {
        TextKind::ToolInput
    } else if what.starts_with(b"reasoning") {
        TextKind::Thinking
    } else if what == b"refusal" {
        TextKind::Refusal
    } else {
        TextKind::Text
    }
}
