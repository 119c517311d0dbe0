//! What a value is by its bytes and by its place: text, media, an archive, base64, a signature, text in wide units.

pub(crate) mod base64;
pub(crate) mod exempt;
pub(crate) mod file_kind;
pub(crate) mod opaque;
pub(crate) mod wide_encoding;
