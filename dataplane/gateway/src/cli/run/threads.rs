//! Threads of the process: how they are started, and how often one that waits for others looks.

use std::thread::JoinHandle;
use std::time::Duration;

use crate::cli::outcome::{CliFailure, failure};

/// How long the last lines of the program's log may take.
pub(super) const LAST_LOG_LINES: Duration = Duration::from_secs(1);
/// Pause between two looks at what other threads do.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// Starts a thread.
pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, CliFailure> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| no_thread(&error))
}

/// Why one cannot be started.
pub(super) fn no_thread(error: &std::io::Error) -> CliFailure {
    failure(format!("cannot start a thread: {error}"), "raise the limit of processes (ulimit -u)")
}
