//! Bytes: sets and runs of them, entropy, and masks of whole blocks.

pub(crate) mod entropy;
mod runs;
mod set;
pub(crate) mod simd;

pub(crate) use runs::RunCache;
pub(crate) use set::{ALNUM, BASE64, BASE64URL, BLANK, ByteSet, DIGIT, HEX, LOWER, SPACE, UPPER, WORD};
