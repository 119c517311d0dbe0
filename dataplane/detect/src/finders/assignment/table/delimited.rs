//! Tables with a sign between their cells: CSV, TSV, Markdown, what databases print, drawn boxes.

use super::column::Column;
use super::line::{self, is_drawn, is_title, trimmed};
use crate::text::{Span, TextView, TooShort};

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Comma,
    Semicolon,
    Tab,
    /// `|`
    Bar,
    /// `│`, `┃`
    Drawn,
}

/// Rows of more cells are none of a table that somebody reads.
const MAX_CELLS: usize = 64;
/// How far a title goes on to each side of its keyword.
const MAX_TITLE: usize = 48;
/// Lines that are drawn between a header and its rows.
const MAX_DRAWN: usize = 2;

impl Separator {
    /// The separator that `text` begins with, and its length.
    fn here(text: &[u8]) -> Option<(Separator, usize)> {
        match text {
            [b',', ..] => Some((Separator::Comma, 1)),
            [b';', ..] => Some((Separator::Semicolon, 1)),
            [b'\t', ..] => Some((Separator::Tab, 1)),
            [b'\\', b't', ..] => Some((Separator::Tab, 2)),
            [b'|', ..] => Some((Separator::Bar, 1)),
            [0xe2, 0x94, 0x82 | 0x83, ..] => Some((Separator::Drawn, 3)),
            _ => None,
        }
    }

    fn is_bar(self) -> bool {
        matches!(self, Separator::Bar | Separator::Drawn)
    }
}

/// The cells of a line, appended to `cells`; whether there are not too many. A cell between double quotes may hold the
/// separator.
fn split(text: &[u8], line: Span, separator: Separator, cells: &mut Vec<Span>) -> bool {
    cells.clear();
    let (mut start, mut at) = (line.start, line.start);
    while at < line.end {
        let rest = &text[at..line.end];
        if at == start && !separator.is_bar() {
            at = match rest {
                [b'"', ..] => closing(text, at, line.end),
                // In a string.
                [b'\\', b'"', more @ ..] => {
                    memchr::memmem::find(more, b"\\\"").map_or(at, |end| at + end + 4)
                }
                _ => at,
            };
            if at > start {
                continue;
            }
        }
        match Separator::here(rest) {
            Some((here, width)) if here == separator => {
                cells.push(Span::new(start, at));
                at += width;
                start = at;
            }
            _ => at += 1,
        }
        if cells.len() > MAX_CELLS {
            return false;
        }
    }
    cells.push(Span::new(start, line.end));
    // `| a | b |` and `a | b` alike.
    if separator.is_bar() {
        let is_empty =
            |cell: Option<&Span>| cell.is_some_and(|cell| text[cell.range()].trim_ascii().is_empty());
        if is_empty(cells.last()) {
            cells.pop();
        }
        if is_empty(cells.first()) {
            cells.remove(0);
        }
    }
    true
}

/// Where the cell between quotes that begins at `at` ends.
fn closing(text: &[u8], at: usize, end: usize) -> usize {
    let quotes = memchr::memchr_iter(b'"', &text[at + 1..end]).map(|quote| at + 1 + quote);
    let mut doubled = 0;
    for quote in quotes {
        if quote == doubled {
            continue;
        }
        if text.get(quote + 1) == Some(&b'"') && quote + 1 < end {
            doubled = quote + 1;
            continue;
        }
        return quote + 1;
    }
    at + 1
}

/// The column below the `header`.
pub(super) fn read(view: TextView<'_>, header: Span) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    let Some(separator) = beside(text, header) else { return Ok(None) };
    let Some(start) = line::start_of_line(text, header.start) else { return Ok(None) };
    let Some((head, rows)) = line::line(view, start)? else { return Ok(None) };
    let mut cells = Vec::new();
    let Some((place, count)) = header_cells(text, head, (separator, header), &mut cells) else {
        return Ok(None);
    };
    let mut column = Column { cells: Vec::new(), rows: Span::new(rows, rows), place };
    let mut drawn = 0;
    while let Some((row, next)) = line::line(view, column.rows.end)? {
        let whole = split(text, row, separator, &mut cells);
        if is_drawn(&text[row.range()]) {
            drawn += 1;
            if drawn > MAX_DRAWN {
                break;
            }
        } else if whole && cells.len() == count {
            let cell = trimmed(text, cells[place]);
            if !cell.is_empty() && !text[cell.range()].contains(&b' ') {
                column.cells.push(cell);
            }
        } else {
            break;
        }
        column.rows.end = next;
    }
    Ok(Some(column))
}

