//! What the tasks of one shard share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::clean::CleanFields;
use super::exchange_buffers::BufferPool;
use super::net::buffers::Buffers;
use super::net::deadline::Deadlines;
use super::pool::Pools;
use super::scanner::ShardScanner;
use crate::events::{LogEvent, LogEventLevel, REMARK_PAUSE, RequestId, Sender};
use crate::lifecycle::{Lifecycle, Phase, ShardContext};
use crate::metrics::ShardMetrics;
use crate::snapshot::{Snapshot, SnapshotHandle};

/// The state of a shard.
pub(crate) struct Shard {
    snapshots: Arc<SnapshotHandle>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) metrics: Arc<ShardMetrics>,
    pub(super) events: RefCell<Sender>,
    snapshot: RefCell<Arc<Snapshot>>,
    pub(super) scanner: ShardScanner,
    pub(super) clean: CleanFields,
    pub(super) deadlines: Rc<Deadlines>,
    /// Body buffers and their budget.
    pub(super) buffers: Rc<Buffers>,
    /// Idle connections to upstreams.
    pub(super) pools: Pools,
    /// Free buffers of exchanges.
    pub(super) exchange_buffers: Rc<BufferPool>,
    /// Most client connections at a time.
    pub(super) max_connections: usize,
    /// Client connections now.
    pub(super) connections: Cell<usize>,
    /// Listeners that connections are taken from.
    pub(super) listeners: Cell<usize>,
    id_prefix: [u8; 8],
    id_count: Cell<u64>,
    /// The process's phase, as of the last tick.
    pub(super) life: Cell<Phase>,
    /// The tick of the last event for the log.
    logged_at: Cell<Option<u32>>,
}

impl Shard {
    /// Makes the shard that `context` describes, without connections.
    pub(super) fn new(context: ShardContext) -> Rc<Self> {
        let snapshot = context.snapshots.load();
        let mut id_prefix = [0; 8];
        // Ids only have to differ, and the index distinguishes shards when there is no entropy.
        if getrandom::fill(&mut id_prefix).is_err() {
            id_prefix = (context.index as u64).to_be_bytes();
        }
        context.metrics.connections_max.set(context.max_connections as u64);
        Rc::new(Self {
            buffers: Buffers::new(snapshot.limits.buffers_per_shard),
            snapshot: RefCell::new(snapshot),
            snapshots: context.snapshots,
            lifecycle: context.lifecycle,
            metrics: context.metrics,
            events: RefCell::new(context.events),
            scanner: ShardScanner::default(),
            clean: CleanFields::default(),
            deadlines: Deadlines::new(),
            pools: Pools::default(),
            exchange_buffers: Rc::default(),
            max_connections: context.max_connections,
            connections: Cell::new(0),
            listeners: Cell::new(0),
            id_prefix,
            id_count: Cell::new(0),
            life: Cell::new(Phase::Running),
            logged_at: Cell::new(None),
        })
    }

    /// Returns the newest snapshot. A request keeps the one it began with.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        let mut held = self.snapshot.borrow_mut();
        if held.generation != self.snapshots.generation() {
            *held = self.snapshots.load();
            self.buffers.set_budget(held.limits.buffers_per_shard);
        }
        Arc::clone(&held)
    }

    /// Whether the process is about to end, so that each reply is the last on its connection.
    pub(super) fn is_leaving(&self) -> bool {
        self.life.get() != Phase::Running
    }

    /// Whether the process accepts no more connections, so that those to upstreams are not kept either.
    pub(super) fn is_draining(&self) -> bool {
        !self.life.get().accepts()
    }

    /// Whether the process stops now, and every connection is cut.
    pub(super) fn is_stopping(&self) -> bool {
        self.life.get() == Phase::Stopping
    }

    /// Reports an event to the log, at most one in [`REMARK_PAUSE`] ticks: a fault seldom comes alone. What must not be
    /// lost to another fault's remark is reported with [`Shard::log_now`].
    pub(super) fn log_event(
        &self,
        level: LogEventLevel,
        what: &'static str,
        detail: impl FnOnce() -> String,
    ) {
        let now = self.deadlines.now();
        if self.logged_at.get().is_none_or(|last| now.saturating_sub(last) >= REMARK_PAUSE) {
            self.logged_at.set(Some(now));
            self.log_now(level, what, detail());
        }
    }

    /// Reports an event to the log, whatever was reported before: the caller sees to it that it is rare. Returns whether
    /// there was room for it.
    pub(super) fn log_now(&self, level: LogEventLevel, what: &'static str, detail: String) -> bool {
        self.events.borrow_mut().note(LogEvent { level, what, detail })
    }

    /// Returns an id that no other request of this process has.
    pub(super) fn next_id(&self) -> RequestId {
        let count = self.id_count.get();
        self.id_count.set(count.wrapping_add(1));
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.id_prefix);
        id[8..].copy_from_slice(&count.to_be_bytes());
        RequestId(id)
    }
}
