//! What is kept of a frame, an event or a line, until the rest of it has come.

use crate::reply::limits::KEPT_CAPACITY;

/// The start of a frame that is not complete. Its memory is kept for the next one, up to [`KEPT_CAPACITY`].
#[derive(Default)]
pub(crate) struct Backlog(Vec<u8>);

impl Backlog {
    /// Shows `take` what was kept with `input` behind it, and keeps what it does not use of that. Nothing is copied
    /// where nothing was kept and everything is used.
    pub(crate) fn feed(&mut self, input: &[u8], take: impl FnOnce(&[u8]) -> usize) {
        if self.0.is_empty() {
            let used = take(input);
            self.0.extend_from_slice(&input[used..]);
        } else {
            self.0.extend_from_slice(input);
            let used = take(&self.0);
            self.0.drain(..used);
            if self.0.len() < KEPT_CAPACITY {
                self.0.shrink_to(KEPT_CAPACITY);
            }
        }
    }

    /// Bytes of memory held.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// What is left at the end.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}
