//! Body buffers of a shard: reused, and counted against a budget.
//!
//! A slow peer must not take the memory of all others. So everything that a request needs beyond a connection's own
//! small buffer is reserved here first, and when the budget is used up new work is refused with 503. Large bodies leave a
//! part of the budget alone, so that a few clients that announce much and send little do not keep small requests out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::config::settings::RESERVED_PART;

/// Buffer of a connection that is idle or carries little. Most heads with their bodies fit; most events of a stream do.
pub(crate) const SMALL: usize = 4 * 1024;

/// The tokenizer's window plus room to read on while its last bytes are held back.
pub(crate) const LARGE: usize = 36 * 1024;

/// The largest reservation that may use all of the budget; larger ones leave a part in [`RESERVED_PART`] of it alone. An
/// exchange whose reply is restored fits, and so does a body of one window.
pub(crate) const SMALL_RESERVATION: usize = 64 * 1024;

/// Buffers of so many bytes get a mapping of their own, so that they go back to the kernel when they are dropped: smaller
/// ones the allocator keeps, and uses again.
const MAPPED: usize = 4 << 20;

/// What makes the allocator map a buffer apart, always: glibc never raises its threshold for that above 32 MiB
/// (mallopt(3), `M_MMAP_THRESHOLD`). Memory that is not touched costs nothing.
const MAPPED_CAPACITY: usize = 33 << 20;

/// Overwrites all memory of a buffer except what it holds from `keep` on.
pub(crate) fn wipe(buffer: &mut Vec<u8>, keep: usize) {
    let written = buffer.capacity();
    wipe_written(buffer, keep, written);
}

/// Does the same to a buffer of which no more than the first `written` bytes were ever used.
pub(crate) fn wipe_written(buffer: &mut Vec<u8>, keep: usize, written: usize) {
    let len = buffer.len();
    buffer[..keep.min(len)].fill(0);
    buffer.resize(written.clamp(len, buffer.capacity()), 0);
    // Nothing reads the zeros; without this the compiler might leave them out.
    std::hint::black_box(&mut *buffer);
    buffer.truncate(len);
}

/// Buffers kept for reuse; more are given back to the allocator.
const KEPT: usize = 64;

/// The buffers of a shard. They are plain vectors because the kernel must own them during an operation.
pub(crate) struct Buffers {
    free: RefCell<Vec<Vec<u8>>>,
    reserved: Cell<usize>,
    budget: Cell<usize>,
}

impl Buffers {
    /// A pool that lends at most `budget` bytes.
    pub(crate) fn new(budget: u64) -> Rc<Self> {
        let pool = Self { free: RefCell::new(Vec::new()), reserved: Cell::new(0), budget: Cell::new(0) };
        pool.set_budget(budget);
        Rc::new(pool)
    }

    /// Changes the budget; what is lent already stays lent.
    pub(crate) fn set_budget(&self, budget: u64) {
        self.budget.set(usize::try_from(budget).unwrap_or(usize::MAX));
    }

    /// Bytes reserved now.
    pub(crate) fn reserved(&self) -> usize {
        self.reserved.get()
    }

    /// Reserves `bytes` of the budget. `None` when that many are not left.
    pub(crate) fn reserve(self: &Rc<Self>, bytes: usize) -> Option<MemoryReservation> {
        let mut reservation = self.count(0);
        // None is left, either, where more is lent than the budget has.
        (self.reserved.get() <= self.budget.get() && reservation.grow(bytes)).then_some(reservation)
    }

    /// Counts `bytes` that are held already, whatever the budget says.
    pub(crate) fn count(self: &Rc<Self>, bytes: usize) -> MemoryReservation {
        self.reserved.set(self.reserved.get() + bytes);
        MemoryReservation { pool: Rc::clone(self), bytes }
    }

