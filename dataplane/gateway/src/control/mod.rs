//! Everything that is not traffic: signals, reload, name lookups, the admin listener, the journal of records.
//!
//! Two threads. `aegis-control` runs a single-threaded tokio runtime with the admin listener, the lookups and the signals;
//! `aegis-journal` empties the shards' rings and writes audit and access log, so that a slow disk delays neither health checks
//! nor a reload. Shards wait for neither.

pub mod access;
pub mod admin;
pub mod audit;
pub mod journal;
pub mod log_file;
pub mod output;
pub mod reload;
pub mod render;
pub mod resolve;
pub mod signals;
#[cfg(test)]
mod tests;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::lifecycle::{Lifecycle, Phase, ShardState};
use crate::metrics::Metrics;
use crate::snapshot::{Feed, Snapshot};

/// What the control thread, the journal and the admin listener share.
#[derive(Debug)]
pub struct Shared {
    /// The published snapshot.
    pub feed: Arc<Feed>,
    /// Phase and states.
    pub lifecycle: Arc<Lifecycle>,
    /// The shards' counters.
    pub metrics: Metrics,
    /// The control side's own counters.
    pub counts: render::ControlCounts,
    /// Rule names of past generations.
    pub rule_book: audit::RuleBook,
    /// Asks the journal to open its files anew.
    pub reopen: AtomicBool,
    /// Tells the journal to end although shards have not.
    pub closing: AtomicBool,
}

impl Shared {
    /// A process of `shards` shards that begins with the snapshot `first`.
    pub fn new(first: Snapshot, shards: usize) -> Shared {
        let rule_book = audit::RuleBook::default();
        rule_book.add(first.generation, &first.shield.rules);
        Shared {
            feed: Arc::new(Feed::new(first)),
            lifecycle: Arc::new(Lifecycle::new(shards)),
            metrics: Metrics::new(shards),
            counts: render::ControlCounts::default(),
            rule_book,
            reopen: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }
}

/// How often the control thread looks whether all shards have ended.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the control side until the process is over: serves the admin listener, resolves names, handles signals. Returns
/// when all shards have ended, or when the time for that is up.
pub fn run(
    shared: &Arc<Shared>,
    admin: TcpListener,
    reloader: reload::Reloader,
    end: EndTimes,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let signals = signals::Signals::listen()?;
        let admin = tokio::spawn(admin::serve(Arc::clone(shared), admin));
        let names = tokio::spawn(resolve::keep_fresh(Arc::clone(shared)));
        let signalled = tokio::spawn(signals::obey(Arc::clone(shared), signals, reloader, end));
        let ended = shards_end(shared);
        tokio::select! {
            () = ended => {}
            failed = admin => fault(shared, "admin listener", &failed),
            failed = names => fault(shared, "name lookups", &failed),
            Err(failed) = signalled => fault(shared, "signals", &failed),
        }
        shards_end_within(shared, end.drain).await;
        shared.lifecycle.advance(Phase::Stopping);
        shards_end_within(shared, end.hard_stop).await;
        Ok(())
    });
    // A lookup may hang in the system's resolver; nobody waits for it.
    runtime.shutdown_background();
    done
}

/// How long the end may take.
#[derive(Debug, Clone, Copy)]
pub struct EndTimes {
    /// For running exchanges, after the first signal.
    pub drain: Duration,
    /// For closing what is left.
    pub hard_stop: Duration,
}

/// A part of the control side ended on its own. Traffic is drained and the process ends, so that a supervisor starts a whole
/// one: a gateway that cannot be reloaded or watched must not seem well.
fn fault(shared: &Shared, part: &str, result: &dyn std::fmt::Debug) {
    tracing::error!(part, ?result, "a part of the control thread ended; draining");
    shared.counts.faults.inc();
    shared.lifecycle.advance(Phase::Draining);
}

async fn shards_end(shared: &Shared) {
    while shared.lifecycle.shards_in(ShardState::Ended) < shared.metrics.shards().len() {
        tokio::time::sleep(LOOK).await;
    }
}

async fn shards_end_within(shared: &Shared, limit: Duration) {
    let begun = Instant::now();
    while shared.lifecycle.shards_in(ShardState::Ended) < shared.metrics.shards().len()
        && begun.elapsed() < limit
    {
        tokio::time::sleep(LOOK).await;
    }
}
