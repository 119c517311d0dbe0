//! SIGHUP reloads, SIGTERM and SIGINT drain and end, a second one ends at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::Reloader;
use super::shared::Shared;
use super::shutdown::ShutdownTimes;
use crate::lifecycle::Phase;

/// The signals the gateway handles.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over from their defaults.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn end(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Handles signals until the process is to stop at once; then gives the shards no more time.
pub async fn handle_signals(
    shared: Arc<Shared>,
    mut signals: Signals,
    mut reloader: Reloader,
    end: ShutdownTimes,
) {
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => reloader = reload(&shared, reloader).await,
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
        }
    }
    tracing::info!(timeout_s = end.drain.as_secs(), "draining: no new connections");
    shared.lifecycle.advance(Phase::Draining);
    tokio::select! {
        name = signals.end() => tracing::warn!(signal = name, "second signal: stopping at once"),
        () = tokio::time::sleep(end.drain) => tracing::warn!("the time to drain is over: stopping"),
    }
    shared.lifecycle.advance(Phase::Stopping);
    tokio::time::sleep(end.hard_stop + Duration::from_secs(1)).await;
}

/// Reloads on a thread of its own: compiling rules takes longer than a health check may wait.
async fn reload(shared: &Arc<Shared>, mut reloader: Reloader) -> Reloader {
    let shared = Arc::clone(shared);
    let spare = reloader.clone_sources();
    let done = tokio::task::spawn_blocking(move || {
        reloader.reload(&shared);
        reloader
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "the reload failed by a fault of the gateway; the old configuration stays");
        spare
    })
}
