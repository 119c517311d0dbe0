//! SQL that names its columns: `INSERT INTO t (id, token) VALUES (1, 'x')`, and `COPY t (id, token) FROM stdin`.

use super::column::Column;
use super::line;
use crate::text::{Span, TextView, TooShort};

/// How far left of a name its list begins; less than a window's context.
const MAX_BEFORE: usize = 192;
/// How far behind a name its list ends.
const MAX_BEHIND: usize = 512;
/// Values of one row.
const MAX_VALUES: usize = 64;

/// The values of the column that is named at `header`.
pub(super) fn read(view: TextView<'_>, header: Span) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    let floor = header.start.saturating_sub(MAX_BEFORE);
    let before = &text[floor..header.start];
    let Some(open) = before.iter().rposition(|byte| !is_in_list(*byte)).filter(|at| before[*at] == b'(')
    else {
        return Ok(None);
    };
    let head = before[..open].to_ascii_lowercase();
    let is_copy = memchr::memmem::rfind(&head, b"copy ").is_some();
    let is_into = |verb: &[u8]| memchr::memmem::rfind(&head, verb).is_some();
    if !is_copy
        && !(is_into(b"into ") && (is_into(b"insert ") || is_into(b"replace ") || is_into(b"upsert ")))
    {
        return Ok(None);
    }
    let place = memchr::memchr_iter(b',', &before[open..]).count();
    let rest = &text[header.end..text.len().min(header.end + MAX_BEHIND)];
    let list = rest.iter().take_while(|byte| is_in_list(**byte)).count();
    match rest.get(list) {
        Some(b')') => {}
        None if !view.last && rest.len() < MAX_BEHIND => return Err(TooShort),
        _ => return Ok(None),
    }
    let columns = place + 1 + memchr::memchr_iter(b',', &rest[..list]).count();
    let behind = header.end + list + 1;
    if is_copy { copied(view, behind, (place, columns)) } else { inserted(view, behind, (place, columns)) }
}

/// What a list of names is made of.
fn is_in_list(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" _,.\"`[]\n\r\t\\".contains(&byte)
}

/// Skips blanks and line ends in every writing.
fn blanks(text: &[u8], mut at: usize) -> usize {
    loop {
        match text.get(at..) {
            Some([b' ' | b'\t' | b'\n' | b'\r', ..]) => at += 1,
            Some([b'\\', b'n' | b'r' | b't', ..]) => at += 2,
            _ => return at,
        }
    }
}

/// `VALUES (1, 'x'), (2, 'y')`
fn inserted(
    view: TextView<'_>,
    behind: usize,
    (place, columns): (usize, usize),
) -> Result<Option<Column>, TooShort> {
    const VALUES: &[u8] = b"values";
    let text = view.text;
    let at = blanks(text, behind);
    let Some(word) = text.get(at..at + VALUES.len()) else {
        return if view.last { Ok(None) } else { Err(TooShort) };
    };
    if !word.eq_ignore_ascii_case(VALUES) {
        return Ok(None);
    }
    let rows = at + VALUES.len();
    let mut column = Column { cells: Vec::new(), rows: Span::new(rows, rows), place };
    loop {
        let at = blanks(text, column.rows.end);
        if text.get(at) != Some(&b'(') {
            return if at == text.len() && !view.last { Err(TooShort) } else { Ok(Some(column)) };
        }
        let Some((values, end)) = tuple(text, at + 1) else {
            return if view.last { Ok(Some(column)) } else { Err(TooShort) };
        };
        if values.len() != columns {
            return Ok(Some(column));
        }
        column.cells.extend(Some(values[place]).filter(|value| !value.is_empty()));
        let next = blanks(text, end);
        if text.get(next) != Some(&b',') {
            let is_short = next == text.len() && !view.last;
            column.rows.end = end;
            return if is_short { Err(TooShort) } else { Ok(Some(column)) };
        }
        column.rows.end = next + 1;
    }
}

