//! What the buffers of one reply hold at most.

/// Bytes of the largest event that is collected, with its line ends and all its fields.
pub const MAX_EVENT: usize = 64 * 1024;

/// Capacity that a buffer keeps after a large event.
pub(crate) const KEPT_CAPACITY: usize = 8 * 1024;
