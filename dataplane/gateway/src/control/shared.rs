//! What the threads of the control side share with each other.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::audit::RuleBook;
use super::audit_health::AuditHealth;
use super::counts::ControlCounts;
use super::state_folder::StateFolder;
use super::state_ownership::{AuditFileState, StateOwnership};
use crate::lifecycle::{Lifecycle, Phase};
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
    /// A signal has asked for the end.
    is_asked_to_end: AtomicBool,
    /// A second one has come: nothing is waited for any longer.
    is_ending_at_once: AtomicBool,
    /// Asks the journal to set the audit file aside for another gateway.
    pub audit_file: AuditFileState,
    /// Whether the names of upstreams were found once, so that they count for readiness no more.
    pub has_known_names: AtomicBool,
    /// Whether this process answers at the admin listener: not while it takes over from another that does.
    serves_admin: AtomicBool,
    /// What makes this process the gateway of its state folder; none once it leaves.
    ownership: Mutex<Option<StateOwnership>>,
    /// Wakes who waits for this process to accept no more.
    phase_changed: watch::Sender<()>,
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
            is_asked_to_end: AtomicBool::new(false),
            is_ending_at_once: AtomicBool::new(false),
            audit_file: AuditFileState::default(),
            has_known_names: AtomicBool::new(false),
            serves_admin: AtomicBool::new(true),
            ownership: Mutex::new(None),
            phase_changed: watch::Sender::new(()),
        }
    }

    /// Whether this process answers at the admin listener.
    pub fn serves_admin(&self) -> bool {
        self.serves_admin.load(Relaxed)
    }

    /// Says whether this process answers at the admin listener.
    pub fn set_serves_admin(&self, serves: bool) {
        self.serves_admin.store(serves, Relaxed);
    }

    /// What makes this process the gateway of its state folder.
    pub fn ownership(&self) -> MutexGuard<'_, Option<StateOwnership>> {
        self.ownership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a signal that asks for the end. Returns whether it is a further one, after which nothing is waited for.
    pub fn note_signal(&self) -> bool {
        let is_further = self.is_asked_to_end.swap(true, Relaxed);
        self.is_ending_at_once.fetch_or(is_further, Relaxed);
        is_further
    }

    /// Whether nothing is waited for any longer.
    pub fn is_ending_at_once(&self) -> bool {
        self.is_ending_at_once.load(Relaxed)
    }

    /// Gives the ownership up and moves on to `phase`, in which no connections are accepted.
    pub fn leave(&self, phase: Phase) {
        // Before the shards close their sockets: while one is open here, connections would come to it and wait for nobody.
        let left = self.ownership().take().map(StateOwnership::close);
        self.lifecycle.advance(phase);
        self.phase_changed.send_replace(());
        // Last what a disk may keep.
        if let Some(files) = left {
            files.remove();
        }
    }

    /// Waits until this process accepts no more.
    pub async fn leaves(&self) {
        // The sender lives as long as this.
        let _ = self.phase_changed.subscribe().wait_for(|()| !self.lifecycle.phase().accepts()).await;
    }

    /// Waits until another gateway has taken over.
    pub async fn until_handed_over(&self) {
        let _ =
            self.phase_changed.subscribe().wait_for(|()| self.lifecycle.phase() == Phase::HandedOver).await;
    }
}
