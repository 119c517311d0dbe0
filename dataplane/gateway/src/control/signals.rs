//! SIGHUP reloads, SIGTERM and SIGINT drain and end, a second one ends at once. On the way to the end SIGHUP only has log
//! files opened anew.

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

    /// Waits for SIGTERM or SIGINT. Nothing is reloaded any more; a SIGHUP meanwhile has log files opened anew, which
    /// somebody may have moved away.
    async fn end(&mut self, shared: &Shared) -> &'static str {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => shared.reopen.store(true, Relaxed),
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
            }
        }
    }
}

/// How long connections may stay idle in a process whose place another one has taken. Their next request is answered with
/// `connection: close`; most clients close a connection that has been idle for so long themselves.
const IDLE_AFTER_HANDOVER: Duration = Duration::from_secs(10);

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
            _ = signals.terminate.recv() => {
                shared.note_signal();
                break;
            }
            _ = signals.interrupt.recv() => {
                shared.note_signal();
                break;
            }
            () = shared.until_handed_over() => break,
        }
    }
    if leave(&shared, &mut signals, end.delay).await {
        tracing::info!(timeout_s = end.drain.as_secs(), "draining: no new connections");
        shared.leave(Phase::Draining);
        let second_signal = async {
            loop {
                let name = signals.end(&shared).await;
                // After a takeover the first one says what is done already.
                if shared.note_signal() {
                    return log_second_signal(name);
                }
            }
        };
        tokio::select! {
            () = second_signal => {}
            () = tokio::time::sleep(end.drain) => tracing::warn!("the time to drain is over: stopping"),
        }
    }
    shared.leave(Phase::Stopping);
    let over = tokio::time::sleep(end.hard_stop + Duration::from_secs(1));
    tokio::pin!(over);
    loop {
        tokio::select! {
            _ = signals.end(&shared) => {}
            () = &mut over => return,
        }
    }
}

/// Waits for nothing any longer: a second signal has come.
fn log_second_signal(signal: &str) {
    tracing::warn!(signal, "second signal: stopping at once");
}

/// Lets clients go elsewhere before the drain begins. False when a second signal asks for the end.
async fn leave(shared: &Shared, signals: &mut Signals, delay: Duration) -> bool {
    if shared.lifecycle.phase() == Phase::Running && !delay.is_zero() {
        tracing::info!(delay_s = delay.as_secs_f64(), "leaving: not ready any more, still accepting");
        shared.lifecycle.advance(Phase::LameDuck);
        tokio::select! {
            name = signals.end(shared) => {
                shared.note_signal();
                log_second_signal(name);
                return false;
            }
            () = shared.until_handed_over() => {}
            () = tokio::time::sleep(delay) => {}
        }
    }
    if shared.lifecycle.phase() == Phase::HandedOver {
        tracing::info!("another gateway has taken over: no new connections, running exchanges end here");
        tokio::select! {
            name = signals.end(shared) => {
                shared.note_signal();
                tracing::info!(signal = name, "idle connections are not waited for");
            }
            () = tokio::time::sleep(IDLE_AFTER_HANDOVER) => {}
        }
    }
    true
}
