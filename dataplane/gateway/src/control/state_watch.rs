//! Looks once a second whether the state folder is still there, with the master key that this gateway runs with.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;
use super::state_folder::KeyState;
use crate::config::Problem;
use crate::state_dir::{KeyFingerprint, Landmark};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Watches `landmark` for ever, on a thread that may wait: a disk that does not answer keeps nobody else.
pub(super) async fn keep_watch(shared: Arc<Shared>, landmark: Landmark) {
    let mut watch = Watch { landmark, last_read: None };
    loop {
        tokio::time::sleep(INTERVAL).await;
        let looking = tokio::task::spawn_blocking(move || {
            let state = watch.look();
            (watch, state)
        });
        // The thread ends by a fault only, and the next look would, too.
        let Ok((looked, state)) = looking.await else { return };
        watch = looked;
        report(&shared, &watch, state);
    }
}

/// Notes what was seen, and says it if it is news.
fn report(shared: &Shared, watch: &Watch, seen: Seen) {
    let (key, detail) = match seen {
        Seen::Gone => (KeyState::Gone, String::new()),
        Seen::There => (KeyState::InUse, String::new()),
        Seen::Key(Ok(key)) if shared.state_folder.is_in_use(&key) => (KeyState::InUse, String::new()),
        Seen::Key(Ok(_)) => (KeyState::Other, "it is another one than this gateway runs with".to_owned()),
        Seen::Key(Err(problem)) => (KeyState::Other, problem.what),
    };
    if !shared.state_folder.set_key(key) {
        return;
    }
    let file = watch.landmark.path.display();
    match key {
        KeyState::Gone => {
            tracing::error!(%file, "the state folder was deleted, or the master key in it: the next start would make other tokens; put it back");
        }
        KeyState::Other => {
            tracing::error!(%file, detail, "the master key was replaced: the next start would make other tokens, or none; put the right one back");
        }
        KeyState::InUse => tracing::info!(%file, "the state folder is there again, as this gateway knows it"),
    }
}

/// What a look has shown.
enum Seen {
    /// Nothing is there.
    Gone,
    /// It is there, and is no key.
    There,
    /// What the key is, or why it is none.
    Key(Result<KeyFingerprint, Problem>),
}

/// Looks at a landmark, and reads the key only when its file has changed.
struct Watch {
    landmark: Landmark,
    last_read: Option<(FileStamp, Result<KeyFingerprint, Problem>)>,
}

impl Watch {
    fn look(&mut self) -> Seen {
        let stamp = match self.landmark.path.metadata() {
            Ok(data) => FileStamp::of(&data),
            Err(error) => return self.missed(&error),
        };
        if !self.landmark.is_key {
            return Seen::There;
        }
        let read = match self.last_read.take().filter(|(before, _)| *before == stamp) {
            Some((_, read)) => read,
            None => self.landmark.read_key(),
        };
        self.last_read = Some((stamp, read.clone()));
        Seen::Key(read)
    }

    /// What it means that the landmark cannot be looked at. A start would not find a key there either, so only a look that
    /// succeeds says that all is well.
    fn missed(&mut self, error: &io::Error) -> Seen {
        self.last_read = None;
        if !self.landmark.is_key || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
            return Seen::Gone;
        }
        let what = format!("cannot look at {}: {error}", self.landmark.path.display());
        Seen::Key(Err(Problem::error("state.dir", what, "")))
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
        let mut watch = Watch { landmark: Landmark { path: path.clone(), is_key: true }, last_read: None };
        let mut seen = || match watch.look() {
            Seen::Key(Ok(key)) => Ok(key),
            Seen::Key(Err(problem)) => Err(problem.what),
            Seen::Gone => Err("gone".to_owned()),
            Seen::There => Err("no key".to_owned()),
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
        let mut watch = Watch { landmark: Landmark { path: path.clone(), is_key: false }, last_read: None };
        assert!(matches!(watch.look(), Seen::Gone));
        fs::create_dir(&path).unwrap();
        assert!(matches!(watch.look(), Seen::There));
        fs::remove_dir(&path).unwrap();
        symlink(&path, &path).unwrap();
        assert!(matches!(watch.look(), Seen::Gone), "a link to itself leads to no folder");
    }
}
