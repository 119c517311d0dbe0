//! Ids that mix letters and digits: IBAN, national insurance numbers, DNI and NIE, fiscal codes, the French number of
//! people born in Corsica. All are met by the first digits in them.

use super::context;
use super::group::Groups;
use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use crate::checks::{national, numbers, registry};
use crate::finding::Confidence;
use crate::rule::PersonalKind;
use crate::text::{Span, TooShort};

/// Checks the words that hold the groups' first run.
pub(super) fn classify(scope: PersonalScope<'_>, groups: &Groups) -> PersonalOutcome {
    let at = groups.start();
    let before = &scope.view.text[..at];
    let letters = before.iter().rev().take(7).take_while(|b| b.is_ascii_uppercase()).count();
    let spaced = before.ends_with(b" ");
    let outcome = match (letters, groups.lens()) {
        (2, [first, ..]) if *first >= 2 => account(scope, at - 2)?,
        (6, [2, ..]) => fiscal_code(scope, at - 6)?,
        (1, [7, ..]) => foreigner(scope, at - 1, groups)?,
        (0, [7 | 8, ..] | [2, 3, 3, ..]) => spaniard(scope, groups)?,
        (0, [6, ..] | [1, 2, 2, ..]) => corsican(scope, at)?,
        _ => None,
    };
    if outcome.is_some() {
        return Ok(outcome);
    }
    match (letters, spaced) {
        (2, _) => insured(scope, at - 2, at),
        (0, true) if before.len() > 2 => insured(scope, at - 3, at),
        _ => Ok(None),
    }
}

/// An IBAN, in one piece or in groups of four.
fn account(scope: PersonalScope<'_>, start: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let Some(length) = registry::length(&text[start..start + 2]) else { return Ok(None) };
    if !scope.enabled.has(PersonalKind::Iban) || !context::is_value_start(text, start) {
        return Ok(None);
    }
    let grouped = matches!(scope.byte(start + 4)?, Some(b' ' | b'-'));
    let mut number = [0; registry::MAX_LENGTH];
    let (mut filled, mut at) = (0, start);
    while filled < length {
        let Some(byte) = scope.byte(at)? else { return Ok(None) };
        let gap = grouped && filled > 0 && filled % 4 == 0 && text[at - 1] != text[start + 4];
        if gap && byte == text[start + 4] {
            at += 1;
            continue;
        }
        if gap || !(byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            return Ok(None);
        }
        number[filled] = byte;
        (filled, at) = (filled + 1, at + 1);
    }
    if !numbers::is_iban(&number[..length]) || !context::ends(scope, at)? {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::Iban,
        span: Span::new(start, at),
        confidence: Confidence::High,
    }))
}

/// `AB123456C` and `AB 12 34 56 C`.
fn insured(scope: PersonalScope<'_>, start: usize, digits: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let prefix = [text[start], text[start + 1]];
    if !scope.enabled.has(PersonalKind::UkNino)
        || !national::is_uk_nino_prefix(prefix)
        || !context::is_value_start(text, start)
    {
        return Ok(None);
    }
    let mut at = digits;
    let mut spaces = digits - start - 2;
    for pair in 0..3 {
        if pair > 0 && scope.byte(at)? == Some(b' ') {
            (at, spaces) = (at + 1, spaces + 1);
        }
        for _ in 0..2 {
            if !scope.byte(at)?.is_some_and(|b| b.is_ascii_digit()) {
                return Ok(None);
            }
            at += 1;
        }
    }
    if scope.byte(at)? == Some(b' ') {
        (at, spaces) = (at + 1, spaces + 1);
    }
    let suffix = scope.byte(at)?.is_some_and(|b| (b'A'..=b'D').contains(&b));
    if !suffix || !matches!(spaces, 0 | 2 | 4) || !context::ends(scope, at + 1)? {
        return Ok(None);
    }
    let named = scope.enabled.is_named(PersonalKind::UkNino, text, start);
    let confidence = if named { Confidence::High } else { Confidence::Medium };
    Ok(Some(PersonalMatch { kind: PersonalKind::UkNino, span: Span::new(start, at + 1), confidence }))
}

