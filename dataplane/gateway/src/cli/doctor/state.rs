//! The state folder: its permissions, its keys, its room, and the audit file.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::diagnosis::Diagnosis;
use crate::cli::tail;
use crate::config::Settings;
use crate::os::{self, OTHERS_WRITE};
use crate::state_dir;

/// Room on the disk below which the audit log may soon stop the gateway, in bytes.
const LITTLE_ROOM: u64 = 256 << 20;

/// Looks at the state folder.
pub(super) fn examine(settings: &Settings) -> Vec<Diagnosis> {
    let folder = state_dir::folder(settings);
    let mut diagnoses = vec![folder_of(&folder)];
    diagnoses.extend(key(settings, &folder));
    if settings.audit.enabled {
        let file = settings.audit.file.clone().unwrap_or_else(|| folder.join(state_dir::AUDIT_FILE));
        diagnoses.extend(audit(&file));
    } else {
        diagnoses.push(Diagnosis::note("audit events are off (audit.enabled)", ""));
    }
    diagnoses
}

fn folder_of(folder: &Path) -> Diagnosis {
    let shown = folder.display();
    match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Diagnosis::note(format!("{shown} does not exist yet; the first start makes it"), "")
        }
        Err(error) => {
            Diagnosis::problem(format!("{shown}: {error}"), "give a folder of your own with --state DIR")
        }
        Ok(data) if !data.is_dir() => {
            Diagnosis::problem(format!("{shown} is no folder"), "give another one with --state DIR")
        }
        Ok(data) if data.permissions().mode() & OTHERS_WRITE != 0 => {
            let mode = data.permissions().mode() & 0o777;
            let what = format!(
                "others may change the files in {shown} (mode {mode:03o}); the gateway does not start"
            );
            Diagnosis::problem(what, &format!("chmod 700 {shown}"))
        }
        Ok(_) if access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_err() => {
            let help = "run this as the user of the gateway, or give a folder of your own with --state DIR";
            Diagnosis::problem(format!("{shown} cannot be written by this user"), help)
        }
        Ok(_) => Diagnosis::good(format!("{shown} is private and can be written")),
    }
}

fn key(settings: &Settings, folder: &Path) -> Option<Diagnosis> {
    if settings.tokens.key.is_some() {
        return Some(Diagnosis::good("the master key is given in the configuration"));
    }
    let path = settings.tokens.key_file.clone().unwrap_or_else(|| folder.join(state_dir::KEY_FILE));
    let shown = path.display();
    match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && settings.tokens.key_file.is_none() => {
            Some(Diagnosis::note(format!("{shown} does not exist yet; the first start makes it"), ""))
        }
        // What is wrong with it is said by the configuration's check, which reads it.
        Err(_) => None,
        Ok(data) if os::is_open_to_others(data.mode() & 0o777) => None,
        Ok(_) => Some(Diagnosis::good(format!("{shown} is there, for its owner alone"))),
    }
}

fn audit(file: &Path) -> Vec<Diagnosis> {
    let shown = file.display();
    let mut diagnoses = Vec::new();
    match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            diagnoses.push(Diagnosis::note(format!("{shown}: no request was recorded yet"), ""));
        }
        Err(error) => {
            diagnoses
                .push(Diagnosis::problem(format!("{shown}: {error}"), "run this as the user of the gateway"));
        }
        Ok(data) if data.is_file() => match tail::last_event(file) {
            Ok(Some(line)) => diagnoses.push(Diagnosis::good(format!("last request: {line}"))),
            Ok(None) => diagnoses.push(Diagnosis::note(format!("{shown}: no request was recorded yet"), "")),
            Err(error) => diagnoses.push(Diagnosis::warning(
                format!("{shown}: cannot be read: {error}"),
                "run this as the user of the gateway",
            )),
        },
        Ok(_) => {
            let what = format!("{shown} is no file; its events cannot be read again");
            diagnoses.push(Diagnosis::note(what, ""));
        }
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(disk) = statvfs(folder) {
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        if free < LITTLE_ROOM {
            diagnoses.push(Diagnosis::warning(
                format!("only {} MiB are free for the audit log at {}", free >> 20, folder.display()),
                "make room: a log that cannot be written stops the gateway (policy.fail_mode)",
            ));
        }
    }
    diagnoses
}
