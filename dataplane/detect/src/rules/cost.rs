//! What custom rules may cost: a rule whose beginning stands everywhere would slow down every text for everybody.
//!
//! Time is not measured, so that a rule accepted on one machine is accepted on all. Every place at which the engine
//! reports what a rule looks for has to be confirmed byte by byte; those places are counted in a fixed sample of prose,
//! code, JSON, markup and logs.

use super::set::{EngineTarget, Set};
use super::table::Rules;
use crate::engine::hyperscan::{EngineError, Scratch};
use crate::finding::RuleIndex;
use crate::rule::RuleError;

/// Ordinary text without secrets.
const SAMPLE: &[u8] = include_bytes!("../../data/sample.txt");
/// Most places in the sample at which a rule's beginning or its keywords may stand: one for each KiB. A confirmation
/// takes about as long as scanning 100 bytes.
pub(crate) const MAX_CANDIDATES: usize = SAMPLE.len() / 1024;
/// Most places for all custom rules together, so that many costly ones cannot do what one may not.
pub(crate) const MAX_ALL_CANDIDATES: usize = 8 * MAX_CANDIDATES;
/// Largest database of custom rules, in bytes. What does not fit the processor's cache is slow on all texts.
pub(crate) const MAX_DATABASE: usize = 4 << 20;

/// What a rule costs, in a measure that is the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Places in the sample that would have to be confirmed.
    pub candidates: usize,
    /// The most that a custom rule may have.
    pub limit: usize,
    /// Length of the sample, in bytes.
    pub sample: usize,
}

impl Rules {
    /// What the rule costs.
    pub fn cost(&self, rule: RuleIndex) -> Result<Cost, RuleError> {
        let mut places = 0;
        for set in &self.sets {
            places += candidates(set, self.list.len())?[usize::from(rule.0)];
        }
        Ok(Cost { candidates: places, limit: MAX_CANDIDATES, sample: SAMPLE.len() })
    }
}

/// Counts the candidates of each rule in the sample, by its index; what belongs to no rule alone is added to the last
/// element, behind all `rules`.
pub(super) fn candidates(set: &Set, rules: usize) -> Result<Vec<usize>, RuleError> {
    count(set, rules).map_err(|error| RuleError::Engine(error.to_string()))
}

fn count(set: &Set, rules: usize) -> Result<Vec<usize>, EngineError> {
    let mut scratch = Scratch::new([&set.database])?;
    let mut matches = Vec::new();
    set.database.scan(&mut scratch, SAMPLE, &mut matches)?;
    matches.sort_unstable();
    matches.dedup();
    let mut counts = vec![0; rules + 1];
    for target in matches.iter().flat_map(|found| &set.targets[found.expression as usize]) {
        match target {
            EngineTarget::Sequence { rule, .. }
            | EngineTarget::Finder { rule, .. }
            | EngineTarget::Personal { rule, .. } => {
                counts[usize::from(*rule)] += 1;
            }
            EngineTarget::Keyword { index } => {
                for rule in &set.keywords[usize::from(*index)].rules {
                    counts[usize::from(*rule)] += 1;
                }
            }
            EngineTarget::Escaped { .. } => counts[rules] += 1,
        }
    }
    Ok(counts)
}

/// Why custom rules cost too much.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TooCostly {
    /// The rule with this index.
    Rule(usize, String),
    /// All of them.
    All(String),
}

/// The custom rules, those from index `first` on, that cost too much by themselves, with what is wrong.
pub(crate) fn costly_rules(counts: &[usize], first: usize) -> impl Iterator<Item = (usize, String)> {
    let rules = counts.len().saturating_sub(1);
    (first..rules).filter(|rule| counts[*rule] > MAX_CANDIDATES).map(|rule| {
        let (times, kib) = (counts[rule], SAMPLE.len() / 1024);
        let message = format!(
            "costs too much: what it looks for stands {times} times in {kib} KiB of ordinary text, and at most \
             {MAX_CANDIDATES} are allowed; begin the pattern with a longer or rarer literal, or take rarer keywords"
        );
        (rule, message)
    })
}

/// Checks the custom rules, those from index `first` on, by their counts and the size of their database.
pub(crate) fn check_limits(counts: &[usize], first: usize, database: usize) -> Result<(), TooCostly> {
    let kib = SAMPLE.len() / 1024;
    if let Some((rule, message)) = costly_rules(counts, first).next() {
        return Err(TooCostly::Rule(rule, message));
    }
    let all: usize = counts.iter().skip(first).sum();
    if all > MAX_ALL_CANDIDATES {
        return Err(TooCostly::All(format!(
            "the custom rules together cost too much: what they look for stands {all} times in {kib} KiB of ordinary \
             text, and at most {MAX_ALL_CANDIDATES} are allowed; give them longer or rarer beginnings and keywords"
        )));
    }
    if database > MAX_DATABASE {
        return Err(TooCostly::All(format!(
            "the custom rules together cost too much: compiled they take {} KiB, and at most {} are allowed; leave out \
             rules, or alternatives within their patterns",
            database.div_ceil(1024),
            MAX_DATABASE / 1024
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_their_edges() {
        let none = [0, MAX_CANDIDATES, 0];
        assert_eq!(check_limits(&none, 1, MAX_DATABASE), Ok(()));
        assert_eq!(check_limits(&[MAX_CANDIDATES + 1, 0, 0], 1, 0), Ok(()), "built-in rules are not judged");
        assert!(matches!(check_limits(&[0, MAX_CANDIDATES + 1, 0], 1, 0), Err(TooCostly::Rule(1, _))));
        let mut many = vec![MAX_CANDIDATES; 8];
        many.push(0);
        assert_eq!(check_limits(&many, 0, 0), Ok(()));
        many[8] = 1;
        assert!(matches!(check_limits(&many, 0, 0), Err(TooCostly::All(_))));
        assert!(matches!(check_limits(&none, 1, MAX_DATABASE + 1), Err(TooCostly::All(_))));
    }
}
