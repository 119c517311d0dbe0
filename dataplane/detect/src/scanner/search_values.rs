//! Values that one text is searched for beside the rules, and those that are worth searching for afterwards.

use crate::finders::known::{FoundValues, OwnValue};
use crate::finding::{Confidence, RuleIndex};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Values that a scanner looks for beside its rules, whatever they look like.
#[derive(Debug, Clone, Default)]
pub struct SearchValues {
    /// One value, reported under the rule for known values, which the rules must have.
    pub own: Option<OwnValue>,
    /// Values that were found in earlier texts.
    pub remembered: Option<Arc<FoundValues>>,
    /// Values that were found in this one.
    pub found: Option<Arc<FoundValues>>,
    /// Whether [`Scanner::take_decoded_values`](super::Scanner::take_decoded_values) has takers.
    pub collects_decoded: bool,
}

impl SearchValues {
    /// Whether values are searched for that were found elsewhere.
    pub fn has_found(&self) -> bool {
        self.found().next().is_some()
    }

    pub(super) fn found(&self) -> impl Iterator<Item = &FoundValues> {
        [&self.remembered, &self.found].into_iter().flatten().map(|values| &**values)
    }
}

/// A secret that stood in encoded text, as it is when that is decoded.
#[derive(Clone)]
pub struct DecodedValue {
    /// Which rule found it.
    pub rule: RuleIndex,
    /// How sure that is.
    pub confidence: Confidence,
    /// The secret; wiped when dropped.
    pub value: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for DecodedValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecodedValue").field("rule", &self.rule).finish_non_exhaustive()
    }
}
