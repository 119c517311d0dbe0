//! What an `&` in a value without quotes is: the sign between parameters, the beginning of an entity, or a character like
//! others.

use super::name::AssignedName;
use super::written::MAX_WORD;
use crate::bytes::{ByteSet, WORD};
use crate::encodings::escapes;
use crate::text::TooShort;
use crate::text::cursor::Cursor;

/// What stands between the sign before a parameter and a name in it.
const NAME: ByteSet = WORD.union(ByteSet::of(b"-.[]%"));
/// How far before a name that sign is looked for, and how far the `;` of a connection string's field before it.
const REACH: usize = 64;
/// How entities write `&`.
const AMPERSANDS: [&[u8]; 4] = [b"&amp;", b"&#38;", b"&#x26;", b"&#038;"];

/// What a name and its value are a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// The parameters of a query or a form: an `&` ends a value.
    Query,
    /// The same in a page, where each `&` is written `&amp;`: other entities are of the value.
    EscapedQuery,
    /// The fields of a connection string, between which `;` stands: entities are of the value.
    Fields,
    Other,
}

/// What a name is a part of; `is_tied` says that its value follows behind `=` without blanks.
pub(super) fn around(text: &[u8], name: &AssignedName, is_tied: bool) -> Around {
    let before = &text[..name.start];
    let before = &before[..before.len() - NAME.run_back(before, REACH)];
    if AMPERSANDS.iter().any(|written| before.ends_with(written)) {
        return Around::EscapedQuery;
    }
    if matches!(before.last(), Some(b'?' | b'&')) {
        return Around::Query;
    }
    let is_field = is_tied && text[name.start.saturating_sub(REACH)..name.start].contains(&b';');
    if is_field { Around::Fields } else { Around::Other }
}

/// How many bytes of the value the `&` at the cursor begins; `None` if the value ends before it.
pub(super) fn width(cursor: &Cursor<'_>, around: Around) -> Result<Option<usize>, TooShort> {
    let rest = &cursor.view.text[cursor.at..];
    let entity = entity(cursor)?;
    let (is_entity, width) = (entity.is_some(), entity.unwrap_or(1));
    let is_ampersand = AMPERSANDS.iter().any(|written| rest.starts_with(written));
    let behind = if is_ampersand { width } else { 1 };
    let mut name = Cursor { at: cursor.at + behind, ..*cursor };
    let is_parameter = name.skip(&NAME, MAX_WORD)? > 0 && name.peek()? == b'=';
    let next = cursor.look(width)?;
    let is_part = match around {
        Around::Query => false,
        Around::EscapedQuery => is_entity && !is_ampersand && goes_on(next),
        Around::Fields => !is_parameter && (!is_entity || is_ampersand || goes_on(next)),
        Around::Other => !is_parameter && !is_entity,
    };
    Ok(is_part.then_some(width))
}

/// The width of the entity at the cursor, if one stands there.
pub(super) fn entity(cursor: &Cursor<'_>) -> Result<Option<usize>, TooShort> {
    let mut ahead = *cursor;
    ahead.at += 1;
    ahead.take(b'#')?;
    let is_named = ahead.skip(&WORD, MAX_WORD)? > 0 && ahead.peek()? == b';';
    let is_entity = is_named && escapes::is_escape(&cursor.view.text[cursor.at..]);
    Ok(is_entity.then_some(ahead.at + 1 - cursor.at))
}

/// Whether a value can go on with this byte behind an entity, which would else be the quote or tag that ends it.
fn goes_on(byte: u8) -> bool {
    WORD.has(byte) || matches!(byte, b'&' | b'%' | b'!' | b'$' | b'*' | b'+' | b'.' | b'-' | b'~' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Strength;
    use crate::text::{Span, TextView};

    /// What of the `&` in `text` is of the value of `pw`.
    fn of_value(text: &str) -> Option<&str> {
        let start = text.rfind("pw").unwrap();
        let keyword = Span::new(start, start + 2);
        let name =
            AssignedName { start, keyword, end: start + 2, strength: Strength::Password, loose: false };
        let at = start + text[start..].find('&').unwrap();
        let cursor = Cursor::new(TextView { text: text.as_bytes(), last: true }, at);
        let width = width(&cursor, around(text.as_bytes(), &name, true)).unwrap()?;
        Some(&text[at..at + width])
    }

    #[test]
    fn an_ampersand_ends_a_value_where_parameters_stand() {
        for (text, expected) in [
            ("h/?pw=a&b=c", None),
            ("h/?x=y&pw=a&b", None),
            ("h/?user[pw]=a&b", None),
            ("h/?x=y&amp;pw=a&amp;b=c", None),
            ("h/?x=y&amp;pw=a&#39;b", Some("&#39;")),
            ("h/?x=y&amp;pw=a&quot;>", None),
            ("pw=a&b=c", None),
            ("pw=a&b", Some("&")),
            ("pw=a&b;", Some("&")),
            ("pw=a&amp;b", None),
            ("pw=a&quot;", None),
            ("Server=s;pw=a&amp;b;", Some("&amp;")),
            ("Server=s;pw=a&amp;b=c", None),
            ("Server=s;pw=a&lt;b;", Some("&lt;")),
            ("Server=s;pw=a&#60;b;", Some("&#60;")),
            ("Server=s;pw=a&quot; x", None),
            ("Server=s;pw=a&lt;/b", None),
            ("Server=s;pw=a&b;", Some("&")),
        ] {
            assert_eq!(of_value(text), expected, "{text}");
        }
    }
}
