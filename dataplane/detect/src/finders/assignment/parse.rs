//! From a name to its value: what may close a name, and the operators that tie a value to it, each step bounded.

use super::ampersand::{self, Around};
use super::name::AssignedName;
use super::written::{MAX_BLANKS, MAX_WORD, Operator, Parsed};
use super::{element, fallback, member, prose, quotes, read, remote};
use crate::bytes::{ALNUM, ByteSet, WORD};
use crate::rule::Strength;
use crate::text::cursor::Cursor;
use crate::text::{TextView, TooShort};

/// How many line ends and blanks may stand before a value in a line of its own.
const MAX_INDENT: usize = 96;
/// How many bytes of attributes may stand in an element's tag.
const MAX_ATTRIBUTES: usize = 160;

/// Reads what is assigned to the name.
pub(super) fn assignment(view: TextView<'_>, name: &AssignedName) -> Result<Parsed, TooShort> {
    let mut cursor = Cursor::new(view, name.end);
    let closed = closers(&mut cursor)?;
    index(&mut cursor)?;
    if is_tag_name(view.text, name) {
        attributes(&mut cursor)?;
    }
    if cursor.peek()? == b'>' && (closed || is_tag_name(view.text, name)) {
        cursor.at += 1;
        return element::text(cursor, name);
    }
    if let Some((behind, operator)) = remote::value_place(cursor, name, closed)? {
        return read::value(behind, name, operator, false);
    }
    if let Some(place) = member::value_place(cursor, closed)? {
        return read::value(place, name, Operator::Colon, true);
    }
    let before = cursor.blanks(MAX_BLANKS)?;
    if closed && before > 0 {
        let mut attribute = cursor;
        if attribute.word(b"value")? {
            cursor = attribute;
            cursor.blanks(MAX_BLANKS)?;
        }
    }
    let Some(operator) = operator(&mut cursor, name, closed, before)? else { return Ok(None) };
    let after = cursor.blanks(MAX_BLANKS)?;
    // `["password",` and the value below it, `["password"]=>` and `string(9) "x"` below it.
    if closed && matches!(operator, Operator::Comma | Operator::Equals) && cursor.line_end()? {
        let mut below = cursor;
        if name.loose || name.strength == Strength::Service || name.end != name.keyword.end {
            return Ok(None);
        }
        below.spaces(MAX_INDENT)?;
        php_type(&mut below)?;
        if quotes::opening_quote(&mut below.clone())?.is_none() {
            return Ok(None);
        }
        let value = read::value(below, name, operator, true)?;
        return Ok(value.filter(|value| !prose::is_word(&view.text[value.start..value.end])));
    }
    if operator == Operator::Colon && !closed && cursor.line_end()? {
        return below(cursor, name);
    }
    if operator == Operator::Colon
        && let Some(block) = remote::block(cursor, name)?
    {
        return read::unquoted(block, name, operator, false);
    }
    read::value(cursor, name, operator, before > 0 || after > 0)
}

/// What may close a name: quotes, brackets, Markdown's stars, TypeScript's `?`. Says whether a quote was among them.
fn closers(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    let mut quoted = false;
    for _ in 0..8 {
        match cursor.peek()? {
            b'"' | b'\'' | b'`' => quoted = true,
            b'\\' if matches!(cursor.look(1)?, b'"' | b'\'' | b'\\') => {}
            b'[' if cursor.look(1)? == b']' => {}
            b']' | b'*' | b'}' | b'?' | b')' => {}
            // `user%5Bpassword%5D=x`
            b'%' if cursor.look(1)? == b'5' && matches!(cursor.look(2)?, b'D' | b'd') => cursor.at += 2,
            _ => break,
        }
        cursor.at += 1;
    }
    Ok(quoted)
}

/// `password['db'] = x`: an index by a name; `password[32] = "x"`: an array's length.
fn index(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    let mut ahead = *cursor;
    if !ahead.take(b'[')? {
        return Ok(());
    }
    if ahead.skip(&WORD, MAX_WORD)? > 0 {
        if ahead.take(b']')? {
            *cursor = ahead;
        }
        return Ok(());
    }
    if quotes::opening_quote(&mut ahead)?.is_some() {
        ahead.skip(&WORD.with(b'-', b'-'), MAX_WORD)?;
        ahead.skip(&ByteSet::of(b"\\"), 7)?;
        if matches!(ahead.peek()?, b'"' | b'\'') && ahead.look(1)? == b']' {
            ahead.at += 2;
            *cursor = ahead;
        }
    }
    Ok(())
}

