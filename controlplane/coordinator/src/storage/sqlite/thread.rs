//! A thread that owns one connection and runs what is sent to it, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::statement::{closed, fault};
use crate::storage::error::{Error, Result};

/// Instructions of SQLite's machine between two looks at the clock.
const STEPS_PER_LOOK: i32 = 10_000;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The sending side. Cheap to clone; the thread ends with the last of them.
#[derive(Clone)]
pub(super) struct Thread {
    jobs: Sender<Job>,
    deadline: Option<Arc<Deadline>>,
}

/// When the transaction that runs must have ended.
pub(super) struct Deadline {
    begun: Instant,
    patience: Duration,
    /// Microseconds after `begun`; 0 when no transaction runs.
    until: AtomicU64,
    is_expired: AtomicBool,
}

impl Deadline {
    fn start(&self) {
        let until = self.begun.elapsed() + self.patience;
        self.until.store(u64::try_from(until.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
        self.is_expired.store(false, Ordering::SeqCst);
    }

    fn stop(&self) {
        self.until.store(0, Ordering::SeqCst);
    }

    /// Time that is left; none when no transaction runs.
    fn left(&self) -> Option<Duration> {
        match self.until.load(Ordering::SeqCst) {
            0 => None,
            until => Some(Duration::from_micros(until).saturating_sub(self.begun.elapsed())),
        }
    }

    fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }
}

impl Thread {
    /// Starts a thread for `connection`. With `patience` a transaction ends by itself after that time.
    pub(super) fn start(
        name: &str,
        mut connection: Connection,
        patience: Option<Duration>,
    ) -> Result<Thread> {
        let (jobs, received) = channel::<Job>();
        let deadline = patience.map(|patience| {
            Arc::new(Deadline {
                begun: Instant::now(),
                patience,
                until: AtomicU64::new(0),
                is_expired: AtomicBool::new(false),
            })
        });
        if let Some(deadline) = &deadline {
            let deadline = Arc::clone(deadline);
            let is_over = move || deadline.is_over();
            connection
                .progress_handler(STEPS_PER_LOOK, Some(is_over))
                .map_err(|error| fault("progress handler", error))?;
        }
        let seen = deadline.clone();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || serve(connection, &received, seen.as_deref()))
            .map_err(|error| Error::Unavailable(format!("no thread for the database: {error}")))?;
        Ok(Thread { jobs, deadline })
    }

    /// Runs `job` on the thread and returns what it returns. Dropped before that, the job runs all the same.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        let deadline = self.deadline.clone();
        let job = move |connection: &mut Connection| {
            let expired = deadline.as_ref().filter(|deadline| deadline.is_expired.load(Ordering::SeqCst));
            let result = match expired {
                Some(deadline) => Err(Error::ReadTooLong(deadline.patience)),
                None => job(connection),
            };
            let _ = sender.send(match (result, deadline) {
                (Err(Error::Conflict { .. }), Some(deadline)) if deadline.is_over() => {
                    Err(Error::ReadTooLong(deadline.patience))
                }
                (result, _) => result,
            });
        };
        self.jobs.send(Box::new(job)).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Runs the statement that begins a transaction, and its clock.
    pub(super) async fn begin(&self, sql: &'static str) -> Result<()> {
        if let Some(deadline) = &self.deadline {
            let deadline = Arc::clone(deadline);
            self.post(move |_| deadline.start())?;
        }
        self.run(move |connection| connection.execute_batch(sql).map_err(|error| fault(sql, error))).await
    }

    /// Ends whatever transaction runs, later than all that was sent before. Waits for nothing.
    pub(super) fn roll_back(&self) {
        let deadline = self.deadline.clone();
        // Without the thread there is nothing to roll back.
        let _ = self.post(move |connection| {
            roll_back(connection);
            if let Some(deadline) = deadline {
                deadline.stop();
                deadline.is_expired.store(false, Ordering::SeqCst);
            }
        });
    }

    fn post(&self, job: impl FnOnce(&mut Connection) + Send + 'static) -> Result<()> {
        self.jobs.send(Box::new(job)).map_err(|_| closed())
    }
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() {
        tracing::error!("the embedded database could not roll back");
    }
}

fn serve(mut connection: Connection, jobs: &Receiver<Job>, deadline: Option<&Deadline>) {
    loop {
        let job = match deadline.and_then(Deadline::left) {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(left) => jobs.recv_timeout(left),
        };
        match job {
            Ok(job) => job(&mut connection),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                roll_back(&connection);
                if let Some(deadline) = deadline {
                    deadline.stop();
                    deadline.is_expired.store(true, Ordering::SeqCst);
                }
            }
        }
    }
}
