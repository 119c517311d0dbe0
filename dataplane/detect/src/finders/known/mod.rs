//! Known values: an organisation's own secrets, found wherever they stand, whatever they look like.
//!
//! Nothing of this module keeps a value. A list holds, for each one, HMAC-SHA-256 of the value, and sealed under the
//! same key what finding it takes: its length and short hashes of one place of eight bytes in it, the *anchor*. A list
//! without its key shows how many values there are, and nothing else. Whoever has both can test guesses at the speed of
//! a hash, and the hashes of the anchor give eight bytes of each value away with little effort: the key must be
//! kept apart from the list, and a value that people could guess is no better protected than it deserves.
//!
//! Finding is exact. Most values are keys: they hold a run of twelve or sixteen letters and digits, and their anchor
//! stands in it. Such runs are rare in text, and the search for encoded text has found them anyway; only in them pieces
//! of four bytes are looked up for these values, if they are many. Values without such a run may stand anywhere: any eight bytes in a row
//! hold one of the pieces that begin at every fifth byte, so one piece in five bytes of text is looked up; any twelve hold
//! one that begins at every ninth, which is enough where all values were found in requests and are long. What passes
//! either filter of pieces is compared by the anchor's hash, then by a hash of the whole value, and only then by its
//! HMAC. A text of nothing but anchors costs a bounded number of hashes per byte, because no more than 16 values may
//! share an anchor.

mod anchor;
mod error;
mod filter;
mod find;
mod found;
mod hash;
mod limits;
mod list;
mod own;
mod reach;
#[cfg(test)]
mod tests;
mod weak;

pub use error::{KnownError, KnownRefusal};
pub(crate) use filter::Met;
pub use find::KnownValues;
pub(crate) use find::ValueReport;
pub use found::{FoundList, FoundValues, reach_of};
pub use hash::KnownKey;
pub use limits::{KNOWN_RULE, MAX_KNOWN_LEN};
pub use list::{Inserted, KnownId, KnownList};
pub use own::OwnValue;
