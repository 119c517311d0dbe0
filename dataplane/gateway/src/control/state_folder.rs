//! How the state folder fares: whether it is there with its master key, and whether another gateway can take over by what
//! lies in it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::state_dir::KeyFingerprint;

/// What became of the state folder, and of the master key where that lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum MasterKeyState {
    /// It is there as it was.
    InUse,
    /// Folder or key were deleted.
    Missing,
    /// The key is another one than this process runs with, or cannot be used.
    Replaced,
}

/// What is known of the state folder. Written by those who watch it.
#[derive(Debug, Default)]
pub struct StateFolder {
    key: AtomicU8,
    /// That of the published snapshot.
    in_use: Mutex<Option<KeyFingerprint>>,
    has_names: AtomicBool,
    lacks_names: AtomicBool,
}

impl StateFolder {
    /// Says which master key is in use from now on.
    pub fn use_key(&self, key: KeyFingerprint) {
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }

    /// Whether `key` is in use.
    pub(super) fn is_in_use(&self, key: &KeyFingerprint) -> bool {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(key)
    }

    /// Says what became of it. Returns whether that is news.
    pub(super) fn set_key(&self, state: MasterKeyState) -> bool {
        self.key.swap(state as u8, Relaxed) != state as u8
    }

    /// Whether it, or the master key in it, was gone when it was last looked for.
    pub fn is_missing(&self) -> bool {
        self.key.load(Relaxed) == MasterKeyState::Missing as u8
    }

    /// Whether the master key in it was not the one in use when it was last looked at.
    pub fn is_key_replaced(&self) -> bool {
        self.key.load(Relaxed) == MasterKeyState::Replaced as u8
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
