//! The containers around a place in a JSON document.

use crate::json::Container;
use crate::request::classify::opaque::Declared;

/// Containers that are kept track of; what is deeper is named by the one around it, and is text. A batch of Google's with a tool's
/// image in it is 15 deep.
pub(crate) const MAX_FRAMES: usize = 16;

/// Bytes of a key, or of a value that says what an object is, that are kept.
pub(crate) const MAX_WORD: usize = 31;

/// A short text, cut if it is not.
#[derive(Clone, Copy)]
pub(crate) struct Word {
    pub(crate) len: u8,
    pub(crate) bytes: [u8; MAX_WORD],
}

impl Word {
    pub(crate) const EMPTY: Self = Self { len: 0, bytes: [0; MAX_WORD] };

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn append(&mut self, text: &[u8]) {
        let at = usize::from(self.len);
        let take = text.len().min(MAX_WORD - at);
        self.bytes[at..at + take].copy_from_slice(&text[..take]);
        self.len += take as u8;
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// What an object says it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// Nothing so far.
    Unknown,
    /// Something else.
    Other,
    /// The provider sealed what is in it.
    Sealed,
    /// Its data is text as it stands.
    Text,
    /// It holds a file, whose text a reply may point into.
    Document,
    /// The model's thought, as Google marks one.
    Thought,
}

/// Whether an object holds what vouches for the text in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seal {
    Unknown,
    /// It stands before the text.
    Seen,
    /// What stands behind the text was looked at too, and nothing speaks against it.
    Sure,
    /// It is not there, or something else is there as well, or too far behind: the text in this object is scanned.
    Missing,
}

/// An open container.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) container: Container,
    pub(crate) kind: Type,
    pub(crate) seal: Seal,
    pub(crate) declared: Declared,
    pub(crate) index: u32,
    pub(crate) key: Word,
}

impl Frame {
    /// Whether it is an object whose member of this name is open.
    pub(crate) fn is(&self, key: &[u8]) -> bool {
        self.container == Container::Object && self.key.as_bytes() == key
    }
}
