//! The request side of the shield in a shard: one scanner for all requests. A panic in it closes the request, not the
//! shard.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aegis_shield::{Refusal, ShardScratch, Shield, Splice, Tokenizer, WINDOW};

use crate::error_body::{ErrorKind, Failure};

const BROKEN: Failure = Failure::internal("the scanner failed; nothing was sent");
const NO_PROGRESS: Failure = Failure::internal("the scanner made no progress");

/// The scanner of a shard and its buffers, made when first needed.
#[derive(Default)]
pub(crate) struct ShardScanner {
    scratch: RefCell<Option<ShardScratch>>,
    /// What the last step made of its input.
    output: RefCell<Splice>,
}

/// What a step did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanStep {
    /// Bytes of the input that it used.
    pub(crate) consumed: usize,
    /// Bytes that it made of them.
    pub(crate) produced: usize,
    /// Whether these differ from the ones that were used.
    pub(crate) is_changed: bool,
}

impl ScanStep {
    /// A step that passes `bytes` as they are.
    pub(crate) fn unchanged(bytes: usize) -> Self {
        Self { consumed: bytes, produced: bytes, is_changed: false }
    }
}

impl ShardScanner {
    /// Overwrites what the scanner holds of the last requests.
    pub(crate) fn wipe(&self) {
        if let Some(scratch) = &mut *self.scratch.borrow_mut() {
            scratch.wipe();
        }
        self.output.borrow_mut().wipe();
    }

    /// Takes one step of `tokenizer`, as [`Tokenizer::push`] does. [`Self::write_to`] gives its output until the next
    /// step.
    ///
    /// Consumes nothing only where fewer than [`WINDOW`] bytes are there and more will come, or none is left.
    pub(crate) fn push(
        &self,
        shield: &Shield,
        tokenizer: &mut Tokenizer,
        input: &[u8],
        last: bool,
    ) -> Result<ScanStep, Failure> {
        let output = &mut *self.output.borrow_mut();
        output.clear();
        let mut slot = self.scratch.borrow_mut();
        let scratch = match &mut *slot {
            Some(scratch) => scratch,
            empty => empty.insert(ShardScratch::new(&shield.rules).map_err(|_| BROKEN)?),
        };
        let Ok(pushed) = catch_unwind(AssertUnwindSafe(|| tokenizer.push(scratch, input, last, output)))
        else {
            // What a panic left half done is not used again.
            *slot = None;
            return Err(BROKEN);
        };
        let consumed = pushed.map_err(|refusal| refused(shield, &refusal))?;
        if consumed == 0 && !input.is_empty() && (last || input.len() >= WINDOW) {
            return Err(NO_PROGRESS);
        }
        Ok(ScanStep { consumed, produced: output.len(), is_changed: !output.unchanged() })
    }

    /// Appends the output of the last step to `out`. `used` is the part of its input that it consumed.
    pub(crate) fn write_to(&self, used: &[u8], out: &mut Vec<u8>) {
        self.output.borrow().write_to(used, out);
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
