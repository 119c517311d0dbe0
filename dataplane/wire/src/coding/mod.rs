//! Content codings: which ones a message has, and taking them off in bounded memory and with bounded growth.
//!
//! What cannot be decoded cannot be scanned, so nothing is passed over here: an unknown coding, a broken or cut stream,
//! and bytes behind its end are errors, and so is a body that grows beyond its [`DecoderLimits`].

mod decoder;
mod kind;
mod stage;

use crate::head::list;

pub use decoder::{Decoder, DecoderLimits, DecoderProgress, MAX_STEP};
pub use kind::{Coding, CodingError, MAX_CODINGS, MAX_ZSTD_WINDOW};

/// The value of `accept-encoding` that goes with a refusal of an unknown coding (RFC 9110 section 12.5.3).
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// The codings that the values of the `content-encoding` fields list, in the order they were applied; empty for a body
/// that is as it is.
///
/// `identity` and empty elements count for nothing; names are known in any case, `x-gzip` is gzip.
pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Coding>, CodingError> {
    let mut codings = Vec::new();
    for name in values.into_iter().flat_map(list) {
        if name.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        codings.push(Coding::from_name(name).ok_or(CodingError::Unknown)?);
        if codings.len() > MAX_CODINGS {
            return Err(CodingError::TooMany);
        }
    }
    Ok(codings)
}

#[cfg(test)]
mod tests;
