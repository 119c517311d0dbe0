//! An event of a stream, read: its text with the index of its values.

use crate::reply::event::json_index::{JsonIndex, JsonKind};
use crate::reply::event::plan::{hash, mix};

/// How the events are framed: the generic shapes differ, since a file of JSON lines is no stream of pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EventFraming {
    Sse,
    Lines,
    /// Items of an array.
    Items,
    /// Documents, of which there is mostly one.
    Values,
}

/// An event's text with its values.
#[derive(Clone, Copy)]
pub(crate) struct ReplyEvent<'a> {
    pub(crate) values: &'a JsonIndex,
    pub(crate) text: &'a [u8],
    /// The value of the event's `event:` line, if it has one.
    pub(crate) name: &'a [u8],
    pub(crate) framing: EventFraming,
}

impl<'a> ReplyEvent<'a> {
    pub(crate) fn kind(&self, node: usize) -> JsonKind {
        self.values.node(node).kind
    }

    pub(crate) fn key(&self, node: usize) -> &'a [u8] {
        &self.text[self.values.node(node).key()]
    }

    pub(crate) fn value(&self, node: usize) -> &'a [u8] {
        &self.text[self.values.node(node).span()]
    }

    pub(crate) fn child(&self, node: usize, key: &[u8]) -> Option<usize> {
        self.values.child(self.text, node, key)
    }

    pub(crate) fn string(&self, node: usize, key: &[u8]) -> Option<&'a [u8]> {
        self.values.string(self.text, node, key)
    }

    /// The number under `key`, which says where among its like the object stands.
    pub(crate) fn index(&self, node: usize, key: &[u8]) -> Option<u64> {
        self.values.number(self.text, node, key)
    }

    /// The `index` of an object, or where it stands in its array.
    pub(crate) fn place(&self, node: usize) -> u64 {
        self.index(node, b"index").unwrap_or_else(|| u64::from(self.values.node(node).ordinal))
    }

    /// Whether `key` of the object is there and not `null`.
    pub(crate) fn is_set(&self, node: usize, key: &[u8]) -> bool {
        self.child(node, key).is_some_and(|value| self.value(value) != b"null")
    }

    /// Whether `key` of the object is `true`.
    pub(crate) fn is_true(&self, node: usize, key: &[u8]) -> bool {
        self.child(node, key).is_some_and(|value| self.value(value) == b"true")
    }

    /// All values inside of the container.
    pub(crate) fn inside(&self, container: usize) -> impl Iterator<Item = usize> + use<'a> {
        let (values, end) = (self.values, self.values.node(container).span().end);
        let inside = values.nodes()[container + 1..].iter().take_while(move |node| node.span().start < end);
        inside.enumerate().map(move |(offset, _)| container + 1 + offset)
    }

    /// All strings among them.
    pub(crate) fn strings(&self, container: usize) -> impl Iterator<Item = usize> + use<'a> {
        let values = self.values;
        self.inside(container).filter(move |&index| values.node(index).kind == JsonKind::Text)
    }

    /// A number for the way from `top` down to `node`: keys, and the places of array items.
    pub(crate) fn path(&self, top: usize, node: usize) -> u64 {
        self.path_above(top, node, 0)
    }

    /// The number that the member `key` of `object` has, or would have, on the way from `top`.
    pub(crate) fn path_of(&self, top: usize, object: usize, key: &[u8]) -> u64 {
        self.path_above(top, object, hash(mix(0, 0), key))
    }

    pub(crate) fn path_above(&self, top: usize, mut node: usize, mut state: u64) -> u64 {
        while node != top {
            let item = self.values.node(node);
            state = if item.key().is_empty() {
                let object = item.kind == JsonKind::Object;
                mix(state, if object { self.place(node) } else { u64::from(item.ordinal) } + 1)
            } else {
                hash(mix(state, 0), self.key(node))
            };
            let Some(parent) = self.values.parent(node) else { break };
            node = parent;
        }
        state
    }
}
