//! Waits for what another thread does in its own time, where nothing wakes who waits.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `done`, looking once every `pause`, at most `limit`. Returns whether it was.
pub(crate) fn wait_until(limit: Duration, pause: Duration, done: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() >= limit {
            return false;
        }
        thread::sleep(pause);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn it_looks_once_at_least_and_again_until_it_is_done() {
        let looks = Cell::new(0);
        let look = || looks.replace(looks.get() + 1) == 3;
        assert!(!wait_until(Duration::ZERO, Duration::ZERO, look));
        assert_eq!(looks.get(), 1);
        assert!(wait_until(Duration::from_secs(10), Duration::ZERO, look));
        assert_eq!(looks.get(), 4);
    }
}
