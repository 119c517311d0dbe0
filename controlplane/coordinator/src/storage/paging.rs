//! Lists in pages: ordered by an id that sorts by time, with the last id seen as the cursor.

use super::error::Result;
use super::value::Row;

/// Most rows of a page.
pub const MAX_PAGE_ROWS: u32 = 1000;

/// Rows of a list, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    /// At most as many as were asked for.
    pub rows: Vec<T>,
    /// Cursor of the next page; none when this is the last.
    pub next: Option<String>,
}

/// How many rows to ask for, to know whether more follow.
pub(super) fn with_one_more(limit: u32) -> i64 {
    i64::from(limit.clamp(1, MAX_PAGE_ROWS)) + 1
}

/// Makes a page of the rows of a statement that asked for [`with_one_more`].
pub(super) fn list<T>(
    rows: &[Row],
    limit: u32,
    read: impl Fn(&Row) -> Result<T>,
    cursor: impl Fn(&T) -> &str,
) -> Result<List<T>> {
    let limit = usize::try_from(limit.clamp(1, MAX_PAGE_ROWS)).unwrap_or(1);
    let is_more = rows.len() > limit;
    let rows = rows.iter().take(limit).map(read).collect::<Result<Vec<T>>>()?;
    let next = if is_more { rows.last().map(|row| cursor(row).to_owned()) } else { None };
    Ok(List { rows, next })
}
