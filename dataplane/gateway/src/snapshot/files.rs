//! Files that settings name, read with errors that name the setting.

use std::io;
use std::path::Path;

use aegis_settings::{Problem, files};

use crate::os;

/// Reads the file that the setting `key` names.
pub(super) fn read_bytes(key: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    let read = os::open_to_reread(path).and_then(|file| files::read_whole(&file));
    read.map_err(|error| unreadable(key, path, &error))
}

/// Reads the text file that the setting `key` names.
pub(super) fn read_text(key: &str, path: &Path) -> Result<String, Problem> {
    let read = os::open_to_reread(path).and_then(|file| files::read_whole_text(&file));
    read.map_err(|error| unreadable(key, path, &error))
}

fn unreadable(key: &str, path: &Path, error: &io::Error) -> Problem {
    Problem::error(key, format!("cannot read {}: {error}", path.display()), "check path and permissions")
}
