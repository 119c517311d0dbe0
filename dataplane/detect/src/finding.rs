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

/// What a finding is of: a secret, or one line of a private key.
///
/// A key is found line by line, so that line ends, numbers and gutters of listings and the signs of diffs between its
/// lines are never part of a finding. All its lines together are one finding to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// A secret of its own.
    Whole,
    /// The first line of a key.
    First {
        /// How many bytes before the finding the line begins that opens the key (`-----BEGIN ..`), at most `u16::MAX`.
        lead: u16,
    },
    /// One more line of the key that the last [`Part::First`] began.
    Next,
}

/// How far a value is searched for beyond the place where a rule found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reach {
    /// Not at all: text would be spoiled wherever the value stands by chance; or it is a line of a key that is short, that is
    /// (nearly) equal in all keys of a format, or that is no part of the private key (header, comment, public lines).
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
    /// Whether it is a line of a key.
    pub part: Part,
    /// Where else its value is worth hiding.
    pub reach: Reach,
}

impl Finding {
    /// A secret of its own that a rule found, which may be worth hiding wherever it stands.
    pub fn whole(rule: RuleIndex, span: Span, confidence: Confidence) -> Finding {
        let (part, reach) = (Part::Whole, Reach::Everywhere);
        Finding { rule, span, confidence, evidence: Evidence::Rule, part, reach }
    }

    /// The findings as people count them: the lines of a key are one, from the first to the last.
    pub fn joined(findings: &[Finding]) -> Vec<Finding> {
        let mut joined: Vec<Finding> = Vec::with_capacity(findings.len());
        let mut key = None;
        for finding in findings {
            match (finding.part, key) {
                (Part::Next, Some(index)) => {
                    let first: &mut Finding = &mut joined[index];
                    first.span.end = finding.span.end;
                    continue;
                }
                (Part::Whole, _) => {}
                _ => key = Some(joined.len()),
            }
            joined.push(*finding);
        }
        joined
    }
}
