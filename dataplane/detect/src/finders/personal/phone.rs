//! Telephone numbers: international ones by their `+`, national ones by a word before them or by a shape that nothing
//! else has.

use super::group::Groups;
use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use super::{context, words};
use crate::finding::Confidence;
use crate::rule::PersonalKind;
use crate::text::{Span, TooShort};

/// ITU-T E.164: digits of a number with its country code.
const MAX_DIGITS: usize = 15;
/// Fewer digits behind a word are an extension.
const MIN_NATIONAL: usize = 7;
/// The longest number as written, in bytes.
const MAX_WRITTEN: usize = 32;

/// Country codes with the fewest and the most digits that follow, where a numbering plan says so.
const PLANS: &[(&str, usize, usize)] = &[
    ("1", 10, 10),
    ("7", 10, 10),
    ("31", 9, 9),
    ("33", 9, 9),
    ("34", 9, 9),
    ("39", 6, 11),
    ("44", 9, 10),
    ("49", 6, 12),
    ("55", 10, 11),
    ("86", 10, 11),
    ("91", 10, 10),
];
/// The other country codes of two digits.
const TWO: &[u8] = b"2027303236404143454647485152535456575860616263646566818284909293949598";
/// The first two digits of country codes of three digits.
const THREE: &[u8] = b"2122232425262935373842505967686980858788969799";

/// The longest text between a word and its number, in bytes.
const MAX_GAP: usize = 24;
/// Words that may stand there.
const LINKS: [&[u8]; 8] = [b"no", b"nr", b"num", b"number", b"nummer", b"is", b"ist", b"n"];

/// A number as written: its digits, and where it ends.
struct WrittenNumber {
    digits: [u8; MAX_DIGITS],
    count: usize,
    groups: usize,
    end: usize,
}

/// Checks the number whose first digits are those of `groups`.
pub(super) fn classify(scope: PersonalScope<'_>, groups: &Groups) -> PersonalOutcome {
    let at = groups.start();
    let before = &scope.view.text[..at];
    if before.ends_with(b"+") || before.ends_with(b"(+") {
        return international(scope, at);
    }
    if !scope.enabled.has(PersonalKind::PhoneNational) {
        return Ok(None);
    }
    let start = if before.ends_with(b"(") { at - 1 } else { at };
    if !context::is_value_start(scope.view.text, start) {
        return Ok(None);
    }
    if let Some(end) = shaped(scope, groups)? {
        return Ok(Some(PersonalMatch {
            kind: PersonalKind::PhoneNational,
            span: Span::new(start, end),
            confidence: Confidence::Medium,
        }));
    }
    let Some(written) = read(scope, at)? else { return Ok(None) };
    // The plans of all countries begin subscriber numbers so; a date behind `tel` is none.
    let date = matches!(groups.lens(), [4, 2, 2, ..] | [2, 2, 4, ..]);
    if written.count < MIN_NATIONAL || date {
        return Ok(None);
    }
    let words = scope.enabled.words(PersonalKind::PhoneNational);
    let Some(gap) = words::gap(scope.view.text, start, words) else { return Ok(None) };
    let loose = gap.len() > MAX_GAP || (written.groups == 1 && !is_direct(gap));
    if loose {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::PhoneNational,
        span: Span::new(start, written.end),
        confidence: Confidence::Medium,
    }))
}

