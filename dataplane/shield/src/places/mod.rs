//! The table of places: what the providers' APIs mean by a member, told by where it stands.
//!
//! A scanner that sees only text would hide what a provider needs (the token of a page, the credential of a tool server), and one that
//! goes by names alone could be led past a secret by a member of the same name in a tool's arguments. So each member that is not
//! ordinary text is listed with its whole way from the root, in one file per API under `places/`. Tokenizer, gateway, tests and
//! the table in the README read the same files.
//!
//! # Paths
//!
//! ```text
//!   mcp_servers[].authorization_token     from the root: that member of each object in the array `mcp_servers`
//!   tools[].headers.*                     each member of the object `headers`
//!   messages[].images[]                   each string of the array `images` of each of the `messages`
//! ```
//!
//! A step is a member's name or `*`, each `[]` behind it one array around what follows. Names are compared byte by byte. A path
//! holds below each of the file's `roots`, ways under which the API wraps whole requests (`requests[].params` of a batch); in *uploaded
//! files* it holds only below one of `file_roots`, since a file is the user's own and merely may look like a request. JSON inside
//! a string has no places at all: it is text. There is no way to write "at any depth": a tool's input is an object of the
//! user's own, in which the same members would pass unscanned.
//!
//! # One table for all
//!
//! A body is looked up in the tables of all APIs at once. An upstream's configuration says which API it speaks at most by
//! guess, and many speak several (aggregators, proxies, clouds); whole paths from the root mean the same wherever they occur, or do not
//! occur at all. What an API does not list is text.
//!
//! # Cost
//!
//! One hash of a member's name per string value, no work per byte. Only for a listed name the chain of holders is compared.

mod file;

use std::sync::LazyLock;

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
    /// An address that the provider fetches, or a data URL with media; a signature in the address is needed for that. Passes as it is if it is an address.
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
pub enum Step<'a> {
    /// It is a member of that name of an object.
    Member(&'a [u8]),
    /// It is an item of an array.
    Item,
}

/// One step of a path, seen from its end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
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
    /// Only in an object whose `type` is one of [`Table::is_signed_type`].
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
    steps: Box<[Pattern]>,
    /// In the root of which documents the path begins.
    scope: Scope,
}

impl Place {
    fn matches<'a>(&self, scope: Scope, mut chain: impl Iterator<Item = Step<'a>>) -> bool {
        if self.scope != scope {
            return false;
        }
        for pattern in &self.steps {
            let met = match (pattern, chain.next()) {
                (Pattern::Name(name), Some(Step::Member(member))) => **name == *member,
                (Pattern::AnyName, Some(Step::Member(_))) | (Pattern::Item, Some(Step::Item)) => true,
                _ => false,
            };
            if !met {
                return false;
            }
        }
        chain.next().is_none()
    }

    /// The last name in the path, by which it is found.
    fn name(&self) -> &[u8] {
        let name = self.steps.iter().find_map(|step| match step {
            Pattern::Name(name) => Some(&**name),
            _ => None,
        });
        name.unwrap_or_default()
    }
}

/// The places of some roles, ready to be looked up.
#[derive(Debug)]
pub struct Table {
    places: Vec<Place>,
    /// Indices of the places by the hash of their last name, in the order of the files.
    buckets: Vec<Vec<u16>>,
    signed_types: Vec<String>,
}

const BUCKETS: usize = 256;

impl Table {
    fn new(files: &'static [file::File], wanted: impl Fn(Role) -> bool) -> Self {
        let mut table =
            Self { places: Vec::new(), buckets: vec![Vec::new(); BUCKETS], signed_types: Vec::new() };
        for file in files {
            table.signed_types.extend(file.signed_types.iter().cloned());
            table.places.extend(file.places().filter(|place| wanted(place.role)));
        }
        for (index, place) in table.places.iter().enumerate() {
            table.buckets[bucket(place.name())].push(index as u16);
        }
        table
    }

    /// The places that a value is at, the decisive one first. `chain` leads from the value to the root.
    pub fn find<'t, 'a, C>(
        &'t self,
        scope: Scope,
        chain: C,
    ) -> impl Iterator<Item = &'t Place> + use<'t, 'a, C>
    where
        C: Iterator<Item = Step<'a>> + Clone,
    {
        // The last step of a path may be `*`, so the name that counts is the first or the second one.
        let names = chain.clone().filter_map(|step| match step {
            Step::Member(name) => Some(name),
            Step::Item => None,
        });
        names.take(2).flat_map(move |name| {
            let chain = chain.clone();
            let here = self.buckets[bucket(name)].iter().map(|&index| &self.places[usize::from(index)]);
            here.filter(move |place| place.name() == name && place.matches(scope, chain.clone()))
        })
    }

