//! What the control side counts; `/metrics` shows it beside the shards' counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A counter that several threads may add to.
#[derive(Debug, Default)]
pub struct SharedCounter(AtomicU64);

impl SharedCounter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
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
    /// Lines of the access log that were dropped, because it took none or could not be written.
    pub access_dropped: SharedCounter,
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
