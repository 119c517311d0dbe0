//! Reads the configuration again and publishes it, or keeps the one that runs and says why.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, SyncSender};
use std::{io, thread};

use aegis_settings::Problem;
use aegis_settings::Setting;
use aegis_settings::document::CutOff;

use super::shared::Shared;
use super::weaker::Protections;
use crate::config::{ConfigError, Loaded, Settings, Sources, load};
use crate::recall::Recall;
use crate::snapshot::build::SnapshotBuilder;
use crate::state_dir::{KeyFingerprint, MissingKey};
use crate::{os, state_dir};

/// What a reload needs: the sources of the configuration, the builder, and what was fixed at the start.
#[derive(Debug)]
pub struct Reloader {
    sources: Sources,
    builder: SnapshotBuilder,
    started_with: Settings,
    /// What the configuration that was published last protects by.
    running: Protections,
    /// Whether its master key is the one in the state folder.
    is_key_in_folder: bool,
    /// Whether its file sets nothing: it was put there like that, and may stay so.
    is_running_empty: bool,
}

impl Reloader {
    /// `builder` has built the snapshot that runs, from `loaded`.
    pub fn new(sources: Sources, builder: SnapshotBuilder, loaded: &Loaded) -> Self {
        let settings = &loaded.settings;
        Reloader {
            sources,
            builder,
            started_with: settings.clone(),
            running: Protections::of(settings),
            is_key_in_folder: state_dir::has_key_in_folder(settings),
            is_running_empty: loaded.cut_off == Some(CutOff::Empty),
        }
    }

    /// Reloads once. Requests in progress end with the snapshot they began with.
    pub fn reload(&mut self, shared: &Arc<Shared>) {
        shared.reopen.store(true, Relaxed);
        match self.attempt(shared) {
            Ok(generation) => {
                shared.counts.reloads.inc();
                tracing::info!(generation, "configuration reloaded");
            }
            Err(error) => {
                shared.counts.reload_failures.inc();
                let generation = shared.snapshots.generation();
                tracing::error!(generation, "the new configuration is wrong, the old one stays:\n{error}");
            }
        }
    }

    fn attempt(&mut self, shared: &Arc<Shared>) -> Result<u64, ConfigError> {
        let file = self.sources.file.as_deref();
        if let Some((file, what)) = file.and_then(|file| Some((file, os::unfit_to_reread(file)?))) {
            let what = format!("it is {what}: a reload needs a file");
            return Err(Problem::error("", what, "").at(file.display().to_string()).into());
        }
        let mut loaded = load(&self.sources)?;
        self.refuse_cut_off(&loaded)?;
        let at_next_start = needs_restart(&self.started_with, &loaded.settings);
        // Keys are read where this process keeps them, not where the next one will.
        loaded.settings.state.dir.clone_from(&self.started_with.state.dir);
        let weaker = self.running.lost(&loaded.settings);
        if !weaker.is_empty() {
            shared.counts.reload_weaker.inc();
            return Err(loaded.places.locate_all(ConfigError(weaker)));
        }
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let located = |error| loaded.places.locate_all(error);
        let master = state_dir::master_key(&loaded.settings, MissingKey::Refuse)
            .map_err(|error| located(error.into()))?;
        let key = KeyFingerprint::of(&master);
        self.refuse_replaced_key(shared, &loaded.settings, &key)?;
        let snapshot = self.builder.build(&loaded.settings, &master).map_err(located)?;
        let generation = snapshot.generation;
        shared.rule_book.add(generation, &snapshot.shield.rules);
        let recalled = shared.snapshots.load().recall.enabled;
        shared.snapshots.publish(Arc::new(snapshot));
        // Off, nothing is kept; on again, nothing is left of requests that ended late.
        if loaded.settings.recall.enabled != recalled {
            Recall::shared(&loaded.settings.recall).forget(None, None);
        }
        shared.state_folder.use_key(key);
        self.running = Protections::of(&loaded.settings);
        self.is_key_in_folder = state_dir::has_key_in_folder(&loaded.settings);
        self.is_running_empty = loaded.cut_off == Some(CutOff::Empty);
        for key in at_next_start {
            tracing::warn!(key, "changed, and takes effect at the next start only");
        }
        Ok(generation)
    }

