//! A shard: one thread, one CPU, its own listener, connections, upstream pool, scanner and buffers.
//!
//! Everything that moves traffic is here, and nothing here waits for anybody but clients and upstreams: no locks, no name
//! lookups, no files, no logs. Configuration arrives as finished snapshots, records leave through a ring.
//!
//! The parts, from the outside in: [`driver`] starts the runtime, [`accept`] takes connections and runs the ticker,
//! [`serve`] is the life of a client connection, [`exchange`] that of one request and its reply. Below them lie
//! [`conn`] and [`inbound`] (bytes), [`pool`] and [`connect`] (upstreams), [`deadline`] and [`buffers`].
//!
//! Two rules come from the runtime (monoio 0.2.4): a read in flight is never dropped while its bytes matter, and no task
//! wakes itself.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets and counts are converted between widths throughout; a named limit beside each conversion bounds it"
)]

mod accept;
mod bench;
mod buffers;
mod caught;
mod clean;
mod conn;
mod connect;
mod deadline;
mod driver;
mod exchange;
mod inbound;
mod out;
mod pool;
mod record;
mod sanitize;
mod secure;
mod serve;
mod session;
#[cfg(test)]
mod tests;
mod witness;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::events::{LogEvent, LogEventLevel, RequestId, Sender};
use crate::lifecycle::{Lifecycle, Phase as Life, ShardContext};
use crate::metrics::ShardMetrics;
use crate::snapshot::{Snapshot, SnapshotHandle};

use bench::Benches;
use buffers::Buffers;
use clean::CleanFields;
use deadline::Deadlines;
pub use driver::{io_uring_works, run};
use pool::Pools;
use sanitize::Scratch;

/// Ticks between two remarks for the log.
const NOTICE_PAUSE: u32 = 20;

/// What the tasks of one shard share.
pub(crate) struct Shard {
    snapshots: Arc<SnapshotHandle>,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<ShardMetrics>,
    events: RefCell<Sender>,
    snapshot: RefCell<Arc<Snapshot>>,
    scratch: Scratch,
    clean: CleanFields,
    deadlines: Rc<Deadlines>,
    buffers: Rc<Buffers>,
    pools: Pools,
    benches: Benches,
    max_connections: usize,
    connections: Cell<usize>,
    id_prefix: [u8; 8],
    id_count: Cell<u64>,
    life: Cell<Life>,
    noticed: Cell<Option<u32>>,
}

impl Shard {
    /// The shard that `context` describes, without connections.
    fn new(context: ShardContext) -> Rc<Self> {
        let snapshot = context.snapshots.load();
        let mut id_prefix = [0; 8];
        // Ids only have to differ, and the index tells shards apart when there is no entropy.
        if getrandom::fill(&mut id_prefix).is_err() {
            id_prefix = (context.index as u64).to_be_bytes();
        }
        Rc::new(Self {
            buffers: Buffers::new(snapshot.limits.buffers_per_shard),
            snapshot: RefCell::new(snapshot),
            snapshots: context.snapshots,
            lifecycle: context.lifecycle,
            metrics: context.metrics,
            events: RefCell::new(context.events),
            scratch: Scratch::default(),
            clean: CleanFields::default(),
            deadlines: Deadlines::new(),
            pools: Pools::default(),
            benches: Benches::default(),
            max_connections: context.max_connections,
            connections: Cell::new(0),
            id_prefix,
            id_count: Cell::new(0),
            life: Cell::new(Life::Running),
            noticed: Cell::new(None),
        })
    }

    /// The newest snapshot. A request keeps the one it began with.
    fn snapshot(&self) -> Arc<Snapshot> {
        let mut held = self.snapshot.borrow_mut();
        if held.generation != self.snapshots.generation() {
            *held = self.snapshots.load();
            self.buffers.set_budget(held.limits.buffers_per_shard);
        }
        Arc::clone(&held)
    }

    /// Whether no new work is taken on.
    fn is_draining(&self) -> bool {
        self.life.get() != Life::Running
    }

    /// Leaves a remark for the log, at most one in [`NOTICE_PAUSE`] ticks: what goes wrong goes wrong for many.
    fn notice(&self, level: LogEventLevel, what: &'static str, detail: impl FnOnce() -> String) {
        let now = self.deadlines.now();
        if self.noticed.get().is_none_or(|last| now.saturating_sub(last) >= NOTICE_PAUSE) {
            self.noticed.set(Some(now));
            self.events.borrow_mut().note(LogEvent { level, what, detail: detail() });
        }
    }

    /// An id that no other request of this process has.
    fn next_id(&self) -> RequestId {
        let count = self.id_count.get();
        self.id_count.set(count.wrapping_add(1));
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.id_prefix);
        id[8..].copy_from_slice(&count.to_be_bytes());
        RequestId(id)
    }
}
