//! The one pass over a text that serves all kinds, and what words of the engine ask for.

use super::prefilter::ProbeSite;
use super::scope::{EnabledKinds, PersonalScope};
use super::{birth, document, email, group, network, number, phone, prefilter, word};
use crate::candidate::Candidates;
use crate::rule::PersonalKind;
use crate::text::{Span, TextView};

/// Fewer digits than these, within the bytes that [`prefilter::digits_behind`] counts, are no number of a person.
const NUMBER_DIGITS: usize = 6;
/// How far left of a candidate's first digit its secret can begin.
const MAX_LEAD: usize = 24;

/// Finds what needs no word of the engine.
pub(crate) fn scan(candidates: &mut Candidates, view: TextView<'_>, enabled: &EnabledKinds) {
    let scope = PersonalScope { view, enabled };
    if enabled.has(PersonalKind::Email) {
        for at in memchr::memchr_iter(b'@', view.text) {
            scope.note(candidates, at.saturating_sub(email::MAX_LOCAL), email::classify(scope, at, at + 1));
        }
    }
    prefilter::probe_sites(view.text, |place| match place {
        ProbeSite::Number(at) => classify_number(candidates, scope, at),
        ProbeSite::Address(at) => {
            scope.note(candidates, at.saturating_sub(MAX_LEAD), network::classify_colon(scope, at));
        }
    });
}

/// Checks the number that begins at `at`, by all kinds.
fn classify_number(candidates: &mut Candidates, scope: PersonalScope<'_>, at: usize) {
    let open = at.saturating_sub(MAX_LEAD);
    scope.note(candidates, open, network::classify_ipv4(scope, at));
    if prefilter::digits_behind(scope.view.text, at) < NUMBER_DIGITS {
        return;
    }
    let Ok(groups) = group::read(scope, at) else { return candidates.open(open) };
    for outcome in number::classify(scope, &groups) {
        scope.note(candidates, open, outcome);
    }
    scope.note(candidates, open, phone::classify(scope, &groups));
    scope.note(candidates, open, word::classify(scope, &groups));
}

/// Checks what stands around a word of the engine, `text[start..end]`.
pub(crate) fn scan_word(
    candidates: &mut Candidates,
    view: TextView<'_>,
    (kind, enabled): (PersonalKind, &EnabledKinds),
    Span { start, end }: Span,
) {
    let scope = PersonalScope { view, enabled };
    let (open, outcome) = match kind {
        PersonalKind::Email => (start.saturating_sub(email::MAX_LOCAL), email::classify(scope, start, end)),
        PersonalKind::InternalHost => {
            (start.saturating_sub(network::MAX_HOST), network::classify_host(scope, start, end))
        }
        PersonalKind::BirthDate => (start, birth::classify(scope, start, end)),
        PersonalKind::Mrz => {
            (start.saturating_sub(document::PASSPORT_LINE), document::classify_mrz(scope, start))
        }
        _ => (start, document::classify_number(scope, kind, start, end)),
    };
    scope.note(candidates, open, outcome);
}
