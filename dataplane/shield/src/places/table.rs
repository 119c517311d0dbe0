//! Looks places up by the way from a value to the root of its document.

#![expect(clippy::cast_possible_truncation, reason = "the built-in places are far fewer than 65536")]

use std::sync::LazyLock;

use crate::places::file;
use crate::places::place::{PathStep, Pattern, Place, Role, Scope};

/// The places of some roles, ready to be looked up.
#[derive(Debug)]
pub struct PlaceTable {
    places: Vec<Place>,
    /// Indices of the places by the hash of their last name, in the order of the files.
    buckets: Vec<Vec<u16>>,
    signed_types: Vec<String>,
}

const BUCKETS: usize = 256;

impl PlaceTable {
    fn new(files: &'static [file::PlacesFile], wanted: impl Fn(&Place) -> bool) -> Self {
        let mut table =
            Self { places: Vec::new(), buckets: vec![Vec::new(); BUCKETS], signed_types: Vec::new() };
        for file in files {
            table.signed_types.extend(file.signed_types.iter().cloned());
            table.places.extend(file.places().filter(&wanted));
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
        C: Iterator<Item = PathStep<'a>> + Clone,
    {
        // The last step of a path may be `*`, so the name that counts is the first or the second one.
        let names = chain.clone().filter_map(|step| match step {
            PathStep::Member(name) => Some(name),
            PathStep::Item => None,
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

pub(super) static FILES: LazyLock<Vec<file::PlacesFile>> = LazyLock::new(file::all);

/// Names of query parameters or header fields that mean something, in lower case.
type Names = LazyLock<Vec<(String, Role)>>;

static PARAMETERS: Names = LazyLock::new(|| names(|row| &row.query));
static HEADERS: Names = LazyLock::new(|| names(|row| &row.headers));

static OF_REQUESTS: LazyLock<PlaceTable> =
    LazyLock::new(|| PlaceTable::new(&FILES, |place| !matches!(place.role, Role::Offset | Role::Structure)));

static STRUCTURE: LazyLock<PlaceTable> =
    LazyLock::new(|| PlaceTable::new(&FILES, |place| place.role == Role::Structure));

static HISTORY: LazyLock<PlaceTable> =
    LazyLock::new(|| PlaceTable::new(&FILES, |place| place.refers_to_history));

/// Segments of paths, by which a request refers to what its provider keeps.
static HISTORY_PATHS: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
    let mut paths: Vec<Vec<_>> =
        FILES.iter().flat_map(|file| &file.history_paths).map(|path| path.split('/').collect()).collect();
    paths.sort();
    paths.dedup();
    paths
});

static ALL: LazyLock<PlaceTable> = LazyLock::new(|| PlaceTable::new(&FILES, |_| true));

/// The places that the scan of a request has to know.
pub fn of_requests() -> &'static PlaceTable {
    &OF_REQUESTS
}

/// The places of words of the APIs, in which no value is searched for that was found elsewhere.
pub fn structure() -> &'static PlaceTable {
    &STRUCTURE
}

/// The places that name what the provider keeps of earlier requests.
pub fn history() -> &'static PlaceTable {
    &HISTORY
}

/// Whether the path of a request leads to what the provider keeps of earlier ones: a conversation, a file, the results of
/// a batch. It may stand below any other path.
pub fn is_history_path(path: &str) -> bool {
    let path = path.split_once(['?', '#']).map_or(path, |(path, _)| path);
    let mut rest = Some(path);
    while let Some(here) = rest {
        let (part, behind) = next_segment(here);
        if HISTORY_PATHS.iter().any(|wanted| wanted[0] == part && begins_with(behind, &wanted[1..])) {
            return true;
        }
        rest = behind;
    }
    false
}

fn next_segment(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(part, behind)| (part, Some(behind)))
}

fn begins_with(mut path: Option<&str>, wanted: &[&str]) -> bool {
    wanted.iter().all(|word| {
        let Some((part, behind)) = path.map(next_segment) else { return false };
        path = behind;
        !part.is_empty() && (*word == "*" || *word == part)
    })
}

/// All places of all APIs.
pub fn all() -> &'static PlaceTable {
    &ALL
}

