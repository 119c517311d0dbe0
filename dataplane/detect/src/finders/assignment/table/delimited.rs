//! Tables with a sign between their cells: CSV, TSV, Markdown, what databases print, drawn boxes.

use super::column::Column;
use super::line::{self, Ending, is_drawn, is_title, trimmed};
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
/// The shortest cell of a table of one column.
const MIN_SINGLE: usize = 16;
/// Lines that are drawn between a header and its rows.
const MAX_DRAWN: usize = 2;

impl Separator {
    /// The width of this separator where `text` begins with it, in a table whose lines end so.
    fn width(self, text: &[u8], ending: Ending) -> Option<usize> {
        let mark: &[u8] = match self {
            Separator::Comma => b",",
            Separator::Semicolon => b";",
            Separator::Bar => b"|",
            Separator::Drawn => {
                return matches!(text, [0xe2, 0x94, 0x82 | 0x83, ..]).then_some(3);
            }
            Separator::Tab => match ending {
                Ending::Feed | Ending::Decoded => b"\t",
                Ending::Escape(run) => {
                    let escaped = text.len() > run && text[..run].iter().all(|byte| *byte == b'\\');
                    return (escaped && text[run] == b't').then_some(run + 1);
                }
            },
        };
        text.starts_with(mark).then_some(mark.len())
    }

    fn is_bar(self) -> bool {
        matches!(self, Separator::Bar | Separator::Drawn)
    }

    fn is_list(self) -> bool {
        matches!(self, Separator::Comma | Separator::Semicolon)
    }
}

