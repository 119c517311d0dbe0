//! What stands behind a keyword: the assignment of a name, or a credential of a service that it names.

use super::name::AssignedName;
use super::service::{AssignmentOutcome, ValueProbe};
use super::written::{AssignedSecret, Operator, Value};
use super::{classify, member, name, parse, prose, service, table};
use crate::bytes::{RunCache, entropy};
use crate::candidate::{Candidate, Candidates, rank};
use crate::checks::CheckResult;
use crate::encodings::escapes;
use crate::finding::Confidence;
use crate::pattern::{MatchVerdict, Sequence};
use crate::plausibility::value;
use crate::rule::{Compiled, Keyword, Strength};
use crate::text::{LEFT_CONTEXT, Span, TextView, TooShort};
use zeroize::Zeroizing;

/// What the search for names of services remembers of a text.
#[derive(Debug, Default)]
pub(crate) struct ServiceSearch {
    /// Where something long enough for a service's value stands.
    probe: ValueProbe,
    /// How far names of services were looked up, and for which rule.
    looked_up: (u16, usize),
}

/// Looks at the assignment whose keyword begins at `start`.
pub(crate) fn find(
    (candidates, search): (&mut Candidates, &mut ServiceSearch),
    view: TextView<'_>,
    rule: u16,
    compiled: &Compiled,
    (start, keyword): (usize, &Keyword),
) {
    let span = Span::new(start, start + keyword.letters);
    if let Some(names) = &compiled.services {
        if search.probe.has_value(view, span.end) {
            let (owner, until) = search.looked_up;
            let around = service::around(view, span, if owner == rule { until } else { 0 });
            search.looked_up = (rule, around.end);
            service::names(names, view.text, around, |name| {
                let outcome = service::find(view, name);
                report(candidates, view.text, rule, compiled, name.start, outcome);
            });
        }
        return;
    }
    let outcome = match compiled.strength {
        Some(Strength::Service) => service::find(view, span),
        Some(strength) => return generic(candidates, view, (rule, compiled), strength, span),
        None => vendor(candidates, view, compiled, span),
    };
    report(candidates, view.text, rule, compiled, span.start, outcome);
}

/// Takes down what was found behind a keyword that begins at `start`.
fn report(
    candidates: &mut Candidates,
    text: &[u8],
    rule: u16,
    compiled: &Compiled,
    start: usize,
    outcome: AssignmentOutcome,
) {
    match outcome {
        Err(TooShort) => candidates.open(start),
        Ok(Some(found)) if found.span.start - start <= LEFT_CONTEXT - 64 => {
            let AssignedSecret { span, confidence, proven, tail } = found;
            // Whatever was read: no value goes on behind the string of its document.
            let span = match candidates.quotes.first_structural(text, span) {
                Some(end) => Span::new(span.start, end),
                None => span,
            };
            if span.is_empty() {
                return;
            }
            let sure = u8::from(confidence > Confidence::Low);
            let rank = compiled.rank + sure + if proven { rank::PROVEN } else { 0 };
            candidates.add(Candidate { span, rule, rank, confidence }, tail);
        }
        Ok(_) => {}
    }
}

/// How far behind a name an entity is looked for, in bytes.
const ENTITY_REACH: usize = 48;

/// Whether an entity of an assignment stands behind the keyword that ends at `end`, or an escape right behind its name.
/// Percent escapes are found without a name.
pub(crate) fn has_escape_at(text: &[u8], end: usize) -> bool {
    let rest = &text[end..text.len().min(end + ENTITY_REACH)];
    let name = name::PART.run(rest, name::MAX_SIDE);
    escapes::is_assigned_entity(rest, name)
        || (rest.get(name) == Some(&b'\\') && escapes::is_escape(&rest[name..]))
}

/// For a generic rule: the name and the value must both look the part.
fn generic(
    candidates: &mut Candidates,
    view: TextView<'_>,
    (rule, compiled): (u16, &Compiled),
    strength: Strength,
    Span { start, end }: Span,
) {
    let name = match name::read(view, start, end, strength) {
        Ok(Some(name)) => name,
        Ok(None) => return,
        Err(TooShort) => return candidates.open(start),
    };
    match member::value_before(view, &name, candidates.quotes.inner()) {
        Ok(None) => {}
        Ok(Some(value)) => {
            let found = before_name(view.text, &name, value);
            return report(candidates, view.text, rule, compiled, value.start, Ok(found));
        }
        Err(TooShort) => return candidates.open(name.end.saturating_sub(member::MAX_BEFORE)),
    }
    if let Some(value) = prose::value_before(view.text, &name) {
        let found = before_name(view.text, &name, value);
        return report(candidates, view.text, rule, compiled, value.start, Ok(found));
    }
    if start >= candidates.fresh && table::may_end_cell(&view.text[name.end..]) {
        cells(candidates, view, (rule, compiled), &name);
    }
    let mut next = parse::assignment(view, &name);
    while let Ok(Some(value)) = next {
        let value = member::within_string(view.text, value, &candidates.quotes);
        candidates.runs.work += (value.end - start) as u64;
        let mut found = evaluate(view.text, name, value);
        // What stands before a quote of its own may say too little.
        if found.as_ref().is_none_or(|found| found.confidence == Confidence::Low) {
            match member::whole_string(view, &value, candidates.quotes.inner()) {
                Ok(None) => {}
                Ok(Some(whole)) => {
                    candidates.runs.work += (whole.end - start) as u64;
                    found = evaluate(view.text, name, whole).or(found);
                }
                Err(TooShort) => return candidates.open(start),
            }
        }
        let is_sure = found.as_ref().is_some_and(|found| found.confidence > Confidence::Low);
        if !is_sure && value.quoted && has_escape(&view.text[value.start..value.end]) {
            candidates.escaped_assignments.push(Span::new(start, value.end));
        }
        next = match &found {
            Some(first) if first.span.start - start <= LEFT_CONTEXT => {
                match member::next_in_list(view, &name, &value) {
                    Ok(None) => member::next_of_change(view, &value),
                    next => next,
                }
            }
            _ => Ok(None),
        };
        report(candidates, view.text, rule, compiled, start, Ok(found));
    }
    if let Err(TooShort) = next {
        candidates.open(start);
    }
}

