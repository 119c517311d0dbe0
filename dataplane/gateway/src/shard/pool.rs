//! Idle upstream connections of a shard, newest first.
//!
//! Each idle connection keeps its read in flight. A close by the upstream, or bytes nobody asked for, therefore show at a
//! look that costs no system call, when the connection is wanted and at every tick, and such a connection is never
//! used. What remains is the race in which the upstream closes while a request is on its way: that request is sent again
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
pub(crate) struct Link {
    /// The connection.
    pub(crate) conn: Conn,
    /// The tick it was made at.
    pub(crate) born: u32,
    /// Whether it has carried an exchange before.
    pub(crate) reused: bool,
    /// The tick it was last taken from the pool at.
    pub(crate) taken: u32,
}

struct Idle {
    link: Box<Link>,
    since: u32,
}

#[derive(Default)]
struct Shelf {
    idle: Vec<Idle>,
    slot: usize,
    idle_ticks: u32,
    age_ticks: u32,
}

/// All pools of a shard, by the identity of the upstream: a reload that changes nothing about an upstream keeps its
/// connections.
#[derive(Default)]
pub(crate) struct Pools(RefCell<HashMap<TrustIdentity, Shelf>>);

/// How long connections of one upstream are kept, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping {
    /// Most idle connections.
    pub(crate) most: usize,
    /// Longest time without use; zero is no limit.
    pub(crate) idle: Duration,
    /// Oldest age; zero is no limit.
    pub(crate) age: Duration,
    /// The upstream's slot in the metrics.
    pub(crate) slot: usize,
}

impl Pools {
    /// The connection used last, if one is alive.
    pub(crate) fn checkout(
        &self,
        identity: TrustIdentity,
        now: u32,
        metrics: &ShardMetrics,
    ) -> Option<Box<Link>> {
        let mut all = self.0.borrow_mut();
        let kept = all.get_mut(&identity)?;
        let mut found = None;
        while let Some(mut idle) = kept.idle.pop() {
            if idle.link.conn.rx.is_quiet() {
                idle.link.reused = true;
                idle.link.taken = now;
                found = Some(idle.link);
                break;
            }
        }
        metrics.upstreams[kept.slot].pool_idle.set(kept.idle.len() as u64);
        found
    }

    /// Puts a connection back whose exchange has ended cleanly. It is closed instead when it is too old, not quiet, or
    /// one too many.
    pub(crate) fn put(
        &self,
        identity: TrustIdentity,
        mut link: Box<Link>,
        keeping: Keeping,
        now: u32,
        metrics: &ShardMetrics,
    ) {
        link.conn.deadline.disarm();
        let mut all = self.0.borrow_mut();
        let kept = all.entry(identity).or_default();
        kept.slot = keeping.slot;
        kept.idle_ticks = ticks(keeping.idle);
        kept.age_ticks = ticks(keeping.age);
        let young = now.saturating_sub(link.born) < kept.age_ticks;
        if young && kept.idle.len() < keeping.most && link.conn.rx.is_quiet() {
            kept.idle.push(Idle { link, since: now });
        }
        metrics.upstreams[kept.slot].pool_idle.set(kept.idle.len() as u64);
    }

    /// Closes what has been idle since `then` or longer: a connection that was taken from the pool at that time turned out to
    /// be closed, so these are as likely to be, and each would cost a request.
    pub(crate) fn distrust(&self, identity: TrustIdentity, then: u32, metrics: &ShardMetrics) {
        if let Some(kept) = self.0.borrow_mut().get_mut(&identity) {
            kept.idle.retain(|entry| entry.since > then);
            metrics.upstreams[kept.slot].pool_idle.set(kept.idle.len() as u64);
        }
    }

    /// Closes what was idle or alive for too long, what its upstream has closed, and what belongs to an upstream that is none
    /// of these any more.
    pub(crate) fn sweep(&self, now: u32, upstreams: &[Arc<Upstream>], metrics: &ShardMetrics) {
        let mut all = self.0.borrow_mut();
        let kept = all.len();
        all.retain(|identity, shelf| {
            let known = upstreams.iter().any(|upstream| upstream.identity == *identity);
            if !known {
                metrics.upstreams[shelf.slot].pool_idle.set(0);
            }
            known
        });
        let dropped = kept != all.len();
        for shelf in all.values_mut() {
            let Shelf { idle, idle_ticks, age_ticks, slot } = shelf;
            let before = idle.len();
            idle.retain_mut(|entry| {
                now.saturating_sub(entry.since) < *idle_ticks
                    && now.saturating_sub(entry.link.born) < *age_ticks
                    && entry.link.conn.rx.is_quiet()
            });
            if dropped || idle.len() != before {
                metrics.upstreams[*slot].pool_idle.set(idle.len() as u64);
            }
        }
    }

    /// Closes all idle connections.
    pub(crate) fn clear(&self, metrics: &ShardMetrics) {
        for (_, shelf) in self.0.borrow_mut().drain() {
            metrics.upstreams[shelf.slot].pool_idle.set(0);
        }
    }
}

fn ticks(limit: Duration) -> u32 {
    if limit.is_zero() {
        return u32::MAX;
    }
    u32::try_from(limit.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u32::MAX)
}