/// `<password type="plain">x`: skips the attributes of an element whose name is the name.
fn attributes(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    let mut ahead = *cursor;
    if ahead.blanks(1)? == 0 || ahead.skip(&WORD, MAX_WORD)? == 0 || !ahead.take(b'=')? {
        return Ok(());
    }
    let mut open = None;
    for _ in 0..MAX_ATTRIBUTES {
        match ahead.peek()? {
            b'>' if open.is_none() => {
                *cursor = ahead;
                return Ok(());
            }
            quote @ (b'"' | b'\'') => {
                open = match open {
                    None => Some(quote),
                    Some(opened) if opened == quote => None,
                    _ => open,
                };
                ahead.at += 1;
            }
            b'/' if open.is_none() => return Ok(()),
            0 | b'<' | b'\n' | b'{' => return Ok(()),
            _ => ahead.at += 1,
        }
    }
    Ok(())
}

fn is_tag_name(text: &[u8], name: &AssignedName) -> bool {
    name.start > 0 && matches!(text[name.start - 1], b'<' | b':')
}

/// `password:` and the value in the next line, or in a list there: alone in its line, and no key.
fn below(mut cursor: Cursor<'_>, name: &AssignedName) -> Result<Parsed, TooShort> {
    let indent = cursor.view.text[..name.start].iter().rev().take_while(|byte| **byte == b' ').count();
    let before = cursor.at;
    if cursor.peek()? == 0 || cursor.spaces(MAX_INDENT)? == 0 {
        return Ok(None);
    }
    let blanks = cursor.view.text[before..cursor.at].iter().rev().take_while(|byte| **byte == b' ').count();
    let is_item = cursor.word(b"- ")?;
    let operator = if is_item || blanks > indent { Operator::Colon } else { Operator::Prose };
    let text = cursor.view.text;
    let value = read::unquoted(cursor, name, operator, true)?;
    Ok(value.filter(|value| {
        let bytes = &text[value.start..value.end];
        value.alone && value.start == cursor.at && !bytes.contains(&b':') && !prose::is_word(bytes)
    }))
}

/// Takes PHP's `string(9) ` before a string.
fn php_type(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    let mut ahead = *cursor;
    if ahead.word(b"string(")? && ahead.skip(&ALNUM, 5)? > 0 && ahead.word(b") ")? {
        *cursor = ahead;
    }
    Ok(())
}

const GLUED: [&[u8]; 5] =
    ["是".as_bytes(), "为".as_bytes(), "は".as_bytes(), "는".as_bytes(), "은".as_bytes()];

fn operator(
    cursor: &mut Cursor<'_>,
    name: &AssignedName,
    closed: bool,
    before: usize,
) -> Result<Option<Operator>, TooShort> {
    let (first, second) = (cursor.peek()?, cursor.look(1)?);
    let found = match (first, second) {
        (b':', b':') if ALNUM.has(cursor.look(2)?) || matches!(cursor.look(2)?, b'{' | b'<' | b'*') => None,
        (b':', _) => {
            cursor.skip(&ByteSet::of(b":"), 3)?;
            let equals = cursor.take(b'=')?;
            // `${NAME:-x}`
            if name.start > 0 && cursor.view.text[name.start - 1] == b'{' {
                cursor.take(b'-')?;
                if cursor.peek()? == b'?' {
                    return Ok(None);
                }
            }
            // `**Password:** x`
            cursor.skip(&ByteSet::of(b"*"), 2)?;
            Some(if equals { Operator::Equals } else { Operator::Colon })
        }
        // Words glued to the name: "is" in Chinese, the topic's mark in Japanese and Korean.
        (0xe6 | 0xe4 | 0xe3 | 0xeb, _) if !closed && cursor.any_word(&GLUED)? => Some(Operator::Prose),
        // The colon of Chinese and Japanese.
        (0xef, 0xbc) if cursor.look(2)? == 0x9a => {
            cursor.at += 3;
            Some(Operator::Colon)
        }
        (b'=', b'=') if !is_field(cursor.view.text, name) => {
            cursor.skip(&ByteSet::of(b"="), 3)?;
            Some(Operator::Compare)
        }
        (b'=', _) => {
            cursor.at += 1;
            // `=~` of a match. In front of a value the sign is its first.
            let matches =
                !ALNUM.has(cursor.look(1)?) && cursor.look(1)? != b'%' && !is_field(cursor.view.text, name);
            let _ = cursor.take(b'>')? || (matches && cursor.take(b'~')?);
            Some(Operator::Equals)
        }
        (b'!', b'=') => {
            cursor.at += 2;
            cursor.take(b'=')?;
            Some(Operator::Compare)
        }
        (b'+' | b'.' | b'?' | b'|' | b'~', b'=') | (b'<', b'-') => {
            cursor.at += 2;
            Some(Operator::Equals)
        }
        (b'|', b'|') if cursor.look(2)? == b'=' => {
            cursor.at += 3;
            Some(Operator::Equals)
        }
        _ => return argument(cursor, name, closed, before),
    };
    Ok(found)
}

