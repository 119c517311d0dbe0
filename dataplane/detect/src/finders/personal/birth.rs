//! Dates of birth: a date in any usual writing behind a word for birth.

use super::context::WordScan;
use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use super::{context, words};
use crate::finding::Confidence;
use crate::rule::PersonalKind;
use crate::text::{Span, TooShort};

/// People who live were born since.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2099;

/// The first three letters of the months in English, German, French, Spanish, Portuguese, Italian and Dutch, without
/// accents.
const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec mai okt dez fev avr jui aou ene abr ago dic \
    set out gen mag giu lug ott mrt maa mei ";

/// Checks what follows the word `text[start..end]`.
pub(super) fn classify(scope: PersonalScope<'_>, start: usize, end: usize) -> PersonalOutcome {
    let text = scope.view.text;
    if !words::is_whole_word(text, start, end) {
        return Ok(None);
    }
    context::walk(scope, end, b"({;", |at, byte| {
        let letters = byte.is_ascii_alphabetic() && !text[at - 1].is_ascii_alphabetic();
        let begins = byte.is_ascii_digit() || (letters && is_month(&text[at..]));
        if !begins {
            return Ok(WordScan::On(at + 1));
        }
        let found = |end| PersonalMatch {
            kind: PersonalKind::BirthDate,
            span: Span::new(at, end),
            confidence: Confidence::Medium,
        };
        Ok(match date(scope, at)? {
            Some(end) => WordScan::Found(found(end)),
            None if byte.is_ascii_digit() => WordScan::End,
            None => WordScan::On(at + 1),
        })
    })
}

/// Whether a month's name begins here.
fn is_month(text: &[u8]) -> bool {
    let Some(head) = text.first_chunk::<3>() else { return false };
    let lower = head.to_ascii_lowercase();
    let accent = text.starts_with("fév".as_bytes())
        || text.starts_with("aoû".as_bytes())
        || text.starts_with("mär".as_bytes())
        || text.starts_with("Mär".as_bytes());
    accent || MONTHS.as_bytes().chunks(4).any(|name| name.starts_with(&lower))
}

/// Where the date that begins at `start` ends.
fn date(scope: PersonalScope<'_>, start: usize) -> Result<Option<usize>, TooShort> {
    if !scope.view.text[start].is_ascii_digit() {
        return named_first(scope, start);
    }
    let (first, width, at) = number(scope, start)?;
    match width {
        8 => {
            let whole = is_day(first / 100 % 100, first % 100, first / 10_000)
                || is_day(first / 10_000 % 100, first / 1_000_000, first % 10_000);
            return done(scope, whole, at);
        }
        4 | 1 | 2 => {}
        _ => return Ok(None),
    }
    let Some(sep @ (b'-' | b'/' | b'.' | b' ' | b't' | b's' | b'n' | b'r')) = scope.byte(at)? else {
        return Ok(None);
    };
    let plain =
        if matches!(sep, b'.' | b'-' | b'/') && scope.byte(at + 1)? != Some(b' ') { at + 1 } else { at };
    if plain == at || !scope.byte(plain)?.is_some_and(|b| b.is_ascii_digit()) {
        return if width == 4 { Ok(None) } else { named_second(scope, at) };
    }
    let (second, width2, at) = number(scope, plain)?;
    if scope.byte(at)? != Some(sep) || width2 > 2 || width2 == 0 {
        return Ok(None);
    }
    let (third, width3, at) = number(scope, at + 1)?;
    let whole = match (width, width3) {
        (4, 1 | 2) => is_day(second, third, first),
        (_, 4) => is_day(second, first, third) || is_day(first, second, third),
        (_, 2) => is_day(second, first, 1900 + third) || is_day(first, second, 1900 + third),
        _ => false,
    };
    done(scope, whole, at)
}

/// `March 3, 1985`
fn named_first(scope: PersonalScope<'_>, start: usize) -> Result<Option<usize>, TooShort> {
    let at = letters(scope, start)?;
    let (first, width, at) = number(scope, blanks(scope, at)?)?;
    let at = if width < 3 { ordinal(scope, at)? } else { at };
    let (year, width2, at) = number(scope, blanks(scope, at)?)?;
    done(scope, matches!((width, width2), (1 | 2, 4)) && is_day(1, first, year), at)
}

/// ` March 1985`, `. März 1985`, `rd of March 1985`, ` de marzo de 1985`, behind the day.
fn named_second(scope: PersonalScope<'_>, at: usize) -> Result<Option<usize>, TooShort> {
    let mut at = blanks(scope, ordinal(scope, at)?)?;
    for _ in 0..2 {
        let end = letters(scope, at)?;
        let word = scope.view.text[at..end].to_ascii_lowercase();
        if matches!(word.as_slice(), b"of" | b"de") {
            at = blanks(scope, end)?;
        }
    }
    let end = letters(scope, at)?;
    if !is_month(&scope.view.text[at..end]) {
        return Ok(None);
    }
    let mut at = blanks(scope, end)?;
    let end = letters(scope, at)?;
    if matches!(&scope.view.text[at..end], b"de" | b"del") {
        at = blanks(scope, end)?;
    }
    let (year, width, at) = number(scope, at)?;
    done(scope, width == 4 && YEARS.contains(&year), at)
}

fn done(scope: PersonalScope<'_>, date: bool, end: usize) -> Result<Option<usize>, TooShort> {
    Ok((date && (context::ends(scope, end)? || scope.byte(end)? == Some(b'T'))).then_some(end))
}

fn is_day(month: u32, day: u32, year: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day) && YEARS.contains(&year)
}

/// The number at `at`: value, width (at most 9), end.
fn number(scope: PersonalScope<'_>, at: usize) -> Result<(u32, usize, usize), TooShort> {
    let (mut value, mut end) = (0, at);
    while end - at < 9 {
        let Some(digit @ b'0'..=b'9') = scope.byte(end)? else { break };
        value = value * 10 + u32::from(digit - b'0');
        end += 1;
    }
    Ok((value, end - at, end))
}

/// The end of a word of at most 12 letters; bytes of other alphabets count.
fn letters(scope: PersonalScope<'_>, at: usize) -> Result<usize, TooShort> {
    let mut end = at;
    while end - at < 12 && scope.byte(end)?.is_some_and(|b| b.is_ascii_alphabetic() || b >= 0x80) {
        end += 1;
    }
    Ok(end)
}

/// Behind `st`, `nd`, `rd`, `th`.
fn ordinal(scope: PersonalScope<'_>, at: usize) -> Result<usize, TooShort> {
    let end = letters(scope, at)?;
    Ok(if matches!(&scope.view.text[at..end], b"st" | b"nd" | b"rd" | b"th") { end } else { at })
}

/// Behind at most three blanks, commas, full stops and dashes.
fn blanks(scope: PersonalScope<'_>, at: usize) -> Result<usize, TooShort> {
    let mut end = at;
    while end - at < 3 && matches!(scope.byte(end)?, Some(b' ' | b',' | b'.' | b'-' | b'/')) {
        end += 1;
    }
    Ok(end)
}
