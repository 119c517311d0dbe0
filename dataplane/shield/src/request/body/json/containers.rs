//! The containers around a place in a JSON document.

#![expect(clippy::cast_possible_truncation, reason = "a word has at most `MAX_WORD` bytes")]

use crate::json::Container;
use crate::places::{self, PathStep, Place, PlaceTable, Scope};
use crate::request::classify::opaque::Declared;

/// Containers that are kept track of; what is deeper is named by the one around it, and is text. A batch of Google's
/// with a tool's image in it is 15 deep.
pub(crate) const MAX_CONTAINERS: usize = 16;

/// Bytes of a key, or of a value that says what an object is, that are kept.
pub(crate) const MAX_WORD: usize = 31;

/// A short text, cut if it is not.
#[derive(Clone, Copy)]
pub(crate) struct ShortText {
    pub(crate) len: u8,
    pub(crate) bytes: [u8; MAX_WORD],
}

impl ShortText {
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
pub(crate) enum ObjectType {
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
pub(crate) struct OpenContainer {
    pub(crate) container: Container,
    pub(crate) kind: ObjectType,
    pub(crate) seal: Seal,
    pub(crate) declared: Declared,
    pub(crate) index: u32,
    pub(crate) key: ShortText,
}

impl OpenContainer {
    /// A container of which nothing is known yet.
    const EMPTY: Self = Self {
        container: Container::Array,
        kind: ObjectType::Unknown,
        seal: Seal::Unknown,
        declared: Declared::Nothing,
        index: 0,
        key: ShortText::EMPTY,
    };

    /// Whether it is an object whose member of this name is open.
    pub(crate) fn is(&self, key: &[u8]) -> bool {
        self.container == Container::Object && self.key.as_bytes() == key
    }
}

/// The open containers around a place, of which the outermost [`MAX_CONTAINERS`] are kept.
#[derive(Clone)]
pub(crate) struct OpenContainers {
    scope: Scope,
    depth: u16,
    containers: [OpenContainer; MAX_CONTAINERS],
}

impl OpenContainers {
    /// At the root of a document of that scope.
    pub(crate) fn new(scope: Scope) -> Self {
        Self { scope, depth: 0, containers: [OpenContainer::EMPTY; MAX_CONTAINERS] }
    }

    /// The container that has `above` others open inside, if it is kept track of.
    pub(crate) fn holder(&self, above: u16) -> Option<&OpenContainer> {
        self.containers.get(usize::from(self.depth).checked_sub(1 + usize::from(above))?)
    }

    /// The same, to be changed.
    pub(crate) fn holder_mut(&mut self, above: u16) -> Option<&mut OpenContainer> {
        self.containers.get_mut(usize::from(self.depth).checked_sub(1 + usize::from(above))?)
    }

    /// A container opens.
    pub(crate) fn open(&mut self, container: Container) {
        self.depth += 1;
        if let Some(open) = self.innermost() {
            open.container = container;
            open.kind = ObjectType::Unknown;
            open.seal = Seal::Unknown;
            open.declared = Declared::Nothing;
            open.index = 0;
            open.key.clear();
        }
    }

    /// The innermost container ends.
    pub(crate) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// How many containers are open.
    pub(crate) fn depth(&self) -> u16 {
        self.depth
    }

    /// The innermost container, if it is kept track of.
    pub(crate) fn innermost(&mut self) -> Option<&mut OpenContainer> {
        self.containers.get_mut(usize::from(self.depth).checked_sub(1)?)
    }

    /// The open containers, outermost first.
    pub(crate) fn tracked(&self) -> &[OpenContainer] {
        &self.containers[..usize::from(self.depth).min(MAX_CONTAINERS)]
    }

    /// The name of the object's member whose value begins.
    pub(crate) fn member(&self) -> Option<&[u8]> {
        let open = self.containers.get(usize::from(self.depth).checked_sub(1)?)?;
        (open.container == Container::Object).then(|| open.key.as_bytes())
    }

    /// Whether the open string is JSON by contract: the arguments of a tool's call.
    pub(crate) fn is_arguments(&self) -> bool {
        self.member().is_some_and(|name| matches!(name, b"arguments" | b"partial_json"))
    }

    /// The way from the value that begins to the root. Empty if it is deeper than is kept.
    pub(crate) fn chain(&self) -> impl Iterator<Item = PathStep<'_>> + Clone {
        let depth = usize::from(self.depth);
        let containers = if depth > MAX_CONTAINERS { &[] } else { &self.containers[..depth] };
        containers.iter().rev().map(|open| match open.container {
            Container::Object => PathStep::Member(open.key.as_bytes()),
            Container::Array => PathStep::Item,
        })
    }

    /// The places that the scan of a request knows and that the value which begins is at.
    pub(crate) fn places(&self) -> impl Iterator<Item = &'static Place> {
        places::of_requests().find(self.scope, self.chain())
    }

    /// The place that the value which begins is at, if it is none for ordinary text.
    pub(crate) fn listed(&self) -> Option<&'static Place> {
        self.listed_in(places::of_requests())
    }

    /// Whether the value which begins is a word of the API.
    pub(crate) fn is_structure(&self) -> bool {
        self.listed_in(places::structure()).is_some()
    }

    /// Whether the value which begins names something that the provider keeps of earlier requests.
    pub(crate) fn is_history(&self) -> bool {
        self.listed_in(places::history()).is_some()
    }

    /// The place that the value which begins is at, by this table.
    pub(crate) fn listed_in(&self, table: &'static PlaceTable) -> Option<&'static Place> {
        let open = self.containers.get(usize::from(self.depth).checked_sub(1)?)?;
        let signed = open.kind == ObjectType::Sealed;
        table.find(self.scope, self.chain()).find(|place| signed || !place.only_signed_types)
    }

    /// Whether the container at `level` is a block of a message, or one of a tool's result in it.
    pub(crate) fn is_block(&self, level: u16) -> bool {
        let list = |open: &OpenContainer| open.container == Container::Array;
        let Some(around) = usize::from(level).checked_sub(1).and_then(|above| self.containers.get(..above))
        else {
            return false;
        };
        let [body, messages, message, content, inner @ ..] = around else { return false };
        let outer = body.is(b"messages") && list(messages) && message.is(b"content") && list(content);
        outer
            && match inner {
                [] => true,
                // A list of them; the one page that was fetched.
                [result, blocks] => result.is(b"content") && (list(blocks) || blocks.is(b"content")),
                _ => false,
            }
    }
}
