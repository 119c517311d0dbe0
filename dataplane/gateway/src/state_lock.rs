//! The lock of the state folder: one gateway works in it, or two while one takes over from the other.
//!
//! The lock belongs to the open file, not to the process: who takes over is handed that file, and holds the lock together
//! with the old process until that ends. A gateway that drains gives its lock up, so that another may start beside it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use aegis_settings::Problem;

use crate::instance;
use crate::os::{self, NotedName};

/// Name of the file in the state folder that is locked.
const LOCK_FILE: &str = "gateway.lock";
/// How long a process that ends may still hold the lock.
const RETRY_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// The name in `folder` that should lead to `lock`, the file that is locked.
pub fn name(folder: &Path, lock: &File) -> io::Result<NotedName> {
    NotedName::of_file(folder.join(LOCK_FILE), lock)
}

/// Locks `folder` until the returned file is closed, here and in every process that it is handed to. Returns None where the
/// lock file cannot be opened for writing: then no gateway can write there, and none needs to be kept out.
///
/// # Errors
///
/// When another gateway has it, and does not end within a second, and when the lock is no file.
pub fn take(folder: &Path) -> Result<Option<File>, Problem> {
    let path = folder.join(LOCK_FILE);
    // To open a pipe for writing waits for somebody who reads it.
    if let Some(kind) = os::unfit_to_reread(&path) {
        let what = format!("{} is {kind}, and must be a file", path.display());
        return Err(Problem::error("state.dir", what, "remove it: a gateway makes its own"));
    }
    let file = match OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path) {
        Ok(file) => file,
        Err(error) => {
            tracing::debug!(file = %path.display(), %error, "the state folder is not locked");
            return Ok(None);
        }
    };
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if begun.elapsed() < RETRY_TIMEOUT => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(locked_by_other(folder)),
            Err(TryLockError::Error(error)) => {
                tracing::debug!(file = %path.display(), %error, "the state folder is not locked");
                return Ok(None);
            }
        }
    }
}

/// The warning for who would start a gateway with `folder` while another one runs with it. Makes no file, and keeps nobody
/// from taking the lock for longer than a start waits for it.
pub fn warn_of_another(folder: &Path) -> Option<Problem> {
    let file = File::open(folder.join(LOCK_FILE)).ok()?;
    let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let help = "right if that one is to reload this configuration; else stop it, take its place with --takeover, or give \
                another folder with --state DIR";
    is_held.then(|| Problem::warning("state.dir", locked_by_other(folder).what, help))
}

/// What is said when another gateway has the folder.
fn locked_by_other(folder: &Path) -> Problem {
    let other = instance::find(folder).into_iter().find(|found| !found.attached);
    let other = other.map_or_else(String::new, |found| format!(" (process {})", found.pid));
    Problem::error(
        "state.dir",
        format!("another gateway{other} runs with the state folder {}", folder.display()),
        "stop it, take its place with --takeover, or give another folder with --state DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_by_one_or_by_whom_the_lock_was_handed_to() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(warn_of_another(folder.path()), None, "there is no lock");
        let first = take(folder.path()).unwrap().expect("a lock");
        let warned = warn_of_another(folder.path()).expect("it is held").what;
        assert!(warned.starts_with("another gateway runs with the state folder"), "{warned}");
        let problem = take(folder.path()).unwrap_err();
        assert!(problem.what.starts_with("another gateway runs with the state folder"), "{}", problem.what);
        let handed_on = first.try_clone().unwrap();
        drop(first);
        assert!(take(folder.path()).is_err(), "who was handed the file holds the lock");
        drop(handed_on);
        assert_eq!(warn_of_another(folder.path()), None, "nobody holds it");
        assert!(take(folder.path()).unwrap().is_some());
    }

    #[test]
    fn a_lock_that_is_a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&folder.path().join(LOCK_FILE), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let problem = take(folder.path()).unwrap_err();
        assert!(problem.what.ends_with("gateway.lock is a pipe, and must be a file"), "{}", problem.what);
    }

    #[test]
    fn without_a_folder_there_is_nothing_to_lock() {
        let folder = tempfile::tempdir().unwrap();
        assert!(take(&folder.path().join("missing")).unwrap().is_none());
    }
}
