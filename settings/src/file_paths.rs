//! Relative paths in the configuration file are meant from the folder of that file, so that they lead to the same place
//! from wherever the program is started. Those of flags and variables are meant from the current folder, as usual.

use std::path::Path;

use toml::{Table, Value};

use crate::catalogue::Catalogue;
use crate::key::SettingKind;
use crate::schema::below;

/// Puts `folder` before each relative path of `table`.
pub(crate) fn resolve(catalogue: &Catalogue, table: &mut Table, folder: &Path) {
    resolve_below(catalogue, table, "", folder);
}

fn resolve_below(catalogue: &Catalogue, table: &mut Table, above: &str, folder: &Path) {
    for (name, value) in table {
        let key = below(above, name);
        match value {
            Value::Table(inner) => resolve_below(catalogue, inner, &key, folder),
            Value::String(path) if is_path(catalogue, &key, path) => join(folder, path),
            Value::Array(items) => {
                let are_paths = catalogue.find(&key).is_some_and(|key| key.kind == SettingKind::Paths);
                for (index, item) in items.iter_mut().enumerate() {
                    match item {
                        Value::String(path) if are_paths => join(folder, path),
                        Value::Table(inner) => {
                            resolve_below(catalogue, inner, &format!("{key}[{index}]"), folder);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_path(catalogue: &Catalogue, key: &str, value: &str) -> bool {
    match catalogue.find(key).map(|key| key.kind) {
        Some(SettingKind::Path) => true,
        Some(SettingKind::PathOr(words)) => !words.contains(&value),
        _ => false,
    }
}

fn join(folder: &Path, path: &mut String) {
    if !path.is_empty() {
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}
