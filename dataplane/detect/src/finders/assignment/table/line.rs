//! The lines of a table, and their ends in every writing: a table ends with the string that holds it.

use crate::candidate::StringQuotes;
use crate::text::cursor::MAX_BACKSLASHES;
use crate::text::{Span, TextView, TooShort};

/// How many bytes of a table are read from the name in its header on.
const REACH: usize = 8 * 1024;
/// A longer line is no row of a table, in bytes.
pub(super) const MAX_LINE: usize = 1024;
/// How far left of a name its line, and the one above, may begin; less than a window's context.
const MAX_BEFORE: usize = 224;

/// How far behind a name the end of its line is looked for, to tell a string from a cell; less than what is always in sight.
const MAX_SIGHT: usize = 384;

/// How the lines of a table end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a line feed, or with the text in sight, which ends with the string that it is of.
    Feed,
    /// With a line feed in a string whose escapes are decoded, and with the string's quote.
    Decoded,
    /// With the escape of one, in a string: so many backslashes and an `n`.
    Escape(usize),
}

/// A line of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Without what ends it.
    pub(super) span: Span,
    /// Where the next begins.
    pub(super) next: usize,
    /// Whether the text, or the string, ends with it.
    pub(super) is_last: bool,
}

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineStart {
    pub(super) at: usize,
    /// Whether it is the first of its text or of its string.
    pub(super) is_first: bool,
    /// How lines end here, if the line's beginning says it.
    ending: Option<Ending>,
    /// Where the string in sight begins, if that is known.
    string: Option<usize>,
}

impl LineStart {
    /// The rest of a line behind `at`, whose end is not known.
    pub(super) fn behind(at: usize) -> LineStart {
        LineStart { at, is_first: false, ending: None, string: None }
    }
}

/// What may be of the table that a name stands in: so much of the text, and no more than the string of its document. Also
/// where that string begins, if it is known and near.
pub(super) fn in_sight<'a>(
    view: TextView<'a>,
    name: Span,
    quotes: &StringQuotes,
) -> (TextView<'a>, Option<usize>) {
    let limit = view.text.len().min(name.start + REACH);
    let is_whole = view.last || view.text.len() >= name.start + REACH;
    let end = quotes.first_structural(view.text, Span::new(name.start, limit));
    let near = Span::new(name.start.saturating_sub(MAX_BEFORE), name.start);
    let cut = TextView { text: &view.text[..end.unwrap_or(limit)], last: is_whole || end.is_some() };
    (cut, quotes.behind_structural(view.text, near))
}

/// How many backslashes stand before `at`.
fn backslashes_before(text: &[u8], at: usize) -> usize {
    text[..at].iter().rev().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count()
}

/// The start of the line in which something stands at `at`, if it is near; in JSON a string begins one, at `string` where
/// that is known.
pub(super) fn start_of_line(text: &[u8], at: usize, string: Option<usize>) -> Option<LineStart> {
    start_within(text, at, at.saturating_sub(MAX_BEFORE), string)
}

fn start_within(text: &[u8], at: usize, near: usize, string: Option<usize>) -> Option<LineStart> {
    let floor = near.max(string.unwrap_or(0));
    let mut end = at;
    while let Some(ahead) = memchr::memrchr3(b'\n', b'\\', b'"', &text[floor..end]) {
        let place = floor + ahead;
        match text[place] {
            b'\n' => {
                return Some(LineStart {
                    at: place + 1,
                    is_first: false,
                    ending: Some(Ending::Feed),
                    string,
                });
            }
            b'\\' if place + 1 < at && matches!(text[place + 1], b'n' | b'r') => {
                let ending = Some(Ending::Escape(backslashes_before(text, place + 1)));
                return Some(LineStart { at: place + 2, is_first: false, ending, string });
            }
            b'"' => {
                let run = backslashes_before(text, place).min(place - floor);
                if begins_string(&text[floor..place - run]) || goes_on_in_lines(text, at, run) {
                    let ending = Some(Ending::Escape(run + 1));
                    return Some(LineStart { at: place + 1, is_first: true, ending, string });
                }
            }
            _ => {}
        }
        end = place;
    }
    (floor == string.unwrap_or(0)).then_some(LineStart { at: floor, is_first: true, ending: None, string })
}

/// Whether a quote behind this begins a string of JSON: a member's value, which stands on the line of its name, or the first
/// of an array.
fn begins_string(before: &[u8]) -> bool {
    let after_name = before.trim_ascii_end();
    let is_same_line = !before[after_name.len()..].contains(&b'\n');
    match after_name.last() {
        Some(b':') => is_same_line,
        Some(b'[') => true,
        _ => false,
    }
}

