//! Files that settings name, read with errors that name the setting.

use std::path::Path;

use crate::config::error::Problem;

/// Reads the file that the setting `key` names.
pub(super) fn read_bytes(key: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|error| {
        Problem::error(key, format!("cannot read {}: {error}", path.display()), "check path and permissions")
    })
}

/// Reads the text file that the setting `key` names.
pub(super) fn read_text(key: &str, path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| {
        Problem::error(key, format!("cannot read {}: {error}", path.display()), "check path and permissions")
    })
}