/// The number of the header's cell, and how many there are; the line must be one of titles.
fn header_cells(
    text: &[u8],
    head: Span,
    (separator, header): (Separator, Span),
    cells: &mut Vec<Span>,
) -> Option<(usize, usize)> {
    if !split(text, head, separator, cells) {
        return None;
    }
    // `||a||b||`
    if separator == Separator::Bar && memchr::memmem::find(&text[head.range()], b"||").is_some() {
        cells.retain(|cell| !cell.is_empty());
    }
    // Words with a comma and a blank between them are a sentence, or arguments.
    let is_list = matches!(separator, Separator::Comma | Separator::Semicolon);
    let is_titled = |(index, whole): (usize, &Span)| {
        let cell = &text[trimmed(text, *whole).range()];
        // The first may have a line's number before it.
        match index {
            0 => !cell.iter().any(|byte| b"(){}[]=".contains(byte)),
            _ => is_title(cell) && !(is_list && text[whole.start] == b' '),
        }
    };
    if cells.len() < 2 || !cells.iter().enumerate().all(is_titled) {
        return None;
    }
    let place = cells.iter().position(|cell| cell.start <= header.start && header.end <= cell.end)?;
    Some((place, cells.len()))
}

/// The separator right before or behind the cell that a name stands in.
fn beside(text: &[u8], header: Span) -> Option<Separator> {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || b" _.-\"`*'".contains(&byte) || byte > 0xe2;
    let (mut start, mut end) = (header.start, header.end);
    while header.start - start < MAX_TITLE {
        start -= match text[..start] {
            [.., b'\\', b'"'] => 2,
            [.., byte] if is_inside(byte) => 1,
            _ => break,
        };
    }
    while end - header.end < MAX_TITLE {
        end += match text[end..] {
            [b'\\', b'"', ..] => 2,
            [byte, ..] if is_inside(byte) => 1,
            _ => break,
        };
    }
    let left = &text[..start];
    let left = match left {
        [.., 0xe2, 0x94, 0x82 | 0x83] => Some(Separator::Drawn),
        // The letter of an escape stands inside the cell.
        [.., b'\\'] => (text.get(start) == Some(&b't')).then_some(Separator::Tab),
        [.., last] => Separator::here(&[*last]).map(|(separator, _)| separator),
        [] => None,
    };
    let right = Separator::here(&text[end..]).map(|(separator, _)| separator);
    match (left, right) {
        (Some(left), Some(right)) => (left == right).then_some(left),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        let start = text.find(name).unwrap();
        let view = TextView { text: text.as_bytes(), last: true };
        let found = read(view, Span::new(start, start + name.len())).unwrap();
        found.map_or(Vec::new(), |column| column.cells.iter().map(|cell| &text[cell.range()]).collect())
    }

    #[test]
    fn cells_below_a_header_are_read_in_every_kind() {
        for text in [
            "id,user,pass\n1,ann,x1\n2,bob,y2\n",
            "\"id\",\"user\",\"pass\"\n\"1\",\"a,b\",\"x1\"\n\"2\",\"\",\"y2\"\n",
            "Host;pass;Note\na;x1;n\nb;y2;n\n",
            "host\tpass\na\tx1\nb\ty2\n",
            "host\\tpass\\na\\tx1\\nb\\ty2\\n",
            "| user | pass |\n|------|---|\n| a | x1 |\n| b | `y2` |\n",
            " user | pass \n------+------\n a | x1\n b | y2\n(2 rows)\n",
            "+---+------+\n| u | pass |\n+---+------+\n| a | x1 |\n| b | y2 |\n+---+------+\n",
            "\u{2502} u \u{2502} pass \u{2502}\n\u{251c}\u{2500}\u{2500}\u{253c}\u{2500}\u{2500}\u{2524}\n\u{2502} a \u{2502} x1 \u{2502}\n\u{2502} b \u{2502} y2 \u{2502}\n",
            "||Host||pass||\n|a|x1|\n|b|y2|\n",
            "  1\tid,pass\n  2\t1,x1\n  3\t2,y2\n",
        ] {
            assert_eq!(cells(text, "pass"), ["x1", "y2"], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_table_has_no_cells() {
        for text in [
            "user, pass, host\n1, x1, h\n",
            "f(a,pass)\n1,x1\n",
            "pass,\nx1,\n",
            "pass\nx1\n",
            "id,pass\n1,2,x1\n",
        ] {
            assert_eq!(cells(text, "pass"), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn a_row_that_may_go_on_is_too_short() {
        let view = TextView { text: b"id,pass\n1,x1", last: false };
        assert_eq!(read(view, Span::new(3, 7)), Err(TooShort));
    }
}
