//! What lies in the state folder for others to find: its lock, the socket by which another gateway takes over, and the file
//! by which commands find this one. Made at the start, and again when somebody has deleted it: a state folder that was
//! put back from a backup has none of it, and a second gateway could start there unhindered.

use std::fs::File;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::shared::Shared;
use crate::instance::{self, Announced, Instance};
use crate::os::NotedName;
use crate::{state_lock, takeover};

/// What to do where another gateway cannot take over.
const HELP: &str =
    "no other gateway can take over from this one; it is tried again every second, and a restart helps, too";

/// What a gateway is found by.
#[derive(Debug)]
pub struct Presence {
    folder: PathBuf,
    instance: Instance,
    /// What was made; empty until everything was.
    names: Vec<NotedName>,
}

impl Presence {
    /// The presence of `instance` in its state `folder`, not made yet.
    pub fn new(folder: PathBuf, instance: Instance) -> Presence {
        Presence { folder, instance, names: Vec::new() }
    }

    /// Writes the file by which commands find this gateway, and nothing else: that of one which has no lock, because it
    /// serves one tool, or cannot write here. Traffic does not need it.
    pub fn announce(&self, shared: &Shared) {
        let announced = self.write_instance();
        if let Some(ownership) = shared.ownership().as_mut() {
            ownership.announced = announced;
        }
    }

    /// Sees to it that everything is there. Returns the socket at which others ask from now on, if it is another one than
    /// before.
    pub fn ensure(&mut self, shared: &Shared) -> Option<UnixListener> {
        if !self.names.is_empty() && self.names.iter().all(NotedName::is_kept) {
            // The folder may have been away, and come back as it was.
            shared.state_folder.set_has_names(true);
            return None;
        }
        if shared.state_folder.is_missing() {
            shared.state_folder.set_has_names(false);
            return None;
        }
        let was_made = !self.names.is_empty();
        match self.make(shared) {
            Ok(listener) => {
                if was_made || shared.state_folder.lacks_names() {
                    let folder = self.folder.display();
                    tracing::warn!(%folder, "what other gateways and commands find this one by was deleted; it is made again");
                }
                shared.state_folder.set_has_names(true);
                Some(listener)
            }
            Err(error) => {
                if shared.lifecycle.phase().accepts() && shared.state_folder.set_has_names(false) {
                    tracing::error!(folder = %self.folder.display(), error, "{HELP}");
                }
                None
            }
        }
    }

    /// Makes it, and hands it to the owner. The error is for people.
    fn make(&mut self, shared: &Shared) -> Result<UnixListener, String> {
        let lock = self.lock_anew(shared)?;
        let made = takeover::listen(&self.folder);
        let (listener, name) = made.map_err(|error| format!("the socket for a takeover: {error}"))?;
        let announced = self.write_instance();
        let mut names = vec![name.0.clone()];
        names.extend(announced.as_ref().map(|announced| announced.name().clone()));
        let mut held = shared.ownership();
        let Some(ownership) = held.as_mut() else {
            // It leaves: what was made goes again, once nothing is locked.
            drop(held);
            return Err("it is about to end".to_owned());
        };
        let old_lock = lock.map(|lock| ownership.handover.lock.replace(lock));
        if let Some(Ok(name)) =
            ownership.handover.lock.as_ref().map(|lock| state_lock::name(&self.folder, lock))
        {
            names.push(name);
        }
        let old = (ownership.announced.take(), ownership.name.replace(name), old_lock);
        ownership.announced = announced;
        drop(held);
        drop(old);
        self.names = names;
        Ok(listener)
    }

    /// Locks the folder anew, if what was locked is not there any more.
    fn lock_anew(&self, shared: &Shared) -> Result<Option<File>, String> {
        let held = shared.ownership();
        let lock = held.as_ref().and_then(|ownership| ownership.handover.lock.as_ref());
        let name = lock.map(|lock| state_lock::name(&self.folder, lock));
        drop(held);
        if name.is_some_and(|name| name.is_ok_and(|name| name.is_kept())) {
            return Ok(None);
        }
        match state_lock::take(&self.folder) {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => Err("its lock cannot be made".to_owned()),
            Err(problem) => Err(problem.what),
        }
    }

    fn write_instance(&self) -> Option<Announced> {
        let note =
            |error: &std::io::Error| tracing::debug!(%error, "other commands will not find this gateway");
        instance::announce(&self.folder, &self.instance).inspect_err(note).ok()
    }
}
