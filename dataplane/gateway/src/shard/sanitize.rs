//! The shield at work in a shard: one scanner for all its requests, and a panic in it closes the request, not the shard.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aegis_shield::reply::Rehydrator;
use aegis_shield::{Gather, Refusal, ShardScratch, Shield, Tokenizer};

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
        gather: &mut Gather,
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

/// Restores the next bytes of a reply; an error when the rehydrator panicked.
pub(crate) fn restore(rehydrator: &mut Rehydrator, input: &[u8], out: &mut Vec<u8>) -> Result<(), ()> {
    catch_unwind(AssertUnwindSafe(|| rehydrator.push(input, out))).map_err(drop)
}

/// Ends a reply; an error when the rehydrator panicked.
pub(crate) fn finish(rehydrator: &mut Rehydrator, out: &mut Vec<u8>) -> Result<(), ()> {
    catch_unwind(AssertUnwindSafe(|| rehydrator.finish(out))).map_err(drop)
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