    /// The bytes of the budget that a reservation of `bytes` in all may use.
    fn open_to(&self, bytes: usize) -> usize {
        let budget = self.budget.get();
        if bytes <= SMALL_RESERVATION { budget } else { budget - budget / RESERVED_PART }
    }

    /// Returns an empty buffer of at least `bytes`, which the caller has reserved.
    pub(crate) fn take(&self, bytes: usize) -> Vec<u8> {
        if bytes >= MAPPED {
            let mut buffer = Vec::new();
            // Where not even unused memory is to be had, it is as large as it must be.
            if buffer.try_reserve_exact(bytes.max(MAPPED_CAPACITY)).is_ok() {
                return buffer;
            }
        }
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
pub(crate) struct MemoryReservation {
    pool: Rc<Buffers>,
    bytes: usize,
}

impl MemoryReservation {
    /// Bytes reserved.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more, up to `bytes` in all, for work that has not begun. False when the budget does not have them.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let open = self.pool.open_to(bytes);
        let reserved = self.pool.reserved.get().checked_add(more).filter(|sum| *sum <= open);
        if more > 0 {
            let Some(reserved) = reserved else { return false };
            self.pool.reserved.set(reserved);
            self.bytes += more;
        }
        true
    }

    /// Sets the reservation to what is held now, whatever the budget says: running work is not ended, but new work is refused
    /// sooner.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.pool.reserved.set(self.pool.reserved.get() - self.bytes + bytes);
        self.bytes = bytes;
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.pool.reserved.set(self.pool.reserved.get() - self.bytes);
    }
}

/// A buffer and the reservation for it. Both are given back on drop.
pub(crate) struct LentBuffer {
    bytes: Vec<u8>,
    reservation: MemoryReservation,
    /// The most bytes that it ever held.
    written: usize,
    holds_secrets: bool,
}

impl LentBuffer {
    /// No memory yet.
    pub(crate) fn empty(pool: &Rc<Buffers>) -> Self {
        Self::of(Vec::new(), pool.count(0))
    }

    /// Takes a buffer over that was reserved before.
    pub(crate) fn of(bytes: Vec<u8>, reservation: MemoryReservation) -> Self {
        Self { written: bytes.len(), bytes, reservation, holds_secrets: false }
    }

    /// What it holds.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it holds, to append as much to as there is [`Self::room`] for.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Drops all but the first `count` bytes.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.written = self.written.max(self.bytes.len());
        self.bytes.truncate(count);
    }

    /// Drops the first `count` bytes.
    pub(crate) fn drop_front(&mut self, count: usize) {
        self.written = self.written.max(self.bytes.len());
        self.bytes.drain(..count);
    }

    /// Bytes that still fit into it.
    pub(crate) fn room(&self) -> usize {
        self.capacity().saturating_sub(self.bytes.len())
    }

    /// Bytes that it may hold: what was reserved for it.
    pub(crate) fn capacity(&self) -> usize {
        self.reservation.bytes().min(self.bytes.capacity())
    }

    /// Overwrites all memory that was used, except what it holds from `keep` on.
    pub(crate) fn wipe(&mut self, keep: usize) {
        let written = self.written;
        wipe_written(&mut self.bytes, keep, written);
    }

    /// Makes it able to hold `bytes` in all. False when the budget does not have them.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= self.capacity() {
            return true;
        }
        if !self.reservation.grow(bytes.max(LARGE)) {
            return false;
        }
        if bytes <= self.bytes.capacity() {
            return true;
        }
        let mut larger = self.reservation.pool.take(bytes);
        larger.extend_from_slice(&self.bytes);
        let mut before = std::mem::replace(&mut self.bytes, larger);
        // It held a part of a body that is not scanned to its end yet.
        before.fill(0);
        self.reservation.pool.give_back(before);
        true
    }

    /// Makes the memory be overwritten before it is given back.
    pub(crate) fn mark_secret(&mut self) {
        self.holds_secrets = true;
    }
}

