//! The request side of the shield in a shard: one scanner for all requests. A panic in it closes the request, not the
//! shard.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aegis_shield::{ShardScratch, Shield, Splice, Tokenizer};

use crate::error_body::Failure;
use crate::refusal::{self, BROKEN};

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
            Ok(Err(refusal)) => refusal::explain(&shield.rules, &refusal),
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
