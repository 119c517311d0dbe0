//! Messages, of Anthropic.

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{ChannelId, Close, EventPlan};
use crate::reply::event::text_kind::text_kind_of;
use crate::reply::event::view::ReplyEvent;

pub(crate) fn is_event_type(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"content_block_delta"
            | b"content_block_start"
            | b"content_block_stop"
            | b"message_start"
            | b"message_delta"
            | b"message_stop"
            | b"ping"
            | b"error"
    )
}

pub(crate) fn plan(event: ReplyEvent<'_>, kind: &[u8], plan: &mut EventPlan) {
    let block = event.index(0, b"index").unwrap_or_default();
    match kind {
        b"content_block_delta" => {
            let Some(delta) = event.child(0, b"delta").filter(|&delta| event.kind(delta) == JsonKind::Object)
            else {
                return;
            };
            for member in event.values.children(delta).filter(|&member| event.kind(member) == JsonKind::Text)
            {
                let key = event.key(member);
                if let Some(text_kind) = text_kind_of(key) {
                    plan.piece(member, ChannelId::new(key, block, 0), block, text_kind);
                }
            }
        }
        b"content_block_start" => {
            plan.closes.push(Close::Group(block));
            let name = event.child(0, b"content_block").and_then(|inner| event.child(inner, b"name"));
            plan.tools
                .extend(name.filter(|&name| event.kind(name) == JsonKind::Text).map(|name| (block, name)));
        }
        b"content_block_stop" => plan.closes.push(Close::Group(block)),
        b"ping" => {}
        _ => plan.closes.push(Close::All),
    }
}
