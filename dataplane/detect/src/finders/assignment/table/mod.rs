//! Tables: the header of a column names a secret, and its cells are the values.
//!
//! ```text
//!   id,user,password         | user | password |      USER   PASSWORD       INSERT INTO t (id, token)
//!   1,ann,x                  |------|----------|      ann    x              VALUES (1, 'x')
//!                            | ann  | x        |
//! ```
//!
//! Nothing else shows that a cell is a value, so that a table must be one: its rows have as many cells as its header, and
//! it ends with the first that has not. It is settled as a whole.

mod column;
mod columns;
mod delimited;
mod insert;
mod line;
mod lists;
mod markup;
mod pair;

pub(super) use column::is_type;
pub(super) use pair::value_beside;

use column::Column;

use super::name::AssignedName;
use crate::candidate::{StringQuotes, TableMemory};
use crate::rule::Strength;
use crate::text::{Span, TextView, TooShort};

/// So many columns of one table may hold secrets.
const MAX_COLUMNS: usize = 8;

/// Whether what follows a name may end a cell of a table, as it does not in most assignments and calls.
pub(super) fn may_end_cell(behind: &[u8]) -> bool {
    match behind {
        [b' ', next, ..] => matches!(next, b' ' | b'|' | 0xe2),
        [b'"' | b'\'', b':', ..] | [b'\\', b'"', b':', ..] => false,
        [b'<', mark @ ..] => mark.starts_with(b"/t"),
        [next, ..] => matches!(
            next,
            b'\n' | b'\r' | b'\t' | b',' | b';' | b'|' | b'`' | b'*' | b'"' | b'\'' | b')' | b'\\'
        ),
        [] => true,
    }
}

/// Where the line begins in which something stands at `at`, if it is near; in JSON a string begins one.
pub(super) fn line_start(text: &[u8], at: usize) -> Option<usize> {
    line::start_of_line(text, at, None).map(|start| start.at)
}

/// The column of a table of whatever kind.
fn read(view: TextView<'_>, header: Span, string: Option<usize>) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    if text[header.end..].starts_with(b"</") {
        return markup::read(view, header);
    }
    if let Some(column) = delimited::read(view, header, string)? {
        return Ok(Some(column));
    }
    if let Some(column) = columns::read(view, header, string)? {
        return Ok(Some(column));
    }
    // What stands behind the name in a list of names.
    let closing = text[header.end..].iter().take(8).find(|byte| !b"\"'`\\ ".contains(byte));
    let found = match closing {
        Some(b',' | b')') => insert::read(view, header)?,
        _ => None,
    };
    match closing {
        Some(b',' | b']') if found.is_none() => lists::read(view, header),
        _ => Ok(found),
    }
}

/// `Pass`: a column of tests that passed, or of passes.
fn is_verdict(text: &[u8], name: &AssignedName) -> bool {
    [&b"pass"[..], b"passes"].iter().any(|word| text[name.start..name.end].eq_ignore_ascii_case(word))
}

/// The column that `name` is the header of, if it is one and was not read before.
pub(super) fn column(
    view: TextView<'_>,
    name: &AssignedName,
    quotes: &StringQuotes,
    memory: &mut TableMemory,
) -> Result<Option<Column>, TooShort> {
    if name.strength == Strength::Weak || memory.rows.contains(name.start) || is_verdict(view.text, name) {
        return Ok(None);
    }
    let header = Span::new(name.start, name.end);
    let (cut, string) = line::in_sight(view, header, quotes);
    let Some(column) = read(cut, header, string)? else { return Ok(None) };
    let is_known = memory.rows.start == column.rows.start;
    if is_known && (memory.columns >= MAX_COLUMNS || memory.last == column.place) {
        return Ok(None);
    }
    let columns = if is_known { memory.columns + 1 } else { 1 };
    *memory = TableMemory { rows: column.rows, columns, last: column.place };
    Ok(Some(column))
}
