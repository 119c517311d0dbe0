//! What the threads of one process share: the published snapshot, the phase of life, the state of the audit sink.
//!
//! The control thread writes, shards read. Everything is an atomic or an `arc-swap` pointer: a shard that looks here
//! never waits. Shards look at [`Lifecycle::phase`] and [`crate::snapshot::SnapshotHandle::generation`] from a timer of
//! their own (every 50 ms or so) and at a new connection; no message is sent to them.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::config::settings::Driver;
use crate::events::Sender;
use crate::metrics::ShardMetrics;
use crate::snapshot::SnapshotHandle;

/// The phase of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Taking traffic.
    Running = 0,
    /// Still taking traffic, but not for long: readiness is away, and replies say `connection: close`, so that balancers
    /// and clients go elsewhere.
    LameDuck = 1,
    /// Another process accepts on the same sockets. No new connections here; idle ones stay for a while, and their next
    /// reply is the last.
    HandedOver = 2,
    /// No new connections; idle ones are closed; running exchanges end.
    Draining = 3,
    /// Close everything now and return.
    Stopping = 4,
}

impl Phase {
    /// Whether new connections are accepted.
    pub fn accepts(self) -> bool {
        self < Phase::HandedOver
    }
}

/// The state of one shard, as it reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShardState {
    /// Thread started, not listening yet.
    Starting = 0,
    /// Accepting connections.
    Listening = 1,
    /// Its thread has ended.
    Ended = 2,
}

/// Phase of the process and state of its parts.
#[derive(Debug)]
pub struct Lifecycle {
    phase: AtomicU8,
    audit_failed: AtomicBool,
    shards: Vec<AtomicU8>,
}

impl Lifecycle {
    /// A running process with `shards` shards that have not started yet.
    pub fn new(shards: usize) -> Self {
        Lifecycle {
            phase: AtomicU8::new(Phase::Running as u8),
            audit_failed: AtomicBool::new(false),
            shards: (0..shards).map(|_| AtomicU8::new(ShardState::Starting as u8)).collect(),
        }
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Acquire) {
            0 => Phase::Running,
            1 => Phase::LameDuck,
            2 => Phase::HandedOver,
            3 => Phase::Draining,
            _ => Phase::Stopping,
        }
    }

    /// Moves on to `phase`; never back.
    pub fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Release);
    }

    /// Whether the audit sink cannot be written. With `fail_mode = "closed"` shards then refuse requests with 503.
    pub fn has_audit_failed(&self) -> bool {
        self.audit_failed.load(Relaxed)
    }

    /// Says whether the audit sink cannot be written.
    pub fn set_audit_failed(&self, failed: bool) {
        self.audit_failed.store(failed, Relaxed);
    }

    /// Says how far shard `index` is.
    pub fn set_shard(&self, index: usize, state: ShardState) {
        if let Some(shard) = self.shards.get(index) {
            shard.store(state as u8, Release);
        }
    }

    /// How many shards are in `state`.
    pub fn shards_in(&self, state: ShardState) -> usize {
        self.shards.iter().filter(|shard| shard.load(Acquire) == state as u8).count()
    }

    /// Whether every shard accepts connections.
    pub fn is_listening(&self) -> bool {
        self.shards_in(ShardState::Listening) == self.shards.len()
    }

    /// Whether every shard has ended.
    pub fn has_ended(&self) -> bool {
        self.shards_in(ShardState::Ended) == self.shards.len()
    }
}

/// Everything a shard's thread is given at its start.
#[derive(Debug)]
pub struct ShardContext {
    /// Index, from 0.
    pub index: usize,
    /// Number of shards of the process.
    pub shards: usize,
    /// The CPU it is pinned to (already done when the shard's code runs).
    pub cpu: Option<usize>,
    /// The sockets it accepts on; of each address at least one.
    pub listeners: Vec<TcpListener>,
    /// The driver to use; never `Auto`, the choice has been made.
    pub driver: Driver,
    /// Client connections this shard may hold.
    pub max_connections: usize,
    /// The published snapshot.
    pub snapshots: Arc<SnapshotHandle>,
    /// Phase and states. The shard reports [`ShardState::Listening`] itself; the thread's wrapper reports the end.
    pub lifecycle: Arc<Lifecycle>,
    /// Its counters.
    pub metrics: Arc<ShardMetrics>,
    /// Its end of the ring.
    pub events: Sender,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_only_move_on() {
        let life = Lifecycle::new(1);
        life.advance(Phase::Stopping);
        life.advance(Phase::Draining);
        assert_eq!(life.phase(), Phase::Stopping);
    }

    #[test]
    fn every_phase_is_read_as_it_was_written() {
        use Phase::{Draining, HandedOver, LameDuck, Running, Stopping};
        for phase in [Running, LameDuck, HandedOver, Draining, Stopping] {
            let life = Lifecycle::new(1);
            life.advance(phase);
            assert_eq!(life.phase(), phase);
            assert_eq!(phase.accepts(), matches!(phase, Running | LameDuck));
        }
    }

    #[test]
    fn listening_means_every_shard() {
        let life = Lifecycle::new(2);
        life.set_shard(0, ShardState::Listening);
        assert!(!life.is_listening());
        life.set_shard(1, ShardState::Listening);
        life.set_shard(7, ShardState::Ended);
        assert!(life.is_listening());
        life.set_shard(0, ShardState::Ended);
        assert_eq!((life.is_listening(), life.shards_in(ShardState::Ended)), (false, 1));
    }
}
