//! SIGHUP reloads, SIGTERM and SIGINT drain and end, a second one ends at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::ReloadThread;
use super::shared::Shared;
use super::shutdown::ShutdownTimes;
use crate::lifecycle::Phase;
use crate::os;

/// The signals the gateway handles.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over; a SIGHUP that came since the process began is not lost.
    pub fn listen() -> io::Result<Signals> {
        let signals = Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        os::take_signals_over()?;
        Ok(signals)
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
    reloads: ReloadThread,
    end: ShutdownTimes,
) {
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => reloads.request(),
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
        }
    }
    tracing::info!(timeout_s = end.drain.as_secs(), "draining: no new connections");
    shared.lifecycle.advance(Phase::Draining);
    tokio::select! {
        name = signals.end() => {
            shared.hurried.store(true, Relaxed);
            tracing::warn!(signal = name, "second signal: stopping at once");
        }
        () = tokio::time::sleep(end.drain) => tracing::warn!("the time to drain is over: stopping"),
    }
    shared.lifecycle.advance(Phase::Stopping);
    tokio::time::sleep(end.hard_stop + Duration::from_secs(1)).await;
}
