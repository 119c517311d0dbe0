//! What was found in a request and what was done: counts for metrics, places for the audit log. Never a value.

use aegis_detect::{Category, RuleIndex};

use crate::policy::Action;
use crate::token::Token;

/// Places that one report lists; the rest is counted only.
pub const MAX_PLACES: usize = 64;
/// Bytes of one place's description.
pub const MAX_PLACE_LEN: usize = 160;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The rule that made it.
    pub rule: RuleIndex,
    /// The kind of value.
    pub category: Category,
    /// What was done.
    pub action: Action,
    /// What stands there now, if it is a token.
    pub token: Option<Token>,
    /// Where: `messages[3].content` in JSON, `part[2]` in multipart, empty in text. Names words of the providers' APIs only;
    /// what the user's own data calls its members is `*`.
    pub place: String,
}

/// The findings of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    counts: [[u32; Action::ALL.len()]; Category::ALL.len()],
    places: Vec<Place>,
}

impl Report {
    /// Findings of a category that were not allowed.
    pub fn category(&self, category: Category) -> u32 {
        self.counts[category as usize].iter().sum()
    }

    /// Findings with which `action` was done. Allowed ones are not counted.
    pub fn action(&self, action: Action) -> u32 {
        self.counts.iter().map(|actions| actions[action as usize]).sum()
    }

    /// Findings of a category with which `action` was done.
    pub fn count(&self, category: Category, action: Action) -> u32 {
        self.counts[category as usize][action as usize]
    }

    /// All findings that were not allowed.
    pub fn total(&self) -> u32 {
        self.counts.iter().flatten().sum()
    }

    /// The first [`MAX_PLACES`] findings, in the order of the request.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Findings that are counted but not listed.
    pub fn omitted(&self) -> u32 {
        self.total() - self.places.len() as u32
    }

    /// Records a finding; `place` is asked only where it will be listed.
    pub(crate) fn record(
        &mut self,
        rule: RuleIndex,
        category: Category,
        action: Action,
        token: Option<Token>,
        place: impl FnOnce() -> String,
    ) {
        self.counts[category as usize][action as usize] += 1;
        if self.places.len() < MAX_PLACES {
            let mut place = place();
            while place.len() > MAX_PLACE_LEN {
                place.pop();
            }
            self.places.push(Place { rule, category, action, token, place });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_all_and_lists_some() {
        let mut report = Report::default();
        for index in 0..=MAX_PLACES {
            let place = "\u{e9}".repeat(if index == 0 { MAX_PLACE_LEN / 2 } else { MAX_PLACE_LEN / 2 + 1 });
            report.record(RuleIndex(1), Category::Conn, Action::Redact, None, || place);
        }
        assert_eq!(report.total() as usize, MAX_PLACES + 1);
        assert_eq!(report.count(Category::Conn, Action::Redact), report.total());
        assert_eq!(report.category(Category::Conn), report.action(Action::Redact));
        assert_eq!((report.places().len(), report.omitted()), (MAX_PLACES, 1));
        assert!(report.places().iter().all(|place| place.place.len() == MAX_PLACE_LEN));
    }
}