/// `RSSMRA85T10A562S`.
fn fiscal_code(scope: PersonalScope<'_>, start: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let last = scope.byte(start + 15)?;
    if !scope.enabled.has(PersonalKind::ItFiscalCode)
        || last.is_none()
        || !context::is_value_start(text, start)
    {
        return Ok(None);
    }
    let end = start + 16;
    if !national::is_it_fiscal_code(&text[start..end]) || !context::ends(scope, end)? {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::ItFiscalCode,
        span: Span::new(start, end),
        confidence: Confidence::High,
    }))
}

/// A DNI: `12345678Z`, `12345678-Z`, `12.345.678-Z`.
fn spaniard(scope: PersonalScope<'_>, groups: &Groups) -> PersonalOutcome {
    let count = match groups.lens() {
        [8, ..] => 1,
        [2, 3, 3, ..] if groups.seps(3) == b".." => 3,
        _ => return foreigner(scope, groups.start().saturating_sub(2), groups),
    };
    let mut buffer = [0; 24];
    let digits = groups.digits(scope.view.text, count, &mut buffer);
    let Some(end) = letter(scope, groups.end(count), digits)? else { return Ok(None) };
    // A day and the letter of a time zone.
    let day = digits[0] <= 2 && digits[4] * 10 + digits[5] <= 12 && digits[6] * 10 + digits[7] <= 31;
    let dash = scope.view.text[end - 2] == b'-';
    spanish_id(scope, groups.start(), end, count > 1 || dash || !day)
}

/// An NIE: `X1234567L`, `X-1234567-L`.
fn foreigner(scope: PersonalScope<'_>, start: usize, groups: &Groups) -> PersonalOutcome {
    let text = scope.view.text;
    let lead = &text[start..groups.start()];
    let (Some(first @ b'X'..=b'Z'), [] | [b'-']) = (lead.first(), lead.get(1..).unwrap_or(b"?")) else {
        return Ok(None);
    };
    let mut buffer = [0; 24];
    let digits = groups.digits(text, 1, &mut buffer);
    let Some(end) = letter(scope, groups.end(1), &[&[first - b'X'], digits].concat())? else {
        return Ok(None);
    };
    spanish_id(scope, start, end, true)
}

/// Where the check letter behind a DNI's digits ends, if it is the right one.
fn letter(scope: PersonalScope<'_>, end: usize, digits: &[u8]) -> Result<Option<usize>, TooShort> {
    let at = if scope.byte(end)? == Some(b'-') { end + 1 } else { end };
    Ok(scope.byte(at)?.filter(|letter| national::is_es_letter(digits, *letter)).map(|_| at + 1))
}

/// A DNI or NIE with its right letter; `clear` when nothing else looks so.
fn spanish_id(scope: PersonalScope<'_>, start: usize, end: usize, clear: bool) -> PersonalOutcome {
    let text = scope.view.text;
    if !scope.enabled.has(PersonalKind::EsDni)
        || !context::is_value_start(text, start)
        || !context::ends(scope, end)?
    {
        return Ok(None);
    }
    let confidence = match (scope.enabled.is_named(PersonalKind::EsDni, text, start), clear) {
        (true, _) => Confidence::High,
        (false, true) => Confidence::Medium,
        _ => return Ok(None),
    };
    Ok(Some(PersonalMatch { kind: PersonalKind::EsDni, span: Span::new(start, end), confidence }))
}

/// A French number with department 2A or 2B, in one piece or in groups.
fn corsican(scope: PersonalScope<'_>, start: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let mut number = [0; 15];
    let (mut filled, mut at) = (0, start);
    while filled < number.len() {
        let Some(byte) = scope.byte(at)? else { return Ok(None) };
        let gap = matches!(filled, 1 | 3 | 5 | 7 | 10 | 13) && text[at - 1] != b' ';
        if gap && byte == b' ' {
            at += 1;
            continue;
        }
        let department = filled == 6 && matches!(byte, b'A' | b'B');
        if !byte.is_ascii_digit() && !department {
            return Ok(None);
        }
        number[filled] = byte;
        (filled, at) = (filled + 1, at + 1);
    }
    let right = number[6].is_ascii_uppercase() && national::is_fr_nir(&number);
    if !right
        || !scope.enabled.has(PersonalKind::FrNir)
        || !context::is_value_start(text, start)
        || !context::ends(scope, at)?
    {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::FrNir,
        span: Span::new(start, at),
        confidence: Confidence::High,
    }))
}
