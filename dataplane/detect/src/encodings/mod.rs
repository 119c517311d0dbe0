//! Encoded text: where base64, hex and escapes stand in a text, what they decode to, and the way back.

pub(crate) mod alnum_runs;
pub(crate) mod base64_runs;
pub(crate) mod base64_text;
pub(crate) mod decoded;
mod entities;
pub(crate) mod escapes;
pub(crate) mod parameter;
mod simd;
pub(crate) mod skip;
pub(crate) mod wrapped_base64;
