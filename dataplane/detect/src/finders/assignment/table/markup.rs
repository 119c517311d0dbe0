//! Tables of HTML: `<th>User</th><th>Password</th>`, and the cells in the rows below.

use super::column::Column;
use crate::text::{Span, TextView, TooShort};

/// How far left of a name its row begins; less than a window's context.
const MAX_BEFORE: usize = 192;
/// How far the end of a tag, and of a row, is looked for.
const MAX_ROW: usize = 1024;
const MAX_TAG: usize = 160;

/// The column below the `header`.
pub(super) fn read(view: TextView<'_>, header: Span) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    let floor = header.start.saturating_sub(MAX_BEFORE);
    let before = &text[floor..header.start];
    let Some(row) = memchr::memmem::rfind(before, b"<tr") else { return Ok(None) };
    let heads = memchr::memmem::find_iter(&before[row..], b"<th").count();
    let is_open = memchr::memmem::rfind(before, b"</th")
        .is_none_or(|at| memchr::memmem::rfind(before, b"<th").is_some_and(|head| head > at));
    if heads == 0 || !is_open {
        return Ok(None);
    }
    let Some(rows) = behind(view, header.end, b"</tr>")? else { return Ok(None) };
    let place = heads - 1;
    let mut column = Column { cells: Vec::new(), rows: Span::new(rows, rows), place };
    while let Some(start) = row_start(view, column.rows.end)? {
        let Some(end) = behind(view, start, b"</tr>")? else { break };
        column.cells.extend(cell(text, Span::new(start, end), place));
        column.rows.end = end;
    }
    Ok(Some(column))
}

/// Where the text behind `mark` begins, if it is near.
fn behind(view: TextView<'_>, from: usize, mark: &[u8]) -> Result<Option<usize>, TooShort> {
    let near = &view.text[from..view.text.len().min(from + MAX_ROW)];
    match memchr::memmem::find(near, mark) {
        Some(at) => Ok(Some(from + at + mark.len())),
        None if near.len() < MAX_ROW && !view.last => Err(TooShort),
        None => Ok(None),
    }
}

/// Where a row begins behind white space and the tags of a table's parts.
fn row_start(view: TextView<'_>, mut at: usize) -> Result<Option<usize>, TooShort> {
    const PARTS: [&[u8]; 3] = [b"</thead", b"<tbody", b"</tbody"];
    loop {
        let Some(rest) = view.text.get(at..) else { return Ok(None) };
        match rest {
            [b' ' | b'\t' | b'\n' | b'\r', ..] => at += 1,
            [b'\\', b'n' | b'r' | b't', ..] => at += 2,
            _ if rest.starts_with(b"<tr") => return Ok(Some(at)),
            _ if PARTS.iter().any(|part| rest.starts_with(part)) => {
                let tag = &rest[..rest.len().min(MAX_TAG)];
                match memchr::memchr(b'>', tag) {
                    Some(end) => at += end + 1,
                    None if tag.len() < MAX_TAG && !view.last => return Err(TooShort),
                    None => return Ok(None),
                }
            }
            _ if rest.len() < 8 && !view.last => return Err(TooShort),
            _ => return Ok(None),
        }
    }
}

/// The text of a row's cell, if it is one word.
fn cell(text: &[u8], row: Span, place: usize) -> Option<Span> {
    let inside = &text[row.range()];
    let cell = memchr::memmem::find_iter(inside, b"<td").nth(place)?;
    let mut start = cell + memchr::memchr(b'>', &inside[cell..])? + 1;
    let end = start + memchr::memmem::find(&inside[start..], b"</td")?;
    start += inside[start..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if inside[start..end].starts_with(b"<code>") {
        start += b"<code>".len();
    }
    let width =
        inside[start..end].iter().take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'<').count();
    let is_rest_blank = inside[start + width..end].trim_ascii().is_empty()
        || inside[start + width..end].starts_with(b"</code>");
    (width > 0 && is_rest_blank).then_some(Span::new(row.start + start, row.start + start + width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finders::assignment::table::column::cells_below;

    fn cells(text: &str) -> Vec<&str> {
        cells_below(text, "pass", read)
    }

    #[test]
    fn cells_stand_below_their_head() {
        for text in [
            "<table>\n<tr><th>User</th><th>pass</th></tr>\n<tr><td>a</td><td>x1</td></tr><tr><td>b</td><td>y2</td></tr>\n</table>",
            "<thead><tr><th>pass</th></tr></thead><tbody>\n<tr class=\"a\"><td><code>x1</code></td></tr>\n<tr><td> y2 </td></tr></tbody>",
            "<tr><th>a</th><th scope=\\\"col\\\">pass</th></tr>\\n<tr><td>a</td><td>x1</td></tr>\\n<tr><td>a</td><td>y2</td></tr>",
        ] {
            assert_eq!(cells(text), ["x1", "y2"], "{text}");
        }
    }

    #[test]
    fn other_elements_are_no_heads() {
        for text in [
            "<td>pass</td></tr><tr><td>x1</td></tr>",
            "<tr><th>a</th></tr> pass <tr><td>x1</td></tr>",
            "<tr><th>pass</th></tr><p>x1</p>",
        ] {
            assert_eq!(cells(text), [""; 0], "{text}");
        }
    }
}
