//! The file of known values: read for the gateway and for `scan`, written by `known`.
//!
//! The list holds keyed hashes, never a value. Both the list and its key are written for their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aegis_detect::{KnownKey, KnownList, KnownValues};
use aegis_settings::{Problem, files};
use sha2::{Digest, Sha256};

use crate::config::Settings;
use crate::os::{self, OTHERS_WRITE};
use crate::state_dir;

const SETTING: &str = "known_values.file";

/// Equal for equal lists under equal keys.
pub type Fingerprint = [u8; 32];

/// A list as it was read, with its key.
pub struct KnownValuesFile {
    path: PathBuf,
    text: String,
    key: KnownKey,
}

impl std::fmt::Debug for KnownValuesFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownValuesFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl KnownValuesFile {
    /// Reads the configured list and its key; `None` when no list is configured.
    pub fn read(settings: &Settings) -> Result<Option<KnownValuesFile>, Problem> {
        let Some(path) = &settings.known_values.file else { return Ok(None) };
        let (text, mode) = read(path).map_err(|error| {
            let help = "`aegis-gateway known import --file FILE` makes a list";
            Problem::error(SETTING, format!("cannot read {}: {error}", path.display()), help)
        })?;
        // Whoever writes to a list decides what is hidden; without its key it reveals nothing.
        if mode & OTHERS_WRITE != 0 {
            let what = format!("others may change {} (mode {mode:03o})", path.display());
            return Err(Problem::error(SETTING, what, format!("chmod go-w {}", path.display())));
        }
        let key = KnownKey::new(&*state_dir::known_key(settings, false)?);
        Ok(Some(KnownValuesFile { path: path.clone(), text, key }))
    }

    /// A fingerprint of this list and its key.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(self.key.id());
        hash.update(&self.text);
        hash.finalize().into()
    }

    /// The list itself. The error names the file and the line.
    pub fn list(self) -> Result<KnownList, Problem> {
        KnownList::parse(self.key, &self.text).map_err(|error| {
            let help = "the list and its key belong together; `aegis-gateway known import` makes a list anew";
            Problem::error(SETTING, format!("{}: {error}", self.path.display()), help)
        })
    }

    /// The list, ready to be found.
    pub fn values(self) -> Result<KnownValues, Problem> {
        Ok(KnownValues::new(&self.list()?))
    }
}

/// The file's text, and the mode of what was read.
fn read(path: &Path) -> io::Result<(String, u32)> {
    let file = os::open_to_reread(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    Ok((files::read_whole_text(&file)?, mode))
}

/// Writes a list in place of the file at `path`, for its owner only: a reader sees the old list or the new one.
pub fn write(path: &Path, list: &KnownList) -> Result<(), Problem> {
    replace(path, list.to_text().as_bytes()).map_err(|error| {
        let help = "give a file in a writable folder with --file FILE";
        Problem::error(SETTING, format!("cannot write {}: {error}", path.display()), help)
    })
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = folder.join(format!(".{}.{}", name.display(), std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(text).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&draft);
    }
    written?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_list_is_made_for_its_owner_and_refused_when_others_may_change_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.state.dir = Some(folder.path().to_path_buf());
        let path = folder.path().join("known.list");
        settings.known_values.file = Some(path.clone());
        let key = KnownKey::new(&state_dir::known_key(&settings, true).unwrap());
        write(&path, &KnownList::new(key)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        for (mode, fit) in [(0o600, true), (0o444, true), (0o620, false), (0o602, false), (0o666, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            match KnownValuesFile::read(&settings) {
                Ok(file) => assert!(fit && file.is_some(), "{mode:o}"),
                Err(problem) => assert!(!fit && problem.help.starts_with("chmod go-w "), "{mode:o}"),
            }
        }
    }
}