/// Whether the name is one of a connection string's field, behind whose `=` the value begins.
fn is_field(text: &[u8], name: &AssignedName) -> bool {
    ampersand::around(text, name, true) == Around::Fields
}

/// Operators of calls, tables and sentences.
fn argument(
    cursor: &mut Cursor<'_>,
    name: &AssignedName,
    closed: bool,
    before: usize,
) -> Result<Option<Operator>, TooShort> {
    if closed && let Some(operator) = fallback::behind_variable(cursor)? {
        return Ok(Some(operator));
    }
    if is_listed_option(cursor, name)? {
        return Ok(Some(Operator::Space));
    }
    let found = match cursor.peek()? {
        // `kApiToken{"x"}`
        b'{' if before == 0 && !closed => {
            let mut ahead = Cursor { at: cursor.at + 1, ..*cursor };
            let literal = quotes::opening_quote(&mut ahead)?.is_some();
            cursor.at += usize::from(literal);
            literal.then_some(Operator::Equals)
        }
        // `reg add k /v Password /t REG_SZ /d x`
        b'/' if before > 0 && is_registry_value(cursor)? => Some(Operator::Space),
        // `"password" to "x"`
        b't' if closed && before > 0 && is_pair(cursor)? => Some(Operator::Comma),
        b'|' if before > 0 && is_in_table(cursor.view.text, name) => {
            cursor.at += 1;
            Some(Operator::Colon)
        }
        // `setPassword("x")`, `.token('x')`
        b'(' if !closed
            && !prose::is_verb(cursor.view.text, name)
            && quotes::opening_quote(&mut Cursor { at: cursor.at + 1, ..*cursor })?.is_some() =>
        {
            cursor.at += 1;
            Some(Operator::Comma)
        }
        // `get("#password").type("x")`: what is typed into a field.
        b'.' if closed && typed_into(cursor)? => Some(Operator::Comma),
        b',' if closed || is_constant_name(cursor.view.text, name) => {
            cursor.at += 1;
            Some(Operator::Comma)
        }
        b',' if name.loose => {
            cursor.at += 1;
            Some(Operator::Colon)
        }
        _ if before > 0 || closed => prose::operator(cursor, name, closed)?,
        _ => None,
    };
    Ok(found)
}

/// `- --password` and `- x` in the next line: moves to the value.
fn is_listed_option(cursor: &mut Cursor<'_>, name: &AssignedName) -> Result<bool, TooShort> {
    let text = cursor.view.text;
    let is_option = name.start > 1 && text[name.start] == b'-' && text[..name.start].ends_with(b"- ");
    if !is_option || !cursor.line_end()? {
        return Ok(false);
    }
    let mut ahead = *cursor;
    ahead.spaces(MAX_INDENT)?;
    let is_item = ahead.word(b"- ")?;
    if is_item && ahead.peek()? != b'-' {
        *cursor = ahead;
        return Ok(true);
    }
    Ok(false)
}

/// Takes `/t REG_SZ /d `.
fn is_registry_value(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    let mut ahead = *cursor;
    if !ahead.word(b"/t ")? || ahead.skip(&WORD, MAX_WORD)? == 0 || !ahead.word(b" /d ")? {
        return Ok(false);
    }
    *cursor = ahead;
    Ok(true)
}

/// Takes `to ` before a literal.
fn is_pair(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    let mut ahead = *cursor;
    if !ahead.word(b"to ")? || quotes::opening_quote(&mut ahead.clone())?.is_none() {
        return Ok(false);
    }
    *cursor = ahead;
    Ok(true)
}

/// `| password | x |`: the cell before a name begins with a bar, too.
fn is_in_table(text: &[u8], name: &AssignedName) -> bool {
    // `cygwin* | pw32* | cegcc*`: the shortest keywords stand in other lists, too.
    let before = text[..name.start].iter().rev().take(16);
    name.keyword.len() > 2 && before.copied().find(|b| !matches!(b, b' ' | b'\t' | b'*' | b'`')) == Some(b'|')
}

/// `CURLOPT_PASSWORD, "x"`: a constant as an argument.
fn is_constant_name(text: &[u8], name: &AssignedName) -> bool {
    text[name.start..name.end].iter().all(|b| !b.is_ascii_lowercase())
}

fn typed_into(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    cursor.any_word(&[b".type(", b".fill(", b".send_keys(", b".sendkeys(", b".setvalue(", b".val("])
}
