//! Which strings of a document that is restored as it passes are no text, or text that must stay.
//!
//! Nothing is looked ahead: the type of an object counts from where it stands, which is first in what the
//! providers send. (What fits into memory is read as a whole, and then the order does not matter.)

use crate::places::Holder;
use crate::reply::text::keys::{
    self, KeyKind, MAX_KNOWN_KEY, MEDIA_HEAD, is_blob_type, is_signed_type, is_thinking_type,
};

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

/// Open containers whose names are known. What is deeper is none of the APIs'.
const MAX_HOLDERS: usize = 32;

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
    /// What the open containers hold, the innermost of `depth` last; what a container under the current name would hold;
    /// whether there is such a name; whether the current string goes back unsearched.
    holders: [Holder; MAX_HOLDERS],
    depth: usize,
    holder: Holder,
    is_named: bool,
    is_unsearched: bool,
    /// The container is a list that may hold media; the current value may be such a list; it may be media; what its string
    /// begins with, as far as it has been seen.
    media: ContainerBits,
    holds_media: bool,
    is_media_name: bool,
    head: [u8; MEDIA_HEAD],
    head_len: usize,
}

impl MemberTracker {
    /// Whether the current string is no text.
    pub(crate) fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// Whether the current string is text that stays as it is, or media as far as its beginning says.
    pub(crate) fn is_kept(&self) -> bool {
        let may_be_media = self.is_media_name || self.media.is_top();
        self.kept || (may_be_media && !self.tool.is_top() && keys::is_media_head(&self.head[..self.head_len]))
    }

    /// Whether the current string is part of what a tool gets.
    pub(crate) fn is_tool_input(&self) -> bool {
        self.tool.is_top() || self.key.is_tool_input()
    }

    /// Whether the current string is JSON by contract.
    pub(crate) fn are_arguments(&self) -> bool {
        self.key == KeyKind::Arguments && !self.tool.is_top()
    }

    /// Bytes of the current string.
    pub(crate) fn capture(&mut self, bytes: &[u8]) {
        let seen = self.head_len;
        if seen < MEDIA_HEAD {
            self.head_len = MEDIA_HEAD.min(seen + bytes.len());
            self.head[seen..self.head_len].copy_from_slice(&bytes[..self.head_len - seen]);
        }
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
        (self.len, self.head_len) = (0, 0);
        if is_name {
            self.key = KeyKind::Plain;
        }
        let text = is_name || self.tool.is_top();
        self.opaque =
            !text && (self.key == KeyKind::Opaque || (self.key == KeyKind::Data && self.blob.is_top()));
        let thinking = self.key == KeyKind::Thinking && self.block.is_top();
        self.kept = !self.opaque
            && !self.tool.is_top()
            && (self.keeps.is_top() || thinking || (!is_name && self.is_unsearched));
    }

    pub(crate) fn string_closes(&mut self, is_name: bool) {
        let text = &self.name[..self.len];
        if is_name {
            self.key = KeyKind::of(text);
            self.holder = Holder::of(text);
            self.is_unsearched = self.open_holder().has_unsearched(text);
            self.is_named = true;
            self.is_media_name = keys::may_be_media(text, false);
            self.holds_media = keys::may_be_media(text, true);
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

    fn open_holder(&self) -> Holder {
        let innermost = self.depth.checked_sub(1).and_then(|at| self.holders.get(at));
        innermost.copied().unwrap_or_default()
    }

    fn forget_name(&mut self) {
        (self.holder, self.is_named, self.is_unsearched) = (Holder::default(), false, false);
        (self.holds_media, self.is_media_name) = (false, false);
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
                let holder = if self.is_named { self.holder } else { self.open_holder() };
                if let Some(room) = self.holders.get_mut(self.depth) {
                    *room = holder;
                }
                self.depth += 1;
                self.media.open(!object && self.holds_media);
                self.forget_name();
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
                    &mut self.media,
                ];
                bits.into_iter().for_each(ContainerBits::close);
                self.depth = self.depth.saturating_sub(1);
                self.forget_name();
                self.key = KeyKind::Plain;
            }
            _ => {}
        }
    }
}
