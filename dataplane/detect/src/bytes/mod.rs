//! Bytes: sets and runs of them, entropy, and masks of whole blocks.

pub(crate) mod entropy;
pub(crate) mod mask;
mod runs;
mod set;

pub(crate) use runs::RunCache;
pub(crate) use set::{
    ALNUM, ALPHA, BASE64, BASE64URL, BLANK, ByteSet, DIGIT, HEX, LOWER, SPACE, UPPER, WORD,
};