impl Drop for LentBuffer {
    fn drop(&mut self) {
        if self.holds_secrets {
            self.wipe(usize::MAX);
        }
        self.reservation.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_at_its_edge() {
        let pool = Buffers::new(100);
        let whole = pool.reserve(100).unwrap();
        assert!(pool.reserve(1).is_none());
        drop(whole);
        assert!(pool.reserve(101).is_none());
        let _part = pool.reserve(60).unwrap();
        assert_eq!(pool.reserved(), 60);
        pool.set_budget(50);
        assert!(pool.reserve(0).is_none());
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
    fn a_reservation_grows_within_the_budget_and_counts_beyond_it() {
        let pool = Buffers::new(100);
        let mut reservation = pool.reserve(40).unwrap();
        assert!(reservation.grow(100) && reservation.grow(30));
        assert_eq!((reservation.bytes(), pool.reserved()), (100, 100));
        assert!(!reservation.grow(101));
        assert_eq!(pool.reserved(), 100);
        reservation.count(250);
        assert!(reservation.grow(250) && pool.reserve(1).is_none());
        reservation.count(10);
        assert_eq!(pool.reserved(), 10);
        drop(reservation);
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn large_reservations_leave_a_part_to_small_ones() {
        let pool = Buffers::new(1 << 20);
        let open = (1 << 20) - (1 << 20) / RESERVED_PART;
        assert!(pool.reserve(open + 1).is_none());
        let mut large = pool.reserve(open - SMALL_RESERVATION - 1).unwrap();
        assert!(pool.reserve(SMALL_RESERVATION + 2).is_none());
        let mut other = pool.reserve(SMALL_RESERVATION + 1).unwrap();
        assert!(!other.grow(SMALL_RESERVATION + 2) && !large.grow(open));
        let small = pool.reserve(SMALL_RESERVATION).unwrap();
        assert_eq!(pool.reserved(), 1 << 20);
        assert!(pool.reserve(1).is_none());
        drop(small);
        drop(large);
        assert!(other.grow(open), "nobody else holds anything");
    }

    #[test]
    fn a_lent_buffer_grows_as_the_budget_allows_and_is_given_back() {
        let pool = Buffers::new(1 << 20);
        let mut buffer = LentBuffer::empty(&pool);
        assert_eq!((buffer.capacity(), pool.reserved()), (0, 0));
        assert!(buffer.grow(1) && buffer.room() >= LARGE);
        assert_eq!(pool.reserved(), LARGE);
        buffer.bytes_mut().extend_from_slice(b"kept");
        assert!(buffer.grow(2 * LARGE) && !buffer.grow(1 << 20));
        assert_eq!((buffer.bytes(), pool.reserved()), (&b"kept"[..], 2 * LARGE));
        buffer.mark_secret();
        drop(buffer);
        assert_eq!(pool.reserved(), 0);
        let counted = LentBuffer::of(vec![1; 10], pool.count(2 << 20));
        assert!(pool.reserve(0).is_none(), "more is held than the budget has");
        drop(counted);
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_buffer_is_wiped_as_far_as_it_was_used() {
        let pool = Buffers::new(64 << 20);
        let mut buffer = LentBuffer::empty(&pool);
        assert!(buffer.grow(MAPPED));
        assert!((MAPPED..MAPPED_CAPACITY).contains(&buffer.capacity()), "no more than was reserved");
        buffer.bytes_mut().extend_from_slice(b"a secret, and more");
        buffer.drop_front(2);
        buffer.truncate(9);
        buffer.wipe(6);
        assert_eq!(buffer.bytes(), b"\0\0\0\0\0\0, a");
        buffer.bytes_mut().resize(18, 1);
        buffer.wipe(usize::MAX);
        assert_eq!(buffer.bytes(), [0; 18]);
        assert!(buffer.grow(MAPPED + 1) && buffer.bytes() == [0; 18]);
        assert_eq!(pool.reserved(), MAPPED + 1);
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
