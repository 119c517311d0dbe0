//! Body buffers of a shard: reused, and counted against a budget.
//!
//! A slow peer must not take the memory of all others. So everything that a request needs beyond a connection's own
//! small buffer is claimed here first, and when the budget is used up new work is refused with 503.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Buffer of a connection that is idle or carries little. Most heads with their bodies fit; most events of a stream do.
pub(crate) const SMALL: usize = 4 * 1024;

/// The tokenizer's window plus room to read on while its last bytes are held back.
pub(crate) const LARGE: usize = 36 * 1024;

/// Overwrites all memory of a buffer except what it holds from `keep` on.
pub(crate) fn wipe(buffer: &mut Vec<u8>, keep: usize) {
    let len = buffer.len();
    buffer[..keep.min(len)].fill(0);
    buffer.resize(buffer.capacity(), 0);
    // Nothing reads the zeros; without this the compiler might leave them out.
    std::hint::black_box(&mut *buffer);
    buffer.truncate(len);
}

/// Buffers kept for reuse; more are given back to the allocator.
const KEPT: usize = 64;

/// The buffers of a shard. They are plain vectors because the kernel must own them during an operation.
pub(crate) struct Buffers {
    free: RefCell<Vec<Vec<u8>>>,
    claimed: Cell<usize>,
    budget: Cell<usize>,
}

impl Buffers {
    /// A pool that lends at most `budget` bytes.
    pub(crate) fn new(budget: u64) -> Rc<Self> {
        let pool = Self { free: RefCell::new(Vec::new()), claimed: Cell::new(0), budget: Cell::new(0) };
        pool.set_budget(budget);
        Rc::new(pool)
    }

    /// Changes the budget; what is lent already stays lent.
    pub(crate) fn set_budget(&self, budget: u64) {
        self.budget.set(usize::try_from(budget).unwrap_or(usize::MAX));
    }

    /// Bytes claimed now.
    pub(crate) fn claimed(&self) -> usize {
        self.claimed.get()
    }

    /// Claims `bytes` of the budget. `None` when that many are not left.
    pub(crate) fn claim(self: &Rc<Self>, bytes: usize) -> Option<Claim> {
        let claimed = self.claimed.get().checked_add(bytes).filter(|sum| *sum <= self.budget.get())?;
        self.claimed.set(claimed);
        Some(Claim { pool: Rc::clone(self), bytes })
    }

    /// Returns an empty buffer of at least `bytes`, which the caller has claimed.
    pub(crate) fn take(&self, bytes: usize) -> Vec<u8> {
        if bytes > LARGE {
            return Vec::with_capacity(bytes);
        }
        self.free.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(LARGE))
    }

    /// Takes a buffer back for reuse, or drops it if it has not the pool's size.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        let mut free = self.free.borrow_mut();
        if (LARGE..2 * LARGE).contains(&buffer.capacity()) && free.len() < KEPT {
            buffer.clear();
            free.push(buffer);
        }
    }
}

/// A part of the budget. It is given back on drop, also when its buffer was lost with its connection.
pub(crate) struct Claim {
    pool: Rc<Buffers>,
    bytes: usize,
}

impl Claim {
    /// Bytes claimed.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Claims more, up to `bytes` in all, for work that has not begun. False when the budget does not have them.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let claimed = self.pool.claimed.get().checked_add(more).filter(|sum| *sum <= self.pool.budget.get());
        if more > 0 {
            let Some(claimed) = claimed else { return false };
            self.pool.claimed.set(claimed);
            self.bytes += more;
        }
        true
    }

    /// Sets the claim to what is held now, whatever the budget says: running work is not ended, but new work is refused
    /// sooner.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.pool.claimed.set(self.pool.claimed.get() - self.bytes + bytes);
        self.bytes = bytes;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.pool.claimed.set(self.pool.claimed.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_at_its_edge() {
        let pool = Buffers::new(100);
        let whole = pool.claim(100).unwrap();
        assert!(pool.claim(1).is_none());
        drop(whole);
        assert!(pool.claim(101).is_none());
        let _part = pool.claim(60).unwrap();
        assert_eq!(pool.claimed(), 60);
        pool.set_budget(50);
        assert!(pool.claim(0).is_none());
    }

    #[test]
    fn wiping_leaves_what_is_still_needed() {
        let mut buffer = Vec::with_capacity(100);
        buffer.extend_from_slice(b"secret, rest");
        buffer.truncate(10);
        wipe(&mut buffer, 8);
        assert_eq!(buffer, b"\0\0\0\0\0\0\0\0re");
        wipe(&mut buffer, 99);
        assert_eq!(buffer, [0; 10]);
        assert_eq!(buffer.capacity(), 100);
    }

    #[test]
    fn a_claim_grows_within_the_budget_and_counts_beyond_it() {
        let pool = Buffers::new(100);
        let mut claim = pool.claim(40).unwrap();
        assert!(claim.grow(100) && claim.grow(30));
        assert_eq!((claim.bytes(), pool.claimed()), (100, 100));
        assert!(!claim.grow(101));
        assert_eq!(pool.claimed(), 100);
        claim.count(250);
        assert!(claim.grow(250) && pool.claim(1).is_none());
        claim.count(10);
        assert_eq!(pool.claimed(), 10);
        drop(claim);
        assert_eq!(pool.claimed(), 0);
    }

    #[test]
    fn only_buffers_of_the_usual_size_are_kept() {
        let pool = Buffers::new(1);
        for capacity in [10, LARGE, 2 * LARGE, 10 * LARGE] {
            pool.give_back(Vec::with_capacity(capacity));
        }
        assert_eq!(pool.free.borrow().len(), 1);
        assert!(pool.take(2 * LARGE).capacity() >= 2 * LARGE);
    }
}
