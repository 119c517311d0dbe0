//! What may be done with a string of an event, by where it stands in it.

use crate::places::is_unsearched_in_reply;
use crate::reply::event::json_index::JsonKind;
use crate::reply::event::view::ReplyEvent;
use crate::reply::text::keys::{self, KeyKind, is_blob_type, is_signed_type, is_thinking_type};

/// See the module's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Handling {
    /// It is text: its tokens are replaced.
    Restore,
    /// It is no text.
    Opaque,
    /// It is text that must go back as the provider wrote it, so its tokens stay and are counted.
    Keep,
}

impl Handling {
    /// Of the string `index`, which is a value.
    pub(crate) fn of(event: ReplyEvent<'_>, index: usize) -> Self {
        let mut found = Self::own(event, index);
        let mut below = index;
        while let Some(node) = event.values.parent(below) {
            let key = KeyKind::of(event.key(node));
            if key.is_tool_input() && event.kind(node) == JsonKind::Object {
                return Self::Restore;
            }
            if found == Self::Restore && Self::is_kept(event, node, key, below) {
                found = Self::Keep;
            }
            below = node;
        }
        found
    }

    /// By the name of the string alone, and the object that it is in.
    fn own(event: ReplyEvent<'_>, index: usize) -> Self {
        let Some(parent) = event.values.parent(index) else { return Self::Restore };
        let is_type = |known: fn(&[u8]) -> bool| event.string(parent, b"type").is_some_and(known);
        match KeyKind::of(event.key(index)) {
            KeyKind::Opaque => Self::Opaque,
            KeyKind::Data if KeyKind::of(event.key(parent)) == KeyKind::Blob || is_type(is_blob_type) => {
                Self::Opaque
            }
            KeyKind::Thinking if is_type(is_thinking_type) || is_block(event, parent) => Self::Keep,
            _ if is_unsearched_in_reply(event.key(index), holder(event, parent)) => Self::Keep,
            _ => Self::Restore,
        }
    }

    /// Whether the container `node` makes signed or sampled text of what it holds under `below`.
    fn is_kept(event: ReplyEvent<'_>, node: usize, key: KeyKind, below: usize) -> bool {
        if matches!(key, KeyKind::Signed | KeyKind::Sampled) {
            return true;
        }
        if event.kind(node) != JsonKind::Object {
            return false;
        }
        match event.string(node, b"type") {
            Some(name) => is_signed_type(name) || (node == 0 && name.starts_with(b"response.reasoning")),
            // Signed if the part holds a signature, which comes behind the text. Without one its tokens stay, too, and
            // the way out scans it.
            None => event.key(below) == b"text" && event.is_true(node, b"thought"),
        }
    }
}

/// The name of an object, or of the list that it is an item of.
fn holder(event: ReplyEvent<'_>, object: usize) -> &[u8] {
    let list = event.values.parent(object).filter(|_| event.key(object).is_empty());
    event.key(list.unwrap_or(object))
}

/// Whether the string `index`, which begins with `head`, may be media that its bytes alone can show, and that goes
/// back unsearched.
pub(crate) fn may_be_media(event: ReplyEvent<'_>, index: usize, head: &[u8]) -> bool {
    let parent = event.values.parent(index).unwrap_or_default();
    let is_item = event.kind(parent) == JsonKind::Array;
    let name = event.key(if is_item { parent } else { index });
    keys::may_be_media(name, is_item) && keys::is_media_head(head) && !is_tool_input(event, index)
}

/// Whether an object is an item of a message's content.
fn is_block(event: ReplyEvent<'_>, object: usize) -> bool {
    event.values.parent(object).is_some_and(|list| {
        event.kind(list) == JsonKind::Array && KeyKind::of(event.key(list)) == KeyKind::Content
    })
}

/// Whether the value `index` is part of what a tool gets.
pub(crate) fn is_tool_input(event: ReplyEvent<'_>, index: usize) -> bool {
    let mut above = std::iter::successors(event.values.parent(index), |&node| event.values.parent(node));
    above.any(|node| event.kind(node) == JsonKind::Object && KeyKind::of(event.key(node)).is_tool_input())
}
