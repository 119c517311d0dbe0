//! Known values: an organisation's own secrets, found wherever they stand, whatever they look like.
//!
//! Nothing of this module keeps a value. A list holds, for each one, HMAC-SHA-256 of the value, and sealed under the
//! same key what finding it takes: its length and short hashes of one place of eight bytes in it, the *anchor*. A list
//! without its key tells how many values there are, and nothing else. Whoever has both can test guesses at the speed of
//! a hash, and the hashes of the anchor give eight bytes of each value away with little effort: the key must be
//! kept apart from the list, and a value that people could guess is no better protected than it deserves.
//!
//! Finding is exact. Most values are keys: they hold a run of twelve or sixteen letters and digits, and their anchor
//! stands in it. Such runs are rare in text, and the search for encoded text has found them anyway; only in them pieces of
//! four bytes are looked up for these values. Values without such a run may stand anywhere: any eight bytes in a row hold
//! one of the pieces that begin at every fifth byte, so one piece in five bytes of text is looked up. What passes either bitmap
//! of pieces is compared by the anchor's hash, then by a hash of the whole value, and only then by its HMAC. A text of
//! nothing but anchors costs a bounded number of hashes per byte, because no more than [`MAX_SHARED`] values may share
//! an anchor.

mod anchor;
mod find;
mod hash;
mod list;
mod own;
#[cfg(test)]
mod tests;
mod weak;

pub use find::KnownValues;
pub use hash::KnownKey;
pub use list::{Inserted, KnownId, KnownList};
pub use own::OwnValue;

/// The id of the rule that reports known values.
pub const KNOWN_RULE: &str = "known-value";

/// The shortest value that can be listed, in bytes.
pub const MIN_KNOWN_LEN: usize = 8;
/// The longest value that can be listed, in bytes.
pub const MAX_KNOWN_LEN: usize = 1024;
/// The most values of one list.
pub const MAX_KNOWN_VALUES: usize = 100_000;
/// The most values that may share their anchor.
pub const MAX_SHARED: usize = 16;
/// Values shorter than this, in bytes, do not count as a piece of a longer word: a letter or digit at their end must not
/// stand beside another one.
pub const SHORT_KNOWN_LEN: usize = 12;

/// Why a value cannot be listed. Never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
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
    #[error("the value is made of {0} different characters; {min} are the least", min = weak::MIN_DISTINCT)]
    Monotonous(usize),
    /// A date, an amount, a telephone number.
    #[error("the value is {0} digits and nothing else; {min} are the least", min = weak::MIN_DIGITS)]
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
