//! What `run` opens and needs, tried without leaving anything behind: the state folder and its lock, audit and access log,
//! the addresses, descriptors.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::capacity;
use crate::config::Problem;
use crate::config::settings::Settings;
use crate::{os, state_dir, state_lock};

/// Everything that `run` could not open. An address that is in use is a warning: the gateway itself may be using it.
pub(super) fn examine(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let state = state_dir::folder(settings);
    if let Err(what) = folder(&state) {
        problems.push(Problem::error("state.dir", what, "give a writable folder with --state DIR"));
    }
    problems.extend(state_dir::problem_at_start(settings));
    problems.extend(state_lock::warn_of_another(&state));
    if let Ok(limit) = os::raise_descriptor_limit()
        && let Err((what, help)) = capacity::connections(capacity::shape(settings), limit)
    {
        problems.push(Problem::error("server.shards", what, help));
    }
    if let Some(Err(what)) = settings.cache.dir.as_deref().map(folder) {
        let help = "give a writable folder: without one each start compiles all rules";
        problems.push(Problem::warning("cache.dir", what, help));
    }
    // One in the state folder that is not there yet can be made if the folder will do.
    let audit_file = settings.audit.file.clone().or_else(|| {
        let path = state.join(state_dir::AUDIT_FILE);
        path.exists().then_some(path)
    });
    if let Some(path) = audit_file.filter(|_| settings.audit.enabled) {
        let help = "choose another file, or set audit.enabled = false";
        problems.extend(log_file("audit.file", &path, help));
    }
    let access_log = settings.log.access.as_str();
    if !matches!(access_log, "off" | "stdout" | "stderr") {
        problems.extend(log_file("log.access", Path::new(access_log), "off, stdout, stderr or a file"));
    }
    let traffic = settings.server.listen.iter().map(|address| ("server.listen", *address));
    for (key, address) in traffic.chain([("admin.listen", settings.admin.listen)]) {
        match TcpListener::bind(address) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let help = "right if the gateway runs with this configuration; else choose another address";
                problems.push(Problem::warning(key, format!("{address} is in use now"), help));
            }
            Err(error) => {
                let what = format!("cannot listen on {address}: {error}");
                problems.push(Problem::error(key, what, "choose an address of this machine"));
            }
        }
    }
    problems
}

/// Whether files can be made in the folder, or the folder itself.
fn folder(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match path.metadata() {
        Ok(data) if !data.is_dir() => Err(format!("{shown} is no folder")),
        Ok(_) => writable(path).map_err(|error| format!("cannot write into {shown}: {error}")),
        Err(error) if error.kind() == ErrorKind::NotFound => match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => folder(Path::new(".")),
            Some(parent) => folder(parent).map_err(|what| format!("cannot create {shown}: {what}")),
            None => Err(format!("{shown}: {error}")),
        },
        Err(error) => Err(format!("cannot look at {shown}: {error}")),
    }
}

/// What keeps the file that `key` names from being written as a log, or may do so.
///
/// Whether somebody reads a pipe can be known only by opening it. That would be the end of the file for a reader that waits
/// for the gateway, so it is a warning for every pipe.
fn log_file(key: &str, path: &Path, help: &str) -> Option<Problem> {
    if let Err(what) = file(path) {
        return Some(Problem::error(key, what, help));
    }
    os::is_pipe(path).then(|| {
        let what = format!("{} is a pipe: the gateway does not start while nobody reads it", path.display());
        Problem::warning(key, what, "start its reader first")
    })
}

/// Whether the file can be appended to, or made in a folder that is there.
fn file(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match path.metadata() {
        Ok(data) if data.is_dir() => Err(format!("{shown} is a folder")),
        Ok(data) if data.file_type().is_socket() => Err(format!("{shown} is a socket")),
        Ok(_) => access(path, AccessFlags::W_OK).map_err(|error| format!("cannot write {shown}: {error}")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            if !parent.is_dir() {
                return Err(format!("cannot create {shown}: there is no folder {}", parent.display()));
            }
            writable(parent).map_err(|error| format!("cannot create {shown}: {error}"))
        }
        Err(error) => Err(format!("cannot look at {shown}: {error}")),
    }
}

fn writable(folder: &Path) -> nix::Result<()> {
    access(folder, AccessFlags::W_OK | AccessFlags::X_OK)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, OpenOptions};
    use std::io::{Read, Write};
    use std::os::unix::fs::OpenOptionsExt;

    use nix::fcntl::OFlag;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;
    use aegis_settings::ProblemSeverity;

    /// What is found beside addresses, for logs in `folder`.
    fn found(settings: &mut Settings, folder: &Path) -> Vec<Problem> {
        settings.state.dir = Some(folder.to_path_buf());
        settings.server.listen.clear();
        settings.admin.listen = ([127, 0, 0, 1], 0).into();
        examine(settings)
    }

    #[test]
    fn a_pipe_is_warned_about_and_its_reader_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let mut settings = Settings::default();
        settings.audit.file = Some(pipe.clone());
        settings.log.access = pipe.to_str().unwrap().to_owned();
        let problems = found(&mut settings, folder.path());
        let keys: Vec<&str> = problems.iter().map(|problem| &*problem.key).collect();
        assert_eq!(keys, ["audit.file", "log.access"], "{problems:?}");
        for problem in problems {
            assert_eq!(problem.severity, ProblemSeverity::Warning);
            assert!(problem.what.ends_with("is a pipe: the gateway does not start while nobody reads it"));
        }
        // A reader that waits for its writer is not woken: it would take our leaving for the end of the file.
        let waiting = std::thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut text = String::new();
                File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
                text
            }
        });
        // Only a pipe with a reader can be opened so.
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
        found(&mut settings, folder.path());
        let mut writer = loop {
            match options.open(&pipe) {
                Ok(writer) => break writer,
                Err(_) => std::thread::yield_now(),
            }
        };
        found(&mut settings, folder.path());
        writer.write_all(b"a line").unwrap();
        drop(writer);
        assert_eq!(waiting.join().unwrap(), "a line");
    }

    #[test]
    fn the_audit_file_in_the_state_folder_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        assert_eq!(found(&mut settings, folder.path()), []);
        let path = folder.path().join(state_dir::AUDIT_FILE);
        fs::create_dir(&path).unwrap();
        let problems = found(&mut settings, folder.path());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].key, "audit.file");
        assert_eq!(problems[0].what, format!("{} is a folder", path.display()));
        settings.audit.enabled = false;
        assert_eq!(found(&mut settings, folder.path()), []);
    }

    #[test]
    fn a_place_for_compiled_rules_that_is_none_is_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let mut settings = Settings::default();
        settings.cache.dir = Some(folder.path().join("new"));
        assert_eq!(found(&mut settings, folder.path()), []);
        for dir in [file.clone(), file.join("new")] {
            settings.cache.dir = Some(dir);
            let problems = found(&mut settings, folder.path());
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!((&*problems[0].key, problems[0].severity), ("cache.dir", ProblemSeverity::Warning));
            assert!(problems[0].what.contains("file"), "{problems:?}");
        }
    }
}
