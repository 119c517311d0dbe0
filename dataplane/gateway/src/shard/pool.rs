//! Idle upstream connections of a shard, newest first.
//!
//! Each idle connection keeps a read in flight. So a close by the upstream, or bytes that nobody asked for, show
//! without a system call, both when the connection is wanted and at every tick, and such a connection is never used.
//! What remains is the race in which the upstream closes while a request is on its way. That request is sent again
//! where nobody can have acted on it, and what was idle beside its connection is not trusted either.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::net::Conn;
use super::net::deadline::TICK;
use crate::metrics::ShardMetrics;
use crate::snapshot::{TrustIdentity, Upstream};

/// A connection to an upstream.
pub(crate) struct UpstreamConn {
    /// The connection.
    pub(crate) conn: Conn,
    /// The tick it was made at.
    pub(crate) created_at: u32,
    /// Whether it has carried an exchange before.
    pub(crate) is_reused: bool,
    /// The tick it was last taken from the pool at.
    pub(crate) taken_at: u32,
}

struct IdleConn {
    conn: Box<UpstreamConn>,
    /// The tick it was put back at.
    since: u32,
}

/// The idle connections of one upstream, the one used last at the end.
#[derive(Default)]
struct IdlePool {
    idle: Vec<IdleConn>,
    /// The upstream's slot in the metrics.
    slot: usize,
    idle_ticks_max: u32,
    age_ticks_max: u32,
}

/// All pools of a shard, by the identity of the upstream: a reload that changes nothing about an upstream keeps its
/// connections.
#[derive(Default)]
pub(crate) struct Pools(RefCell<HashMap<TrustIdentity, IdlePool>>);

/// How many idle connections of one upstream are kept, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolPolicy {
    /// Most idle connections.
    pub(crate) max_idle: usize,
    /// Longest time without use; zero is no limit.
    pub(crate) idle: Duration,
    /// Oldest age; zero is no limit.
    pub(crate) age: Duration,
    /// The upstream's slot in the metrics.
    pub(crate) slot: usize,
}

impl Pools {
    /// Takes the connection that was used last, if one is alive.
    pub(crate) fn checkout(
        &self,
        identity: TrustIdentity,
        now: u32,
        metrics: &ShardMetrics,
    ) -> Option<Box<UpstreamConn>> {
        let mut all = self.0.borrow_mut();
        let pool = all.get_mut(&identity)?;
        let mut found = None;
        while let Some(mut idle) = pool.idle.pop() {
            if idle.conn.conn.rx.is_idle_open() {
                idle.conn.is_reused = true;
                idle.conn.taken_at = now;
                found = Some(idle.conn);
                break;
            }
        }
        metrics.upstreams[pool.slot].pool_idle.set(pool.idle.len() as u64);
        found
    }

    /// Puts a connection back whose exchange has ended cleanly. It is closed instead when it is too old, not idle
    /// and open, or one too many.
    pub(crate) fn put(
        &self,
        identity: TrustIdentity,
        mut upstream: Box<UpstreamConn>,
        policy: PoolPolicy,
        now: u32,
        metrics: &ShardMetrics,
    ) {
        let mut all = self.0.borrow_mut();
        let pool = all.entry(identity).or_default();
        pool.slot = policy.slot;
        pool.idle_ticks_max = ticks(policy.idle);
        pool.age_ticks_max = ticks(policy.age);
        let is_young = now.saturating_sub(upstream.created_at) < pool.age_ticks_max;
        if is_young && pool.idle.len() < policy.max_idle && upstream.conn.rx.is_idle_open() {
            pool.idle.push(IdleConn { conn: upstream, since: now });
        }
        metrics.upstreams[pool.slot].pool_idle.set(pool.idle.len() as u64);
    }

    /// Closes what has been idle since `then` or longer: a connection that was taken from the pool at that time turned
    /// out to be closed, so these are as likely to be, and each would cost a request.
    pub(crate) fn distrust(&self, identity: TrustIdentity, then: u32, metrics: &ShardMetrics) {
        if let Some(pool) = self.0.borrow_mut().get_mut(&identity) {
            pool.idle.retain(|entry| entry.since > then);
            metrics.upstreams[pool.slot].pool_idle.set(pool.idle.len() as u64);
        }
    }

    /// Closes what was idle or alive for too long, what its upstream has closed, and what belongs to an upstream that
    /// is none of these any more.
    pub(crate) fn sweep(&self, now: u32, upstreams: &[Arc<Upstream>], metrics: &ShardMetrics) {
        let mut all = self.0.borrow_mut();
        let before = all.len();
        all.retain(|identity, pool| {
            let is_known = upstreams.iter().any(|upstream| upstream.identity == *identity);
            if !is_known {
                metrics.upstreams[pool.slot].pool_idle.set(0);
            }
            is_known
        });
        let is_smaller = before != all.len();
        for pool in all.values_mut() {
            let IdlePool { idle, idle_ticks_max, age_ticks_max, slot } = pool;
            let idle_before = idle.len();
            idle.retain_mut(|entry| {
                now.saturating_sub(entry.since) < *idle_ticks_max
                    && now.saturating_sub(entry.conn.created_at) < *age_ticks_max
                    && entry.conn.conn.rx.is_idle_open()
            });
            if is_smaller || idle.len() != idle_before {
                metrics.upstreams[*slot].pool_idle.set(idle.len() as u64);
            }
        }
    }

    /// Closes those that have been idle longest, until there are no more than `room`.
    pub(crate) fn shrink_to(&self, room: usize, metrics: &ShardMetrics) {
        let mut all = self.0.borrow_mut();
        let count: usize = all.values().map(|pool| pool.idle.len()).sum();
        for _ in room..count {
            // The one used last is at the end of each.
            let oldest =
                all.values_mut().filter(|pool| !pool.idle.is_empty()).min_by_key(|pool| pool.idle[0].since);
            let Some(pool) = oldest else { return };
            pool.idle.remove(0);
            metrics.upstreams[pool.slot].pool_idle.set(pool.idle.len() as u64);
        }
    }

    /// Closes all idle connections.
    pub(crate) fn clear(&self, metrics: &ShardMetrics) {
        for (_, pool) in self.0.borrow_mut().drain() {
            metrics.upstreams[pool.slot].pool_idle.set(0);
        }
    }
}

/// Ticks that cover `limit`; zero is no limit.
fn ticks(limit: Duration) -> u32 {
    if limit.is_zero() {
        return u32::MAX;
    }
    u32::try_from(limit.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u32::MAX)
}
