//! Which keys something is wrong with, to tell what may be no more than a consequence of that.

use std::collections::HashSet;
use std::iter;

use crate::error::Problem;

/// Keys that something is wrong with.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyKeys {
    keys: HashSet<String>,
    /// All that is above one of them.
    above: HashSet<String>,
}

impl FaultyKeys {
    /// Adds `key`; the empty one, which stands for the file as a whole, explains nothing.
    pub(crate) fn insert(&mut self, key: &str) {
        if !key.is_empty() && self.keys.insert(key.to_owned()) {
            self.above.extend(all_above(key).map(str::to_owned));
        }
    }

    /// Whether `key`, or what is above it, is one of them.
    pub(crate) fn covers(&self, key: &str) -> bool {
        iter::once(key).chain(all_above(key)).any(|path| self.keys.contains(path))
    }

    /// Whether `problem` may be no more than a consequence: it is about one of these keys, about what is above or below one,
    /// or names one.
    pub(crate) fn may_explain(&self, problem: &Problem) -> bool {
        if self.keys.is_empty() {
            return false;
        }
        self.covers(&problem.key) || self.above.contains(&problem.key) || self.are_named_in(&problem.what)
    }

    fn are_named_in(&self, text: &str) -> bool {
        let is_of_key = |c: char| c.is_alphanumeric() || "._-[]*".contains(c);
        let words = text.split(|c| !is_of_key(c)).map(|word| word.trim_matches('.'));
        let mut paths = words.flat_map(|word| iter::once(word).chain(all_above(word)));
        paths.any(|path| path.contains('.') && self.keys.contains(path))
    }
}

/// The paths above `key`, from the nearest on.
fn all_above(key: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(key), |path| path.rfind(['.', '[']).map(|end| &path[..end])).skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consequence_is_about_the_key_its_surroundings_or_names_it() {
        let mut faults = FaultyKeys::default();
        faults.insert("auth.keys[0].id");
        faults.insert("limits.hold");
        faults.insert("");
        for (key, what, follows) in [
            ("auth.keys[0].id", "", true),
            ("auth.keys[0]", "", true),
            ("auth", "", true),
            ("auth.keys[1]", "", false),
            ("limits.hold.x", "", true),
            ("limits.holder", "", false),
            ("limits.max_body", "more than limits.hold, which is 5", true),
            ("limits.max_body", "more than (limits.hold).", true),
            ("limits.max_body", "hold is 5", false),
            ("", "not there", false),
        ] {
            assert_eq!(faults.may_explain(&Problem::error(key, what, "")), follows, "{key}: {what}");
        }
    }
}
