//! The way out: a request body goes in, cut anywhere; what may be sent to the provider comes out.
//!
//! ```text
//!   input --window--> decoded view --scan--> findings --policy--> tokens --> splice
//!     ^                                         |                              |
//!     '---- not yet settled: pushed again ------'            ranges of the input, tokens between
//! ```
//!
//! Nothing leaves before it is settled that it holds no secret; nothing but secrets is changed, byte for byte.
//! Between two windows a request keeps a few kilobytes of state, however long its body is.

mod body;
mod classify;
mod entities;
mod key_lines;
mod redactor;
mod refusal;
mod scan;
mod spelling;
mod splice;
mod tokenizer;
mod value_search;
mod writings;

pub use refusal::Refusal;
pub use scan::scratch::ShardScratch;
pub use scan::view::WINDOW;
pub use splice::{Segment, Splice};
pub use tokenizer::{TokenizeOutcome, Tokenizer};

#[cfg(test)]
pub(crate) mod tests;
