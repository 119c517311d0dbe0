//! What is read of a table: the cells of one column.

use crate::text::Span;
#[cfg(test)]
use crate::text::{TextView, TooShort};

/// The cells below a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Column {
    pub(in super::super) cells: Vec<Span>,
    /// The table's rows.
    pub(in super::super) rows: Span,
    /// The number of the column.
    pub(super) place: usize,
}

/// The cells that a reader finds below the first `name` of a whole text.
#[cfg(test)]
pub(super) fn cells_below<'a>(
    text: &'a str,
    name: &str,
    read: impl FnOnce(TextView<'a>, Span) -> Result<Option<Column>, TooShort>,
) -> Vec<&'a str> {
    let start = text.find(name).unwrap();
    let view = TextView { text: text.as_bytes(), last: true };
    let found = read(view, Span::new(start, start + name.len())).unwrap();
    found.map_or(Vec::new(), |column| column.cells.iter().map(|cell| &text[cell.range()]).collect())
}

/// Whether a cell is a type or says that there is no value: `varchar(64)`, `text[]`, `(unset)`.
pub(in super::super) fn is_type(cell: &[u8]) -> bool {
    let is_word =
        |text: &[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_alphabetic() || b" _".contains(b));
    let Some(inner) = cell.strip_suffix(b")") else {
        return cell
            .strip_suffix(b"[]")
            .is_some_and(|word| word.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'));
    };
    let Some(open) = memchr::memchr(b'(', inner) else { return false };
    let (word, size) = (&inner[..open], &inner[open + 1..]);
    let is_size = !size.is_empty() && size.iter().all(|b| b.is_ascii_digit() || b", ".contains(b));
    if word.is_empty() {
        is_word(size)
    } else {
        is_size && word.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    }
}

#[cfg(test)]
mod tests {
    use super::is_type;

    #[test]
    fn types_are_no_values() {
        for cell in ["varchar(64)", "numeric(10, 2)", "text[]", "(unset)", "(not set)"] {
            assert!(is_type(cell.as_bytes()), "{cell}");
        }
        for cell in ["lantern(52)x", "K7!mZ2#pLq4()", "gT5vLq8x[]!", "(K7mZ2pLq4)", "lanternRiver52"] {
            assert!(!is_type(cell.as_bytes()), "{cell}");
        }
    }
}
