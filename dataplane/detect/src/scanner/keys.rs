//! Keys are settled line by line: a window is never left inside a line of a key, so that the next one reads on at its
//! beginning, with what is known of the key.

use super::carry::Carry;
use crate::finders::key::KeySearch;
use crate::finding::{Finding, Part};
use crate::text::{LOOKAHEAD, MAX_SECRET_LEN, Span};

/// Marks the findings that are lines of keys, and leaves a line that is settled in part to the next window, of a text of
/// `len` bytes. `decided` is settled but for keys. Returns how far the text is settled, and puts the key that goes on from there into `carry`.
pub(super) fn settle(
    keys: &KeySearch,
    findings: &mut Vec<Finding>,
    decided: Span,
    (len, carry): (usize, &mut Carry),
) -> usize {
    let Span { start: fresh, end: mut settled } = decided;
    if keys.places.is_empty() {
        return settled;
    }
    let place = KeySearch::place_at(&keys.places, settled);
    // A window of the promised size settles something.
    let is_full = len - fresh >= MAX_SECRET_LEN + LOOKAHEAD;
    if let Some((start, _)) = place
        && start < settled
        && !carry.is_open()
        && (start > fresh || !is_full)
    {
        let whole = uncut(keys, findings, start);
        settled = if whole > fresh || !is_full {
            whole.max(fresh)
        } else {
            // Something else was found over the beginning of the key: what is behind it is the next window's.
            let over = findings.iter().find(|found| found.span.start < start && start < found.span.end);
            over.map_or(start, |found| found.span.end.min(settled))
        };
        findings.retain(|finding| finding.span.end <= settled);
    }
    carry.set_key(KeySearch::place_at(&keys.places, settled).map(|(_, state)| state));
    mark(keys, findings);
    settled
}

/// The last place at or before `at` that cuts no finding in two, and is the beginning of a line where a key goes on.
fn uncut(keys: &KeySearch, findings: &[Finding], mut at: usize) -> usize {
    while let Some(cut) = findings.iter().find(|found| found.span.start < at && at < found.span.end) {
        at = KeySearch::place_at(&keys.places, cut.span.start).map_or(cut.span.start, |(place, _)| place);
    }
    at
}

/// Marks the findings that are lines of keys.
fn mark(keys: &KeySearch, findings: &mut [Finding]) {
    // The first line of a key may have lost to another finding: then the next one opens it.
    let mut opening = None;
    let mut at = 0;
    for line in &keys.lines {
        at += findings[at..].partition_point(|finding| finding.span.start < line.span.start);
        let found = findings.get_mut(at).filter(|finding| finding.span.start == line.span.start);
        if matches!(line.part, Part::First { .. }) {
            opening = Some(line.part);
        }
        if let Some(finding) = found {
            finding.part = opening.take().unwrap_or(line.part);
            finding.reach = line.reach;
        }
    }
}
