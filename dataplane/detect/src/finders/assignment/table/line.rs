//! The lines of a table, and their ends in every writing.

use crate::text::{Span, TextView, TooShort, lines};

/// A longer line is no row of a table, in bytes.
pub(super) const MAX_LINE: usize = 1024;
/// How far left of a name its line may begin; less than a window's context.
const MAX_BEFORE: usize = 192;

/// The start of the line in which something stands at `at`, if it is near; in JSON a string begins one.
pub(super) fn start_of_line(text: &[u8], at: usize) -> Option<usize> {
    let floor = at.saturating_sub(MAX_BEFORE);
    let begins_string = |quote: usize| match text[floor..quote].trim_ascii_end().last() {
        Some(b':') => true,
        Some(b'[') => text[quote + 1] != b'\\',
        _ => false,
    };
    let line = lines::line_start(text, at, floor);
    let from = line.unwrap_or(floor);
    let string =
        memchr::memrchr_iter(b'"', &text[from..at]).map(|ahead| from + ahead).find(|at| begins_string(*at));
    string.map(|quote| quote + 1).or(line)
}

/// The line that begins at `start`, without what ends it, and where the next begins; `None` if it is too long or there
/// is none.
pub(super) fn line(view: TextView<'_>, start: usize) -> Result<Option<(Span, usize)>, TooShort> {
    let near = &view.text[start.min(view.text.len())..view.text.len().min(start + MAX_LINE)];
    let found = memchr::memchr2_iter(b'\n', b'\\', near).find_map(|at| match near[at..] {
        [b'\n', ..] => Some((at, at + 1)),
        [_, b'n', ..] => Some((at, at + 2)),
        [_, b'r', b'\\', b'n', ..] => Some((at, at + 4)),
        _ => None,
    });
    match found {
        Some((mut end, next)) => {
            while end > 0 && matches!(near[end - 1], b'\r' | b'\\') {
                end -= 1;
            }
            Ok(Some((Span::new(start, start + end), start + next)))
        }
        None if near.len() == MAX_LINE || near.is_empty() && view.last => Ok(None),
        // A string ends with its text.
        None if view.last => {
            let end =
                memchr::memchr(b'"', near).filter(|at| !near[*at..].contains(&b',')).unwrap_or(near.len());
            Ok(Some((Span::new(start, start + end), start + near.len())))
        }
        None => Err(TooShort),
    }
}

/// Whether a line is drawn: `|---|---|`, `----+----`, `=====  ====`, `├───┤`.
pub(super) fn is_drawn(line: &[u8]) -> bool {
    let words = line.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let is_dashed = |dashes: &str| memchr::memmem::find(line, dashes.as_bytes()).is_some();
    words * 4 < line.len() && ["--", "==", "──", "━━"].into_iter().any(is_dashed)
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
