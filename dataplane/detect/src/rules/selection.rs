//! Which rules are selected: the base rules always, packs and an organisation's own files on request.

use crate::finders::known::KnownValues;
use crate::rule::{Pack, RuleSource};
use std::sync::Arc;

/// What [`crate::Rules::load`] loads beside the base rules; by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Packs to switch on. The same pack twice is the same as once.
    pub packs: &'a [Pack],
    /// Rule files of an organisation. One that names a pack which is not among `packs` is read, but gives no rules.
    pub custom: &'a [RuleSource],
    /// Values of the organisation that are found wherever they stand; with them comes the rule [`crate::KNOWN_RULE`].
    pub known: Option<&'a Arc<KnownValues>>,
}
