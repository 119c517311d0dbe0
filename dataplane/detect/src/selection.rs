//! Which rules are wanted: the base rules always, packs and an organisation's own files on request.

use crate::known::KnownValues;
use crate::rule::RuleSource;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A set of built-in rules that is off unless it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pack {
    /// Personal data: e-mail addresses, telephone numbers, payment cards, national ids, addresses of machines.
    Personal,
}

impl Pack {
    /// All packs.
    pub const ALL: [Pack; 1] = [Pack::Personal];

    /// The lower-case name, as it stands in rule files and configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Pack::Personal => "personal",
        }
    }
}

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
