//! Runs of bytes of one class: what a pattern is made of.

use crate::bytes::ByteSet;

/// What is wrong with a pattern, for people.
pub(crate) type PatternError = String;

/// Between `min` and `max` bytes of `set`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ByteRun {
    pub(crate) set: ByteSet,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl ByteRun {
    /// Whether its length is always the same.
    pub(crate) fn is_fixed(&self) -> bool {
        self.min == self.max
    }

    /// How much one of its bytes says, in bits.
    #[expect(clippy::cast_precision_loss, reason = "a set has at most 256 members")]
    pub(crate) fn bits(&self) -> f32 {
        8.0 - (self.set.len() as f32).log2()
    }
}

/// What may come first of these runs; nothing when there are none.
pub(crate) fn first_bytes<'r>(runs: impl IntoIterator<Item = &'r ByteRun>) -> ByteSet {
    let mut set = ByteSet::EMPTY;
    for run in runs {
        set = set.union(run.set);
        if run.min > 0 {
            break;
        }
    }
    set
}