/// For a name in a table: the cells below it, or the one beside it.
fn cells(
    candidates: &mut Candidates,
    view: TextView<'_>,
    (rule, compiled): (u16, &Compiled),
    name: &AssignedName,
) {
    match table::column(view, name, &candidates.quotes, &mut candidates.table) {
        Err(TooShort) => candidates.open(name.start),
        Ok(None) => {}
        Ok(Some(column)) => {
            candidates.runs.work += (column.rows.end - name.start) as u64;
            // Also without a secret: a row must not be taken for a header where the header is out of sight.
            if !column.rows.is_empty() {
                candidates.atomic_spans.push(Span::new(name.start, column.rows.end));
            }
            for cell in column.cells.into_iter().filter(|cell| !table::is_type(&view.text[cell.range()])) {
                let found = before_name(view.text, name, cell);
                report(candidates, view.text, rule, compiled, cell.start, Ok(found));
            }
        }
    }
    match table::value_beside(view, name, &candidates.quotes) {
        Err(TooShort) => candidates.open(name.start),
        Ok(None) => {}
        Ok(Some(value)) => {
            let found = before_name(view.text, name, value);
            report(candidates, view.text, rule, compiled, name.start, Ok(found));
        }
    }
}

/// Whether a string has escapes that are of no value: those of characters that need none.
fn has_escape(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', value).any(|at| escapes::is_escape(&value[at..]))
}

/// Checks a name and its value.
fn evaluate(text: &[u8], mut name: AssignedName, mut value: Value) -> Option<AssignedSecret> {
    classify::behind_user(text, &mut name, &mut value);
    if classify::is_too_poor(text, &name, &value) || name::is_misleading(text, &name) {
        return None;
    }
    let confidence = classify::classify(text, &name, &value)?;
    let Value { start, end, tail, .. } = value;
    Some(AssignedSecret { span: Span::new(start, end), confidence, proven: false, tail })
}

/// Checks a value that stands before its name, as if it stood behind it.
fn before_name(text: &[u8], name: &AssignedName, value: Span) -> Option<AssignedSecret> {
    let (opens, ties): (&[u8], &[u8]) = (b"\"", b"\": \"");
    let written =
        Zeroizing::new([opens, &text[name.start..name.end], ties, &text[value.range()], opens].concat());
    let at = |offset: usize| offset - name.start + opens.len();
    let keyword = Span::new(at(name.keyword.start), at(name.keyword.end));
    let moved = AssignedName { start: at(name.start), keyword, end: at(name.end), ..*name };
    let start = moved.end + ties.len();
    let end = start + value.len();
    let operator = Operator::Colon;
    let there = Value { start, end, quoted: true, operator, spaced: true, alone: false, tail: None };
    let found = evaluate(&written, moved, there)?;
    let first = value.start + (found.span.start - start);
    Some(AssignedSecret { span: Span::new(first, value.end), ..found })
}

/// For a vendor's rule: a value of the rule's shape behind the vendor's keyword.
fn vendor(
    candidates: &mut Candidates,
    view: TextView<'_>,
    compiled: &Compiled,
    Span { start, end }: Span,
) -> AssignmentOutcome {
    if name::is_inside_words(view.text, start, end) {
        return Ok(None);
    }
    let name = name::read_loose(view, start, end)?;
    let Some(value) = parse::assignment(view, &name)? else { return Ok(None) };
    candidates.runs.work += (value.end - start) as u64;
    if service::is_digest_name(&view.text[end..name.end]) {
        return Ok(None);
    }
    let whole = &view.text[value.start..value.end];
    let Some(length) = compiled.values.iter().find_map(|shape| fits(shape, whole)) else { return Ok(None) };
    let secret = &whole[..length];
    let validity = compiled.check.map_or(CheckResult::Unknown, |check| check.validate(secret, secret));
    let confidence = match validity {
        CheckResult::Impossible => return Ok(None),
        CheckResult::Valid => Confidence::High,
        CheckResult::Unknown => compiled.confidence.min(Confidence::Medium),
        CheckResult::Invalid => Confidence::Low,
    };
    let proven = validity == CheckResult::Valid;
    let real = proven
        || (entropy::shannon(secret) >= compiled.entropy
            && !value::is_placeholder(secret)
            && !value::is_wordy(secret));
    let (start, end) = (value.start, value.start + length);
    let tail = value.tail.filter(|_| end == value.end);
    Ok(real.then_some(AssignedSecret { span: Span::new(start, end), confidence, proven, tail }))
}

/// The length of the shape's match when it fills the value, or is followed by what cannot belong to it.
fn fits(shape: &Sequence, value: &[u8]) -> Option<usize> {
    let mut runs = RunCache::default();
    match shape.match_at(value, 0, true, &mut runs) {
        MatchVerdict::Match { whole: Span { end, .. }, .. } => {
            let next = value.get(end).copied().unwrap_or(b' ');
            let ends = !next.is_ascii_alphanumeric()
                && next != b'_'
                && !(next == b'-' && shape.last_bytes().has(b'-'));
            ends.then_some(end)
        }
        _ => None,
    }
}
