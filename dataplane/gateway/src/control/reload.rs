//! Reads the configuration again and publishes it, or keeps the one that runs and says why.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::shared::Shared;
use crate::config::schema::Setting;
use crate::config::{ConfigError, Settings, Sources, load};
use crate::snapshot::build::Builder;
use crate::state_dir;

/// What a reload needs: the sources of the configuration, the builder, and what was fixed at the start.
#[derive(Debug)]
pub struct Reloader {
    sources: Sources,
    builder: Builder,
    started_with: Settings,
}

impl Reloader {
    /// `builder` has built the snapshot that runs, from `settings`.
    pub fn new(sources: Sources, builder: Builder, settings: Settings) -> Self {
        Reloader { sources, builder, started_with: settings }
    }

    /// A reloader without this one's history, for the case that this one is lost.
    pub(super) fn clone_sources(&self) -> Reloader {
        Reloader {
            sources: self.sources.clone(),
            builder: self.builder.successor(),
            started_with: self.started_with.clone(),
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
        let loaded = load(&self.sources)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        for key in needs_restart(&self.started_with, &loaded.settings) {
            tracing::warn!(key, "changed, and takes effect at the next start only");
        }
        let located = |error| loaded.places.locate_all(error);
        let master = state_dir::master_key(&loaded.settings, false).map_err(|error| located(error.into()))?;
        let snapshot = self.builder.build(&loaded.settings, &master).map_err(located)?;
        let generation = snapshot.generation;
        shared.rule_book.add(generation, &snapshot.shield.rules);
        shared.snapshots.publish(Arc::new(snapshot));
        Ok(generation)
    }
}

/// Keys that differ and are read at the start only.
fn needs_restart(old: &Settings, new: &Settings) -> Vec<String> {
    let mut keys = Vec::new();
    old.changed_at_start(new, "", &mut keys);
    keys
}
