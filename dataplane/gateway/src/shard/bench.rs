//! What one exchange works with: heads, lists and buffers that keep their memory from one request to the next.
//!
//! A connection that waits for its next request holds none of it.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use aegis_shield::Splice;
use aegis_wire::head::{RequestHead, ResponseHead};

use super::Shard;
use super::buffers::{Claim, LARGE, wipe};
use super::out::{self, Out};

/// Sets kept for reuse.
const KEPT: usize = 256;

/// What an exchange without large bodies needs, for the budget. Growing beyond it is claimed by who grows.
pub(crate) const USUAL: usize = 16 * 1024;

/// What one whose reply is restored needs besides: a full buffer for the client.
pub(crate) const RESTORING: usize = USUAL + LARGE;

/// One set.
#[derive(Default)]
pub(crate) struct Bench {
    /// The request's head, rewritten in place for the upstream.
    pub(crate) request: RequestHead,
    /// The reply's head, rewritten in place for the client.
    pub(crate) reply: ResponseHead,
    /// What is about to be written, to either side.
    pub(crate) out: Out,
    /// The host, with its port, that the client asked for.
    pub(crate) asked_host: String,
    /// The codings that the client accepts, as it said.
    pub(crate) accepts: Vec<u8>,
    /// Bytes between two steps: decoded, or restored and waiting for a head.
    pub(crate) between: Vec<u8>,
    /// What replaces a piece of the request.
    pub(crate) pieces: Splice,
}

/// Free sets of a shard.
#[derive(Default)]
pub(crate) struct Benches(RefCell<Vec<Bench>>);

/// A set in use.
pub(crate) struct Workbench {
    bench: Bench,
    shard: Rc<Shard>,
    claim: Claim,
}

impl Workbench {
    /// A clean set, or none when the budget of buffers is used up.
    pub(crate) fn take(shard: &Rc<Shard>) -> Option<Self> {
        let claim = shard.buffers.claim(USUAL)?;
        let bench = shard.benches.0.borrow_mut().pop().unwrap_or_default();
        Some(Self { bench, shard: Rc::clone(shard), claim })
    }

    /// The set, and its share of the budget.
    pub(crate) fn parts(&mut self) -> (&mut Bench, &mut Claim) {
        (&mut self.bench, &mut self.claim)
    }
}

impl Bench {
    /// Bytes of memory that its buffers hold.
    pub(crate) fn held_bytes(&self) -> usize {
        self.out.capacity() + self.between.capacity()
    }
}

impl Deref for Workbench {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl DerefMut for Workbench {
    fn deref_mut(&mut self) -> &mut Bench {
        &mut self.bench
    }
}

impl Bench {
    /// Overwrites what may hold values of the client: what was written to it last, and what waited between two steps.
    pub(crate) fn wipe(&mut self) {
        self.out.wipe();
        self.between.clear();
        wipe(&mut self.between, 0);
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        let mut bench = std::mem::take(&mut self.bench);
        let mut free = self.shard.benches.0.borrow_mut();
        if free.len() < KEPT && bench.out.capacity() <= out::KEPT && bench.between.capacity() <= out::KEPT {
            bench.out.clear();
            bench.pieces.clear();
            bench.between.clear();
            free.push(bench);
        }
    }
}
