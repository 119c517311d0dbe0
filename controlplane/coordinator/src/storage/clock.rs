//! Times and days, as they are kept.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970, UTC.
pub type Micros = i64;
/// Days since 1970, UTC.
pub type Day = i64;

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// Returns the day of a time.
pub fn day_of(time: Micros) -> Day {
    time.div_euclid(DAY_MICROS)
}

/// Returns the time by the system's clock.
pub fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
