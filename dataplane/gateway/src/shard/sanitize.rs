//! The shield at work in a shard: one scanner for all its requests, and a panic in it closes the request, not the shard.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aegis_shield::reply::{Rehydrator, RestoreStats};
use aegis_shield::{Refusal, ShardScratch, Shield, Splice, Tokenizer};

use crate::error_body::{ErrorKind, Failure};

const BROKEN: Failure = Failure::internal("the scanner failed; nothing was sent");

/// The scanner of a shard and its buffers, made when first needed.
#[derive(Default)]
pub(crate) struct Scratch(RefCell<Option<ShardScratch>>);

impl Scratch {
    /// Overwrites what it holds of the last requests.
    pub(crate) fn wipe(&self) {
        if let Some(scratch) = &mut *self.0.borrow_mut() {
            scratch.wipe();
        }
    }

    /// Takes one step of `tokenizer`, as [`Tokenizer::push`] does, into `gather`, which holds this step alone afterwards.
    pub(crate) fn push(
        &self,
        shield: &Shield,
        tokenizer: &mut Tokenizer,
        input: &[u8],
        last: bool,
        gather: &mut Splice,
    ) -> Result<usize, Failure> {
        gather.clear();
        let mut slot = self.0.borrow_mut();
        let scratch = match &mut *slot {
            Some(scratch) => scratch,
            empty => empty.insert(ShardScratch::new(&shield.rules).map_err(|_| BROKEN)?),
        };
        let Ok(pushed) = catch_unwind(AssertUnwindSafe(|| tokenizer.push(scratch, input, last, gather)))
        else {
            // What a panic left half done is not used again.
            *slot = None;
            return Err(BROKEN);
        };
        pushed.map_err(|refusal| refused(shield, &refusal))
    }
}

/// What puts the secrets back into one reply, within the room that there is for it.
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

    /// Bytes of memory that it holds.
    pub(crate) fn held_bytes(&self) -> usize {
        self.rehydrator.held_bytes()
    }

    /// What happened to the tokens.
    pub(crate) fn tally(&self) -> RestoreStats {
        self.rehydrator.stats()
    }

    fn run(&mut self, step: impl FnOnce(&mut Rehydrator) -> bool) -> Result<(), Panicked> {
        let rehydrator = &mut self.rehydrator;
        let all = catch_unwind(AssertUnwindSafe(|| step(rehydrator)));
        // What a panic left half done is not gone on with.
        self.waiting = all.as_ref().is_ok_and(|all| !all);
        self.ended |= all.is_err();
        all.map(drop).map_err(|_| Panicked)
    }
}

/// What the client is told of a refusal: which rule and where, never what.
fn refused(shield: &Shield, refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::Blocked { rule, category, place } => Failure {
            status: 403,
            kind: ErrorKind::PolicyViolation,
            message: format!(
                "the request holds a secret that policy forbids to send: {} ({}){}{}",
                shield.rules.get(*rule).id,
                category.as_str(),
                if place.is_empty() { "" } else { " at " },
                place
            )
            .into(),
        },
        Refusal::Opaque { kind, place } => Failure {
            status: 403,
            kind: ErrorKind::PolicyViolation,
            message: format!(
                "the request holds what cannot be scanned and policy forbids to send: {}{}{}",
                kind.as_str(),
                if place.is_empty() { "" } else { " at " },
                place
            )
            .into(),
        },
        Refusal::Malformed { .. } | Refusal::TooDeep { .. } => Failure {
            status: 400,
            kind: ErrorKind::InvalidRequest,
            message: format!("the request body cannot be scanned: {refusal}").into(),
        },
        Refusal::TooManySecrets => {
            Failure::new(413, ErrorKind::PayloadTooLarge, "the request holds too many different secrets")
        }
        Refusal::Collision | Refusal::Scanner => BROKEN,
    }
}