/// The cells of a line, appended to `cells`; whether there are not too many. A cell between double quotes may hold the
/// separator, and a bar may stand behind a backslash.
fn split(text: &[u8], line: Span, (separator, ending): (Separator, Ending), cells: &mut Vec<Span>) -> bool {
    cells.clear();
    let (mut start, mut at) = (line.start, line.start);
    while at < line.end {
        let rest = &text[at..line.end];
        if at == start && !separator.is_bar() {
            let behind = quoted(rest, ending);
            if behind > 0 {
                at += behind;
                continue;
            }
        }
        match separator.width(rest, ending) {
            Some(_) if separator == Separator::Bar && at > start && text[at - 1] == b'\\' => at += 1,
            Some(width) => {
                cells.push(Span::new(start, at));
                at += width;
                start = at;
            }
            None => at += 1,
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

/// How long the cell between quotes is that `rest` begins with, in which a doubled quote is one; zero if there is none.
fn quoted(rest: &[u8], ending: Ending) -> usize {
    let run = match ending {
        Ending::Feed | Ending::Decoded => 0,
        Ending::Escape(run) => 2 * run - 1,
    };
    let opens = |at: usize| {
        rest.get(at..=at + run)
            .is_some_and(|mark| mark[run] == b'"' && mark[..run].iter().all(|b| *b == b'\\'))
    };
    if !opens(0) {
        return 0;
    }
    let mut at = run + 1;
    while let Some(ahead) = memchr::memchr(b'"', &rest[at.min(rest.len())..]) {
        let quote = at + ahead;
        if quote < at + run || !opens(quote - run) {
            at = quote + 1;
        } else if opens(quote + 1) {
            at = quote + run + 2;
        } else {
            return quote + 1;
        }
    }
    0
}

/// The column below the `header`.
pub(super) fn read(
    view: TextView<'_>,
    header: Span,
    string: Option<usize>,
) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    if !may_be_beside(text, header) {
        return single(view, header, string);
    }
    let Some(start) = line::start_of_line(text, header.start, string) else { return Ok(None) };
    let Some((head, ending)) = line::header(view, start, header.end)? else { return Ok(None) };
    if head.is_last {
        return Ok(None);
    }
    let Some(separator) = beside(text, header, head.span, ending) else { return Ok(None) };
    let mut cells = Vec::new();
    let Some((place, count)) = header_cells(text, head.span, (separator, ending, header), &mut cells) else {
        return Ok(None);
    };
    let below = line::line(view, head.next, ending)?;
    let is_underlined = below.is_some_and(|line| is_drawn(&text[line.span.range()]));
    if !is_underlined && !is_block_start(text, start, header, (separator, ending)) {
        return Ok(None);
    }
    let mut column = Column { cells: Vec::new(), rows: Span::new(head.next, head.next), place };
    let mut drawn = 0;
    while let Some(row) = line::line(view, column.rows.end, ending)? {
        let whole = split(text, row.span, (separator, ending), &mut cells);
        if is_drawn(&text[row.span.range()]) {
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
        column.rows.end = row.next;
        if row.is_last {
            break;
        }
    }
    Ok(Some(column))
}

/// A table of one column: the header is the first line of its block, and what is below it has no blanks.
fn single(view: TextView<'_>, header: Span, string: Option<usize>) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    let ends = |byte: Option<&u8>| matches!(byte, None | Some(b'\n' | b'\r' | b'\\'));
    let begins = header.start.checked_sub(1).map(|before| text[before]);
    if !ends(text.get(header.end)) || !matches!(begins, None | Some(b'\n' | b'n' | b'r' | b'"')) {
        return Ok(None);
    }
    let Some(start) = line::start_of_line(text, header.start, string) else { return Ok(None) };
    let is_block_start = start.is_first
        || line::above(text, start, header.start)
            .is_some_and(|above| text[above.range()].trim_ascii().is_empty());
    if start.at != header.start || !is_block_start {
        return Ok(None);
    }
    let Some((head, ending)) = line::header(view, start, header.end)? else { return Ok(None) };
    if head.is_last || head.span.end != header.end {
        return Ok(None);
    }
    let mut column = Column { cells: Vec::new(), rows: Span::new(head.next, head.next), place: 0 };
    while let Some(row) = line::line(view, column.rows.end, ending)? {
        let cell = trimmed(text, row.span);
        let is_cell = |byte: &u8| byte.is_ascii_graphic() && !b"{}()<>:;,".contains(byte);
        if cell.is_empty() {
            break;
        }
        // Text, or another kind of list: of keys none is so short.
        let bytes = &text[cell.range()];
        if !bytes.iter().all(is_cell) || bytes.len() < MIN_SINGLE || !bytes.iter().any(u8::is_ascii_digit) {
            return Ok(None);
        }
        column.cells.push(cell);
        column.rows.end = row.next;
        if row.is_last {
            break;
        }
    }
    Ok(Some(column))
}

/// Whether no row of the same kind stands above the line of a header.
fn is_block_start(
    text: &[u8],
    start: line::LineStart,
    header: Span,
    (separator, ending): (Separator, Ending),
) -> bool {
    let Some(above) = line::above(text, start, header.start) else { return start.is_first };
    let line = &text[above.range()];
    let has_separator = || (0..line.len()).any(|at| separator.width(&line[at..], ending).is_some());
    line::ends_block(line) || !has_separator()
}

/// The number of the header's cell, and how many there are; the line must be one of titles.
fn header_cells(
    text: &[u8],
    head: Span,
    (separator, ending, header): (Separator, Ending, Span),
    cells: &mut Vec<Span>,
) -> Option<(usize, usize)> {
    if !split(text, head, (separator, ending), cells) {
        return None;
    }
    // `||a||b||`
    if separator == Separator::Bar && memchr::memmem::find(&text[head.range()], b"||").is_some() {
        cells.retain(|cell| !cell.is_empty());
    }
    // Words with a comma and a blank between them are a sentence, or arguments.
    let is_titled = |(index, whole): (usize, &Span)| {
        let cell = &text[trimmed(text, *whole).range()];
        // The first may have a line's number before it, but it is not one.
        match index {
            0 => !cell.iter().any(|byte| b"(){}[]=".contains(byte)) && has_words(cell),
            _ => is_title(cell) && !(separator.is_list() && text[whole.start] == b' '),
        }
    };
    if cells.len() < 2 || !cells.iter().enumerate().all(is_titled) {
        return None;
    }
    let place = cells.iter().position(|cell| cell.start <= header.start && header.end <= cell.end)?;
    Some((place, cells.len()))
}

fn has_words(cell: &[u8]) -> bool {
    cell.is_empty() || cell == b"#" || cell.iter().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii())
}

/// What may stand in a cell of a header.
fn is_inside(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" _.-\"`*'/()\\".contains(&byte) || byte > 0xe2
}

/// Whether a separator of any kind stands in the line beside a name, as none does in most texts.
fn may_be_beside(text: &[u8], header: Span) -> bool {
    let is_separator = |byte: Option<&u8>| matches!(byte, Some(b',' | b';' | b'\t' | b'|' | 0xe2 | b't'));
    let left = text[..header.start].iter().rev().take(MAX_TITLE).find(|byte| !is_inside(**byte));
    let right = text[header.end..].iter().take(MAX_TITLE).find(|byte| !is_inside(**byte));
    is_separator(left) || is_separator(right) || {
        let near = &text[header.start.saturating_sub(MAX_TITLE)..text.len().min(header.end + MAX_TITLE)];
        memchr::memmem::find(near, b"\\t").is_some()
    }
}

/// The separator right before or behind the cell that a name stands in.
fn beside(text: &[u8], header: Span, line: Span, ending: Ending) -> Option<Separator> {
    const ALL: [Separator; 5] =
        [Separator::Comma, Separator::Semicolon, Separator::Tab, Separator::Bar, Separator::Drawn];
    let here = |at: usize| ALL.into_iter().find(|kind| kind.width(&text[at..line.end], ending).is_some());
    let mut end = header.end;
    let right = loop {
        if end >= line.end || end - header.end > MAX_TITLE {
            break None;
        }
        if let Some(found) = here(end) {
            break Some(found);
        }
        if !is_inside(text[end]) {
            return None;
        }
        end += 1;
    };
    let mut start = header.start;
    let left = loop {
        if start <= line.start || header.start - start > MAX_TITLE {
            break None;
        }
        start -= 1;
        let found = here(start).filter(|kind| {
            kind.width(&text[start..line.end], ending).is_some_and(|width| start + width <= header.start)
        });
        if let Some(found) = found {
            break Some(found);
        }
        if !is_inside(text[start]) && text[start] < 0x80 {
            return None;
        }
    };
    match (left, right) {
        (Some(left), Some(right)) => (left == right).then_some(left),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finders::assignment::table::column::cells_below;

    fn cells<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        cells_below(text, name, |view, header| read(view, header, None))
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
    fn keys_stand_below_one_title() {
        let (x, y) = ("q8Zt4Lm2Xv7Kp1Rw", "9Bn3yH6dJ0sF5gTc");
        for text in [format!("pass\n{x}\n{y}\n\nz\n"), format!("a b:\n\npass\n{x}\n{y}")] {
            assert_eq!(cells(&text, "pass"), [x, y], "{text:?}");
        }
        assert_eq!(cells(&format!("pass\n{x}\nab12\n"), "pass"), [""; 0]);
    }

    #[test]
    fn what_is_no_table_has_no_cells() {
        for text in [
            "user, pass, host\n1, x1, h\n",
            "f(a,pass)\n1,x1\n",
            "pass,\nx1,\n",
            "pass\nx1 y\n",
            "a\npass\nx1\n",
            "pass:\nx1\n",
            "pass\nx(1)\n",
            "id,pass\n1,2,x1\n",
            "1\tfrom a\n2\tpass\n3\tx1\n",
            "2\tpass\n3\tx1\n",
            "a,b,c\nid,user,pass\n1,2,x1\n",
            "{\"k\":\"id,pass\",\n\"l\":\"1,x1\"}",
            "{\"k\":\"id,pass\"},{\"l\":\"a\\n1,x1\"}",
        ] {
            assert_eq!(cells(text, "pass"), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn a_table_ends_with_its_string() {
        for text in [
            "{\"k\":\"id,pass\\n1,x1\\n2,y2\",\"l\":\"3,z3\"}",
            "{\"k\":\"id,pass\\n1,x1\\n2,y2\\n\",\"3\":\"z3\"}",
            "{\"k\":\"id\\tpass\\n1\\tx1\\n2\\ty2\"}\n3\tz3",
            r#"{\"k\":\"id\\tpass\\n1\\tx1\\n2\\ty2\"}"#,
            r#"{"k":"a\n\"id\",\"pass\"\n\"1,2\",\"x1\"\n\"3\",\"y2\""}"#,
            "id|pass\na\\|b|x1\nc|y2",
            // Decoded.
            "{\"k\":\"id,pass\n1,x1\n2,y2\",\"l\":\"3,z3\"}",
            "{\"k\":\"id,pass\n1,x1\n2,y2\n\"},{\"3\":\"z3\"}",
        ] {
            assert_eq!(cells(text, "pass"), ["x1", "y2"], "{text:?}");
        }
    }

    #[test]
    fn a_row_that_may_go_on_is_too_short() {
        let view = TextView { text: b"id,pass\n1,x1", last: false };
        assert_eq!(read(view, Span::new(3, 7), None), Err(TooShort));
    }
}
