//! Tables of JSON: a list of names, and lists of values behind it.
//!
//! ```text
//!   {"columns": ["id", "password"], "rows": [[1, "x"]]}        [["user", "password"], ["ann", "x"]]
//! ```

use super::column::Column;
use crate::bytes::{ByteSet, WORD};
use crate::finders::assignment::quotes::{self, opening_quote};
use crate::text::cursor::Cursor;
use crate::text::{Span, TextView, TooShort};

/// How far left of a name its list begins; less than a window's context.
const MAX_BEFORE: usize = 192;
/// How many values a list has at most.
const MAX_VALUES: usize = 64;
/// How many line ends and blanks may stand between values.
const MAX_GAP: usize = 64;
const SCALAR: ByteSet = WORD.union(ByteSet::of(b".+-"));

/// The values of the column that is named at `header`.
pub(super) fn read(view: TextView<'_>, header: Span) -> Result<Option<Column>, TooShort> {
    let text = view.text;
    let floor = header.start.saturating_sub(MAX_BEFORE);
    let before = &text[floor..header.start];
    let Some(open) = before.iter().rposition(|byte| !is_in_list(*byte)).filter(|at| before[*at] == b'[')
    else {
        return Ok(None);
    };
    let place = memchr::memchr_iter(b',', &before[open..]).count();
    let mut cursor = Cursor::new(view, floor + open);
    let Some(names) = list(&mut cursor)? else { return Ok(None) };
    if names.len() < 2 || names.get(place).is_none_or(|name| name.end < header.end) {
        return Ok(None);
    }
    cursor.spaces(MAX_GAP)?;
    if !cursor.take(b',')? {
        return Ok(None);
    }
    cursor.spaces(MAX_GAP)?;
    if let Some(quote) = opening_quote(&mut cursor)? {
        // `"rows": [`
        let Some(key) = quotes::string(cursor, quote)? else { return Ok(None) };
        cursor.at = key.end;
        if !quotes::closes(&mut cursor, quote)? {
            return Ok(None);
        }
        cursor.spaces(MAX_GAP)?;
        let is_member = cursor.take(b':')?;
        cursor.spaces(MAX_GAP)?;
        if !is_member || !cursor.take(b'[')? {
            return Ok(None);
        }
        cursor.spaces(MAX_GAP)?;
    }
    let mut column = Column { cells: Vec::new(), rows: Span::new(cursor.at, cursor.at), place };
    while cursor.peek()? == b'[' {
        let Some(values) = list(&mut cursor)?.filter(|values| values.len() == names.len()) else { break };
        column.cells.extend(Some(values[place]).filter(|value| !value.is_empty()));
        column.rows.end = cursor.at;
        cursor.spaces(MAX_GAP)?;
        if !cursor.take(b',')? {
            break;
        }
        cursor.spaces(MAX_GAP)?;
    }
    Ok(Some(column).filter(|column| !column.rows.is_empty()))
}

/// What a list of names is made of.
fn is_in_list(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" _,.-\"'\n\r\t\\".contains(&byte)
}

/// Reads a list of strings, whose extent is returned, and of other scalars, which are empty.
fn list(cursor: &mut Cursor<'_>) -> Result<Option<Vec<Span>>, TooShort> {
    let mut values = Vec::new();
    if !cursor.take(b'[')? {
        return Ok(None);
    }
    while values.len() < MAX_VALUES {
        cursor.spaces(MAX_GAP)?;
        if let Some(quote) = opening_quote(cursor)? {
            let Some(value) = quotes::string(*cursor, quote)? else { return Ok(None) };
            cursor.at = value.end;
            if !quotes::closes(cursor, quote)? {
                return Ok(None);
            }
            values.push(value);
        } else if cursor.skip(&SCALAR, MAX_GAP)? > 0 {
            values.push(Span::new(cursor.at, cursor.at));
        } else {
            return Ok(None);
        }
        cursor.spaces(MAX_GAP)?;
        if cursor.take(b']')? {
            return Ok(Some(values));
        }
        if !cursor.take(b',')? {
            return Ok(None);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finders::assignment::table::column::cells_below;

    fn cells(text: &str) -> Vec<&str> {
        cells_below(text, "pass", read)
    }

    #[test]
    fn values_stand_where_their_names_do() {
        for text in [
            r#"{"columns":["id","pass"],"rows":[[1,"x1"],[2,"y2"]]}"#,
            r#"{\"columns\": [\"id\", \"pass\"], \"rows\": [[1, \"x1\"], [null, \"y2\"]]}"#,
            "[\n  [\"user\", \"pass\"],\n  [\"a\", \"x1\"],\n  [\"b\", \"y2\"]\n]",
        ] {
            assert_eq!(cells(text), ["x1", "y2"], "{text}");
        }
    }

    #[test]
    fn other_lists_have_no_values() {
        for text in [
            r#"["id","pass"]"#,
            r#"["pass"],["x1"]"#,
            r#"["id","pass"],["x1"]"#,
            r#"{"a":["id","pass"],"b":["1","x1"]}"#,
            r#"f("id","pass"),["1","x1"]"#,
        ] {
            assert_eq!(cells(text), [""; 0], "{text}");
        }
    }
}
