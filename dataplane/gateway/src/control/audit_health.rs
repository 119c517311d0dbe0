//! How the audit log fares, as the journal sees it: for readiness, metrics and the log.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What keeps audit events from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum AuditTrouble {
    /// The file refuses them: the disk is full, the folder is gone.
    Refused = 1,
    /// The disk or the pipe does not answer.
    Stalled = 2,
    /// The disk or the pipe is slower than events come, and requests found no room for theirs.
    Full = 3,
}

impl AuditTrouble {
    /// The reason in words, for readiness.
    pub fn reason(self) -> &'static str {
        match self {
            AuditTrouble::Refused => "audit events cannot be written",
            AuditTrouble::Stalled => "audit events cannot be written: the disk or pipe does not answer",
            AuditTrouble::Full => "audit events cannot be kept: the ring is full",
        }
    }

    /// Whether requests are no longer taken into the ring, but treated as `policy.fail_mode` says. While the ring is
    /// merely full, each shard sees by itself when there is room again.
    pub fn closes_ring(self) -> bool {
        self != AuditTrouble::Full
    }
}

/// How the audit log fares. Written by the journal.
#[derive(Debug, Default)]
pub struct AuditHealth {
    trouble: AtomicU8,
    oldest_ms: AtomicU64,
}

impl AuditHealth {
    /// Says what the trouble is, and for how long the oldest unwritten event waits.
    pub fn set(&self, trouble: Option<AuditTrouble>, oldest: Duration) {
        self.trouble.store(trouble.map_or(0, |trouble| trouble as u8), Relaxed);
        self.oldest_ms.store(u64::try_from(oldest.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What keeps events from being written now.
    pub fn trouble(&self) -> Option<AuditTrouble> {
        let trouble = self.trouble.load(Relaxed);
        [AuditTrouble::Refused, AuditTrouble::Stalled, AuditTrouble::Full]
            .into_iter()
            .find(|known| *known as u8 == trouble)
    }

    /// For how long the oldest event that has left the rings waits to be written; zero when none does.
    pub fn oldest(&self) -> Duration {
        Duration::from_millis(self.oldest_ms.load(Relaxed))
    }
}