    /// A master key that was put into the state folder in place of the one in use is not used: tokens made before would not
    /// be restored any more. One that the configuration names is, where it names another one than before.
    fn refuse_replaced_key(
        &self,
        shared: &Shared,
        settings: &Settings,
        key: &KeyFingerprint,
    ) -> Result<(), ConfigError> {
        let is_same_place = self.is_key_in_folder && state_dir::has_key_in_folder(settings);
        if !is_same_place || shared.state_folder.is_in_use(key) {
            return Ok(());
        }
        let file = state_dir::folder(settings).join(state_dir::KEY_FILE);
        let what = format!("{} is another key than the one in use", file.display());
        let help = "put that back, or restart the gateway if the other one is meant: tokens made before are not restored then";
        Err(Problem::error("state.dir", what, help).into())
    }

    /// A file that looks cut off is not used. One that sets nothing is, where the one in use sets nothing either; without
    /// the end of its last line it is not, even if the one in use lacks that, too: what is missing may be more by now.
    fn refuse_cut_off(&self, loaded: &Loaded) -> Result<(), ConfigError> {
        let is_meant = |cut_off: &CutOff| *cut_off == CutOff::Empty && self.is_running_empty;
        let Some(cut_off) = loaded.cut_off.filter(|cut_off| !is_meant(cut_off)) else { return Ok(()) };
        let (what, help) = cut_off.explain();
        let file = self.sources.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
        Err(Problem::error("", format!("it looks cut off: {what}"), help).at(file).into())
    }
}

/// The thread that reloads: compiling rules takes longer than a health check may wait. It stays from one reload to the
/// next, so that each takes its memory where the one before has left it; a thread of its own for each would not.
#[derive(Debug)]
pub struct ReloadThread(SyncSender<()>);

impl ReloadThread {
    /// Starts it.
    pub fn start(shared: Arc<Shared>, mut reloader: Reloader) -> io::Result<ReloadThread> {
        let (requests, requested) = mpsc::sync_channel(1);
        thread::Builder::new().name("aegis-reload".to_owned()).spawn(move || {
            for () in requested {
                let spare = reloader.builder.successor();
                if panic::catch_unwind(AssertUnwindSafe(|| reloader.reload(&shared))).is_err() {
                    shared.counts.reload_failures.inc();
                    tracing::error!(
                        "the reload failed by a fault of the gateway; the old configuration stays"
                    );
                    reloader.builder = spare;
                }
            }
        })?;
        Ok(ReloadThread(requests))
    }

    /// Asks for a reload, and returns at once. One that has not begun serves all who asked for it.
    pub fn request(&self) {
        // Full means just that; the other end lives as long as the process.
        let _ = self.0.try_send(());
    }
}

/// Keys that differ and are read at the start only.
fn needs_restart(old: &Settings, new: &Settings) -> Vec<String> {
    let mut keys = Vec::new();
    old.changed_at_start(new, "", &mut keys);
    keys
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::rule_cache::RuleCache;

    /// A gateway without keys of its own makes one where it keeps its files; the next one will do so elsewhere.
    #[test]
    fn another_state_folder_is_for_the_next_start_and_keeps_no_reload_from_being_done() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("aegis.toml");
        let write = |state: &str, more: &str| {
            fs::write(&file, format!("[state]\ndir = \"{state}\"\n{more}")).unwrap();
        };
        write("sx", "");
        let sources = Sources { file: Some(file.clone()), ..Sources::default() };
        let loaded = load(&sources).unwrap();
        let master = state_dir::master_key(&loaded.settings, MissingKey::Create).unwrap();
        let mut builder = SnapshotBuilder::new(RuleCache::default());
        let shared = Arc::new(Shared::new(builder.build(&loaded.settings, &master).unwrap(), 1));
        shared.state_folder.use_key(KeyFingerprint::of(&master));
        let mut reloader = Reloader::new(sources, builder, &loaded);

        write("sy", "[auth]\nmode = \"keys\"\n");
        assert_eq!(reloader.attempt(&shared).map_err(|error| error.to_string()), Ok(2));
        assert!(matches!(shared.snapshots.load().auth, crate::snapshot::Auth::Keys(_)));
        assert!(!folder.path().join("sy").exists());
        fs::remove_file(folder.path().join("sx/master.key")).unwrap();
        let error = reloader.attempt(&shared).unwrap_err().to_string();
        assert!(error.contains("sx/master.key was deleted"), "{error}");
    }
}
