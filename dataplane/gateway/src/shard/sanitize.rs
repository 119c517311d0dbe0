//! The shield at work in a shard: one scanner for all its requests, and a panic in it closes the request, not the shard.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aegis_shield::{Gather, Refusal, ShardScratch, Shield, Tokenizer};

use crate::error_body::{ErrorKind, Failure};

const BROKEN: Failure = Failure::internal("the scanner failed; nothing was sent");

/// The scanner of a shard and its buffers, made when first needed.
#[derive(Default)]
pub(crate) struct Scratch(RefCell<Option<ShardScratch>>);

impl Scratch {
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
        // Taken out, so that a panic leaves no half-used scanner behind.
        let mut scratch = match slot.take() {
            Some(scratch) => scratch,
            None => ShardScratch::new(&shield.rules).map_err(|_| BROKEN)?,
        };
        let step = catch_unwind(AssertUnwindSafe(|| {
            let pushed = tokenizer.push(&mut scratch, input, last, gather);
            (pushed, scratch)
        }));
        let Ok((pushed, scratch)) = step else { return Err(BROKEN) };
        *slot = Some(scratch);
        pushed.map_err(|refusal| refused(shield, &refusal))
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