/// Whether the escape of a line end, as it is in a string whose quotes have so many backslashes, stands behind `at` before
/// any such quote: what begins with the quote before `at` is a string then, and no cell.
fn goes_on_in_lines(text: &[u8], at: usize, width: usize) -> bool {
    let near = &text[at..text.len().min(at + MAX_SIGHT)];
    let mut from = 0;
    while let Some(ahead) = memchr::memchr3(b'\n', b'\\', b'"', &near[from..]) {
        let place = from + ahead;
        let run = near[place..].iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
        match near.get(place + run) {
            Some(b'n') if run == width + 1 => return true,
            Some(b'"') if run > width => {}
            Some(b'\n' | b'"') | None => return false,
            Some(_) => {}
        }
        from = place + run + 1;
    }
    false
}

/// The line above one that begins at `start`, as far as it is near; `None` if it is not, or there is none.
pub(super) fn above(text: &[u8], start: LineStart, name: usize) -> Option<Span> {
    let end = match start.ending? {
        _ if start.is_first => return None,
        Ending::Feed | Ending::Decoded => start.at - 1,
        Ending::Escape(run) => start.at - 1 - run,
    };
    let found = start_within(text, end, name.saturating_sub(MAX_BEFORE), start.string)?;
    Some(Span::new(found.at, end))
}

/// The line of a header, in which something stands at `at`, and how lines end in its table.
pub(super) fn header(
    view: TextView<'_>,
    start: LineStart,
    at: usize,
) -> Result<Option<(Line, Ending)>, TooShort> {
    let Some(behind) = ending_behind(view, at)? else { return Ok(None) };
    let ending = match (start.ending, behind) {
        // A string within the one that is in sight: it ends with its own quote.
        (Some(ending @ Ending::Escape(_)), _) if start.is_first && start.string.is_some() => ending,
        // A table of quoted cells has other quotes than that of its string.
        (Some(Ending::Escape(_)), Ending::Feed) if start.is_first => {
            match memchr::memchr2(b'"', b'\n', &view.text[start.at..]) {
                Some(place) if view.text[start.at + place] == b'"' => Ending::Feed,
                _ => Ending::Decoded,
            }
        }
        (Some(ending @ Ending::Escape(_)), _) => ending,
        _ => behind,
    };
    Ok(line(view, start.at, ending)?.map(|line| (line, ending)))
}

/// How the line ends that goes on at `at`.
fn ending_behind(view: TextView<'_>, at: usize) -> Result<Option<Ending>, TooShort> {
    let near = &view.text[at..view.text.len().min(at + MAX_LINE)];
    let mut from = 0;
    while let Some(ahead) = memchr::memchr2(b'\n', b'\\', &near[from..]) {
        let place = from + ahead;
        if near[place] == b'\n' {
            return Ok(Some(Ending::Feed));
        }
        let run = near[place..].iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
        match near.get(place + run) {
            Some(b'n' | b'r') => return Ok(Some(Ending::Escape(run))),
            None if !view.last => return Err(TooShort),
            _ => from = place + run,
        }
    }
    match near.len() {
        MAX_LINE => Ok(None),
        _ if view.last => Ok(Some(Ending::Feed)),
        _ => Err(TooShort),
    }
}

/// The line that begins at `start`; `None` if it is too long or there is none.
pub(super) fn line(view: TextView<'_>, start: usize, ending: Ending) -> Result<Option<Line>, TooShort> {
    let near = &view.text[start.min(view.text.len())..view.text.len().min(start + MAX_LINE)];
    let found = match ending {
        Ending::Feed => memchr::memchr(b'\n', near).map(|at| Line {
            span: Span::new(0, at),
            next: at + 1,
            is_last: false,
        }),
        Ending::Decoded => decoded_line(near),
        Ending::Escape(run) => escaped_line(near, run, view.last)?,
    };
    let line = match found {
        Some(line) => line,
        None if near.len() == MAX_LINE || near.is_empty() && view.last => return Ok(None),
        None if view.last => Line { span: Span::new(0, near.len()), next: near.len(), is_last: true },
        None => return Err(TooShort),
    };
    let end = line.span.end - near[..line.span.end].iter().rev().take_while(|byte| **byte == b'\r').count();
    Ok(Some(Line { span: Span::new(start, start + end), next: start + line.next, ..line }))
}

/// A line in a decoded string: it ends with its feed, or with a quote before what stands behind a string.
fn decoded_line(near: &[u8]) -> Option<Line> {
    memchr::memchr2_iter(b'\n', b'"', near).find_map(|at| {
        let ends = |next: usize, is_last| Some(Line { span: Span::new(0, at), next, is_last });
        match near[at..] {
            [b'\n', ..] => ends(at + 1, false),
            [_] | [_, b',' | b'}' | b']' | b' ' | b'\n', ..] => ends(at, true),
            _ => None,
        }
    })
}

