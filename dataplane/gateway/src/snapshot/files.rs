//! Files that settings name, read with errors that name the setting.

use std::io::{self, Read};
use std::path::Path;

use crate::config::error::Problem;
use crate::os;

/// Reads the file that the setting `key` names.
pub(super) fn read_bytes(key: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let read = os::open_to_reread(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| unreadable(key, path, &error))
}

/// Reads the text file that the setting `key` names.
pub(super) fn read_text(key: &str, path: &Path) -> Result<String, Problem> {
    let mut text = String::new();
    let read = os::open_to_reread(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map(|_| text).map_err(|error| unreadable(key, path, &error))
}

fn unreadable(key: &str, path: &Path, error: &io::Error) -> Problem {
    Problem::error(key, format!("cannot read {}: {error}", path.display()), "check path and permissions")
}
