//! Quotes in every writing, and the strings between them.

use crate::bytes::{ByteSet, SPACE};
use crate::text::cursor::Cursor;
use crate::text::{Span, TooShort};

/// So many bytes of a value are read and judged; what follows belongs to a value that passes.
pub(super) const MAX_VALUE: usize = 2048;

/// A quote and how many backslashes stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) backslashes: usize,
    pub(super) byte: u8,
    /// There are three of them, and so many end the string.
    pub(super) is_triple: bool,
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

/// Takes the quote that closes what `quote` has opened.
pub(super) fn closes(cursor: &mut Cursor<'_>, quote: Quote) -> Result<bool, TooShort> {
    let backslashes = cursor.backslashes()?;
    let closes = backslashes == quote.backslashes && cursor.look(backslashes)? == quote.byte;
    cursor.at += if closes { backslashes + 1 } else { 0 };
    Ok(closes)
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
