//! Whether the state folder is still there. Without this, its loss would be noticed at the next start only.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What is watched of the state folder, and whether it is gone.
#[derive(Debug, Default)]
pub struct StateFolder {
    path: OnceLock<PathBuf>,
    is_gone: AtomicBool,
}

impl StateFolder {
    /// Has `path` watched: the master key, or the folder where the key comes from elsewhere.
    pub fn watch(&self, path: PathBuf) {
        // Set once, before the first thread.
        let _ = self.path.set(path);
    }

    /// What is watched, if anything is.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.get().map(PathBuf::as_path)
    }

    /// Says whether it is gone. Returns whether that is news.
    pub(super) fn set_gone(&self, is_gone: bool) -> bool {
        self.is_gone.swap(is_gone, Relaxed) != is_gone
    }

    /// Whether it was gone when it was last looked for.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Relaxed)
    }
}
