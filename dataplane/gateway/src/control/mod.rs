//! Everything that is not traffic: signals, reload, name lookups, the admin listener, the journal of records.
//!
//! `aegis-control` runs a single-threaded tokio runtime with the admin listener, the lookups and the signals; lookups, and
//! looks at the state folder, wait on threads that tokio keeps for what blocks. `aegis-journal` empties the shards' rings and
//! waits for no disk. Each of the others waits for its own, so that a slow one delays neither health checks nor signals nor
//! another log:
//!
//! - `aegis-reload` reads the configuration again;
//! - `aegis-takeover` waits for the gateway that takes the place of this one, and watches what that finds it by;
//! - `aegis-audit` and `aegis-access` write what the journal hands them, `aegis-log` writes the program's log;
//! - `aegis-cleanup` removes what lies in the state folder for others when the process leaves;
//! - `aegis-end` ends the process when the others do not.
//!
//! Shards wait for none of them.

pub mod access;
pub mod admin;
mod admin_server;
pub mod audit;
pub mod audit_health;
mod certificates;
pub mod counts;
pub mod handover;
pub mod journal;
pub mod log_file;
pub mod log_writer;
pub mod output;
pub mod presence;
pub mod reload;
pub mod render;
mod report_limiter;
pub mod resolve;
pub mod shared;
pub mod shutdown;
pub mod signals;
pub mod state_folder;
pub mod state_ownership;
mod state_watch;
#[cfg(test)]
mod tests;
mod weaker;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use shared::Shared;
use shutdown::{ShutdownTimes, shards_ended, shards_ended_within};

use crate::lifecycle::Phase;
use crate::state_dir::StateMarker;

/// Runs the control side until the process is over: serves the admin listener, resolves names, handles signals, and watches
/// `marker`, which exists as long as the state folder is there. Returns when all shards have ended, or when the time for that is up.
pub fn run(
    shared: &Arc<Shared>,
    admin: TcpListener,
    reloader: reload::Reloader,
    marker: Option<StateMarker>,
    end: ShutdownTimes,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let signals = signals::Signals::listen()?;
        let reloads = reload::ReloadThread::start(Arc::clone(shared), reloader)?;
        let routes = admin::router(Arc::clone(shared));
        let admin =
            tokio::spawn(admin_server::serve(Arc::clone(shared), admin, routes, admin_server::LIMITS));
        let names = tokio::spawn(resolve::keep_fresh(Arc::clone(shared)));
        if let Some(marker) = marker {
            tokio::spawn(state_watch::watch_state(Arc::clone(shared), marker));
        }
        let certificates = tokio::spawn(certificates::watch(Arc::clone(shared)));
        let signalled = tokio::spawn(signals::handle_signals(Arc::clone(shared), signals, reloads, end));
        let ended = shards_ended(shared);
        tokio::select! {
            () = ended => {}
            failed = admin => fault(shared, "admin listener", &failed),
            failed = names => fault(shared, "name lookups", &failed),
            failed = certificates => fault(shared, "watch over certificates", &failed),
            // Without a fault shards had all the time that they are given.
            done = signalled => {
                if let Err(failed) = done {
                    fault(shared, "signals", &failed);
                }
            }
        }
        if shared.lifecycle.phase() != Phase::Stopping {
            shards_ended_within(shared, end.drain).await;
            shared.leave(Phase::Stopping);
            shards_ended_within(shared, end.hard_stop).await;
        }
        Ok(())
    });
    // A lookup may hang in the system's resolver; nobody waits for it.
    runtime.shutdown_background();
    done
}

/// A part of the control side ended on its own. Traffic is drained and the process ends, so that a supervisor starts a
/// whole one: a gateway that cannot be reloaded or watched must not report healthy.
fn fault(shared: &Shared, part: &str, result: &dyn std::fmt::Debug) {
    tracing::error!(part, ?result, "a part of the control thread ended; draining");
    shared.counts.faults.inc();
    shared.leave(Phase::Draining);
}
