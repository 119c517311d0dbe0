//! Where a value ends that stands in percent-encoded text: at a delimiter of the encoded text. A delimiter that was
//! encoded is a part of the value, or nobody would have encoded it.
//!
//! ```text
//!   user=bob&password=Xq7f%26Kw29%23&x=1      decoded: user=bob&password=Xq7f&Kw29#&x=1
//!                     ^^^^^^^^^^^^^^
//!   postgres://bob:Xq7f%40Kw29%23@db/app      decoded: postgres://bob:Xq7f@Kw29#@db/app
//!                  ^^^^^^^^^^^^^^
//! ```

use super::escapes::percent;
use crate::bytes::{ByteSet, WORD};
use crate::candidate::USERINFO;
use crate::text::Span;

/// What a parameter's value is made of, beside `+`, `=`, brackets, quotes and escapes.
const VALUE: ByteSet = WORD.union(ByteSet::of(b"-.~!$*/:?@|^"));
/// What may end a sentence behind a value, and is none of it there.
const SENTENCE_END: ByteSet = ByteSet::of(b".:?!");
/// What a parameter's name is made of, beside escaped brackets.
const NAME: ByteSet = WORD.union(ByteSet::of(b"-.[]%"));
/// What stands between parameters.
const BETWEEN: ByteSet = ByteSet::of(b"&?;#");
/// What may stand before a name in the same parameter, and between parameters.
const INSIDE: ByteSet = VALUE.union(ByteSet::of(b"=+%,&;#"));

/// Signs that are left as they are and end links in text and code as well.
const CLOSING: ByteSet = ByteSet::of(b"'()");
/// What stands between such a sign and the rest of a value.
const SIGNS: ByteSet = ByteSet::of(b"!'()*-.~");

/// The longest name of a parameter, in bytes, and how far before it the parameter's beginning may be.
const MAX_NAME: usize = 64;
const MAX_BEFORE: usize = 128;
/// What a value may begin with that is taken for the sign before it, or for its quote, where it is decoded.
const LEADING: ByteSet = ByteSet::of(b"\"'` =~>:<[{(");
/// So many of them may a value begin with.
const MAX_LEADING: usize = 4;
/// Letters before the quote of a string in programs, and how many there may be.
const PREFIX: ByteSet = ByteSet::of(b"bBrRuUfFLN@");
const MAX_PREFIX: usize = 2;
/// So many bytes may a value go on behind what was found of it.
const MAX_REST: usize = 1024;
/// A value of more words is prose.
const MAX_BLANKS: usize = 8;

/// The value of the parameter that begins at `place`, or with quotes and blanks before it; `limit` is where the encoded
/// text ends. `None` if no parameter begins there. `plus` says that `+` is a blank.
pub(crate) fn value(text: &[u8], place: Span, limit: usize, plus: bool) -> Option<Span> {
    let start = value_start(text, place.start, plus);
    let equals = start.checked_sub(1)?;
    if !is_parameter(text, equals) {
        return None;
    }
    let limit = limit.min(place.end + MAX_REST);
    // A quote that was encoded opened no string that goes on behind the parameter.
    let mut signs = memchr::memchr_iter(b'&', &text[place.range()]).map(|at| place.start + at);
    let end = signs
        .find(|at| is_separator(text, *at))
        .unwrap_or_else(|| value_end(text, place.end, limit, plus, around(text, equals)));
    let end = with_signs(text, Span::new(start, end), limit);
    // `%22x%22`: a string is what stands between its quotes.
    let opening = &text[start + PREFIX.run(&text[start..place.start], MAX_PREFIX)..place.start];
    let is_string = matches!(percent(opening), Some(b'"' | b'\'' | b'`'))
        && opening == text.get(place.end..end).unwrap_or_default();
    (!is_string).then_some(Span::new(start, end))
}

/// The end of an encoded value with the signs behind it that end sentences elsewhere, where the next parameter follows them.
fn with_signs(text: &[u8], Span { start, end }: Span, limit: usize) -> usize {
    let cut = end + SENTENCE_END.run(text.get(end..limit).unwrap_or_default(), MAX_REST);
    let is_encoded = memchr::memchr(b'%', &text[start..end]).is_some();
    if is_encoded && text.get(cut) == Some(&b'&') { cut } else { end }
}

/// Whether the value that `found` is a part of may go on behind `whole`, of which no more was read.
pub(crate) fn is_cut(found: Span, whole: Span) -> bool {
    whole.end >= found.end + MAX_REST
}

/// Whether the name of another parameter stands behind the `&` at `at`, which may be written as in a page.
fn is_separator(text: &[u8], at: usize) -> bool {
    let rest = &text[at + 1..];
    let rest = rest.strip_prefix(b"amp;").unwrap_or(rest);
    let name = NAME.run(rest, MAX_NAME);
    name > 0 && rest.get(name) == Some(&b'=')
}

