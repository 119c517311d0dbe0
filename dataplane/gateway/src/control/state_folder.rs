//! How the state folder fares: whether it is there, and whether another gateway can take over by what lies in it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What is known of the state folder. Written by those who watch it.
#[derive(Debug, Default)]
pub struct StateFolder {
    is_gone: AtomicBool,
    has_names: AtomicBool,
    lacks_names: AtomicBool,
}

impl StateFolder {
    /// Says whether it is gone. Returns whether that is news.
    pub(super) fn set_gone(&self, is_gone: bool) -> bool {
        self.is_gone.swap(is_gone, Relaxed) != is_gone
    }

    /// Whether it, or the master key in it, was gone when it was last looked for.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Relaxed)
    }

    /// Says whether what another gateway takes over by is there, in a folder where it should be. Returns whether that is news.
    pub(super) fn set_has_names(&self, has_names: bool) -> bool {
        self.has_names.store(has_names, Relaxed);
        self.lacks_names.swap(!has_names, Relaxed) == has_names
    }

    /// Whether that should be there, and is not.
    pub fn lacks_names(&self) -> bool {
        self.lacks_names.load(Relaxed)
    }

    /// Whether another gateway could find this one and take over.
    pub fn has_names(&self) -> bool {
        self.has_names.load(Relaxed)
    }
}
