//! Paths among the values: none may be empty, and relative ones of the configuration file are completed.
//!
//! Relative paths in the configuration file are meant from the folder of that file, so that they lead to the same place
//! from wherever the program is started. Those of flags and variables are meant from the current folder, as usual.

use std::path::Path;

use toml::{Table, Value};

use crate::catalogue::Catalogue;
use crate::error::Problem;
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

/// The paths in `table` that are empty. None of them would lead anywhere, and one that was left empty by a variable that
/// is not set would be found out only when it is opened.
pub(crate) fn empty(catalogue: &Catalogue, table: &Table) -> Vec<Problem> {
    let mut problems = Vec::new();
    empty_below(catalogue, table, "", &mut problems);
    problems
}

fn empty_below(catalogue: &Catalogue, table: &Table, above: &str, problems: &mut Vec<Problem>) {
    for (name, value) in table {
        let key = below(above, name);
        let refuse = |key: String| {
            let help = catalogue.find(&key).or_else(|| catalogue.find(key.split('[').next()?));
            let help = help.map_or_else(String::new, |key| format!("expected {}", key.kind.describe()));
            Problem::error(key, "the path is empty", help)
        };
        match value {
            Value::Table(inner) => empty_below(catalogue, inner, &key, problems),
            Value::String(path) if path.is_empty() && is_path(catalogue, &key, path) => {
                problems.push(refuse(key));
            }
            Value::Array(items) => {
                let are_paths = catalogue.find(&key).is_some_and(|key| key.kind == SettingKind::Paths);
                for (index, item) in items.iter().enumerate() {
                    let key = format!("{key}[{index}]");
                    match item {
                        Value::String(path) if are_paths && path.is_empty() => problems.push(refuse(key)),
                        Value::Table(inner) => empty_below(catalogue, inner, &key, problems),
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