/// The end of the password of a URL that begins at `place`, if its `@` is not encoded.
pub(crate) fn userinfo_end(text: &[u8], place: Span, limit: usize) -> Option<usize> {
    let end = place.end + USERINFO.run(&text[place.end..limit.max(place.end)], MAX_REST);
    let is_literal = place.start > 0 && matches!(text[place.start - 1], b':' | b'/');
    (is_literal && text.get(end) == Some(&b'@')).then_some(end)
}

/// Goes back over encoded quotes, blanks and operators, and over the letters that may stand before a string's quote.
fn value_start(text: &[u8], mut start: usize, plus: bool) -> usize {
    for _ in 0..MAX_LEADING {
        let escape = start
            .checked_sub(3)
            .filter(|at| percent(&text[*at..start]).is_some_and(|byte| LEADING.has(byte)));
        match escape {
            Some(at) => start = at,
            None if plus && start > 0 && text[start - 1] == b'+' => start -= 1,
            // `=x` behind the sign of the parameter.
            None if matches!(text[..start], [.., b'=', b'=' | b'~' | b'>']) => start -= 1,
            None => break,
        }
    }
    let letters = PREFIX.run_back(&text[..start], MAX_PREFIX);
    if text[..start - letters].ends_with(b"=") { start - letters } else { start }
}

/// Whether `equals` is the sign behind the name of a parameter: the first one in it.
fn is_parameter(text: &[u8], equals: usize) -> bool {
    if text[equals] != b'=' {
        return false;
    }
    let length = NAME.run_back(&text[..equals], MAX_NAME);
    let (before, name) = text[..equals].split_at(equals - length);
    let is_bracket = |at: usize| matches!(percent(&name[at..]), Some(b'[' | b']'));
    if length == 0 || length == MAX_NAME || !memchr::memchr_iter(b'%', name).all(is_bracket) {
        return false;
    }
    let run = &before[before.len() - INSIDE.run_back(before, MAX_BEFORE)..];
    match run.iter().rposition(|byte| BETWEEN.has(*byte)) {
        Some(at) => !run[at..].iter().any(|byte| matches!(byte, b'=' | b'+' | b'%')),
        None => run.last().is_none_or(|byte| !matches!(byte, b'=' | b'+')) && !run.contains(&b'='),
    }
}

/// Goes on to the delimiter that is not encoded. `around` is what stands before the link or form.
fn value_end(text: &[u8], from: usize, limit: usize, plus: bool, around: Option<u8>) -> usize {
    // Signs that end a sentence are taken from the end of a value in the decoded text.
    let cut = from + SENTENCE_END.run(&text[from..], MAX_REST);
    let is_cut = percent(&text[cut..]).is_some()
        || (plus && text.get(cut) == Some(&b'+'))
        || goes_on(text, cut, limit, around);
    if !is_cut || from >= limit {
        return from;
    }
    let (mut end, mut depth) = (from, 0);
    let (mut blank, mut blanks) = (from, 0);
    while end < limit {
        let (byte, width) = match percent(&text[end..limit]) {
            // No value has line ends.
            Some(..b' ') => break,
            Some(byte) => (byte, 3),
            None if plus && text[end] == b'+' => (b' ', 1),
            None => (text[end], 1),
        };
        match (byte, width) {
            (b' ', _) if width == 3 || plus => {
                (blank, blanks) = (end, blanks + 1);
                if blanks > MAX_BLANKS {
                    return from;
                }
            }
            (_, 3) | (b'+', _) => {}
            // `x%20user=bob`: the next of several settings, of which only the blanks are encoded.
            (b'=', _) if blanks > 0 && is_name(text, blank, end) => return blank,
            (b'=', _) => {}
            (b'(' | b'[' | b'{', _) => depth += 1,
            (b')' | b']' | b'}', _) if depth > 0 => depth -= 1,
            _ if VALUE.has(byte) => {}
            // `encodeURIComponent` leaves these as they are. What goes on behind them is the same value.
            (b'\'' | b')', _) if goes_on(text, end, limit, around) => {}
            _ => break,
        }
        end += width;
    }
    let is_delimited = matches!(text.get(end), Some(b'&' | b'#'));
    while !is_delimited && end > from && SENTENCE_END.has(text[end - 1]) {
        end -= 1;
    }
    end
}

/// Whether more of a value follows the sign at `at`, if there is one that does not end what stands `around`.
fn goes_on(text: &[u8], at: usize, limit: usize, around: Option<u8>) -> bool {
    let rest = &text[at.min(limit)..limit];
    let is_closing = match (rest.first(), around) {
        (Some(b'\''), Some(b'\'')) | (Some(b')'), Some(b'(')) | (None, _) => false,
        (Some(sign), _) => CLOSING.has(*sign),
    };
    is_closing && rest.get(SIGNS.run(rest, MAX_REST)).is_some_and(|next| WORD.has(*next) || *next == b'%')
}

/// What stands before the link or form that the sign at `equals` is in: of those that have a partner behind it.
fn around(text: &[u8], equals: usize) -> Option<u8> {
    let before = &text[equals.saturating_sub(MAX_BEFORE)..equals];
    before
        .iter()
        .rev()
        .copied()
        .find(|byte| matches!(byte, b'\'' | b'(' | b'"' | b'`' | b'<' | b'>' | ..=b' '))
}

