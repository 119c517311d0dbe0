//! The files of the table: how they are written and taken apart. They are compiled into the program and tested whole,
//! so that reading them cannot fail where it runs. What the tests alone read, the program skips; so tests alone refuse
//! members that nobody knows.

use serde::Deserialize;

use crate::places::place::{Pattern, Place, Role, Scope};

/// The files, in the order in which they decide.
const SOURCES: [(&str, &str); 7] = [
    ("anthropic", include_str!("../../places/anthropic.toml")),
    ("openai-chat", include_str!("../../places/openai-chat.toml")),
    ("openai-responses", include_str!("../../places/openai-responses.toml")),
    ("gemini", include_str!("../../places/gemini.toml")),
    ("bedrock", include_str!("../../places/bedrock.toml")),
    ("ollama", include_str!("../../places/ollama.toml")),
    ("generic", include_str!("../../places/generic.toml")),
];

/// One API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlacesFile {
    #[serde(skip)]
    pub(crate) api: &'static str,
    /// Where whole requests stand in a body; `""` is its root.
    #[serde(default)]
    pub(crate) roots: Vec<String>,
    /// Where whole requests stand in an uploaded file, such as a line of a batch.
    #[serde(default, rename = "file_roots")]
    pub(crate) upload_roots: Vec<String>,
    /// What `type` says in objects that hold something signed.
    #[serde(default)]
    pub(crate) signed_types: Vec<String>,
    /// Segments of request paths, joined by `/`, behind which the provider keeps what clients sent it before. `*` is any
    /// one segment.
    #[serde(default)]
    pub(crate) history_paths: Vec<String>,
    #[serde(default)]
    pub(crate) place: Vec<PlaceRow>,
}

/// Places of one role that are documented together.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, serde(deny_unknown_fields))]
#[expect(clippy::struct_excessive_bools, reason = "marks of a row that are written one by one in the files")]
pub(crate) struct PlaceRow {
    pub(crate) role: Role,
    /// In JSON.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// In the query.
    #[serde(default)]
    pub(crate) query: Vec<String>,
    /// In the head.
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    /// The value names something that the provider keeps of earlier requests.
    #[serde(default)]
    pub(crate) history: bool,
    #[serde(default)]
    only_signed_types: bool,
    #[serde(default)]
    always_media: bool,
    #[serde(default)]
    sealed_by: Vec<String>,
    #[serde(default)]
    sealed_above: u8,
    #[serde(default)]
    untyped: bool,
    #[serde(default)]
    only_thoughts: bool,
    /// Documents in which `"@"` stands at these places, and nowhere else.
    #[cfg(test)]
    #[serde(default)]
    pub(crate) examples: Vec<String>,
    /// Documents in which `"@"` stands close to these places, and is ordinary text.
    #[cfg(test)]
    #[serde(default)]
    pub(crate) near: Vec<String>,
}

/// All files.
pub(crate) fn all() -> Vec<PlacesFile> {
    let read = |&(api, text): &(&'static str, &str)| {
        let file: PlacesFile =
            toml::from_str(text).unwrap_or_else(|error| panic!("places/{api}.toml: {error}"));
        PlacesFile { api, ..file }
    };
    SOURCES.iter().map(read).collect()
}

impl PlacesFile {
    /// The places of this API, each once per root that it holds under.
    pub(crate) fn places(&'static self) -> impl Iterator<Item = Place> {
        self.place.iter().flat_map(move |row| {
            row.paths.iter().flat_map(move |path| {
                self.below_roots(path).map(move |(steps, scope)| Place {
                    api: self.api,
                    role: row.role,
                    refers_to_history: row.history,
                    only_signed_types: row.only_signed_types,
                    always_media: row.always_media,
                    sealed_by: &row.sealed_by,
                    sealed_above: row.sealed_above,
                    untyped: row.untyped,
                    only_thoughts: row.only_thoughts,
                    path: path.clone(),
                    steps,
                    scope,
                })
            })
        })
    }

    fn below_roots<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (Box<[Pattern]>, Scope)> + 'a {
        let below =
            move |roots: &'a [String], scope| roots.iter().map(move |root| (steps(root, path), scope));
        below(&self.roots, Scope::Body).chain(below(&self.upload_roots, Scope::File))
    }
}

/// The steps of `root` and `path`, last one first.
fn steps(root: &str, path: &str) -> Box<[Pattern]> {
    let mut steps = Vec::new();
    for word in root.split('.').filter(|word| !word.is_empty()).chain(path.split('.')) {
        let name = word.trim_end_matches("[]");
        match name {
            "" => {}
            "*" => steps.push(Pattern::AnyName),
            name => steps.push(Pattern::Name(name.as_bytes().into())),
        }
        steps.extend(std::iter::repeat_n(Pattern::Item, (word.len() - name.len()) / "[]".len()));
    }
    steps.reverse();
    steps.into()
}
