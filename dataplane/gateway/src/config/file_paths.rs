//! Relative paths in the configuration file are meant from the folder of that file, so that they lead to the same place
//! from wherever the gateway is started. Those of flags and variables are meant from the current folder, as usual.

use std::path::Path;

use toml::{Table, Value};

use super::key::SettingKind;
use super::reference;
use super::schema::below;

/// The key that takes words besides a path, and those words.
const ACCESS: (&str, [&str; 3]) = ("log.access", ["off", "stdout", "stderr"]);

/// Puts `folder` before each relative path of `table`.
pub(super) fn resolve(table: &mut Table, folder: &Path) {
    resolve_below(table, "", folder);
}

fn resolve_below(table: &mut Table, above: &str, folder: &Path) {
    for (name, value) in table {
        let key = below(above, name);
        match value {
            Value::Table(inner) => resolve_below(inner, &key, folder),
            Value::String(path) if is_path(&key, path) => join(folder, path),
            Value::Array(items) => {
                let are_paths = reference::find(&key).is_some_and(|key| key.kind == SettingKind::Paths);
                for (index, item) in items.iter_mut().enumerate() {
                    match item {
                        Value::String(path) if are_paths => join(folder, path),
                        Value::Table(inner) => resolve_below(inner, &format!("{key}[{index}]"), folder),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_path(key: &str, value: &str) -> bool {
    let (access, words) = ACCESS;
    if key == access {
        return !value.is_empty() && !words.contains(&value);
    }
    reference::find(key).is_some_and(|key| key.kind == SettingKind::Path)
}

fn join(folder: &Path, path: &mut String) {
    if !path.is_empty() {
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}
