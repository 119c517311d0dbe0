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
    let help = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "check the path",
        io::ErrorKind::PermissionDenied => "make it readable for the user who runs the gateway",
        io::ErrorKind::IsADirectory => "name a file in that folder",
        io::ErrorKind::InvalidData => "a text file in UTF-8 belongs here",
        io::ErrorKind::InvalidInput => "name a regular file: it is read again at every reload",
        _ => "check path and file",
    };
    Problem::error(key, format!("cannot read {}: {error}", path.display()), help)
}
