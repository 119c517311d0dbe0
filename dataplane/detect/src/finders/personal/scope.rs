//! The text and the kinds of personal data that are looked for in it.

use super::words::{WordList, gap};
use crate::candidate::{Candidate, Candidates, rank};
use crate::finding::Confidence;
use crate::rule::{PERSONAL_KINDS, PersonalKind};
use crate::text::{Span, TextView, TooShort};

/// The rules for personal data that are on.
#[derive(Debug, Default)]
pub(crate) struct EnabledKinds {
    rules: [Option<u16>; PERSONAL_KINDS],
    /// By kind: words that make a doubtful number one of this kind, in lower case.
    words: [WordList; PERSONAL_KINDS],
}

impl EnabledKinds {
    /// Adds a rule; false when the kind has one already.
    pub(crate) fn add(&mut self, kind: PersonalKind, rule: u16, words: &[String]) -> bool {
        self.words[kind as usize] = WordList::new(words);
        self.rules[kind as usize].replace(rule).is_none()
    }

    pub(super) fn has(&self, kind: PersonalKind) -> bool {
        self.rules[kind as usize].is_some()
    }

    /// The kind's words.
    pub(super) fn words(&self, kind: PersonalKind) -> &WordList {
        &self.words[kind as usize]
    }

    /// Whether one of the kind's words stands shortly before `start`.
    pub(super) fn is_named(&self, kind: PersonalKind, text: &[u8], start: usize) -> bool {
        gap(text, start, self.words(kind)).is_some()
    }
}

/// What a classifier says: nothing, a match, or that the window is too short.
pub(super) type PersonalOutcome = Result<Option<PersonalMatch>, TooShort>;

/// A piece of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PersonalMatch {
    pub(super) kind: PersonalKind,
    pub(super) span: Span,
    pub(super) confidence: Confidence,
}

/// The text that is scanned and the kinds that are on.
#[derive(Clone, Copy)]
pub(super) struct PersonalScope<'a> {
    pub(super) view: TextView<'a>,
    pub(super) enabled: &'a EnabledKinds,
}

impl PersonalScope<'_> {
    /// Notes what was found; a kind that is off finds nothing.
    pub(super) fn note(self, candidates: &mut Candidates, open: usize, outcome: PersonalOutcome) {
        match outcome {
            Err(TooShort) => candidates.open(open),
            Ok(Some(PersonalMatch { kind, span, confidence })) => {
                let Some(rule) = self.enabled.rules[kind as usize] else { return };
                let rank =
                    if confidence == Confidence::High { rank::PERSONAL_PROVEN } else { rank::PERSONAL };
                candidates.push(Candidate { span, rule, rank, confidence });
            }
            Ok(None) => {}
        }
    }

    /// The byte at `at`, nothing behind the end of the text.
    pub(super) fn byte(self, at: usize) -> Result<Option<u8>, TooShort> {
        match self.view.text.get(at) {
            None if !self.view.last => Err(TooShort),
            byte => Ok(byte.copied()),
        }
    }
}
