//! Numbers of documents behind their word (passports, the German identity card, India's PAN) and the machine-readable
//! lines of travel documents (ICAO 9303).

use super::context::WordScan;
use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use super::{context, words};
use crate::bytes::{ByteSet, DIGIT, UPPER};
use crate::checks::national;
use crate::finding::Confidence;
use crate::rule::PersonalKind;
use crate::text::{Span, TooShort};

/// Longer words are no numbers of documents.
const MAX_NUMBER: usize = 12;
/// The length of a passport's line, and of each of the three lines of an identity card.
pub(super) const PASSPORT_LINE: usize = 44;
const CARD_LINE: usize = 30;
const LINE: ByteSet = UPPER.union(DIGIT).with(b'<', b'<');

/// Checks the number behind the word `text[start..end]`.
pub(super) fn classify_number(
    scope: PersonalScope<'_>,
    kind: PersonalKind,
    start: usize,
    end: usize,
) -> PersonalOutcome {
    let text = scope.view.text;
    scope.byte(end + 1)?;
    if !words::is_whole_word(text, start, end) {
        return Ok(None);
    }
    context::walk(scope, end, b"{;([", |at, byte| {
        if !byte.is_ascii_alphanumeric() || !context::is_value_start(text, at) {
            return Ok(WordScan::On(at + 1));
        }
        let mut stop = at;
        while stop - at <= MAX_NUMBER && scope.byte(stop)?.is_some_and(|b| b.is_ascii_alphanumeric()) {
            stop += 1;
        }
        if let Some(confidence) = number(kind, &text[at..stop])
            && context::ends(scope, stop)?
        {
            return Ok(WordScan::Found(PersonalMatch { kind, span: Span::new(at, stop), confidence }));
        }
        Ok(WordScan::On(stop))
    })
}

/// What a word is worth as the number of a document.
fn number(kind: PersonalKind, word: &[u8]) -> Option<Confidence> {
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    if !word.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
        return None;
    }
    match kind {
        // Letters and digits, with more digits than any word in capitals has.
        PersonalKind::Passport => {
            ((6..=10).contains(&word.len()) && digits >= 4).then_some(Confidence::Medium)
        }
        PersonalKind::DeIdentityCard => {
            let authority = word.first().is_some_and(|b| b"CFGHJKLMNPRTVWXYZ".contains(b));
            match word {
                [number @ .., check] if number.len() == 9 && authority && digits >= 2 => {
                    Some(if national::is_icao_check(number, *check) {
                        Confidence::High
                    } else {
                        Confidence::Low
                    })
                }
                _ => (word.len() == 9 && authority && digits >= 2).then_some(Confidence::Medium),
            }
        }
        PersonalKind::InPan => {
            let shape = word.len() == 10
                && word.iter().enumerate().all(|(i, b)| b.is_ascii_digit() == matches!(i, 5..=8))
                && b"ABCFGHJLPT".contains(&word[3]);
            shape.then_some(Confidence::High)
        }
        _ => None,
    }
}

/// Checks the lines whose first holds the filler at `filler`: a passport's two or an identity card's three.
pub(super) fn classify_mrz(scope: PersonalScope<'_>, filler: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let Some(start) = line_start(text, filler) else { return Ok(None) };
    let Some(first) = line(scope, start)? else { return Ok(None) };
    let (width, count) = match first - start {
        PASSPORT_LINE => (PASSPORT_LINE, 2),
        CARD_LINE => (CARD_LINE, 3),
        _ => return Ok(None),
    };
    let mut starts = [start; 3];
    let mut end = first;
    for slot in &mut starts[1..count] {
        let next = next_line(scope, end)?;
        if line(scope, next)? != Some(next + width) {
            // The first line alone holds the name.
            let named = width == PASSPORT_LINE && memchr::memmem::find(&text[start..first], b"<<").is_some();
            let confidence = Confidence::Medium;
            return Ok(named.then_some(PersonalMatch {
                kind: PersonalKind::Mrz,
                span: Span::new(start, first),
                confidence,
            }));
        }
        (*slot, end) = (next, next + width);
    }
    let field = |line: usize, from: usize, to: usize| {
        let at = starts[line];
        national::is_icao_check(&text[at + from..at + to], text[at + to])
    };
    let right = if count == 2 {
        field(1, 0, 9) && field(1, 13, 19) && field(1, 21, 27)
    } else {
        field(0, 5, 14) && field(1, 0, 6) && field(1, 8, 14)
    };
    let confidence = if right { Confidence::High } else { Confidence::Low };
    Ok(Some(PersonalMatch { kind: PersonalKind::Mrz, span: Span::new(start, end), confidence }))
}

/// Where the line around `filler` begins, if a document's first line begins so.
fn line_start(text: &[u8], filler: usize) -> Option<usize> {
    let run = LINE.run_back(&text[..filler], PASSPORT_LINE + 1);
    let start = filler - run;
    let first = run > 4 && run <= PASSPORT_LINE && matches!(text[start], b'P' | b'V' | b'I' | b'A' | b'C');
    (first && context::is_value_start(text, start)).then_some(start)
}

/// Where a run of upper-case letters, digits and `<` ends that is as long as a line can be.
fn line(scope: PersonalScope<'_>, start: usize) -> Result<Option<usize>, TooShort> {
    let mut end = start;
    while end - start <= PASSPORT_LINE {
        match scope.byte(end)? {
            Some(b) if LINE.has(b) => end += 1,
            _ => break,
        }
    }
    Ok((end - start <= PASSPORT_LINE).then_some(end))
}

/// Behind a line end in any writing.
fn next_line(scope: PersonalScope<'_>, end: usize) -> Result<usize, TooShort> {
    let mut at = end;
    while at - end < 4 {
        match scope.byte(at)? {
            Some(b'\r' | b'\n' | b' ') => at += 1,
            Some(b'\\') if matches!(scope.byte(at + 1)?, Some(b'n' | b'r')) => at += 2,
            _ => break,
        }
    }
    Ok(at)
}
