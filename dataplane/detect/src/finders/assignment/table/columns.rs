//! Tables whose cells stand below each other, with blanks between them.

use super::column::Column;
use super::line::{self, Line, is_drawn, is_title};
use crate::text::{Span, TextView, TooShort};

/// Lines that are drawn between a header and its rows.
const MAX_DRAWN: usize = 2;

/// The column below the `header`.
pub(super) fn read(
    view: TextView<'_>,
    header: Span,
    string: Option<usize>,
) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    let blank = |at: Option<usize>| at.and_then(|at| text.get(at)) == Some(&b' ');
    let is_gap = |at: usize| blank(Some(at)) && blank(Some(at + 1));
    let ends = match text.get(header.end) {
        None if !view.last => return Err(TooShort),
        None | Some(b'\n' | b'\r' | b'\\' | b' ') => true,
        Some(_) => false,
    };
    let begins = header.start == 0
        || blank(header.start.checked_sub(1))
        || text[header.start - 1] == b'\n'
        || text[..header.start].ends_with(b"\\n");
    if !ends || !begins {
        return Ok(None);
    }
    let Some(start) = line::start_of_line(text, header.start, string) else { return Ok(None) };
    let Some((head, ending)) = line::header(view, start, header.end)? else { return Ok(None) };
    let Some(below) = line::line(view, head.next, ending)?.filter(|_| !head.is_last) else { return Ok(None) };
    let Line { span: head, next: rows, .. } = head;
    // With a line below it a header may have single blanks.
    let underlined = is_drawn(&text[below.span.range()]);
    let titles = titles(&text[head.range()], underlined);
    let at = header.start - head.start;
    let Some(place) = titles.iter().position(|title| title.start == at) else { return Ok(None) };
    let apart =
        underlined || is_gap(header.end) || (place > 0 && is_gap(head.start + titles[place].start - 2));
    let title = |span: &Span| &text[head.start + span.start..head.start + span.end];
    // Words with digits are those of rows.
    let is_header = |cell: &[u8]| is_title(cell) && (underlined || !cell.iter().any(u8::is_ascii_digit));
    let has_titles = titles.len() > 1 && titles.iter().all(|span| is_header(title(span)));
    let above = line::above(text, start, header.start);
    let is_block_start = above.map_or(start.is_first, |above| line::ends_block(&text[above.range()]));
    if !apart || !has_titles || !(underlined || is_block_start) {
        return Ok(None);
    }
    let mut column = Column { cells: Vec::new(), rows: Span::new(rows, rows), place };
    let mut drawn = 0;
    while let Some(row) = line::line(view, column.rows.end, ending)? {
        if is_drawn(&text[row.span.range()]) {
            drawn += 1;
            if drawn > MAX_DRAWN {
                break;
            }
        } else {
            let Some(cell) = cell(text, row.span, &titles, place) else { break };
            column.cells.push(cell);
        }
        column.rows.end = row.next;
        if row.is_last {
            break;
        }
    }
    Ok(Some(column))
}

/// The titles of a header, from its line's start.
fn titles(head: &[u8], single: bool) -> Vec<Span> {
    let mut titles: Vec<Span> = Vec::new();
    let mut at = 0;
    while at < head.len() {
        let blanks = head[at..].iter().take_while(|byte| **byte == b' ').count();
        at += blanks;
        let width = head[at..].iter().take_while(|byte| **byte != b' ').count();
        if width == 0 {
            break;
        }
        match titles.last_mut() {
            Some(last) if blanks == 1 && !single => last.end = at + width,
            _ => titles.push(Span::new(at, at + width)),
        }
        at += width;
    }
    titles
}

/// The cell of a row below a title: one word that begins where the title does, as the cells before it do.
fn cell(text: &[u8], row: Span, titles: &[Span], place: usize) -> Option<Span> {
    let line = &text[row.range()];
    let begins = |at: usize| {
        let here = line.get(at).is_some_and(|byte| *byte != b' ');
        here && (at == 0 || line[at - 1] == b' ')
    };
    if !titles[..=place].iter().all(|title| begins(title.start)) {
        return None;
    }
    let start = titles[place].start;
    let width = line[start..].iter().take_while(|byte| !matches!(**byte, b' ' | b'\t')).count();
    let next = titles.get(place + 1).map_or(usize::MAX, |title| title.start);
    // What follows is blank, up to the next cell.
    let gap = line[start + width..].iter().take_while(|byte| **byte == b' ').count();
    let reaches = start + width + gap >= next.min(line.len()) || start + width >= next;
    reaches.then_some(Span::new(row.start + start, row.start + start + width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finders::assignment::table::column::cells_below;

    fn cells<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        cells_below(text, name, |view, header| read(view, header, None))
    }

    #[test]
    fn cells_stand_below_their_header() {
        for text in [
            "NAME   PASS   AGE\ndb     x1     3d\nweb    y2     4d\n",
            "user  PASS\n----  ----\nann   x1\nbob   y2\n\n",
            "UserName PASS Enabled\n-------- ---- -------\nann      x1   True\nbob      y2   True\n",
            "====  ====\nuser  PASS\n====  ====\nann   x1\nbob   y2\n====  ====\n",
        ] {
            assert_eq!(cells(text, "PASS"), ["x1", "y2"], "{text:?}");
        }
    }

    #[test]
    fn words_are_no_columns() {
        for text in [
            "the PASS is\nthe x1 is\n",
            "a  the PASS\nb  x\n",
            "PASS\nx1\n",
            "some words\nuser   PASS\nann    x1\n",
            "{\"k\":\"user  PASS\",\"l\":\"x\"}\nann   x1",
        ] {
            assert_eq!(cells(text, "PASS"), [""; 0], "{text:?}");
        }
    }
}
