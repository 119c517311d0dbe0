//! How often the same trouble is reported in the log.

use std::time::{Duration, Instant};

/// Time between two complaints about the same trouble.
const INTERVAL: Duration = Duration::from_secs(10);

/// When the same trouble was last complained of.
#[derive(Debug, Default)]
pub(super) struct Complaint(Option<Instant>);

impl Complaint {
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
    told: u64,
    complaint: Complaint,
}

impl CountedTrouble {
    /// How much it has grown to, if it has grown and it is time to say so.
    pub(super) fn news(&mut self, total: u64) -> Option<u64> {
        if total <= self.told || !self.complaint.is_due() {
            return None;
        }
        self.told = total;
        Some(total)
    }
}
