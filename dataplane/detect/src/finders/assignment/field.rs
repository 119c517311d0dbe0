//! The value of a field in a connection string, `Server=h;Uid=u;Password=x;`: all up to the next `;`, whatever it is made of.

use super::ampersand;
use super::name::AssignedName;
use super::place;
use super::written::{Operator, Value};
use crate::bytes::WORD;
use crate::text::cursor::Cursor;
use crate::text::{Span, TooShort};

/// The longest value that is read up to its `;`.
const MAX_FIELD: usize = 256;
/// What may stand between braces at most.
const MAX_BRACED: usize = 128;
/// A value with more blanks in it is prose.
const MAX_INNER_BLANKS: usize = 4;
/// The longest name of a field.
const MAX_NAME: usize = 24;

/// The value at the cursor, if it is one of a connection string and ends with its field; else it is read like others.
pub(super) fn value(cursor: Cursor<'_>, name: &AssignedName) -> Result<Option<Value>, TooShort> {
    if cursor.peek()? == b'{'
        && let Some(braced) = braced(cursor)?
    {
        return Ok(Some(written(braced)));
    }
    let whole = up_to_end(cursor)?.map(written);
    Ok(whole.filter(|value| place::is_connection_string(cursor.view.text, name, value)))
}

fn written(Span { start, end }: Span) -> Value {
    let operator = Operator::Equals;
    Value { start, end, quoted: false, operator, spaced: false, alone: false, tail: None }
}

/// What stands before the next `;` in the same line, or before the end of the string around it.
fn up_to_end(mut cursor: Cursor<'_>) -> Result<Option<Span>, TooShort> {
    let start = cursor.at;
    let mut blanks = 0;
    while cursor.at - start < MAX_FIELD {
        let byte = cursor.peek()?;
        if byte == b';' || byte == b'"' || (byte == b'<' && cursor.look(1)? == b'/') {
            // The last field ends with the string or the element around it.
            let is_begun = cursor.view.text[start..cursor.at].last();
            let ends = is_begun.is_some_and(|last| byte == b';' || !matches!(last, b' ' | b','));
            return Ok(ends.then_some(Span::new(start, cursor.at)));
        }
        if is_foreign(&cursor, start)? {
            return Ok(None);
        }
        if matches!(byte, b' ' | b',') {
            blanks += 1;
            if blanks > MAX_INNER_BLANKS || is_field_next(cursor)? {
                return Ok(None);
            }
        }
        cursor.at += if byte == b'&' { ampersand::entity(&cursor)?.unwrap_or(1) } else { 1 };
    }
    Ok(None)
}

/// Whether no field without quotes of its own goes on with what stands here.
fn is_foreign(cursor: &Cursor<'_>, start: usize) -> Result<bool, TooShort> {
    Ok(match cursor.peek()? {
        0..b' ' | 0x7f | b'<' => true,
        b'\'' => cursor.at == start,
        // In a string inside a string a backslash stands before its end.
        b'\\' => matches!(cursor.look(1)?, b'n' | b'r' | b't' | b'"' | b'\'' | b'\\'),
        _ => false,
    })
}

/// Whether the name of a field and its `=` follow.
fn is_field_next(mut cursor: Cursor<'_>) -> Result<bool, TooShort> {
    cursor.at += 1;
    cursor.blanks(1)?;
    Ok(cursor.skip(&WORD, MAX_NAME)? > 0 && cursor.peek()? == b'=')
}

/// `Password={a;b};`: braces hold what would end a value.
fn braced(mut cursor: Cursor<'_>) -> Result<Option<Span>, TooShort> {
    cursor.at += 1;
    let start = cursor.at;
    while cursor.at - start < MAX_BRACED
        && cursor.peek()?.is_ascii_graphic()
        && !matches!(cursor.peek()?, b'}' | b'"')
    {
        cursor.at += 1;
    }
    let end = cursor.at;
    if end == start || !cursor.take(b'}')? {
        return Ok(None);
    }
    // A name between braces is to be filled in.
    let inside = &cursor.view.text[start..end];
    let call = inside.contains(&b'(') && inside.ends_with(b")");
    let filled = !call && inside.iter().any(|b| !WORD.has(*b) && !matches!(b, b'.' | b'-'));
    let closed = matches!(cursor.peek()?, b';' | b'"') || cursor.line_end()?;
    Ok((filled && closed).then_some(Span::new(start, end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::TextView;

    #[test]
    fn a_value_ends_with_its_field() {
        let whole = |text: &'static str| {
            let view = TextView { text: text.as_bytes(), last: true };
            up_to_end(Cursor::new(view, 0)).unwrap().map(|span| &text[span.range()])
        };
        for (text, expected) in [
            ("a,b c]d>`e'f;Uid=g", Some("a,b c]d>`e'f")),
            ("a&lt;b&amp;c=d;", Some("a&lt;b&amp;c=d")),
            ("a, Uid=g;", None),
            ("a Uid=g;", None),
            ("a b c d e f;", None),
            ("a,b\";c;", Some("a,b")),
            ("a b</c>;", Some("a b")),
            ("a \"b\";", None),
            ("a<b>;", None),
            ("a\n;", None),
            ("a", None),
            (";", None),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
        let long = |len: usize| -> &'static str { format!("{};", "a".repeat(len)).leak() };
        assert!(whole(long(MAX_FIELD - 1)).is_some() && whole(long(MAX_FIELD)).is_none());
    }
}
