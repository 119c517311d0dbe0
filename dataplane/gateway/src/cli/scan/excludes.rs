//! What is not scanned: globs as in `.gitignore`, of the project file and of `--exclude`.

use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Globs in the order in which they decide.
#[derive(Debug, Clone, Default)]
pub(super) struct Excludes(Vec<Gitignore>);

impl Excludes {
    /// The first of these that knows a path decides about it.
    pub(super) fn new(lists: impl IntoIterator<Item = Gitignore>) -> Self {
        Self(lists.into_iter().filter(|list| !list.is_empty()).collect())
    }

    /// Whether nothing is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the file or folder is left out, or a folder that it is in. The path is absolute, without links.
    pub(super) fn hold(&self, path: &Path, is_folder: bool) -> bool {
        for list in self.0.iter().filter(|list| path.starts_with(list.path())) {
            match list.matched_path_or_any_parents(path, is_folder) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}

/// A list of globs that are relative to `folder`, which is absolute.
pub(super) fn build<'g>(
    folder: &Path,
    globs: impl IntoIterator<Item = &'g str>,
) -> Result<Gitignore, String> {
    let mut builder = GitignoreBuilder::new(folder);
    for glob in globs {
        builder.add_line(None, glob).map_err(|error| error.to_string())?;
    }
    builder.build().map_err(|error| error.to_string())
}

/// Says what is wrong with a glob. What would be a comment or nothing in a `.gitignore` is wrong here.
pub(super) fn check(glob: &str) -> Result<(), String> {
    if glob.trim().is_empty() || glob.starts_with('#') {
        return Err(format!("`{glob}` excludes nothing"));
    }
    build(Path::new("/"), [glob]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_those_of_gitignore_and_the_first_list_decides() {
        let list = |folder: &str, globs: &[&str]| build(Path::new(folder), globs.iter().copied()).unwrap();
        let flags = list("/p/src", &["!keep.rs"]);
        let project = list("/p", &["fixtures/", "*.rs", "/top.txt"]);
        let excludes = Excludes::new([flags, project, list("/q", &[])]);
        for (path, expected) in [
            ("/p/a.rs", true),
            ("/p/src/keep.rs", false),
            ("/p/fixtures/deep/x.txt", true),
            ("/p/src/fixtures/x", true),
            ("/p/top.txt", true),
            ("/p/src/top.txt", false),
            ("/p/a.txt", false),
            ("/elsewhere/a.rs", false),
        ] {
            assert_eq!(excludes.hold(Path::new(path), false), expected, "{path}");
        }
        assert!(excludes.hold(Path::new("/p/fixtures"), true) && !excludes.hold(Path::new("/p"), true));
        assert!(Excludes::new([list("/", &[])]).is_empty());
    }

    #[test]
    fn globs_that_exclude_nothing_or_are_none_are_refused() {
        for glob in ["", "  ", "# note", "{a,b"] {
            assert!(check(glob).is_err(), "{glob:?}");
        }
        assert!(check("*.snap").is_ok() && check("!x").is_ok());
    }
}
