//! Where the value of a form's field begins and ends. In the decoded view a delimiter that was encoded, and so belongs to
//! the value, looks like one that was not.

use aegis_detect::{LOOKAHEAD, Span};

use crate::request::scan::view::DecodedView;

/// So many encoded quotes and blanks may a value begin with.
const MAX_LEADING: usize = 4;
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
    let opening = &raw[start..view.raw_start(found.start)];
    // `%22x%22`: a string is what stands between its quotes.
    let is_string = matches!(opening, b"%22" | b"%27" | b"%60") && opening == &raw[from..end];
    (!is_string && value.end <= found.end + MAX_REST).then_some(value)
}

/// The fields that begin in `raw`, have a value in which something is encoded, and end in sight.
pub(crate) fn with_escapes(raw: &[u8], last: bool) -> impl Iterator<Item = Field> + '_ {
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
        (is_encoded && end - value <= MAX_REST).then_some(Field { start, value, end })
    })
}

/// Where a field of a form stands in its raw bytes.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    /// Where its name begins.
    pub(crate) start: usize,
    /// Where its value begins.
    pub(crate) value: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// Goes back over encoded quotes and blanks.
fn value_start(raw: &[u8], mut start: usize) -> usize {
    for _ in 0..MAX_LEADING {
        let before = &raw[..start];
        start -= match before {
            [.., b'+'] => 1,
            [.., b'%', b'2', b'0' | b'2' | b'7'] | [.., b'%', b'6', b'0'] => 3,
            _ => break,
        };
    }
    start
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
