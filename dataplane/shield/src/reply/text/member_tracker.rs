//! Which strings of a document that is restored as it passes are no text, or text that must stay.
//!
//! Nothing is looked ahead: the type of an object counts from where it stands, which is first in what the
//! providers send. (What fits into memory is read as a whole, and then the order does not matter.)

use crate::places;
use crate::reply::text::keys::{KeyKind, MAX_KNOWN_KEY, is_blob_type, is_signed_type, is_thinking_type};

/// One bit for each open container, the innermost lowest.
#[derive(Clone, Copy, Default)]
struct ContainerBits(u64);

impl ContainerBits {
    fn open(&mut self, bit: bool) {
        self.0 = self.0 << 1 | u64::from(bit);
    }

    fn close(&mut self) {
        self.0 >>= 1;
    }

    fn is_top(self) -> bool {
        self.0 & 1 == 1
    }

    fn set_top(&mut self) {
        self.0 |= 1;
    }
}

/// What is known about the members of a document's outermost level.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is set by another part of the document")]
pub(crate) struct MemberTracker {
    name: [u8; MAX_KNOWN_KEY],
    len: usize,
    capturing: bool,
    key: KeyKind,
    opaque: bool,
    kept: bool,
    /// The container is part of what a tool gets, wraps media, holds signed or sampled text, is a list of blocks, is
    /// a block.
    tool: ContainerBits,
    blob: ContainerBits,
    keeps: ContainerBits,
    blocks: ContainerBits,
    block: ContainerBits,
    /// The container may hold an address; the current value may be such a container; it is an address.
    links: ContainerBits,
    holds_link: bool,
    link: bool,
}

impl MemberTracker {
    /// Whether the current string is no text.
    pub(crate) fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// Whether the current string is text that stays as it is.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Whether the current string is JSON by contract.
    pub(crate) fn are_arguments(&self) -> bool {
        self.key == KeyKind::Arguments && !self.tool.is_top()
    }

    /// Bytes of the current string.
    pub(crate) fn capture(&mut self, bytes: &[u8]) {
        if !self.capturing {
            return;
        }
        if let Some(room) = self.name.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        } else {
            (self.len, self.capturing) = (0, false);
        }
    }

    pub(crate) fn string_opens(&mut self, is_name: bool) {
        self.capturing = is_name || self.key == KeyKind::Type;
        self.len = 0;
        if is_name {
            self.key = KeyKind::Plain;
        }
        let text = is_name || self.tool.is_top();
        self.opaque =
            !text && (self.key == KeyKind::Opaque || (self.key == KeyKind::Data && self.blob.is_top()));
        let thinking = self.key == KeyKind::Thinking && self.block.is_top();
        self.kept = !self.opaque
            && !self.tool.is_top()
            && (self.keeps.is_top() || thinking || (!is_name && self.link));
    }

    pub(crate) fn string_closes(&mut self, is_name: bool) {
        let text = &self.name[..self.len];
        if is_name {
            self.key = KeyKind::of(text);
            self.holds_link = places::may_hold_link_of_reply(text);
            self.link = places::is_link_of_reply(text, b"")
                || (self.links.is_top() && places::may_be_link_of_reply(text));
        } else if self.capturing {
            if is_blob_type(text) {
                self.blob.set_top();
            }
            if is_signed_type(text) {
                self.keeps.set_top();
            }
            if is_thinking_type(text) {
                self.block.set_top();
            }
        }
        (self.capturing, self.opaque, self.kept) = (false, false, false);
    }

    /// A byte outside of strings, after which the document is still one.
    pub(crate) fn structure(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                let object = byte == b'{';
                let keeps = matches!(self.key, KeyKind::Signed | KeyKind::Sampled);
                self.tool.open(self.tool.is_top() || (object && self.key.is_tool_input()));
                self.keeps.open(self.keeps.is_top() || keeps);
                self.blob.open(object && self.key == KeyKind::Blob);
                self.links.open(object && self.holds_link);
                (self.holds_link, self.link) = (false, false);
                self.block.open(object && self.blocks.is_top());
                self.blocks.open(!object && self.key == KeyKind::Content);
                self.key = KeyKind::Plain;
            }
            b'}' | b']' => {
                let bits = [
                    &mut self.tool,
                    &mut self.keeps,
                    &mut self.blob,
                    &mut self.block,
                    &mut self.blocks,
                    &mut self.links,
                ];
                bits.into_iter().for_each(ContainerBits::close);
                (self.holds_link, self.link) = (false, false);
                self.key = KeyKind::Plain;
            }
            _ => {}
        }
    }
}
