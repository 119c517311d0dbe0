//! What callers get: which rule found what, where, and how sure it is.

use crate::names::names;
use crate::text::Span;
use serde::{Deserialize, Serialize};

/// A rule's place in its `Rules`; stable for the life of those rules only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub u16);

/// How sure a finding is. A gateway replaces findings from `Medium` on unless its policy says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A shape that counts only behind a vendor's name, with a wrong check value; names of resources, which are no
    /// secrets by themselves.
    Low,
    /// Recognised by its surroundings, or an unmistakable shape whose check value is wrong.
    Medium,
    /// An unmistakable shape, or a check value that is right.
    High,
}

names!(Confidence, as_str, "confidence", { Low = "low", Medium = "medium", High = "high" });

/// How far a value is searched for beyond the place where a rule found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reach {
    /// Not at all: text would be spoiled wherever the value stands by chance.
    InPlace,
    /// Where it stands as a whole word.
    WholeWords,
    /// Wherever it stands, glued to other text or not.
    Everywhere,
}

/// What a finding rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// A rule found it where it stands.
    Rule,
    /// Its value was found elsewhere, by the rule that the finding names.
    Value,
}

/// A secret's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Which rule found it.
    pub rule: RuleIndex,
    /// Where it stands in the window's text.
    pub span: Span,
    /// How sure the finding is.
    pub confidence: Confidence,
    /// What it rests on.
    pub evidence: Evidence,
}