    /// Whether an object of that `type` holds what its provider signed.
    pub fn is_signed_type(&self, kind: &[u8]) -> bool {
        self.signed_types.iter().any(|known| known.as_bytes() == kind)
    }

    /// All places, in the order of the files.
    pub fn places(&self) -> &[Place] {
        &self.places
    }
}

/// Few names are listed, so most members end at an empty bucket.
fn bucket(name: &[u8]) -> usize {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return 0 };
    (name.len().wrapping_mul(31) + usize::from(first).wrapping_mul(7) + usize::from(last)) % BUCKETS
}

static FILES: LazyLock<Vec<file::File>> = LazyLock::new(file::all);

/// Names of query parameters or header fields that mean something, in lower case.
type Names = LazyLock<Vec<(String, Role)>>;

static PARAMETERS: Names = LazyLock::new(|| names(|row| &row.query));
static HEADERS: Names = LazyLock::new(|| names(|row| &row.headers));

static OF_REQUESTS: LazyLock<Table> =
    LazyLock::new(|| Table::new(&FILES, |role| !matches!(role, Role::Offset | Role::Structure)));

static ALL: LazyLock<Table> = LazyLock::new(|| Table::new(&FILES, |_| true));

/// The places that the scan of a request has to know.
pub fn of_requests() -> &'static Table {
    &OF_REQUESTS
}

/// All places of all APIs.
pub fn all() -> &'static Table {
    &ALL
}

/// A member's name.
type Name = Box<[u8]>;

/// Names of members by which links of the table are known wherever they stand, with the name of the object around them if one
/// is listed that is no list's item.
static LINKS: LazyLock<Vec<(Name, Option<Name>)>> = LazyLock::new(|| {
    let of_requests = OF_REQUESTS.places.iter().filter(|place| place.role == Role::Link);
    let mut links: Vec<_> = of_requests
        .filter_map(|place| {
            let mut names = place.steps.iter().map_while(|step| match step {
                Pattern::Name(name) => Some(name.clone()),
                _ => None,
            });
            Some((names.next()?, names.next()))
        })
        .collect();
    links.sort();
    links.dedup();
    links
});

/// Whether the string under `name`, in an object under `holder` (empty if it has none), is an address that the provider would
/// fetch if it came back in a request, where it is not searched.
///
/// An address may be signed, so it cannot be searched there without breaking it; so no secret is put into it here.
pub fn is_link_of_reply(name: &[u8], holder: &[u8]) -> bool {
    // All of them end so: `url`, `uri`. Most names do not.
    matches!(name, [.., b'r', b'l' | b'i'])
        && LINKS
            .iter()
            .any(|(link, around)| **link == *name && around.as_ref().is_none_or(|around| **around == *holder))
}

/// Whether objects under `name` may hold such an address, for a reader that keeps no names of what is open.
pub fn may_hold_link_of_reply(name: &[u8]) -> bool {
    LINKS.iter().any(|(_, around)| around.as_deref() == Some(name))
}

/// Whether `name` may be the name of such an address in an object that [may hold](may_hold_link_of_reply) one.
pub fn may_be_link_of_reply(name: &[u8]) -> bool {
    LINKS.iter().any(|(link, _)| **link == *name)
}

/// What a query parameter of that name, in any case, means to the providers; `None` if it is text.
pub fn of_parameter(name: &[u8]) -> Option<Role> {
    named(&PARAMETERS, name)
}

/// What a header field of that name, in any case, means to the providers; `None` if it is text.
pub fn of_header(name: &[u8]) -> Option<Role> {
    named(&HEADERS, name)
}

fn names(list: impl Fn(&'static file::Row) -> &'static Vec<String>) -> Vec<(String, Role)> {
    let rows = FILES.iter().flat_map(|file| &file.place);
    let all = rows.flat_map(|row| list(row).iter().map(|name| (name.to_ascii_lowercase(), row.role)));
    let mut names: Vec<_> = all.collect();
    names.sort_by(|a, b| a.0.cmp(&b.0));
    names.dedup_by(|a, b| a.0 == b.0);
    names
}

fn named(names: &[(String, Role)], name: &[u8]) -> Option<Role> {
    let mut known = names.iter().filter(|(known, _)| known.len() == name.len());
    known.find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(_, role)| *role)
}

#[cfg(test)]
mod tests;
