//! Reading a value: quotes in every writing, types and wrappers before it, and where a value without quotes ends.

#![expect(clippy::cast_possible_truncation, reason = "at most seven backslashes are read")]

use super::ampersand::{self, Around};
use super::field;
use super::name::AssignedName;
use super::written::{MAX_BLANKS, MAX_WORD, Operator, Parsed, Value};
use crate::bytes::{ALNUM, ByteSet, SPACE, WORD};
use crate::candidate::Tail;
use crate::text::cursor::{Cursor, is_line_start};
use crate::text::{Span, TooShort};

/// So many bytes of a value are read and judged; what follows belongs to a value that passes.
pub(super) const MAX_VALUE: usize = 2048;
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
    for _ in 0..3 {
        if let Some(quote) = opening_quote(&mut cursor)? {
            // `"Password:"`: the quote closes what was opened before the name.
            if closes_name(&cursor, name, quote)? {
                return Ok(None);
            }
            return nested(cursor, name, quote, operator, spaced);
        }
        match cursor.peek()? {
            // An Erlang binary.
            b'<' if cursor.look(1)? == b'<' => cursor.at += 2,
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
    if let Some(mut fallback) = fallback(cursor)?
        && let Some(quote) = opening_quote(&mut fallback)?
    {
        return quoted(fallback, name, quote, operator, spaced);
    }
    unquoted(cursor, name, operator, spaced)
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

/// A quote and how many backslashes stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    backslashes: usize,
    byte: u8,
    /// There are three of them, and so many end the string.
    is_triple: bool,
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

/// Takes `"`, `'`, a backtick, their backslash-escaped forms and string prefixes (`b"`, `@"`).
pub(super) fn opening_quote(cursor: &mut Cursor<'_>) -> Result<Option<Quote>, TooShort> {
    let mut ahead = *cursor;
    let mut letters = 0;
    while letters < 2
        && matches!(ahead.peek()?, b'b' | b'B' | b'r' | b'R' | b'u' | b'U' | b'f' | b'F' | b'L' | b'N' | b'@')
    {
        ahead.at += 1;
        letters += 1;
    }
    let backslashes = ahead.skip(&ByteSet::of(b"\\"), 7)?;
    let byte = ahead.peek()?;
    if !matches!(byte, b'"' | b'\'' | b'`') {
        return Ok(None);
    }
    ahead.at += 1;
    // Three quotes open a long string; two are an empty one.
    let is_triple = backslashes == 0 && ahead.peek()? == byte && ahead.look(1)? == byte;
    ahead.at += if is_triple { 2 } else { 0 };
    *cursor = ahead;
    Ok(Some(Quote { backslashes, byte, is_triple }))
}

/// Takes a type annotation (`: str = `), YAML's tag (`!!str`) or a wrapper (`String::from(`, `Some(`).
fn wrapper(cursor: &mut Cursor<'_>, operator: Operator) -> Result<bool, TooShort> {
    const TYPE: ByteSet = WORD.union(ByteSet::of(b"<>[]&'.:?!*"));
    const CALLS: [&[u8]; 14] = [
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

/// `os.environ.get("X") or "default"`, `${X:-default}`: the place of the default, if the value reads an environment.
fn fallback(cursor: Cursor<'_>) -> Result<Option<Cursor<'_>>, TooShort> {
    const READERS: [&[u8]; 12] = [
        b"os.environ",
        b"os.getenv",
        b"process.env",
        b"getenv",
        b"env(",
        b"system.getenv",
        b"env[",
        b"env.fetch",
        b"config(",
        b"sys.env",
        b"environment.get",
        b"scala.util.properties.env",
    ];
    let mut ahead = cursor;
    if !ahead.clone().any_word(&READERS)? {
        return Ok(None);
    }
    for _ in 0..120 {
        if ahead.line_end()? || ahead.peek()? == b';' {
            return Ok(None);
        }
        let mut after = ahead;
        let taken = after.word(b"||")? || after.word(b" or ")? || after.word(b"??")? || after.take(b',')?;
        if taken {
            after.blanks(MAX_BLANKS)?;
            if opening_quote(&mut after.clone())?.is_some() {
                return Ok(Some(after));
            }
        }
        ahead.at += 1;
    }
    Ok(None)
}

/// Takes the quote that closes what `quote` has opened.
pub(super) fn closes(cursor: &mut Cursor<'_>, quote: Quote) -> Result<bool, TooShort> {
    let backslashes = cursor.backslashes()?;
    let closes = backslashes == quote.backslashes && cursor.look(backslashes)? == quote.byte;
    cursor.at += if closes { backslashes + 1 } else { 0 };
    Ok(closes)
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

/// The extent of the string whose opening quote ended here; `None` when it does not close in its line.
pub(super) fn string(cursor: Cursor<'_>, quote: Quote) -> Result<Option<Span>, TooShort> {
    let Quote { backslashes, byte, is_triple } = quote;
    let text = cursor.view.text;
    let start = cursor.at;
    let limit = start + MAX_VALUE;
    let mut at = start;
    loop {
        // An escape may reach over the end.
        let end = text.len().min(limit);
        let rest = &text[at.min(end)..end];
        let Some(step) = memchr::memchr3(byte, b'\\', b'\n', rest) else {
            let cut = text.len() < limit && !cursor.view.last;
            return if cut { Err(TooShort) } else { Ok(None) };
        };
        at += step;
        match text[at] {
            b'\n' => return Ok(None),
            b'\\' => {
                let run = text[at..].iter().take(16).take_while(|b| **b == b'\\').count();
                let Some(&next) = text.get(at + run) else {
                    return if cursor.view.last { Ok(None) } else { Err(TooShort) };
                };
                // With as many backslashes as it was opened with, the quote closes.
                if next == byte && (run == backslashes || (backslashes == 0 && run.is_multiple_of(2))) {
                    at += if backslashes == 0 { run } else { 0 };
                    break;
                }
                at += run + usize::from(next == byte);
            }
            // `'''it's'''`: one or two are of the string.
            _ if is_triple && !is_tripled(&cursor, at)? => at += 1,
            // `'it''s'`: in YAML and SQL a doubled quote is one.
            _ if byte == b'\'' && backslashes == 0 && !is_triple && doubled(&cursor, at)? => at += 2,
            _ if backslashes == 0 => break,
            // An unescaped quote ends the string around this one.
            _ => return Ok(None),
        }
    }
    Ok(Some(Span::new(start, at)))
}

/// Whether two quotes stand here with more of a value behind them.
fn doubled(cursor: &Cursor<'_>, at: usize) -> Result<bool, TooShort> {
    const BEHIND: ByteSet = SPACE.union(ByteSet::of(b",;)]}:|\\\0"));
    let here = Cursor { at, ..*cursor };
    Ok(at > cursor.at && here.look(1)? == b'\'' && !BEHIND.has(here.look(2)?))
}

/// Whether three quotes stand here that end a string, and no fourth, which would be the last of them.
fn is_tripled(cursor: &Cursor<'_>, at: usize) -> Result<bool, TooShort> {
    let here = Cursor { at, ..*cursor };
    let quote = here.peek()?;
    Ok(here.look(1)? == quote && here.look(2)? == quote && here.look(3)? != quote)
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
    let start = cursor.at;
    let mut depth = 0i32;
    let query = around == Around::Query || around == Around::EscapedQuery;
    // A line of settings ends with its value, whatever brackets are in it.
    let line = operator == Operator::Equals && !spaced && is_line_start(text, name.start);
    let mut operators = 0;
    while cursor.at - start < MAX_VALUE {
        let byte = cursor.peek()?;
        match byte {
            _ if END.has(byte) => break,
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
    let is_sentence = matches!(operator, Operator::Space | Operator::Prose);
    if is_sentence && matches!(text.get(end), Some(b'"' | b'\'')) && end > start {
        end -= usize::from(matches!(text[end - 1], b'{' | b'[' | b'('));
    }
    if end == start {
        return Ok(None);
    }
    cursor.blanks(MAX_BLANKS)?;
    let alone = cursor.line_end()? || cursor.peek()? == b'#' || cursor.word(b"//")?;
    Ok(Some(Value { start, end, quoted: false, operator, spaced, alone, tail }))
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
