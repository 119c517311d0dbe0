//! Where the value of a form's field begins and ends. In the decoded view a delimiter that was encoded, and so belongs to
//! the value, looks like one that was not.

use aegis_detect::{LOOKAHEAD, Span};

use crate::format::hex;
use crate::request::scan::view::DecodedView;

/// What a value may begin with that is taken for the sign before it, or for its quote, where it is decoded.
const LEADING: &[u8] = b"\"'` =~>:<[{(";
/// So many of them may a value begin with.
const MAX_LEADING: usize = 4;
/// Letters before the quote of a string in programs, and how many there may be.
const PREFIX: &[u8] = b"bBrRuUfFLN@";
const MAX_PREFIX: usize = 2;
/// How far a value goes on behind what was found of it, in decoded bytes: no more than is always in sight.
const MAX_REST: usize = LOOKAHEAD;

/// The whole value of the field that `found` begins, with no more than quotes and blanks before it; `last` says that the
/// form ends with `raw`, whose finished view has the findings.
pub(crate) fn whole_value(view: &DecodedView, raw: &[u8], found: Span, last: bool) -> Option<Span> {
    let start = value_start(raw, view.raw_start(found.start));
    if !begins_field(view, raw, start) {
        return None;
    }
    let from = view.raw_end(found.end);
    let end = match memchr::memchr(b'&', &raw[from..]) {
        Some(length) => from + length,
        None if last => raw.len(),
        None => return None,
    };
    let value = Span::new(view.view_of(start), view.view_of(end));
    let leading = &raw[start..view.raw_start(found.start)];
    let opening = &leading[prefix_len(leading)..];
    // `%22x%22`: a string is what stands between its quotes.
    let is_string = matches!(opening, b"%22" | b"%27" | b"%60") && opening == &raw[from..end];
    (!is_string && value.end <= found.end + MAX_REST).then_some(value)
}

/// The fields that begin in `raw`, have a value in which something is encoded, and end in sight.
pub(crate) fn with_escapes(raw: &[u8], last: bool) -> impl Iterator<Item = FormField> + '_ {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        let length = memchr::memchr(b'&', raw.get(start..)?);
        let end = length.map_or(raw.len(), |length| start + length);
        next = end + 1;
        (length.is_some() || last).then_some((start, end))
    })
    .filter_map(move |(start, end)| {
        let value = start + memchr::memchr(b'=', &raw[start..end])? + 1;
        let is_encoded = memchr::memchr2(b'%', b'+', &raw[value..end]).is_some();
        // From the name on, or the end of a field that begins in what is settled may be out of sight.
        (is_encoded && end - start <= MAX_REST).then_some(FormField { start, value, end })
    })
}

/// Where a field of a form stands in its raw bytes.
#[derive(Clone, Copy)]
pub(crate) struct FormField {
    /// Where its name begins.
    pub(crate) start: usize,
    /// Where its value begins.
    pub(crate) value: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// Goes back over encoded quotes, blanks and operators, and over the letters that may stand before a string's quote.
fn value_start(raw: &[u8], mut start: usize) -> usize {
    for _ in 0..MAX_LEADING {
        start -= match &raw[..start] {
            [.., b'+'] => 1,
            [.., b'%', high, low] if decoded(*high, *low).is_some_and(|byte| LEADING.contains(&byte)) => 3,
            _ => break,
        };
    }
    let letters = raw[..start].iter().rev().take(MAX_PREFIX).take_while(|b| PREFIX.contains(b)).count();
    if raw[..start - letters].ends_with(b"=") { start - letters } else { start }
}

/// How many letters begin `leading`, which stands before what was found of a value.
fn prefix_len(leading: &[u8]) -> usize {
    leading.iter().take(MAX_PREFIX).take_while(|byte| PREFIX.contains(byte)).count()
}

/// The byte that is percent-encoded with these digits.
fn decoded(high: u8, low: u8) -> Option<u8> {
    Some(hex(high)? << 4 | hex(low)?)
}

/// Whether the first sign behind the name of a field stands right before `start`.
fn begins_field(view: &DecodedView, raw: &[u8], start: usize) -> bool {
    let Some(sign) = start.checked_sub(1) else {
        // The name stands in the window before.
        return view.fresh() > 0 && view.text(raw)[view.fresh() - 1] == b'=';
    };
    if raw[sign] != b'=' {
        return false;
    }
    match memchr::memrchr2(b'&', b'=', &raw[..sign]) {
        Some(at) => raw[at] == b'&' && at + 1 < sign,
        None => sign > 0,
    }
}
