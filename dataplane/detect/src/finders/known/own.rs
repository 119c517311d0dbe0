//! One value that is known for the length of a request only: the key that the request itself was let in with.
//!
//! There is nothing to prepare for one value, so it is searched for as it is, by the fastest means there are.

use std::sync::Arc;

use memchr::memmem;
use zeroize::Zeroizing;

use super::error::KnownRefusal;
use super::find::stands_alone;
use super::weak;
use crate::candidate::{Candidate, Candidates, rank};
use crate::finding::{Confidence, Reach};
use crate::text::{LOOKAHEAD, Span, TextView};

/// A value that a scanner looks for beside its rules; wiped when dropped.
#[derive(Clone)]
pub struct OwnValue(Arc<Zeroizing<Vec<u8>>>);

impl std::fmt::Debug for OwnValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnValue").finish_non_exhaustive()
    }
}

impl OwnValue {
    /// The longest value, in bytes: one that begins where a window is settled is always seen whole.
    pub const MAX_LEN: usize = LOOKAHEAD;

    /// Takes a value; refuses what would be met by chance, as a list of known values does.
    pub fn new(value: &[u8]) -> Result<OwnValue, KnownRefusal> {
        weak::check(value)?;
        if value.len() > Self::MAX_LEN {
            return Err(KnownRefusal::Long(value.len()));
        }
        Ok(OwnValue(Arc::new(Zeroizing::new(value.to_vec()))))
    }

    /// Finds the value in the unjudged part of a text.
    pub(crate) fn find(&self, candidates: &mut Candidates, view: TextView<'_>, rule: u16) {
        let fresh = candidates.fresh.min(view.text.len());
        for at in memmem::find_iter(&view.text[fresh..], self.0.as_slice()) {
            let (start, end) = (fresh + at, fresh + at + self.0.len());
            match stands_alone(view, start, end, Reach::Everywhere) {
                Some(true) => {
                    candidates.push(Candidate {
                        span: Span::new(start, end),
                        rule,
                        rank: rank::KNOWN,
                        confidence: Confidence::High,
                    });
                }
                Some(false) => {}
                None => candidates.open(start),
            }
        }
    }
}
