//! How often the same trouble is reported in the log.

use std::time::{Duration, Instant};

/// Time between two reports about the same trouble.
const INTERVAL: Duration = Duration::from_secs(10);

/// When the same trouble was last complained of.
#[derive(Debug, Default)]
pub(super) struct ReportLimiter(Option<Instant>);

impl ReportLimiter {
    /// Whether it is time to complain; if so, the next time is a while away.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= INTERVAL);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// A counter of trouble that is reported in the log now and then.
#[derive(Debug, Default)]
pub(super) struct CountedTrouble {
    reported: u64,
    limiter: ReportLimiter,
}

impl CountedTrouble {
    /// How much it has grown to, if it has grown and it is time to say so.
    pub(super) fn due_total(&mut self, total: u64) -> Option<u64> {
        if total <= self.reported || !self.limiter.is_due() {
            return None;
        }
        self.reported = total;
        Some(total)
    }
}