/// The values up to the parenthesis that closes their tuple, those in quotes without them, the others empty; and where
/// it ends. `None` if it does not.
fn tuple(text: &[u8], mut at: usize) -> Option<(Vec<Span>, usize)> {
    let mut values = Vec::new();
    let mut value = Span::new(at, at);
    let mut depth = 0;
    loop {
        match text.get(at)? {
            b'\'' => {
                let end = string_end(text, at + 1)?;
                value = Span::new(at + 1, end);
                // A string of several lines, or one that reaches over the quote around all of it.
                if text[value.range()].iter().any(|byte| matches!(byte, b'"' | b'\n')) {
                    value.start = end;
                }
                at = end;
            }
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b',' if depth > 0 => {}
            close @ (b',' | b')') => {
                values.push(value);
                if *close == b')' || values.len() > MAX_VALUES {
                    return Some((values, at + 1));
                }
                value = Span::new(at + 1, at + 1);
            }
            _ => {}
        }
        at += 1;
    }
}

/// The quote that ends the string which begins at `at`.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'\'', b'\\', text.get(at..)?)?;
        match text[at..] {
            [b'\'', b'\'', ..] | [b'\\', _, ..] => at += 2,
            [b'\'', ..] => return Some(at),
            _ => return None,
        }
    }
}

/// `FROM stdin;` and rows with tabs between their values.
fn copied(
    view: TextView<'_>,
    behind: usize,
    (place, columns): (usize, usize),
) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    let start = line::LineStart::behind(behind);
    let Some((rest, ending)) = line::header(view, start, behind)? else { return Ok(None) };
    if rest.is_last
        || memchr::memmem::find(&text[rest.span.range()].to_ascii_lowercase(), b"from stdin").is_none()
    {
        return Ok(None);
    }
    let mut column = Column { cells: Vec::new(), rows: Span::new(rest.next, rest.next), place };
    while let Some(row) = line::line(view, column.rows.end, ending)? {
        let Some(cell) = tabbed(text, row.span, (place, columns)) else { break };
        column.cells.push(cell);
        column.rows.end = row.next;
        if row.is_last {
            break;
        }
    }
    Ok(Some(column))
}

/// A cell of a row with tabs between its cells.
fn tabbed(text: &[u8], row: Span, (place, columns): (usize, usize)) -> Option<Span> {
    let line = &text[row.range()];
    let tabs = memchr::memchr2_iter(b'\t', b'\\', line)
        .filter_map(|at| match line[at..] {
            [b'\t', ..] => Some((at, at + 1)),
            [_, b't', ..] => Some((at, at + 2)),
            _ => None,
        })
        .collect::<Vec<_>>();
    if tabs.len() + 1 != columns {
        return None;
    }
    let start = place.checked_sub(1).map_or(0, |before| tabs[before].1);
    let end = tabs.get(place).map_or(line.len(), |(at, _)| *at);
    (start < end).then_some(Span::new(row.start + start, row.start + end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finders::assignment::table::column::cells_below;

    fn cells<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        cells_below(text, name, read)
    }

    #[test]
    fn values_stand_where_their_names_do() {
        for text in [
            "INSERT INTO t (id, pass, role) VALUES (1, 'x1', 'a'), (2, 'y2', f('b', 'c'));",
            "insert into `t` (`id`, `pass`)\nvalues\n  (1, 'x1'),\n  (2, 'y2');",
            "INSERT INTO t (id, pass) VALUES (';''(', 'x1'),\\n(NULL, 'y2')",
            "COPY t (id, pass, role) FROM stdin;\n1\tx1\ta\n2\ty2\tb\n\\.\n",
        ] {
            assert_eq!(cells(text, "pass"), ["x1", "y2"], "{text:?}");
        }
    }

    #[test]
    fn other_lists_have_no_values() {
        for text in [
            "SELECT f(id, pass) FROM t",
            "INSERT INTO t (id, pass) SELECT 1, 'x1'",
            "INSERT INTO t (id, pass) VALUES (1, 2, 'x1')",
            "INSERT INTO t (id, pass) VALUES (1, md5)",
        ] {
            assert_eq!(cells(text, "pass"), [""; 0], "{text:?}");
        }
    }
}
