//! Looks once a second whether the state folder is still there, with the master key that this gateway runs with.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::state_folder::MasterKeyState;
use crate::config::Problem;
use crate::state_dir::{KeyFingerprint, StateMarker};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Watches `marker` for ever, on a thread that may wait: a disk that does not answer keeps nobody else.
pub(super) async fn watch_state(shared: Arc<Shared>, marker: StateMarker) {
    let mut probe = StateProbe { marker, last_read: None };
    loop {
        tokio::time::sleep(INTERVAL).await;
        let probing = tokio::task::spawn_blocking(move || {
            let observed = probe.run();
            (probe, observed)
        });
        // The thread ends by a fault only, and the next look would, too.
        let Ok((probed, observed)) = probing.await else { return };
        probe = probed;
        report(&shared, &probe, observed);
    }
}

/// Notes what was seen, and says it if it is news.
fn report(shared: &Shared, probe: &StateProbe, observed: Observed) {
    let (key, detail) = match observed {
        Observed::Missing => (MasterKeyState::Missing, String::new()),
        Observed::Present => (MasterKeyState::InUse, String::new()),
        Observed::Key(Ok(key)) if shared.state_folder.is_in_use(&key) => {
            (MasterKeyState::InUse, String::new())
        }
        Observed::Key(Ok(_)) => {
            (MasterKeyState::Replaced, "it is another one than this gateway runs with".to_owned())
        }
        Observed::Key(Err(problem)) => (MasterKeyState::Replaced, problem.what),
    };
    if !shared.state_folder.set_key(key) {
        return;
    }
    let file = probe.marker.path.display();
    match key {
        MasterKeyState::Missing => {
            tracing::error!(%file, "the state folder was deleted, or the master key in it: the next start would make other tokens; put it back");
        }
        MasterKeyState::Replaced => {
            tracing::error!(%file, detail, "the master key was replaced: the next start would make other tokens, or none; put the right one back");
        }
        MasterKeyState::InUse => {
            tracing::info!(%file, "the state folder is there again, as this gateway knows it");
        }
    }
}

/// What one probe has observed.
enum Observed {
    /// Nothing is there.
    Missing,
    /// It is there, and is no key.
    Present,
    /// What the key is, or why it is none.
    Key(Result<KeyFingerprint, Problem>),
}

/// Looks at the marker, and reads the key only when its file has changed.
struct StateProbe {
    marker: StateMarker,
    last_read: Option<(FileStamp, Result<KeyFingerprint, Problem>)>,
}

impl StateProbe {
    fn run(&mut self) -> Observed {
        let stamp = match self.marker.path.metadata() {
            Ok(data) => FileStamp::of(&data),
            Err(error) => return self.missed(&error),
        };
        if !self.marker.is_key {
            return Observed::Present;
        }
        let read = match self.last_read.take().filter(|(before, _)| *before == stamp) {
            Some((_, read)) => read,
            None => self.marker.read_key(),
        };
        self.last_read = Some((stamp, read.clone()));
        Observed::Key(read)
    }

    /// What it means that the marker cannot be looked at. A start would not find a key there either, so only a look that
    /// succeeds says that all is well.
    fn missed(&mut self, error: &io::Error) -> Observed {
        self.last_read = None;
        if !self.marker.is_key || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
            return Observed::Missing;
        }
        let what = format!("cannot look at {}: {error}", self.marker.path.display());
        Observed::Key(Err(Problem::error("state.dir", what, "")))
    }
}

/// Changes with the contents and the permissions of a file.
#[derive(PartialEq, Eq)]
struct FileStamp {
    identity: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

impl FileStamp {
    fn of(data: &Metadata) -> FileStamp {
        FileStamp {
            identity: (data.dev(), data.ino()),
            length: data.len(),
            changed: (data.ctime(), data.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_key_is_read_again_when_its_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let put = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        };
        let mut probe =
            StateProbe { marker: StateMarker { path: path.clone(), is_key: true }, last_read: None };
        let mut seen = || match probe.run() {
            Observed::Key(Ok(key)) => Ok(key),
            Observed::Key(Err(problem)) => Err(problem.what),
            Observed::Missing => Err("gone".to_owned()),
            Observed::Present => Err("no key".to_owned()),
        };
        assert_eq!(seen(), Err("gone".to_owned()));
        put(&"01".repeat(32), 0o600);
        let first = seen().unwrap();
        assert_eq!(seen(), Ok(first));
        for (text, mode, what) in [
            ("", 0o600, "does not hold 64 hexadecimal digits"),
            ("01", 0o600, "does not hold 64 hexadecimal digits"),
            (&*"01".repeat(32), 0o644, "others may read or change"),
        ] {
            put(text, mode);
            assert!(seen().unwrap_err().contains(what), "{text:?} {mode:o}");
        }
        put(&"02".repeat(32), 0o600);
        assert_ne!(seen().unwrap(), first);
        put(&"01".repeat(32), 0o600);
        assert_eq!(seen(), Ok(first));
        fs::remove_file(&path).unwrap();
        symlink(&path, &path).unwrap();
        assert!(seen().unwrap_err().contains("cannot look at"), "a link to itself is no key");
        fs::remove_file(&path).unwrap();
        assert_eq!(seen(), Err("gone".to_owned()));
        put(&"01".repeat(32), 0o600);
        assert_eq!(seen(), Ok(first));
    }

    #[test]
    fn a_folder_is_looked_for_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut probe =
            StateProbe { marker: StateMarker { path: path.clone(), is_key: false }, last_read: None };
        assert!(matches!(probe.run(), Observed::Missing));
        fs::create_dir(&path).unwrap();
        assert!(matches!(probe.run(), Observed::Present));
        fs::remove_dir(&path).unwrap();
        symlink(&path, &path).unwrap();
        assert!(matches!(probe.run(), Observed::Missing), "a link to itself leads to no folder");
    }
}
