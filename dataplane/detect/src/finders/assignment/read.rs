//! Reading a value: quotes in every writing, types and wrappers before it, and where a value without quotes ends.

#![expect(clippy::cast_possible_truncation, reason = "at most seven backslashes are read")]

use super::ampersand::{self, Around};
use super::name::AssignedName;
use super::quotes::{MAX_VALUE, Quote, opening_quote, string};
use super::written::{MAX_BLANKS, MAX_WORD, Operator, Parsed, Value};
use super::{fallback, field};
use crate::bytes::{ALNUM, ByteSet, SPACE, WORD};
use crate::candidate::Tail;
use crate::text::cursor::{Cursor, is_line_start};
use crate::text::{Span, TooShort};

/// So many bytes of ASCII before letters of another writing are a word of their own.
const MIN_WORD: usize = 6;
/// How far above a line the one before it is looked at.
const MAX_ABOVE: usize = 128;
/// How many `=` and `:` a value without quotes may hold.
pub(super) const MAX_OPERATORS: usize = 6;

/// Reads the value here.
pub(super) fn value(
    mut cursor: Cursor<'_>,
    name: &AssignedName,
    operator: Operator,
    spaced: bool,
) -> Result<Parsed, TooShort> {
    if operator == Operator::Comma && cursor.view.text[name.start] == b'-' {
        default(&mut cursor)?;
    }
    // What a tool says of a value that it changed.
    if operator == Operator::Colon {
        cursor.any_word(&[b"changed from ", b"changed "])?;
    }
    for _ in 0..3 {
        if let Some(quote) = opening_quote(&mut cursor)? {
            // `"Password:"`: the quote closes what was opened before the name.
            if closes_name(&cursor, name, quote)? {
                return Ok(None);
            }
            if matches!((cursor.peek()?, cursor.look(1)?), (b'{' | b'$', b'{'))
                && let Some(found) = instead(cursor, name, operator, spaced)?
            {
                return Ok(Some(found));
            }
            return nested(cursor, name, quote, operator, spaced);
        }
        match cursor.peek()? {
            // An Erlang binary.
            b'<' if cursor.look(1)? == b'<' => cursor.at += 2,
            b'[' if cursor.look(1)? == b']' => {
                if !wrapper(&mut cursor, operator)? {
                    break;
                }
            }
            b'[' | b'{' | b'(' => {
                let mut ahead = cursor;
                ahead.at += 1;
                ahead.spaces(MAX_BLANKS)?;
                if opening_quote(&mut ahead.clone())?.is_none() {
                    break;
                }
                cursor = ahead;
            }
            _ => {
                if !wrapper(&mut cursor, operator)? {
                    break;
                }
            }
        }
    }
    if operator == Operator::Comma {
        return Ok(None);
    }
    if let Some(found) = instead(cursor, name, operator, spaced)? {
        return Ok(Some(found));
    }
    unquoted(cursor, name, operator, spaced)
}

/// What stands in for the variable at the cursor, if that is one and has a fallback.
fn instead(
    cursor: Cursor<'_>,
    name: &AssignedName,
    operator: Operator,
    spaced: bool,
) -> Result<Parsed, TooShort> {
    if let Some(Span { start, end }) = fallback::of_shell(cursor)? {
        return Ok(Some(Value { start, end, quoted: true, operator, spaced, alone: false, tail: None }));
    }
    if let Some(mut place) = fallback::value_place(cursor)?
        && let Some(quote) = opening_quote(&mut place)?
    {
        return quoted(place, name, quote, operator, spaced);
    }
    Ok(None)
}

/// `"--password", type=str, default="x"`: moves to the default among the other arguments of an option.
fn default(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    let mut ahead = *cursor;
    for _ in 0..120 {
        if ahead.word(b"default")? {
            ahead.blanks(4)?;
            if ahead.take(b'=')? || ahead.take(b':')? {
                ahead.blanks(4)?;
                *cursor = ahead;
            }
            return Ok(());
        }
        if matches!(ahead.peek()?, 0 | b')' | b';' | b'{' | b'}') {
            return Ok(());
        }
        ahead.at += 1;
    }
    Ok(())
}

/// `'"x"'`, `"\"x\""`: a string inside the string is the value.
fn nested(
    cursor: Cursor<'_>,
    name: &AssignedName,
    quote: Quote,
    operator: Operator,
    spaced: bool,
) -> Result<Parsed, TooShort> {
    let mut inner = cursor;
    let backslashes = inner.backslashes()?;
    inner.at += backslashes;
    let byte = inner.peek()?;
    let opens = matches!(byte, b'"' | b'\'')
        && (byte != quote.byte || backslashes > quote.backslashes)
        && WORD.has(inner.look(1)?);
    inner.at += 1;
    let inner_quote = Quote { backslashes, byte, is_triple: false };
    if !opens || !closes_inside(cursor, quote, (inner, inner_quote))? {
        return quoted(cursor, name, quote, operator, spaced);
    }
    quoted(inner, name, inner_quote, operator, spaced)
}

