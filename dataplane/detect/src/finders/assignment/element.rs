//! The text of an XML element: what stands between its tags is the value, whatever signs it is made of.
//!
//! Read as it stands, a value holds entities (`a&lt;b`); read once more with those decoded, it holds what they stand for.
//! So neither `&` nor `<` nor a quote ends it, but the element's end does.

use super::name::AssignedName;
use super::quotes::MAX_VALUE;
use super::read::MAX_OPERATORS;
use super::written::{MAX_BLANKS, Operator, Parsed, Value};
use crate::bytes::{ALNUM, ByteSet, SPACE, WORD};
use crate::candidate::Tail;
use crate::text::cursor::Cursor;
use crate::text::{Span, TooShort};

/// What precedes text that ends with [`SECTION_END`] only.
const SECTION: &[u8] = b"<![CDATA[";
const SECTION_END: &[u8] = b"]]>";
/// How far before a name the tag that it stands in may begin.
const MAX_TAG: usize = 96;
/// What the names of elements are made of.
const TAG: ByteSet = WORD.union(ByteSet::of(b".-:"));
/// A value with more blanks in it is prose.
const MAX_INNER_BLANKS: usize = 4;

/// Reads the text of the element whose start tag ends at the cursor.
pub(super) fn text(mut cursor: Cursor<'_>, name: &AssignedName) -> Result<Parsed, TooShort> {
    cursor.spaces(MAX_BLANKS)?;
    let is_section = cursor.word(SECTION)?;
    cursor.spaces(MAX_BLANKS)?;
    let tag = if is_section { None } else { tag_of(cursor.view.text, name) };
    let start = cursor.at;
    let mut end = start;
    let (mut blanks, mut operators) = (0, 0);
    while cursor.at - start < MAX_VALUE {
        let byte = cursor.peek()?;
        if ends(&cursor, is_section, tag)? {
            return Ok(value(Span::new(start, end), None));
        }
        match byte {
            // White space before the end is none of the value.
            _ if SPACE.has(byte) || cursor.escape(b"nrt")?.is_some() => {
                let mut behind = cursor;
                let count = behind.spaces(MAX_BLANKS)?;
                blanks += count;
                let is_end = ends(&behind, is_section, tag)?;
                if is_end || (byte == b' ' && behind.at - cursor.at == count && blanks <= MAX_INNER_BLANKS) {
                    cursor.at = behind.at;
                    continue;
                }
                // A backslash of its own.
                if byte != b'\\' {
                    return Ok(None);
                }
                blanks -= count;
            }
            0..b' ' | 0x7f => return Ok(None),
            b'<' if is_section && cursor.clone().word(SECTION)? => return Ok(None),
            b'<' if !is_section && is_tag(&cursor)? => return Ok(None),
            // A chain of assignments is no value, and each of them begins here again.
            b'=' | b':' => operators += 1,
            _ => {}
        }
        if operators > MAX_OPERATORS {
            return Ok(None);
        }
        cursor.at += 1;
        end = cursor.at;
    }
    Ok(value(Span::new(start, end), (blanks == 0).then_some(Tail::Bare)))
}

fn value(Span { start, end }: Span, tail: Option<Tail>) -> Parsed {
    let operator = Operator::Tag;
    (start < end).then_some(Value { start, end, quoted: false, operator, spaced: false, alone: false, tail })
}

/// Whether the element, or the section in it, ends here.
fn ends(cursor: &Cursor<'_>, is_section: bool, tag: Option<&[u8]>) -> Result<bool, TooShort> {
    let mut ahead = *cursor;
    if is_section {
        return ahead.word(SECTION_END);
    }
    if !ahead.word(b"</")? {
        return Ok(false);
    }
    if tag.is_some_and(|tag| ahead.view.text[ahead.at..].starts_with(tag)) {
        return Ok(true);
    }
    let length = ahead.skip(&TAG, MAX_TAG)?;
    Ok(length > 0 && ahead.peek()? == b'>')
}

/// Whether a whole tag stands here: then the element holds others, and not a value.
fn is_tag(cursor: &Cursor<'_>) -> Result<bool, TooShort> {
    let mut ahead = Cursor { at: cursor.at + 1, ..*cursor };
    if !ahead.peek()?.is_ascii_alphabetic() {
        return Ok(matches!(ahead.peek()?, b'!' | b'?'));
    }
    ahead.skip(&TAG, MAX_TAG)?;
    let attributes = ahead.blanks(1)?;
    ahead.take(b'/')?;
    Ok(attributes > 0 || ahead.peek()? == b'>')
}

/// The name of the element in whose start tag a name stands.
fn tag_of<'a>(text: &'a [u8], name: &AssignedName) -> Option<&'a [u8]> {
    let from = name.start.saturating_sub(MAX_TAG);
    let open = from + memchr::memrchr(b'<', &text[from..name.start])? + 1;
    let tag = &text[open..open + TAG.run(&text[open..], MAX_TAG)];
    tag.first().is_some_and(|byte| ALNUM.has(*byte)).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Strength;
    use crate::text::TextView;

    /// The text of the last element of `text` whose name or attribute is `password`.
    fn read(text: &str) -> Option<&str> {
        let start = text.find("password").unwrap();
        let end = start + "password".len();
        let keyword = Span::new(start, end);
        let name = AssignedName { start, keyword, end, strength: Strength::Password, loose: false };
        let behind = end + text[end..].find('>').unwrap() + 1;
        let cursor = Cursor::new(TextView { text: text.as_bytes(), last: true }, behind);
        super::text(cursor, &name).unwrap().map(|value| &text[value.start..value.end])
    }

    #[test]
    fn a_value_ends_with_its_element() {
        for (text, expected) in [
            ("<password>a&lt;b</password>", "a&lt;b"),
            ("<password>a<b\"c'd,e;f>g&h</password>", "a<b\"c'd,e;f>g&h"),
            ("<password>a</b</password>", "a</b"),
            ("<password>\n  a b \n</password>", "a b"),
            ("<password>\\n a\\n</password>", "a"),
            ("<property name=\"password\">a</property>", "a"),
            ("<property name=\"password\">a</other>", "a"),
            ("<x:password>a</x:password>", "a"),
            ("<password><![CDATA[a<b>&]]\"</c>]]></password>", "a<b>&]]\"</c>"),
            ("<password>\n<![CDATA[ a ]]>\n</password>", "a"),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn prose_and_elements_are_no_value() {
        for text in [
            "<password></password>",
            "<password> </password>",
            "<password>a<b>c</b></password>",
            "<password>a<br/></password>",
            "<password>a<b class=\"c\">d</b></password>",
            "<password><!-- a --></password>",
            "<password>it is not what it was</password>",
            "<password>a\nb</password>",
            "<password><![CDATA[a<![CDATA[b]]></password>",
            "<password>a",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn no_more_of_a_text_is_read_than_of_other_values() {
        let element = |len: usize| format!("<password>{}</password>", "a".repeat(len));
        assert_eq!(read(&element(MAX_VALUE - 1)).map(str::len), Some(MAX_VALUE - 1));
        assert_eq!(read(&element(MAX_VALUE + 1)).map(str::len), Some(MAX_VALUE));
    }
}
