//! One place of one API: a path from the root of a document, and what stands there.

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A credential that the provider itself is to use. Passes as it is.
    Credential,
    /// A cursor of the provider's lists, made by the provider. Passes as it is.
    PageToken,
    /// A signature or ciphertext of the provider, in base64. Passes as it is if it is long enough to be one.
    Sealed,
    /// Text that a [`Role::Sealed`] member of the same object vouches for.
    Signed,
    /// Bytes in base64.
    Media,
    /// An address that the provider fetches, or a data URL with media; a signature in the address is needed for that.
    /// Passes as it is if it is an address.
    Link,
    /// A position in a text of the same document, counted in the API's own unit.
    Offset,
    /// A word of the API: model, role, type, name of a tool.
    Structure,
}

/// Where a document comes from, which decides whose paths from the root hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The body of a request or reply.
    Body,
    /// A file that is uploaded.
    File,
}

/// A step from a value towards the root of its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStep<'a> {
    /// It is a member of that name of an object.
    Member(&'a [u8]),
    /// It is an item of an array.
    Item,
}

/// One step of a path, seen from its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Name(Box<[u8]>),
    AnyName,
    Item,
}

/// One place of one API.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the marks of its row")]
pub struct Place {
    /// The API's name, as its file is called.
    pub api: &'static str,
    /// What stands there.
    pub role: Role,
    /// It names something that the provider keeps of earlier requests, so that the reply may hold their tokens.
    pub refers_to_history: bool,
    /// Only in an object whose `type` is one of [`PlaceTable::is_signed_type`](super::PlaceTable::is_signed_type).
    pub only_signed_types: bool,
    /// Media whatever its type says.
    pub always_media: bool,
    /// The member that vouches for signed text, in all its spellings; empty for other roles.
    pub sealed_by: &'static [String],
    /// How many containers around the text's object hold that member: 0 if it stands beside the text.
    pub sealed_above: u8,
    /// The path as written, below its root.
    pub path: String,
    /// Objects of this kind have no `type`, so none is asked for.
    pub untyped: bool,
    /// Only in an object that says `"thought": true`, which stands for its type.
    pub only_thoughts: bool,
    /// The steps, last one first.
    pub(super) steps: Box<[Pattern]>,
    /// In the root of which documents the path begins.
    pub(super) scope: Scope,
}

impl Place {
    pub(super) fn matches<'a>(&self, scope: Scope, mut chain: impl Iterator<Item = PathStep<'a>>) -> bool {
        if self.scope != scope {
            return false;
        }
        for pattern in &self.steps {
            let met = match (pattern, chain.next()) {
                (Pattern::Name(name), Some(PathStep::Member(member))) => **name == *member,
                (Pattern::AnyName, Some(PathStep::Member(_))) | (Pattern::Item, Some(PathStep::Item)) => true,
                _ => false,
            };
            if !met {
                return false;
            }
        }
        chain.next().is_none()
    }

    /// The last name in the path, by which it is found.
    pub(super) fn name(&self) -> &[u8] {
        let name = self.steps.iter().find_map(|step| match step {
            Pattern::Name(name) => Some(&**name),
            _ => None,
        });
        name.unwrap_or_default()
    }
}
