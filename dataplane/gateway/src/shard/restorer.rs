//! The reply side of the shield in a shard: puts the secrets back into one reply, in pieces of bounded size.
//! A panic in it ends the reply, not the shard.

use std::panic::{AssertUnwindSafe, catch_unwind};

use aegis_shield::reply::{Rehydrator, RestoreStats};

/// Restores one reply, within the room that there is for it.
pub(crate) struct Restorer {
    rehydrator: Rehydrator,
    /// More is ready than there was room for.
    waiting: bool,
    /// The body has ended.
    ended: bool,
}

/// The rehydrator panicked: the reply cannot go on.
pub(crate) struct Panicked;

impl Restorer {
    /// Restores with `rehydrator`.
    pub(crate) fn new(rehydrator: Rehydrator) -> Self {
        Self { rehydrator, waiting: false, ended: false }
    }

    /// Restores the next bytes of the reply into `out`, until that is `limit` bytes long. Nothing may wait.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), Panicked> {
        debug_assert!(!self.waiting);
        self.run(|rehydrator| rehydrator.push_within(input, out, limit))
    }

    /// Goes on with what waits, until `out` is `limit` bytes long. True when nothing waits any more.
    pub(crate) fn resume(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<bool, Panicked> {
        if self.waiting {
            self.run(|rehydrator| rehydrator.resume(out, limit))?;
        }
        Ok(!self.waiting)
    }

    /// Ends the reply, once: what is held back goes into `out`, until that is `limit` bytes long.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<(), Panicked> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        self.run(|rehydrator| rehydrator.finish_within(out, limit))
    }

    /// Bytes of memory held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.rehydrator.held_bytes()
    }

    /// Returns what happened to the tokens so far.
    pub(crate) fn stats(&self) -> RestoreStats {
        self.rehydrator.stats()
    }

    fn run(&mut self, step: impl FnOnce(&mut Rehydrator) -> bool) -> Result<(), Panicked> {
        let rehydrator = &mut self.rehydrator;
        let all = catch_unwind(AssertUnwindSafe(|| step(rehydrator)));
        // What a panic left half done is not continued.
        self.waiting = all.as_ref().is_ok_and(|all| !all);
        self.ended |= all.is_err();
        all.map(drop).map_err(|_| Panicked)
    }
}