/// Whether the inner string closes before the one around it does, as far as that closes in its line. Else its quote is
/// a character like others: `"'x"`.
fn closes_inside(
    outer: Cursor<'_>,
    quote: Quote,
    (inner, inner_quote): (Cursor<'_>, Quote),
) -> Result<bool, TooShort> {
    let Some(around) = string(outer, quote)? else { return Ok(true) };
    Ok(string(inner, inner_quote)?.is_some_and(|inside| inside.end < around.end))
}

fn closes_name(cursor: &Cursor<'_>, name: &AssignedName, quote: Quote) -> Result<bool, TooShort> {
    let text = cursor.view.text;
    let inside = name.start > 0
        && text[name.start - 1] == quote.byte
        && text.get(name.end).is_some_and(|b| !matches!(b, b'"' | b'\'' | b'`' | b'\\'));
    // With a value behind it, the quote opens one: a string may begin right before the name.
    let follows = cursor.peek()?;
    Ok(inside
        && (SPACE.has(follows)
            || matches!(follows, 0 | b'+' | b',' | b')' | b';' | b']' | b'}' | b':' | b'>')
            || cursor.escape(b"nrt")?.is_some()))
}

/// Takes a type annotation (`: str = `), YAML's tag (`!!str`) or a wrapper (`String::from(`, `Some(`).
fn wrapper(cursor: &mut Cursor<'_>, operator: Operator) -> Result<bool, TooShort> {
    const TYPE: ByteSet = WORD.union(ByteSet::of(b"<>[]&'.:?!*"));
    const CALLS: [&[u8]; 19] = [
        b"secretstr",
        b"secretbytes",
        b"field",
        b"setting",
        b"option",
        b"from",
        b"some",
        b"str",
        b"bytes",
        b"string",
        b"byte",
        b"secretstring",
        b"text",
        b"quote",
        b"new",
        b"md5",
        b"sha1",
        b"of",
        b"securestring",
    ];
    let mut ahead = *cursor;
    if ahead.word(b"!!str")? || ahead.word(b"!!binary")? {
        ahead.blanks(MAX_BLANKS)?;
        *cursor = ahead;
        return Ok(true);
    }
    let from = ahead.at;
    if ahead.skip(&TYPE, MAX_WORD)? == 0 {
        return Ok(false);
    }
    let word = &ahead.view.text[from..ahead.at];
    if ahead.take(b'(')? {
        let last = word.rsplit(|b| !b.is_ascii_alphanumeric()).find(|w| !w.is_empty()).unwrap_or_default();
        if CALLS.iter().any(|c| last.eq_ignore_ascii_case(c)) {
            ahead.blanks(MAX_BLANKS)?;
            ahead.any_word(&[b"default=", b"default: "])?;
            *cursor = ahead;
            return Ok(true);
        }
        return Ok(false);
    }
    if operator != Operator::Colon || ahead.blanks(MAX_BLANKS)? == 0 {
        return Ok(false);
    }
    // `str | None = `
    if ahead.word(b"| ")? && ahead.skip(&TYPE, MAX_WORD)? > 0 {
        ahead.blanks(MAX_BLANKS)?;
    }
    // `&'static str = `
    if word[0] == b'&' && ahead.skip(&TYPE, MAX_WORD)? > 0 {
        ahead.blanks(MAX_BLANKS)?;
    }
    if !ahead.take(b'=')? {
        return Ok(false);
    }
    ahead.blanks(MAX_BLANKS)?;
    *cursor = ahead;
    Ok(true)
}

fn quoted(
    cursor: Cursor<'_>,
    name: &AssignedName,
    quote: Quote,
    operator: Operator,
    spaced: bool,
) -> Result<Parsed, TooShort> {
    let Some(Span { start, end }) = string(cursor, quote)? else {
        // A snippet may end, and a line too, before the string does.
        let bare = Cursor { at: cursor.at, ..cursor };
        if operator == Operator::Comma {
            return Ok(None);
        }
        let tail = Tail::Quoted { byte: quote.byte, backslashes: quote.backslashes as u8 };
        let value = unquoted(bare, name, operator, spaced)?;
        return Ok(value.map(|value| Value { tail: value.tail.map(|_| tail), ..value }));
    };
    let text = cursor.view.text;
    let start = end - strip_scheme(&text[start..end], name.is_authorization(text)).len();
    Ok(Some(Value { start, end, quoted: true, operator, spaced, alone: false, tail: None }))
}

/// Words before a credential in a header.
const SCHEMES: [&[u8]; 9] = [
    b"bearer ",
    b"basic ",
    b"token ",
    b"ssws ",
    b"apikey ",
    b"api-key ",
    b"api-token ",
    b"bot ",
    b"negotiate ",
];
/// The longest scheme of an `Authorization` header.
const MAX_SCHEME: usize = 24;

/// `Bearer x` and its like: the part behind the scheme, which may be any word where the name is `Authorization`.
fn strip_scheme(value: &[u8], authorizes: bool) -> &[u8] {
    let word = value.iter().take(MAX_SCHEME).take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    let known = SCHEMES.iter().any(|s| value.len() > s.len() && value[..s.len()].eq_ignore_ascii_case(s));
    if known || (authorizes && word > 0 && value.get(word) == Some(&b' ')) {
        return value[word..].trim_ascii_start();
    }
    value
}

fn skip_scheme(cursor: &mut Cursor<'_>, authorizes: bool) -> Result<(), TooShort> {
    let mut ahead = *cursor;
    if authorizes {
        let word = ahead.skip(&WORD.with(b'-', b'-'), MAX_SCHEME)?;
        let blanks = ahead.blanks(4)?;
        if word > 1 && blanks > 0 && WORD.has(ahead.peek()?) {
            *cursor = ahead;
        }
        return Ok(());
    }
    if cursor.any_word(&SCHEMES)? {
        cursor.blanks(MAX_BLANKS)?;
    }
    Ok(())
}

/// Bytes that end a value without quotes.
const END: ByteSet = SPACE.union(ByteSet::of(b"\"'`<>,;\0"));

/// Reads a value without quotes.
pub(super) fn unquoted(
    mut cursor: Cursor<'_>,
    name: &AssignedName,
    operator: Operator,
    spaced: bool,
) -> Result<Parsed, TooShort> {
    let text = cursor.view.text;
    skip_scheme(&mut cursor, name.is_authorization(text))?;
    let around = ampersand::around(text, name, operator == Operator::Equals && !spaced);
    if around == Around::Fields
        && let Some(field) = field::value(cursor, name)?
    {
        return Ok(Some(field));
    }
    let closing = typographic(&mut cursor)?;
    let start = cursor.at;
    let mut depth = 0i32;
    let query = around == Around::Query || around == Around::EscapedQuery;
    // A line of settings ends with its value, whatever brackets are in it.
    let line = operator == Operator::Equals && !spaced && is_line_start(text, name.start);
    let is_sentence = matches!(operator, Operator::Space | Operator::Prose);
    let is_whole = line && is_env_line(text, name);
    let mut operators = 0;
    while cursor.at - start < MAX_VALUE {
        let byte = cursor.peek()?;
        match byte {
            b'\'' | b'"' | b'`' | b',' | b';' | b'<' | b'>'
                if is_whole && cursor.at > start && goes_on(&cursor, name)? => {}
            _ if END.has(byte) => break,
            0xe2.. if closing.is_some_and(|closing| text[cursor.at..].starts_with(closing)) => break,
            // A separator of lines, or a blank that is not ASCII's.
            0xc2 if cursor.look(1)? == 0xa0 => break,
            0xe2 if cursor.look(1)? == 0x80 && matches!(cursor.look(2)?, 0x80..=0x8f | 0xa8 | 0xa9) => break,
            // A particle, or a sentence that goes on: `k7xです`.
            0xe3..0xf0
                if is_sentence && cursor.at - start >= MIN_WORD && text[start..cursor.at].is_ascii() =>
            {
                break;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth < 0 && !line {
                    break;
                }
            }
            b'\\' if matches!(cursor.look(1)?, b'n' | b'r' | b't' | b'"' | b'\'' | b'\\' | b'u') => break,
            b'&' => match ampersand::width(&cursor, around)? {
                Some(width) => cursor.at += width - 1,
                None => break,
            },
            b'|' if operator == Operator::Colon && spaced => break,
            b'#' if query => break,
            // `token=token=token=`: a chain of assignments, not a value; and each of them begins here again.
            b'=' | b':' => operators += 1,
            _ => {}
        }
        if operators > MAX_OPERATORS {
            return Ok(None);
        }
        cursor.at += 1;
    }
    let mut end = cursor.at;
    let tail = match end - start {
        MAX_VALUE if query => Some(Tail::Query),
        MAX_VALUE => Some(Tail::Bare),
        _ => None,
    };
    while tail.is_none() && end > start && matches!(text[end - 1], b'.' | b':') {
        end -= 1;
    }
    // `passwd please{"name": 1}`: a document begins behind the words of a sentence.
    if is_sentence && matches!(text.get(end), Some(b'"' | b'\'')) && end > start {
        end -= usize::from(matches!(text[end - 1], b'{' | b'[' | b'('));
    }
    if end == start {
        return Ok(None);
    }
    cursor.blanks(MAX_BLANKS)?;
    let alone =
        cursor.line_end()? || cursor.peek()? == b'#' || cursor.word(b"//")? || is_string_end(&cursor)?;
    Ok(Some(Value { start, end, quoted: false, operator, spaced, alone, tail }))
}

/// Takes a quote that is none of ASCII's, and returns what closes it.
fn typographic(cursor: &mut Cursor<'_>) -> Result<Option<&'static [u8]>, TooShort> {
    const PAIRS: [(&str, &str); 6] =
        [("「", "」"), ("『", "』"), ("“", "”"), ("‘", "’"), ("«", "»"), ("„", "“")];
    if cursor.peek()? < 0xc2 {
        return Ok(None);
    }
    for (opening, closing) in PAIRS {
        if cursor.word(opening.as_bytes())? {
            return Ok(Some(closing.as_bytes()));
        }
    }
    Ok(None)
}

/// Whether a string of JSON ends here: with its quote, and what stands behind a member.
fn is_string_end(cursor: &Cursor<'_>) -> Result<bool, TooShort> {
    let run = cursor.backslashes()?;
    if cursor.look(run)? != b'"' {
        return Ok(false);
    }
    let mut behind = Cursor { at: cursor.at + run + 1, ..*cursor };
    behind.blanks(1)?;
    Ok(matches!(behind.peek()?, b',' | b'}' | b']'))
}

/// Whether a value that runs to the end of its line goes on behind a sign here: not with a blank, or another name; in a
/// string of JSON a quote ends all of it.
fn goes_on(cursor: &Cursor<'_>, name: &AssignedName) -> Result<bool, TooShort> {
    let text = cursor.view.text;
    let is_real = name.start == 0 || text[name.start - 1] == b'\n';
    if cursor.peek()? == b'"' && !is_real {
        return Ok(false);
    }
    let mut behind = Cursor { at: cursor.at + 1, ..*cursor };
    let ends = behind.line_end()? || SPACE.has(behind.peek()?);
    let is_field = behind.skip(&WORD, MAX_WORD)? > 0 && behind.peek()? == b'=';
    Ok(!ends && !is_field)
}

/// Whether a line is one of an environment file, in which a value runs to its end: its name is in capitals, and so is that
/// of the line above, if there is one. In a string of JSON a quote ends more than the value.
fn is_env_line(text: &[u8], name: &AssignedName) -> bool {
    let is_name = |name: &[u8]| {
        !name.is_empty() && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
    };
    if !is_name(&text[name.start..name.end]) {
        return false;
    }
    let Some(end) = name.start.checked_sub(1) else { return true };
    let floor = end.saturating_sub(MAX_ABOVE);
    let above = &text[floor..end];
    let above = &above[memchr::memrchr2(b'\n', b'"', above).map_or(0, |at| at + 1)..];
    // In a string lines end with an escape.
    let above = match text[end] {
        b'\n' => above,
        b'"' => return true,
        b'n' => {
            let above = &above[..above.iter().rposition(|byte| *byte != b'\\').map_or(0, |last| last + 1)];
            memchr::memmem::rfind(above, b"\\n").map_or(above, |at| &above[at + 2..])
        }
        _ => return false,
    };
    let key = memchr::memchr(b'=', above).map(|at| &above[..at]);
    above.trim_ascii().is_empty() || above.starts_with(b"#") || key.is_some_and(is_name)
}

/// `password string = "x"`: a type between name and operator.
pub(super) fn typed(cursor: &mut Cursor<'_>) -> Result<Option<Operator>, TooShort> {
    let mut ahead = *cursor;
    if ahead.skip(&WORD, MAX_WORD)? == 0 {
        return Ok(None);
    }
    // `nvarchar(50)`
    if ahead.take(b'(')? {
        ahead.skip(&ALNUM, 8)?;
        ahead.take(b')')?;
    }
    if ahead.blanks(MAX_BLANKS)? == 0 {
        return Ok(None);
    }
    ahead.take(b':')?;
    if !ahead.take(b'=')? || ahead.peek()? == b'=' {
        return Ok(None);
    }
    *cursor = ahead;
    Ok(Some(Operator::Equals))
}
