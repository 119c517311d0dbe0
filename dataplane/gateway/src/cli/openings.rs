//! What `run` opens, tried without leaving anything behind: the state folder, audit and access log, the addresses.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use crate::config::Problem;
use crate::config::settings::Settings;
use crate::state_dir;

/// Everything that `run` could not open. An address that is in use is a warning: the gateway itself may be using it.
pub(super) fn examine(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let state = state_dir::folder(settings);
    if let Err(what) = folder(&state) {
        problems.push(Problem::error("state.dir", what, "give a writable folder with --state DIR"));
    }
    if let Some(path) = settings.audit.file.as_deref().filter(|_| settings.audit.enabled)
        && let Err(what) = file(path)
    {
        problems.push(Problem::error(
            "audit.file",
            what,
            "choose another file, or set audit.enabled = false",
        ));
    }
    let access_log = settings.log.access.as_str();
    if !matches!(access_log, "off" | "stdout" | "stderr")
        && let Err(what) = file(Path::new(access_log))
    {
        problems.push(Problem::error("log.access", what, "off, stdout, stderr or a file"));
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
