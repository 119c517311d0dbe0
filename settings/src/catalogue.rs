//! All keys of a program's configuration, and what to say about a key nobody knows or a value that cannot stand where it is.

use crate::key::{Key, SettingKind};
use crate::schema::Setting;

/// Every key that a program's configuration may have.
#[derive(Debug)]
pub struct Catalogue {
    /// The keys, in the order in which the settings declare them.
    pub keys: Vec<Key>,
    /// Variables with the common prefix that are not keys of the file: those the command line reads.
    pub reserved_variables: &'static [&'static str],
    /// What begins the variables of other programs of this family.
    pub foreign_prefixes: &'static [&'static str],
}

impl Catalogue {
    /// The keys that `S` declares.
    pub fn of<S: Setting>() -> Self {
        let mut keys = Vec::new();
        let whole = Key {
            path: String::new(),
            kind: SettingKind::Tables,
            default: String::new(),
            help: String::new(),
            range: String::new(),
            restart: false,
            example: "",
        };
        S::describe(whole, &mut keys);
        Catalogue { keys, reserved_variables: &[], foreign_prefixes: &[] }
    }

    /// The key that `path` names.
    pub fn find(&self, path: &str) -> Option<&Key> {
        self.keys_like(path).find(|key| is_match(&key.path, path))
    }

    /// The keys that begin as `path` does. Most do not, and are not taken apart.
    fn keys_like(&self, path: &str) -> impl Iterator<Item = &Key> + use<'_> {
        let first = path.as_bytes().first().copied();
        self.keys.iter().filter(move |key| key.path.as_bytes().first().copied() == first)
    }

    /// Whether `path` is a section: something above at least one key.
    pub fn is_section(&self, path: &str) -> bool {
        let depth = path.split('.').count();
        self.keys_like(path).any(|key| {
            let above: Vec<&str> = key.path.split('.').take(depth).collect();
            key.path.split('.').count() > depth && is_match(&above.join("."), path)
        })
    }

    /// What a key nobody knows may have been meant for.
    pub fn suggest(&self, path: &str) -> String {
        let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
        let depth = path.split('.').count();
        let siblings: Vec<&str> = self.siblings(above, depth);
        let near = nearest(name, siblings.iter().copied());
        let elsewhere =
            self.keys.iter().find(|key| key.path.rsplit('.').next() == Some(name) && !key.path.contains('['));
        match (near, elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(other)) => format!("there is `{}`", other.path),
            (None, None) if siblings.is_empty() => String::new(),
            (None, None) => format!("known here: {}", siblings.join(", ")),
        }
    }

    /// Names that may stand at `depth` below `above`.
    fn siblings(&self, above: &str, depth: usize) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .keys
            .iter()
            .filter(|key| {
                let parts: Vec<&str> = key.path.split('.').take(depth - 1).collect();
                key.path.split('.').count() >= depth && (depth == 1 || is_match(&parts.join("."), above))
            })
            .filter_map(|key| key.path.split('.').nth(depth - 1))
            .map(|name| name.trim_end_matches("[]"))
            .filter(|name| *name != "*")
            .collect();
        names.dedup();
        names
    }

    /// What is wrong with the value of a known key, from serde's `message`, and what may stand there.
    pub fn explain_value(&self, path: &str, message: &str) -> (String, String) {
        let Some(key) = self.find(path) else {
            return (message.to_owned(), String::new());
        };
        let got = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
        let what = match got.and_then(|got| got.rsplit_once(", expected ")) {
            Some((got, _)) => format!("{} cannot stand here", got.replace('`', "")),
            None if message.starts_with("unknown variant ") => {
                format!(
                    "{} is not a choice",
                    message["unknown variant ".len()..].split(',').next().unwrap_or("")
                )
            }
            None => message.to_owned(),
        };
        (hide_secret(key, what), format!("expected {}", key.kind.describe()))
    }
}

/// Whether the concrete `path` fits `pattern` (`*` one part, `[]` any index).
fn is_match(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('.');
    let mut given = path.split('.');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) => {
                let same = match (wanted.strip_suffix("[]"), given.split_once('[')) {
                    (Some(wanted), Some((given, _))) => wanted == given,
                    (None, None) => wanted == "*" || wanted == given,
                    _ => false,
                };
                if !same {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// The candidate most like `name`, when one is like enough.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// serde quotes the wrong value in its message; that of a secret must not be shown.
fn hide_secret(key: &Key, what: String) -> String {
    if key.kind == SettingKind::Secret { "not a text".to_owned() } else { what }
}