/// Whether nothing but `no.` and the like stands between a word and a number that is one run of digits.
fn is_direct(gap: &[u8]) -> bool {
    let words = gap.split(|b| !b.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    words.map(<[u8]>::to_ascii_lowercase).all(|word| LINKS.contains(&word.as_slice()))
}

fn international(scope: PersonalScope<'_>, at: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let start = if text[..at - 1].ends_with(b"(") { at - 2 } else { at - 1 };
    if !scope.enabled.has(PersonalKind::PhoneInternational) || !context::is_value_start(text, start) {
        return Ok(None);
    }
    let Some(written) = read(scope, at)? else { return Ok(None) };
    let confidence = if written.groups > 1 { Confidence::High } else { Confidence::Medium };
    let found = PersonalMatch {
        kind: PersonalKind::PhoneInternational,
        span: Span::new(start, written.end),
        confidence,
    };
    let decimal = written.groups == 2 && memchr::memchr(b'.', &text[at..written.end]).is_some();
    Ok((!decimal && has_planned_length(&written.digits[..written.count])).then_some(found))
}

/// Whether a country code and as many digits as its plan has.
fn has_planned_length(digits: &[u8]) -> bool {
    // `+49 (0) 30` repeats the digit that is dialled inside the country.
    let fits = |code: usize, least: usize, most: usize| {
        let rest = digits.len() - code;
        (least..=most).contains(&rest) || (digits[code] == 0 && (least..=most).contains(&(rest - 1)))
    };
    if digits.len() < 8 {
        return false;
    }
    for &(code, least, most) in PLANS {
        if digits.iter().zip(code.as_bytes()).all(|(d, c)| d + b'0' == *c) {
            let north_america = code != "1" || (digits[1] >= 2 && digits[4] >= 2);
            return north_america && fits(code.len(), least, most);
        }
    }
    let pair = [digits[0] + b'0', digits[1] + b'0'];
    if TWO.chunks(2).any(|code| code == pair) {
        return fits(2, 7, 12);
    }
    THREE.chunks(2).any(|code| code == pair) && fits(3, 6, 12)
}

/// Reads digits with what people put between them.
fn read(scope: PersonalScope<'_>, start: usize) -> Result<Option<WrittenNumber>, TooShort> {
    let mut written = WrittenNumber { digits: [0; MAX_DIGITS], count: 0, groups: 0, end: start };
    let mut at = start;
    let mut gap = 1;
    let mut bracket = false;
    while at - start < MAX_WRITTEN {
        match scope.byte(at)? {
            Some(digit @ b'0'..=b'9') => {
                if written.count == MAX_DIGITS {
                    return Ok(None);
                }
                written.digits[written.count] = digit - b'0';
                written.count += 1;
                written.groups += usize::from(gap > 0);
                (gap, written.end) = (0, at + 1);
            }
            Some(sep @ (b' ' | b'-' | b'.' | b'/' | b'(' | b')')) if gap < 3 => {
                if (sep == b'(' && bracket) || (gap > 0 && sep == b' ' && scope.view.text[at - 1] == b' ') {
                    break;
                }
                bracket |= sep == b'(';
                gap += 1;
            }
            _ => break,
        }
        at += 1;
    }
    let time = scope.byte(written.end)? == Some(b':');
    Ok((!time && context::ends(scope, written.end)?).then_some(written))
}

/// Where a number ends that can be nothing else, in its country's own writing.
fn shaped(scope: PersonalScope<'_>, groups: &Groups) -> Result<Option<usize>, TooShort> {
    let text = scope.view.text;
    let at = groups.start();
    let digit = |group: usize| -> u8 {
        let place = if group == 0 { at } else { groups.end(group) + 1 };
        text[place] - b'0'
    };
    if text[..at].ends_with(b"(") {
        return bracketed(scope, groups);
    }
    let lens = groups.lens();
    // United States and Canada: 212-555-0143, 212.555.0143, 1-212-555-0143.
    if let [3, 3, 4, ..] = lens
        && matches!(groups.seps(3), b"--" | b"..")
        && digit(0) >= 2
        && digit(1) >= 2
    {
        return groups.bounded(scope, 3);
    }
    if let [1, 3, 3, 4, ..] = lens
        && groups.seps(4) == b"---"
        && digit(0) == 1
        && digit(1) >= 2
        && digit(2) >= 2
    {
        return groups.bounded(scope, 4);
    }
    // France: 06 12 34 56 78. Rows of bytes go on.
    if let [2, 2, 2, 2, 2] = lens
        && matches!(groups.seps(5), b"    " | b"....")
        && text[at] == b'0'
        && text[at + 1] != b'0'
        && !is_in_row_of_pairs(text, at, groups.end(5))
    {
        return groups.bounded(scope, 5);
    }
    // United Kingdom: 07700 900123, 020 7946 0018. Netherlands: 06-12345678.
    let united_kingdom = match lens {
        [5, 6] => text[at..].starts_with(b"07"),
        [3, 4, 4] => text[at..].starts_with(b"02") && groups.seps(3) == b"  ",
        _ => false,
    };
    let netherlands = matches!(lens, [2, 8]) && text[at..].starts_with(b"06") && groups.seps(2) == b"-";
    if united_kingdom || netherlands {
        return groups.bounded(scope, lens.len());
    }
    Ok(None)
}

/// `(212) 555-0143` and `(11) 98765-4321`.
fn bracketed(scope: PersonalScope<'_>, groups: &Groups) -> Result<Option<usize>, TooShort> {
    let area = groups.end(1);
    if groups.count != 1 || scope.byte(area)? != Some(b')') {
        return Ok(None);
    }
    let next = if scope.byte(area + 1)? == Some(b' ') { area + 2 } else { area + 1 };
    if !scope.byte(next)?.is_some_and(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    let rest = super::group::read(scope, next)?;
    let fits = match (groups.lens(), rest.lens()) {
        ([3], [3, 4, ..]) => matches!(rest.seps(2), b"-" | b"." | b" ") && scope.view.text[next] >= b'2',
        ([2], [5, 4, ..]) => rest.seps(2) == b"-" && scope.view.text[next] == b'9',
        ([2], [4, 4, ..]) => rest.seps(2) == b"-" && matches!(scope.view.text[next], b'2'..=b'5'),
        _ => false,
    };
    let end = rest.end(rest.count.min(2));
    Ok((fits && context::ends(scope, end)?).then_some(end))
}

/// Whether pairs of hexadecimal digits go on before or behind.
fn is_in_row_of_pairs(text: &[u8], start: usize, end: usize) -> bool {
    let pair = |pair: &[u8]| pair.iter().all(u8::is_ascii_hexdigit);
    let before = text[..start].trim_ascii_end();
    let after = text[end..text.len().min(end + 4)].trim_ascii_start();
    let left = before.len() + 2 >= start
        && before.len() >= 2
        && pair(&before[before.len() - 2..])
        && before.get(before.len().wrapping_sub(3)).is_none_or(|b| !b.is_ascii_alphanumeric());
    let right =
        after.len() >= 2 && pair(&after[..2]) && after.get(2).is_none_or(|b| !b.is_ascii_alphanumeric());
    left || right
}
