//! Hints of changes inside one process, which is all that opens the embedded database for long.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::storage::engine::Hints;

/// Who listens to which channel.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Vec<(&'static str, mpsc::Sender<()>)>>);

impl Listeners {
    pub(super) fn add(&self, channel: &'static str) -> Hints {
        let (sender, receiver) = mpsc::channel(1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((channel, sender));
        Hints::new(receiver)
    }

    /// Hints to all who listen; one that has a hint waiting needs no second.
    pub(super) fn tell(&self, channels: &[&'static str]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(channel, sender)| {
            if channels.contains(channel) {
                let _ = sender.try_send(());
            }
            !sender.is_closed()
        });
    }
}
