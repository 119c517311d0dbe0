//! The scanner: candidates from the engine, confirmed by the finders, overlaps settled, window by window.
//!
//! A long text is scanned in windows. [`Window::fresh`] is where unjudged bytes begin; at most
//! [`LEFT_CONTEXT`](crate::LEFT_CONTEXT) bytes before it are given as context. [`Scan::settled`] says how far the
//! verdict is final: the next window's `fresh`. Whole or in any windows, the findings are the same; a window of
//! `fresh + MAX_SECRET_LEN + LOOKAHEAD` bytes always settles something. A value that is longer than a window goes on in
//! the next one: [`Scanner::scan_on`] takes a [`Carry`], one for each text, that hands this on.
//!
//! What makes that true: a verdict looks at most 256 bytes to the left of the secret; a candidate that needs more text
//! than there is stays *open* and holds `settled` back; overlapping candidates are decided in clusters, and a cluster
//! is decided as a whole or not yet. Keys, which have no longest length, are settled line by line.
//! `dataplane/detect/tests/all/windows.rs` checks it over all examples.

mod atomic;
mod carry;
mod dispatch;
mod encoded;
mod keys;
mod overlap;
pub mod rule_test;
mod scan;
mod search_values;
#[cfg(test)]
mod tests;

pub use carry::{Carry, Resume};
pub use scan::{Scan, Scanner, Window, WindowMarks};
pub use search_values::{DecodedValue, SearchValues};
