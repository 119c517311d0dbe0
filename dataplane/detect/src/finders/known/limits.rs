//! How long, how many and how weak known values may be.

/// The id of the rule that reports known values.
pub const KNOWN_RULE: &str = "known-value";

/// The shortest value that can be listed, in bytes.
pub(super) const MIN_KNOWN_LEN: usize = 8;
/// The longest value that can be listed, in bytes.
pub const MAX_KNOWN_LEN: usize = 1024;
/// The most values of one list.
pub(super) const MAX_KNOWN_VALUES: usize = 100_000;
/// The most values that may share their anchor.
pub(super) const MAX_SHARED: usize = 16;
/// Values shorter than this, in bytes, do not count as a piece of a longer word: a letter or digit at their end must
/// not stand beside another one.
pub(super) const SHORT_KNOWN_LEN: usize = 12;
/// Fewer different bytes make a line or a row.
pub(super) const MIN_DISTINCT: usize = 4;
/// Fewer digits are dates, amounts and telephone numbers.
pub(super) const MIN_DIGITS: usize = 12;
