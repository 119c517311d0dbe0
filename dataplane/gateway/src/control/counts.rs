//! What the control side counts; `/metrics` shows it beside the shards' counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A counter that several threads may add to.
#[derive(Debug, Default)]
pub struct SharedCounter(AtomicU64);

impl SharedCounter {
    /// Adds one.
    pub fn inc(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What the control side counts.
#[derive(Debug, Default)]
pub struct ControlCounts {
    /// Audit events taken from the rings for writing.
    pub audit_events: SharedCounter,
    /// Attempts to write audit events that failed.
    pub audit_failures: SharedCounter,
    /// Reloads that were published.
    pub reloads: SharedCounter,
    /// Reloads that were refused.
    pub reload_failures: SharedCounter,
    /// Of these, the ones that would have taken protection away.
    pub reload_weaker: SharedCounter,
    /// Name lookups that failed.
    pub lookup_failures: SharedCounter,
    /// Parts of the control side that ended unasked.
    pub faults: SharedCounter,
}
