//! What is read of a table: the cells of one column.

use crate::text::Span;

/// The cells below a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Column {
    pub(in super::super) cells: Vec<Span>,
    /// The table's rows.
    pub(in super::super) rows: Span,
    /// The number of the column.
    pub(super) place: usize,
}
