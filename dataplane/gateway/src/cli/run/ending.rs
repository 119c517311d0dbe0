//! The end of the process: who is waited for, and how long.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use super::threads::{LAST_LOG_LINES, PAUSE};
use crate::cli::outcome::{CliFailure, CliOutcome, failure};
use crate::control::journal::LAST_WRITES;
use crate::control::shared::Shared;
use crate::control::shutdown::ShutdownTimes;
use crate::lifecycle::Phase;
use crate::waiting::wait_until;
use crate::{logs, os};

/// How long the end may take when nobody is served any longer, whatever disk or pipe is waited for: what is left of the
/// logs, and the files that are removed.
const END_LIMIT: Duration = LAST_WRITES.saturating_add(Duration::from_secs(3));

/// Waits for the threads of a process: control, then the shards, then the journal, which writes what they said last.
pub(super) fn finish(
    shared: &Shared,
    end: ShutdownTimes,
    control: JoinHandle<io::Result<()>>,
    shards: Vec<JoinHandle<bool>>,
    journal: JoinHandle<()>,
) -> Result<CliOutcome, CliFailure> {
    let controlled = control.join();
    // Nothing to wait for after an orderly end; the control thread may also have died.
    wind_down(shared, end);
    let is_stuck = !shared.lifecycle.has_ended();
    let ended =
        |thread: JoinHandle<bool>| (is_stuck && !thread.is_finished()) || matches!(thread.join(), Ok(true));
    let failed: Vec<usize> = shards
        .into_iter()
        .enumerate()
        .filter_map(|(index, thread)| (!ended(thread)).then_some(index))
        .collect();
    shared.closing.store(true, Relaxed);
    // It gives up by itself what cannot be written.
    let _ = journal.join();
    let is_sound = matches!(controlled, Ok(Ok(()))) && failed.is_empty() && shared.counts.faults.get() == 0;
    if is_sound {
        tracing::info!("stopped");
        return Ok(CliOutcome::Success);
    }
    Err(failure(
        format!("stopped by a fault: control thread {controlled:?}, failed shards {failed:?}"),
        "see the log above",
    ))
}

/// Dropped when control has ended, in whatever way: sees to it that the process ends, even if what is still to be done
/// waits for a disk or a pipe. If control has ended by a fault, shards may still be served to their end.
pub(super) struct ExitGuard<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) end: ShutdownTimes,
}

impl Drop for ExitGuard<'_> {
    fn drop(&mut self) {
        let is_over = self.shared.lifecycle.phase() == Phase::Stopping;
        let winding_down = if is_over { Duration::ZERO } else { self.end.drain + self.end.hard_stop };
        let limit = winding_down + END_LIMIT;
        let signalled = Arc::clone(self.shared);
        let on_signal = move || {
            signalled.leave(Phase::Stopping);
            signalled.note_signal();
        };
        let say_why = move || {
            tracing::error!(
                limit_s = limit.as_secs(),
                "the end takes too long: a disk, a pipe or a shard does not answer; ending all the same"
            );
            logs::flush(LAST_LOG_LINES);
        };
        if let Err(error) = os::end_within(limit, 2, on_signal, say_why) {
            tracing::warn!(%error, "cannot start a thread: the end is not bounded in time");
        }
    }
}

/// Lets the shards end if they have not: first gently, then at once.
fn wind_down(shared: &Shared, end: ShutdownTimes) {
    let all_ended = || shared.lifecycle.has_ended();
    if shared.lifecycle.phase() != Phase::Stopping {
        shared.leave(Phase::Draining);
        wait_until(end.drain, PAUSE, all_ended);
        shared.leave(Phase::Stopping);
        wait_until(end.hard_stop, PAUSE, all_ended);
    }
}
