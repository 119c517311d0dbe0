//! A thread that writes the lines of one log, so that nobody else waits for its disk or pipe.
//!
//! Lines are handed over under a lock that is never held during a write. A disk that does not answer, or a pipe whose
//! reader has stopped, keeps this thread and nothing else.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::output::Output;
use super::report_limiter::ReportLimiter;
use super::shared::Shared;
use super::state_ownership::AuditFileStep;
use crate::config::settings::AuditSync;
use crate::waiting::wait_until;

/// Pause after a failed write.
const RETRY: Duration = Duration::from_millis(64);
/// How often an idle thread looks whether its file is still there.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two `fsync` calls of [`AuditSync::Second`].
const SECOND: Duration = Duration::from_secs(1);
/// Most bytes of lines that wait where lines may be dropped.
const MAX_WAITING: usize = 1 << 20;
/// How often the end of the thread is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// What becomes of lines that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They are kept and tried again; what was written is forced to the disk as the setting says.
    Keep(AuditSync),
    /// They are dropped and counted.
    Drop,
}

/// What a writer is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriterStatus {
    /// Everything that was handed over is written.
    Idle,
    /// It is writing since then.
    Busy(Instant),
    /// What was handed over then could not be written, for this reason, and is tried again.
    Failing(Instant, String),
}

/// Hands lines to the thread that writes them.
#[derive(Debug)]
pub struct LogWriter {
    mailbox: Arc<Mailbox>,
    thread: JoinHandle<()>,
}

