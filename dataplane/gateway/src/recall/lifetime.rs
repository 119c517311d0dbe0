//! How long a value is remembered: its time begins anew with each request that holds it.

use std::time::Duration;

use crate::shared_table::now;

/// A value's last use is written down so many times within its time to live, so that most requests write nothing.
const REFRESHES: u32 = 24;

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Whether what was last used then is no longer remembered.
pub(super) fn has_expired(last: u64, ttl: Duration) -> bool {
    now().saturating_sub(last) >= micros(ttl)
}

/// Whether a use is to be written down when the last one that was is so old.
pub(super) fn is_stale(last: u64, ttl: Duration) -> bool {
    now().saturating_sub(last) > micros(ttl / REFRESHES)
}
