//! The request side of the shield in a shard: one scanner for all requests. A panic in it closes the request, not the
//! shard.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aegis_shield::{Refusal, ShardScratch, Shield, Splice, Tokenizer};

use crate::error_body::{ErrorKind, Failure};

const BROKEN: Failure = Failure::internal("the scanner failed; nothing was sent");

/// The scanner of a shard and its working memory, made when first needed.
#[derive(Default)]
pub(crate) struct ShardScanner {
    scratch: RefCell<Option<ShardScratch>>,
}

impl ShardScanner {
    /// Overwrites what the scanner holds of the last requests.
    pub(crate) fn wipe(&self) {
        if let Some(scratch) = &mut *self.scratch.borrow_mut() {
            scratch.wipe();
        }
    }

    /// Takes one step of `tokenizer`, as [`Tokenizer::push`] does. A step that fails leaves `out` as it was.
    pub(crate) fn push(
        &self,
        shield: &Shield,
        tokenizer: &mut Tokenizer,
        input: &[u8],
        last: bool,
        out: &mut Splice,
    ) -> Result<usize, Failure> {
        let mut slot = self.scratch.borrow_mut();
        let scratch = match &mut *slot {
            Some(scratch) => scratch,
            empty => empty.insert(ShardScratch::new(&shield.rules).map_err(|_| BROKEN)?),
        };
        let mark = out.mark();
        let failure = match catch_unwind(AssertUnwindSafe(|| tokenizer.push(scratch, input, last, out))) {
            Ok(Ok(consumed)) => return Ok(consumed),
            Ok(Err(refusal)) => refused(shield, &refusal),
            Err(_) => {
                // What a panic left half done is not used again.
                *slot = None;
                BROKEN
            }
        };
        out.roll_back(mark);
        Err(failure)
    }
}

/// The answer to a refused request: names rule and place, never the value.
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
