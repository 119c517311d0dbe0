//! All rules of a configuration, and what may be asked of them.

#![expect(clippy::cast_possible_truncation, reason = "there are at most `MAX_RULES` rules")]

use super::set::Set;
use crate::candidate::rank;
use crate::finders::known::KnownValues;
use crate::finders::personal::EnabledKinds;
use crate::finding::{Confidence, Finding, RuleIndex};
use crate::rule::{Compiled, Rule};
use std::sync::Arc;

/// The most rules there can be, built-in and custom together.
pub(super) const MAX_RULES: usize = 4096;

/// All rules of a configuration: immutable, made once, shared by all threads.
pub struct Rules {
    pub(crate) list: Vec<Rule>,
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) sets: Vec<Arc<Set>>,
    /// The finders of personal data that are on, if any.
    pub(crate) personal: Option<EnabledKinds>,
    pub(crate) digest: [u8; 32],
    /// Values of the organisation, and the index of their rule.
    pub(crate) known: Option<(u16, Arc<KnownValues>)>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("rules", &self.list.len())
            .field("databases", &self.sets.len())
            .finish_non_exhaustive()
    }
}

impl Rules {
    /// The rule with this index, which must come from these rules.
    pub fn get(&self, index: RuleIndex) -> &Rule {
        &self.list[usize::from(index.0)]
    }

    /// The index of the rule with this id.
    pub fn find(&self, id: &str) -> Option<RuleIndex> {
        self.list.iter().position(|r| r.id == id).map(|i| RuleIndex(i as u16))
    }

    /// All rules with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (RuleIndex, &Rule)> {
        self.list.iter().enumerate().map(|(i, r)| (RuleIndex(i as u16), r))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no rules at all; never the case for built-in ones.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The memory of the compiled databases, in bytes.
    pub fn database_size(&self) -> usize {
        self.sets.iter().map(|s| s.database.size()).sum()
    }

    /// Whether a rule knows the value itself by its shape, and not only by what stands around it.
    pub fn is_shape(&self, index: RuleIndex) -> bool {
        !self.compiled(index.0).sequences.is_empty()
    }

    /// Whether a finding wins over another one that takes some of the same bytes, by what their rules know.
    pub fn outranks(&self, finding: &Finding, other: &Finding) -> bool {
        self.rank(finding.rule.0, finding.confidence) > self.rank(other.rule.0, other.confidence)
    }

    /// A rule's precedence at this confidence.
    pub(crate) fn rank(&self, rule: u16, confidence: Confidence) -> u8 {
        let compiled = self.compiled(rule);
        let proven = compiled.check.is_some() && confidence == Confidence::High;
        compiled.rank + if proven { rank::PROVEN } else { 0 }
    }

    pub(crate) fn compiled(&self, rule: u16) -> &Compiled {
        &self.compiled[usize::from(rule)]
    }
}
