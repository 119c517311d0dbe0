//! Waits for what another process does in its own time.

use std::thread;
use std::time::{Duration, Instant};

/// Longest time that anything may take. Machines that run many tests at once are slow.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `done` says so.
///
/// # Panics
///
/// With `what` when 20 seconds have passed without it.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(PAUSE);
    }
}