/// What both threads share: the work that is pending, and a signal that there is some.
#[derive(Debug, Default)]
struct Mailbox {
    pending: Mutex<PendingWork>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PendingWork {
    /// Lines that the thread has not taken yet.
    lines: Vec<u8>,
    /// How many lines are not written: these, and those that the thread has taken.
    unwritten: usize,
    /// When the oldest of them was handed over, or whatever else the thread is at began; none when it is idle.
    since: Option<Instant>,
    /// Why the last attempt failed.
    error: Option<String>,
    reopen: bool,
    /// What another gateway needs done with the file.
    step: Option<AuditFileStep>,
    closing: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, PendingWork> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogWriter {
    /// Starts the thread `name`, which writes to `output`.
    pub fn start(
        name: &str,
        output: Output,
        on_failure: OnFailure,
        shared: &Arc<Shared>,
    ) -> io::Result<LogWriter> {
        let mailbox = Arc::<Mailbox>::default();
        let writing = WriterThread {
            mailbox: Arc::clone(&mailbox),
            output,
            on_failure,
            shared: Arc::clone(shared),
            unsynced: false,
            synced_at: Instant::now(),
            has_failed: false,
            limiter: ReportLimiter::default(),
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || writing.run())?;
        Ok(LogWriter { mailbox, thread })
    }

    /// Hands whole lines over and leaves `lines` empty. Never waits for the disk. Returns how many lines were dropped
    /// because too much waits already; where lines are kept, the caller waits for [`WriterStatus::Idle`] first.
    pub fn hand_over(&self, lines: &mut Vec<u8>) -> usize {
        if lines.is_empty() {
            return 0;
        }
        let count = memchr::memchr_iter(b'\n', lines).count();
        let mut pending = self.mailbox.lock();
        if pending.lines.is_empty() {
            std::mem::swap(&mut pending.lines, lines);
        } else if pending.lines.len() + lines.len() <= MAX_WAITING {
            pending.lines.append(lines);
        } else {
            lines.clear();
            return count;
        }
        pending.unwritten += count;
        pending.since.get_or_insert_with(Instant::now);
        self.mailbox.changed.notify_one();
        0
    }

    /// What it is doing now.
    pub fn status(&self) -> WriterStatus {
        let pending = self.mailbox.lock();
        match (pending.since, &pending.error) {
            (None, _) => WriterStatus::Idle,
            (Some(since), None) => WriterStatus::Busy(since),
            (Some(since), Some(error)) => WriterStatus::Failing(since, error.clone()),
        }
    }

    /// Lines that were handed over and are not written.
    pub fn unwritten(&self) -> usize {
        self.mailbox.lock().unwritten
    }

    /// Has the file opened anew, as soon as the thread comes to it.
    pub fn reopen(&self) {
        self.mailbox.lock().reopen = true;
        self.mailbox.changed.notify_one();
    }

    /// Has the file make way for that of another gateway, or come back, as soon as the thread comes to it. It says when that
    /// is done.
    pub fn apply_step(&self, step: AuditFileStep) {
        self.mailbox.lock().step = Some(step);
        self.mailbox.changed.notify_one();
    }

    /// Has the thread end with one last attempt, and waits for it, at most `limit`. Returns whether it has ended; one
    /// that is kept by its disk ends with the process.
    pub fn close(&self, limit: Duration) -> bool {
        self.mailbox.lock().closing = true;
        self.mailbox.changed.notify_one();
        wait_until(limit, POLL_INTERVAL, || self.thread.is_finished())
    }
}

/// What the writing thread owns.
struct WriterThread {
    mailbox: Arc<Mailbox>,
    output: Output,
    on_failure: OnFailure,
    shared: Arc<Shared>,
    unsynced: bool,
    synced_at: Instant,
    has_failed: bool,
    limiter: ReportLimiter,
}

impl WriterThread {
    fn run(mut self) {
        loop {
            let (reopen, step, closing) = self.take_pending();
            if reopen && let Err(error) = self.output.reopen() {
                tracing::error!(%error, "cannot open a log anew; the old file stays in use");
            }
            if let Some(step) = step {
                self.apply_step(step);
            }
            let result = self.write(closing);
            let result = result.or_else(|error| self.handle_failure(error));
            self.has_failed = result.is_err();
            let is_done = self.report(result.err());
            if closing && is_done {
                return;
            }
        }
    }

    fn apply_step(&mut self, step: AuditFileStep) {
        let moved = match step {
            AuditFileStep::SetAside => self.output.set_aside(),
            AuditFileStep::Reclaim => self.output.reclaim(),
        };
        if let Err(error) = moved {
            tracing::error!(%error, "cannot move the audit file; the one in use stays in use");
        }
        self.shared.audit_file.done(step);
    }

    /// Waits for something to do and takes it.
    fn take_pending(&mut self) -> (bool, Option<AuditFileStep>, bool) {
        let pause = match self.on_failure {
            _ if self.has_failed => RETRY,
            OnFailure::Keep(AuditSync::Second) if self.unsynced => {
                SECOND.saturating_sub(self.synced_at.elapsed())
            }
            _ => CHECK_INTERVAL,
        };
        let nothing = |pending: &mut PendingWork| {
            pending.lines.is_empty() && !pending.reopen && pending.step.is_none() && !pending.closing
        };
        let waited = self.mailbox.changed.wait_timeout_while(self.mailbox.lock(), pause, nothing);
        let (mut pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
        pending.since.get_or_insert_with(Instant::now);
        let lines = self.output.lines();
        if lines.is_empty() {
            std::mem::swap(lines, &mut pending.lines);
        } else {
            lines.append(&mut pending.lines);
        }
        (std::mem::take(&mut pending.reopen), pending.step.take(), pending.closing)
    }

    /// Writes what waits, forces it to the disk when that is due, and sees to it that the file is still there.
    fn write(&mut self, closing: bool) -> io::Result<()> {
        self.output.replace_if_deleted()?;
        if !self.output.is_empty() {
            self.write_lines()?;
            self.unsynced = true;
            if self.output.rotate_if_full()? {
                self.unsynced = false;
            }
        }
        if self.unsynced && self.is_sync_due(closing) {
            self.output.sync()?;
            self.unsynced = false;
            self.synced_at = Instant::now();
        }
        Ok(())
    }

    /// Writes what waits, and counts what is done with: whoever is kept by a pipe until the end has lost the rest.
    fn write_lines(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let (lines, result) = self.output.write_some();
            let mut pending = self.mailbox.lock();
            // The rest of a line whose end was given up before is not among them.
            pending.unwritten = pending.unwritten.saturating_sub(lines);
            drop(pending);
            result?;
        }
        Ok(())
    }

    fn is_sync_due(&self, closing: bool) -> bool {
        match self.on_failure {
            OnFailure::Drop => false,
            OnFailure::Keep(_) if closing => true,
            OnFailure::Keep(sync) => match sync {
                AuditSync::None => false,
                AuditSync::Second => self.synced_at.elapsed() >= SECOND,
                AuditSync::Batch => true,
            },
        }
    }

    /// What a failed write means: where lines are kept it stays an error.
    fn handle_failure(&mut self, error: io::Error) -> io::Result<()> {
        if self.on_failure != OnFailure::Drop {
            self.shared.counts.audit_failures.inc();
            return Err(error);
        }
        let lines = self.output.discard_waiting();
        self.shared.counts.access_dropped.add(lines as u64);
        if self.limiter.is_due() {
            tracing::error!(%error, "cannot write the access log; its lines are given up");
        }
        Ok(())
    }

    /// Reports the outcome. Returns whether nothing is left to be written, or it cannot be.
    fn report(&self, error: Option<io::Error>) -> bool {
        let mut pending = self.mailbox.lock();
        let has_failed = error.is_some();
        pending.error = error.map(|error| error.to_string());
        if !has_failed && pending.lines.is_empty() {
            pending.unwritten = 0;
            pending.since = None;
        } else if !has_failed {
            // What has come meanwhile waits since now at the earliest.
            pending.unwritten = memchr::memchr_iter(b'\n', &pending.lines).count();
            pending.since = Some(Instant::now());
        }
        has_failed || pending.lines.is_empty()
    }
}