/// Whether a name stands between an encoded blank and the sign at `equals`, and a value behind that.
fn is_name(text: &[u8], blank: usize, equals: usize) -> bool {
    let start = blank + if text[blank] == b'+' { 1 } else { 3 };
    let name = &text[start..equals];
    !name.is_empty()
        && name.iter().all(|byte| WORD.has(*byte) || matches!(byte, b'-' | b'.'))
        && text.get(equals + 1).is_some_and(|byte| VALUE.has(*byte) || *byte == b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole value of `found` in `text`.
    fn whole<'t>(text: &'t str, found: &str) -> Option<&'t str> {
        let start = text.find(found).unwrap();
        let span = value(text.as_bytes(), Span::new(start, start + found.len()), text.len(), true)?;
        Some(&text[span.range()])
    }

    #[test]
    fn a_value_goes_on_to_the_delimiter_that_is_not_encoded() {
        for (text, found, expected) in [
            ("a=b&password=xy%26z%23&c=d", "xy", Some("xy%26z%23")),
            ("password=xy.%3Bz&c=d", "xy", Some("xy.%3Bz")),
            ("password=xy?!+z&c=d", "xy", Some("xy?!+z")),
            ("password=xy.&c=d", "xy", Some("xy")),
            ("password=xy%26z!&c=d", "xy", Some("xy%26z!")),
            ("password=%7Bxy%3B.&c=d", "xy%3B", Some("%7Bxy%3B.")),
            ("password=%7Bxy%3B.", "xy%3B", Some("%7Bxy%3B")),
            ("password=xy%26z!\" ok", "xy", Some("xy%26z")),
            ("password=xy'a4&c=d", "xy", Some("xy'a4")),
            ("password=xy%26z)a'b&c=d", "xy", Some("xy%26z)a'b")),
            ("('h/?password=xy%26z')", "xy", Some("xy%26z")),
            ("f('h/?password=xy%26z').then(g", "xy", Some("xy%26z")),
            ("[a](h/?password=xy%26z).b", "xy", Some("xy%26z")),
            ("password=xy%3A'!4Rk&c=d", "xy", Some("xy%3A'!4Rk")),
            ("password=xy'(~*a)&c=d", "xy", Some("xy'(~*a)")),
            ("password=%22xy%27z#top", "xy", Some("%22xy%27z")),
            ("password=%22xy%22&c=d", "xy", None),
            ("password=xy+z&c=d", "xy", Some("xy+z")),
            ("password=f%22xy%26z&c=d", "xy", Some("f%22xy%26z")),
            ("password=f%22xy%22&c=d", "xy", None),
            ("password=%3E%5Bxy%26z&c=d", "xy", Some("%3E%5Bxy%26z")),
            ("password==xy%26z&c=d", "xy", Some("=xy%26z")),
            ("password=%22xy&amp;c=d", "xy&amp;c=d", Some("%22xy")),
            ("user%5Bpassword%5D=xy%20z)", "xy", Some("xy%20z")),
            ("(h/?password=xy%20z(1))", "xy", Some("xy%20z(1)")),
            ("see h/?password=xy%20z.", "xy", Some("xy%20z")),
            ("password=xy%0Ac%3Dd", "xy", Some("xy")),
            ("password=xy%20user=bob", "xy", Some("xy")),
            ("password=xy%20z%20user=bob", "xy", Some("xy%20z")),
            ("password=xy%20z==", "xy", Some("xy%20z==")),
            ("password=xy%20a%20b%20c%20d%20e%20f%20g%20h%20i", "xy", Some("xy")),
            ("q=my%20password=xy%20is", "xy", None),
            ("q=it:password=xy%20is", "xy", None),
            ("q=my+password=xy+is", "xy", None),
            ("the%20password=xy%20is", "xy", None),
            ("password%3Dxy%26z", "xy", None),
            ("a=b\npassword=xy%26z", "xy", Some("xy%26z")),
            ("{password=xy%26z}", "xy", Some("xy%26z")),
        ] {
            assert_eq!(whole(text, found), expected, "{text}");
        }
        let long = format!("password=xy{}", "%26z".repeat(MAX_REST));
        assert_eq!(whole(&long, "xy").map(str::len), Some(2 + MAX_REST));
    }

    #[test]
    fn a_password_of_a_url_ends_before_the_sign_that_is_not_encoded() {
        for (text, found, end) in [
            ("u://b:xy%40z%23@h", "xy", Some(15)),
            ("u://b:xy%40z", "xy", None),
            ("u%3A%2F%2Fb%3Axy%40z%23@h", "xy", None),
        ] {
            let start = text.find(found).unwrap();
            let place = Span::new(start, start + found.len());
            assert_eq!(userinfo_end(text.as_bytes(), place, text.len()), end, "{text}");
        }
    }
}
