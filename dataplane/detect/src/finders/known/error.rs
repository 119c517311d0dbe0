//! Why a value is not listed, and why a list is not read.

use super::limits::{MAX_KNOWN_LEN, MAX_KNOWN_VALUES, MAX_SHARED, MIN_DIGITS, MIN_DISTINCT, MIN_KNOWN_LEN};

/// Why a value cannot be listed. Never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KnownRefusal {
    /// It would be met by chance.
    #[error("the value is {0} bytes long; {MIN_KNOWN_LEN} are the least")]
    Short(usize),
    /// It is more than a password.
    #[error("the value is {0} bytes long; {MAX_KNOWN_LEN} are the most")]
    Long(usize),
    /// Most likely not what was meant.
    #[error("the value begins or ends with white space")]
    Space,
    /// A line, a row, a placeholder.
    #[error("the value is made of {0} different characters; {min} are the least", min = MIN_DISTINCT)]
    Monotonous(usize),
    /// A date, an amount, a telephone number.
    #[error("the value is {0} digits and nothing else; {min} are the least", min = MIN_DIGITS)]
    Digits(usize),
    /// Text would be full of it.
    #[error("the value reads like a word; it would be replaced wherever the word stands")]
    Word,
    /// Nobody's secret.
    #[error("the value is a well-known placeholder")]
    Placeholder,
    /// Looking for it would take too long in a text full of its beginning.
    #[error("the value is too much like {MAX_SHARED} others")]
    Shared,
    /// The list is full.
    #[error("the list is full: {MAX_KNOWN_VALUES} values are the most")]
    Full,
}

/// Why a list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError {
    /// A line is not what should stand there.
    #[error("line {line}: {message}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        message: &'static str,
    },
    /// The list belongs to another key.
    #[error("line 1: the list was made with another key ({list}, this one is {key})")]
    Key {
        /// Which key it was made with.
        list: String,
        /// The key that was given.
        key: String,
    },
    /// Something is missing or was changed.
    #[error("the list was changed or damaged: its check value does not fit; import the values again")]
    Damaged,
}
