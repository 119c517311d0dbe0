//! What one exchange works with: heads, lists and buffers that keep their memory from one request to the next.
//!
//! A connection that waits for its next request holds none of it.

use std::cell::RefCell;
use std::rc::Rc;

use aegis_shield::Splice;
use aegis_wire::head::{RequestHead, ResponseHead};

use super::net::buffers::{Buffers, LARGE, MemoryReservation, wipe};
use super::write_buffer::{self, WriteBuffer};

/// Sets kept for reuse.
const KEPT: usize = 256;

/// Bytes of the budget that an exchange without large bodies takes. Growing beyond it is reserved by who grows.
pub(crate) const USUAL: usize = 16 * 1024;

/// Bytes of the budget that one whose reply is restored takes: a full buffer for the client besides.
pub(crate) const RESTORING: usize = USUAL + LARGE;

/// The buffers of one exchange.
#[derive(Default)]
pub(crate) struct ExchangeBuffers {
    /// The request's head, rewritten in place for the upstream.
    pub(crate) request: RequestHead,
    /// The reply's head, rewritten in place for the client.
    pub(crate) reply: ResponseHead,
    /// What is about to be written, to either side.
    pub(crate) out: WriteBuffer,
    /// What becomes of the text that is scanned: of a part of the head, or of the body.
    pub(crate) splice: Splice,
    /// The host, with its port, that the client asked for.
    pub(crate) asked_host: String,
    /// The codings that the client accepts, as it sent them.
    pub(crate) accepts: Vec<u8>,
    /// Bytes between two steps: decoded, or restored and waiting for a head.
    pub(crate) scratch: Vec<u8>,
}

impl ExchangeBuffers {
    /// Bytes of memory that the buffers for bodies hold.
    pub(crate) fn held_bytes(&self) -> usize {
        self.out.capacity() + self.scratch.capacity() + self.splice.held_bytes()
    }

    /// Forgets the body that was scanned.
    pub(crate) fn clear_splice(&mut self) {
        self.splice.clear();
        self.splice.shrink(write_buffer::KEPT);
    }

    /// Overwrites what may hold values of the client: what was written to it last, and what waited between two steps.
    pub(crate) fn wipe(&mut self) {
        self.out.wipe();
        self.splice.wipe();
        self.scratch.clear();
        wipe(&mut self.scratch, 0);
    }
}

/// The part of the shard's budget that one exchange has.
pub(crate) struct MemoryShare {
    reservation: MemoryReservation,
    /// Bytes that stay reserved whatever is held: room that was promised before it is needed.
    floor: usize,
}

impl MemoryShare {
    /// Reserves room, up to `bytes` in all. False when the budget does not have them.
    pub(crate) fn reserve(&mut self, bytes: usize) -> bool {
        let is_granted = self.reservation.grow(bytes);
        if is_granted {
            self.floor = self.reservation.bytes();
        }
        is_granted
    }

    /// Takes the room for the `bytes` that are held now. False when the budget does not have them.
    pub(crate) fn cover(&mut self, bytes: usize) -> bool {
        self.reservation.grow(bytes)
    }

    /// Counts the memory that is held now: `bytes`, or what stays reserved if that is more.
    pub(crate) fn count(&mut self, bytes: usize) {
        let held = bytes.max(self.floor);
        if held != self.reservation.bytes() {
            self.reservation.count(held);
        }
    }
}

/// The free sets of a shard.
#[derive(Default)]
pub(crate) struct BufferPool(RefCell<Vec<ExchangeBuffers>>);

/// A set in use, given back on drop.
pub(crate) struct LentBuffers {
    buffers: ExchangeBuffers,
    memory: MemoryShare,
    pool: Rc<BufferPool>,
}

impl LentBuffers {
    /// A clean set, or none when the budget of buffers is used up.
    pub(crate) fn take(pool: &Rc<BufferPool>, budget: &Rc<Buffers>) -> Option<Self> {
        let reservation = budget.reserve(USUAL)?;
        let buffers = pool.0.borrow_mut().pop().unwrap_or_default();
        let memory = MemoryShare { floor: reservation.bytes(), reservation };
        Some(Self { buffers, memory, pool: Rc::clone(pool) })
    }

    /// The set alone.
    pub(crate) fn buffers(&mut self) -> &mut ExchangeBuffers {
        &mut self.buffers
    }

    /// The set, and its share of the budget.
    pub(crate) fn parts(&mut self) -> (&mut ExchangeBuffers, &mut MemoryShare) {
        (&mut self.buffers, &mut self.memory)
    }
}

impl Drop for LentBuffers {
    fn drop(&mut self) {
        let mut buffers = std::mem::take(&mut self.buffers);
        let mut free = self.pool.0.borrow_mut();
        let is_usual =
            buffers.out.capacity() <= write_buffer::KEPT && buffers.scratch.capacity() <= write_buffer::KEPT;
        if free.len() < KEPT && is_usual {
            buffers.out.clear();
            buffers.scratch.clear();
            buffers.clear_splice();
            free.push(buffers);
        }
    }
}