/// A line in a string whose line ends have so many backslashes: it ends with its escape, or with the string's quote,
/// which has fewer.
fn escaped_line(near: &[u8], width: usize, last: bool) -> Result<Option<Line>, TooShort> {
    let mut from = 0;
    while let Some(ahead) = memchr::memchr3(b'\n', b'\\', b'"', &near[from..]) {
        let at = from + ahead;
        let run = near[at..].iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
        let ends = |next: usize, is_last| Ok(Some(Line { span: Span::new(0, at), next, is_last }));
        match near.get(at + run) {
            None => return if last || near.len() == MAX_LINE { Ok(None) } else { Err(TooShort) },
            Some(b'\n') => return ends(at, true),
            Some(b'"') if run < width => return ends(at, true),
            Some(b'n') if run == width => return ends(at + run + 1, false),
            // `\r\n`
            Some(b'r') if run == width => {
                let next = at + run + 1;
                let feed = near[next..].iter().take_while(|byte| **byte == b'\\').count();
                let joined = feed == width && near.get(next + feed) == Some(&b'n');
                return ends(if joined { next + feed + 1 } else { next }, false);
            }
            Some(_) => from = at + run.max(1) + usize::from(run > 0),
        }
        from = from.min(near.len());
    }
    Ok(None)
}

/// Whether a line is drawn: `|---|---|`, `----+----`, `=====  ====`, `├───┤`.
pub(super) fn is_drawn(line: &[u8]) -> bool {
    let words = line.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let is_dashed = |dashes: &str| memchr::memmem::find(line, dashes.as_bytes()).is_some();
    words * 4 < line.len() && ["--", "==", "──", "━━"].into_iter().any(is_dashed)
}

/// Whether a header may stand below this line: one that is blank, drawn, a fence or a command, not one of the same
/// text.
pub(super) fn ends_block(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    // What is before a line in a listing has no words: `12 |`, `>`, `+`.
    let is_blank = !line.iter().any(|byte| byte.is_ascii_alphabetic() || (!byte.is_ascii() && *byte > 0xe2));
    is_blank
        || is_drawn(line)
        || line.starts_with(b"```")
        || memchr::memmem::find(line, b"$ ").is_some_and(|at| at < 64)
        || (line.starts_with(b"-- ") || line.starts_with(b"# "))
        || matches!(line.last(), Some(b':' | b'?' | b'.' | b';'))
}

/// Without the blanks, quotes and marks of Markdown around it.
pub(super) fn trimmed(text: &[u8], Span { mut start, mut end }: Span) -> Span {
    let is_around = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'"' | b'\'' | b'`' | b'\\');
    while start < end && is_around(text[start]) {
        start += 1;
    }
    while start < end && is_around(text[end - 1]) {
        end -= 1;
    }
    if end - start > 4 && text[start..end].starts_with(b"**") && text[start..end].ends_with(b"**") {
        return Span::new(start + 2, end - 2);
    }
    Span::new(start, end)
}

/// Whether a cell is one that a header has: a few words.
pub(super) fn is_title(cell: &[u8]) -> bool {
    (1..=40).contains(&cell.len())
        && (cell[0].is_ascii_alphabetic() || !cell[0].is_ascii())
        && cell.iter().all(|b| b.is_ascii_alphanumeric() || !b.is_ascii() || b" _.-/()#".contains(b))
        && cell.contains(&b'(') == cell.contains(&b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_its_string() {
        let at = |text: &str, ending| {
            let view = TextView { text: text.as_bytes(), last: true };
            line(view, 0, ending).unwrap().map(|line| (text[line.span.range()].to_owned(), line.is_last))
        };
        let found = |text: &str, is_last| Some((text.to_owned(), is_last));
        assert_eq!(at("a,b\r\nc", Ending::Feed), found("a,b", false));
        assert_eq!(at("a,b\\r\\nc", Ending::Escape(1)), found("a,b", false));
        assert_eq!(at("a,\\\"b\\\"\\nc", Ending::Escape(1)), found("a,\\\"b\\\"", false));
        assert_eq!(at("a,b\",\"c\\n\"", Ending::Escape(1)), found("a,b", true));
        assert_eq!(at("a,b\\\",\\\"c\\\\n\\\"", Ending::Escape(2)), found("a,b", true));
        assert_eq!(at("a,b\nc", Ending::Escape(1)), found("a,b", true));
        assert_eq!(at("a,b", Ending::Feed), found("a,b", true));
        assert_eq!(at("", Ending::Feed), None);
        assert_eq!(at("a,b\nc", Ending::Decoded), found("a,b", false));
        assert_eq!(at("a,b\",\"c\n", Ending::Decoded), found("a,b", true));
    }

    #[test]
    fn strings_begin_lines() {
        let start = |text: &str| {
            start_of_line(text.as_bytes(), text.len(), None).map(|s| (s.at, s.is_first, s.ending))
        };
        assert_eq!(start("x\na,"), Some((2, false, Some(Ending::Feed))));
        assert_eq!(start("{\"k\": \"a,"), Some((7, true, Some(Ending::Escape(1)))));
        assert_eq!(start("{\\\"k\\\":\\\"a,"), Some((9, true, Some(Ending::Escape(2)))));
        assert_eq!(start("\"a\",\"b"), Some((0, true, None)));
        let listed = b"[1, \"a,b\\n\"]";
        let found = start_of_line(listed, 7, None).map(|start| (start.at, start.is_first));
        assert_eq!(found, Some((5, true)));
        assert_eq!(start(&" ".repeat(MAX_BEFORE + 1)), None);
    }
}
