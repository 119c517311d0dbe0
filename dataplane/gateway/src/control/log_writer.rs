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
use super::tenure::AsideStep;
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

/// The end of who hands lines over.
#[derive(Debug)]
pub struct LogWriter {
    desk: Arc<Mailbox>,
    thread: JoinHandle<()>,
}

/// Where lines change hands.
#[derive(Debug, Default)]
struct Mailbox {
    orders: Mutex<Orders>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
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
    step: Option<AsideStep>,
    closing: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
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
        let desk = Arc::<Mailbox>::default();
        let writing = WriterThread {
            desk: Arc::clone(&desk),
            output,
            on_failure,
            shared: Arc::clone(shared),
            unsynced: false,
            synced_at: Instant::now(),
            has_failed: false,
            limiter: ReportLimiter::default(),
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || writing.run())?;
        Ok(LogWriter { desk, thread })
    }

    /// Hands whole lines over and leaves `lines` empty. Never waits for the disk. Returns how many lines were dropped
    /// because too much waits already; where lines are kept, the caller waits for [`WriterStatus::Idle`] first.
    pub fn hand_over(&self, lines: &mut Vec<u8>) -> usize {
        if lines.is_empty() {
            return 0;
        }
        let count = memchr::memchr_iter(b'\n', lines).count();
        let mut orders = self.desk.lock();
        if orders.lines.is_empty() {
            std::mem::swap(&mut orders.lines, lines);
        } else if orders.lines.len() + lines.len() <= MAX_WAITING {
            orders.lines.append(lines);
        } else {
            lines.clear();
            return count;
        }
        orders.unwritten += count;
        orders.since.get_or_insert_with(Instant::now);
        self.desk.news.notify_one();
        0
    }

    /// What it is doing now.
    pub fn status(&self) -> WriterStatus {
        let orders = self.desk.lock();
        match (orders.since, &orders.error) {
            (None, _) => WriterStatus::Idle,
            (Some(since), None) => WriterStatus::Busy(since),
            (Some(since), Some(error)) => WriterStatus::Failing(since, error.clone()),
        }
    }

    /// Lines that were handed over and are not written.
    pub fn unwritten(&self) -> usize {
        self.desk.lock().unwritten
    }

    /// Has the file opened anew, as soon as the thread comes to it.
    pub fn reopen(&self) {
        self.desk.lock().reopen = true;
        self.desk.news.notify_one();
    }

    /// Has the file make way for that of another gateway, or come back, as soon as the thread comes to it. It says when that
    /// is done.
    pub fn make_way(&self, step: AsideStep) {
        self.desk.lock().step = Some(step);
        self.desk.news.notify_one();
    }

    /// Has the thread end with one last attempt, and waits for it, at most `limit`. Returns whether it has ended; one
    /// that is kept by its disk ends with the process.
    pub fn close(&self, limit: Duration) -> bool {
        self.desk.lock().closing = true;
        self.desk.news.notify_one();
        wait_until(limit, POLL_INTERVAL, || self.thread.is_finished())
    }
}

/// What the thread itself has.
struct WriterThread {
    desk: Arc<Mailbox>,
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
            let (reopen, step, closing) = self.take_orders();
            if reopen && let Err(error) = self.output.reopen() {
                tracing::error!(%error, "cannot open a log anew; the old file stays in use");
            }
            if let Some(step) = step {
                self.make_way(step);
            }
            let result = self.write(closing);
            let result = result.or_else(|error| self.bear(error));
            self.has_failed = result.is_err();
            let is_done = self.report(result.err());
            if closing && is_done {
                return;
            }
        }
    }

    fn make_way(&mut self, step: AsideStep) {
        let moved = match step {
            AsideStep::SetAside => self.output.step_aside(),
            AsideStep::Return => self.output.step_back(),
        };
        if let Err(error) = moved {
            tracing::error!(%error, "cannot move the audit file; the one in use stays in use");
        }
        self.shared.audit_place.done(step);
    }

    /// Waits for something to do and takes it.
    fn take_orders(&mut self) -> (bool, Option<AsideStep>, bool) {
        let pause = match self.on_failure {
            _ if self.has_failed => RETRY,
            OnFailure::Keep(AuditSync::Second) if self.unsynced => {
                SECOND.saturating_sub(self.synced_at.elapsed())
            }
            _ => CHECK_INTERVAL,
        };
        let nothing = |orders: &mut Orders| {
            orders.lines.is_empty() && !orders.reopen && orders.step.is_none() && !orders.closing
        };
        let waited = self.desk.news.wait_timeout_while(self.desk.lock(), pause, nothing);
        let (mut orders, _) = waited.unwrap_or_else(PoisonError::into_inner);
        orders.since.get_or_insert_with(Instant::now);
        let lines = self.output.lines();
        if lines.is_empty() {
            std::mem::swap(lines, &mut orders.lines);
        } else {
            lines.append(&mut orders.lines);
        }
        (std::mem::take(&mut orders.reopen), orders.step.take(), orders.closing)
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
            let mut orders = self.desk.lock();
            // The rest of a line whose end was given up before is not among them.
            orders.unwritten = orders.unwritten.saturating_sub(lines);
            drop(orders);
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
    fn bear(&mut self, error: io::Error) -> io::Result<()> {
        if self.on_failure != OnFailure::Drop {
            self.shared.counts.audit_failures.inc();
            return Err(error);
        }
        let lines = self.output.give_up();
        self.shared.counts.access_dropped.add(lines as u64);
        if self.limiter.is_due() {
            tracing::error!(%error, "cannot write the access log; its lines are given up");
        }
        Ok(())
    }

    /// Reports the outcome. Returns whether nothing is left to be written, or it cannot be.
    fn report(&self, error: Option<io::Error>) -> bool {
        let mut orders = self.desk.lock();
        let has_failed = error.is_some();
        orders.error = error.map(|error| error.to_string());
        if !has_failed && orders.lines.is_empty() {
            orders.unwritten = 0;
            orders.since = None;
        } else if !has_failed {
            // What has come meanwhile waits since now at the earliest.
            orders.unwritten = memchr::memchr_iter(b'\n', &orders.lines).count();
            orders.since = Some(Instant::now());
        }
        has_failed || orders.lines.is_empty()
    }
}
