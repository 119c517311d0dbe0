//! What the threads of the control side share with each other.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::audit::RuleBook;
use super::audit_health::AuditHealth;
use super::counts::ControlCounts;
use super::state_folder::StateFolder;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::snapshot::{Snapshot, SnapshotHandle};

/// What the control thread, the journal and the admin listener share.
#[derive(Debug)]
pub struct Shared {
    /// The published snapshot.
    pub snapshots: Arc<SnapshotHandle>,
    /// Phase and states.
    pub lifecycle: Arc<Lifecycle>,
    /// The shards' counters.
    pub metrics: Metrics,
    /// The control side's own counters.
    pub counts: ControlCounts,
    /// Rule names of past generations.
    pub rule_book: RuleBook,
    /// How the audit log fares.
    pub audit: AuditHealth,
    /// How the state folder fares.
    pub state_folder: StateFolder,
    /// Asks the journal to open its files anew.
    pub reopen: AtomicBool,
    /// Asks the journal to end although shards have not.
    pub closing: AtomicBool,
    /// A second signal has come: nothing is waited for any longer.
    pub hurried: AtomicBool,
}

impl Shared {
    /// A process of `shards` shards that begins with the snapshot `first`.
    pub fn new(first: Snapshot, shards: usize) -> Shared {
        let rule_book = RuleBook::default();
        rule_book.add(first.generation, &first.shield.rules);
        Shared {
            snapshots: Arc::new(SnapshotHandle::new(first)),
            lifecycle: Arc::new(Lifecycle::new(shards)),
            metrics: Metrics::new(shards),
            counts: ControlCounts::default(),
            rule_book,
            audit: AuditHealth::default(),
            state_folder: StateFolder::default(),
            reopen: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
        }
    }
}