/// The documents of the files in which `"@"` stands at a place of that role.
#[cfg(test)]
pub(crate) fn examples(role: Role) -> impl Iterator<Item = String> {
    FILES
        .iter()
        .flat_map(|file| &file.place)
        .filter(move |row| row.role == role)
        .flat_map(|row| row.examples.clone())
}

/// A member's name.
type Name = Box<[u8]>;

/// A member of a reply whose value goes back unsearched.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct UnsearchedMember {
    /// `None` for any.
    name: Option<Name>,
    /// The name of the object around it, or of the list that this is an item of. `None` for any.
    holder: Option<Name>,
}

/// What replies call the page tokens that requests have in their query.
const CURSORS_OF_REPLIES: [&[u8]; 7] = [
    b"next_page_token",
    b"nextSyncToken",
    b"nextToken",
    b"next_token",
    b"next_page",
    b"last_id",
    b"first_id",
];

/// Names of members by which links, credentials, page tokens and sound without a head of the table are known wherever they
/// stand in a reply.
static UNSEARCHED: LazyLock<Vec<UnsearchedMember>> = LazyLock::new(|| {
    let wanted = |place: &&Place| {
        matches!(place.role, Role::Link | Role::Credential | Role::PageToken) || place.always_media
    };
    let name = |step: Option<&Pattern>| match step {
        Some(Pattern::Name(name)) => Some(name.clone()),
        _ => None,
    };
    let of_requests = OF_REQUESTS.places.iter().filter(wanted).map(|place| {
        // Links are listed by names of their own; credentials are called like anything (`value`).
        let is_credential = place.role == Role::Credential;
        let above = &place.steps[1..];
        let holder = above.iter().find(|step| !is_credential || **step != Pattern::Item);
        UnsearchedMember { name: name(place.steps.first()), holder: name(holder) }
    });
    let cursor = |name: &&[u8]| UnsearchedMember { name: Some((**name).into()), holder: None };
    let mut members: Vec<_> = of_requests.chain(CURSORS_OF_REPLIES.iter().map(cursor)).collect();
    members.sort();
    members.dedup();
    members
});

/// Whether the string under `name`, in an object under `holder` (empty if it has none), is a link, a credential, a
/// page token or sound: if it came back in a request, it would not be searched.
///
/// It could not be searched there without breaking it; so no secret is put into it here.
pub fn is_unsearched_in_reply(name: &[u8], holder: &[u8]) -> bool {
    UNSEARCHED.iter().any(|member| {
        member.name.as_ref().is_none_or(|own| **own == *name)
            && member.holder.as_ref().is_none_or(|around| **around == *holder)
    })
}

/// The names of what may hold such strings.
static HOLDERS: LazyLock<Vec<&'static [u8]>> = LazyLock::new(|| {
    let mut holders: Vec<&[u8]> = UNSEARCHED.iter().filter_map(|member| member.holder.as_deref()).collect();
    holders.dedup();
    holders
});

/// A holder of such strings, for a reader that keeps no names of what is open. The default is one without a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holder(Option<u8>);

impl Holder {
    /// What an object or list under `name` is.
    pub fn of(name: &[u8]) -> Self {
        let index = HOLDERS.iter().position(|holder| *holder == name);
        Self(index.and_then(|index| u8::try_from(index).ok()))
    }

    /// Whether the string under `name` in it [goes back unsearched](is_unsearched_in_reply).
    pub fn has_unsearched(self, name: &[u8]) -> bool {
        let holder = self.0.and_then(|index| HOLDERS.get(usize::from(index)));
        is_unsearched_in_reply(name, holder.copied().unwrap_or_default())
    }
}

/// What a query parameter of that name, in any case, means to the providers; `None` if it is text.
pub fn of_parameter(name: &[u8]) -> Option<Role> {
    named(&PARAMETERS, name)
}

/// What a header field of that name, in any case, means to the providers; `None` if it is text.
pub fn of_header(name: &[u8]) -> Option<Role> {
    named(&HEADERS, name)
}

fn names(list: impl Fn(&'static file::PlaceRow) -> &'static Vec<String>) -> Vec<(String, Role)> {
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
