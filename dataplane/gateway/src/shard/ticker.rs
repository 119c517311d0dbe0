//! The clock of a shard: what happens at every tick, and the shard's end.

use std::rc::{Rc, Weak};
use std::time::Instant;

use super::net::deadline::{TICK, WaitPhase};
use super::net::{self, Listener};
use super::session::Sessions;
use super::state::Shard;
use crate::lifecycle::Phase;
use crate::recall::Recall;

/// Ticks that idle connections are left when the process drains: the request of one that was accepted last may be on its
/// way.
const IDLE_GRACE: u32 = 10;

/// Ends what is overdue, keeps pools, snapshot and gauges up to date, and follows the process through drain and stop.
/// Returns when no connection is accepted any more and none is left.
pub(super) async fn run_ticker(shard: &Rc<Shard>, index: usize, listeners: &[Weak<Listener>]) {
    let started = Instant::now();
    let mut draining_for = 0u32;
    loop {
        net::sleep(TICK).await;
        let now = started.elapsed().as_millis() / TICK.as_millis();
        let now = u32::try_from(now).unwrap_or(u32::MAX - 1);
        shard.deadlines.advance(now);
        shard.metrics.buffer_bytes.set(shard.buffers.reserved() as u64);
        let snapshot = shard.snapshot();
        shard.pools.sweep(now, &snapshot.upstreams, &shard.metrics);
        // Each client has room for a connection to an upstream, and what clients leave is room for idle ones.
        let room = shard.max_connections.saturating_sub(shard.connections.get());
        shard.pools.shrink_to(room, &shard.metrics);
        // Sessions and memories belong to the process: the first shard sweeps them, a part at a time.
        if index == 0 && snapshot.session.enabled {
            let settings = &snapshot.session;
            shard.metrics.sessions.set(Sessions::shared(settings).sweep(settings) as u64);
        }
        if index == 0 {
            let settings = &snapshot.recall;
            shard.metrics.recall_clients.set(Recall::shared(settings).sweep(settings) as u64);
        }
        drop(snapshot);
        let life = shard.lifecycle.phase();
        shard.life.set(life);
        if life.accepts() {
            continue;
        }
        listeners.iter().filter_map(Weak::upgrade).for_each(|listener| listener.end());
        shard.pools.clear(&shard.metrics);
        if life >= Phase::Draining {
            draining_for += 1;
        }
        if draining_for > IDLE_GRACE {
            shard.deadlines.expire_phase(WaitPhase::KeepAliveIdle);
        }
        if life == Phase::Stopping {
            shard.deadlines.cut_all();
        }
        if shard.listeners.get() == 0 && shard.connections.get() == 0 {
            return;
        }
    }
}
