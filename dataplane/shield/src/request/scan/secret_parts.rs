//! The parts of one secret: a secret in JSON may lie in several strings.

use std::ops::Range;

/// A part of a secret: what of it stands in one string, or the number that it is.
pub(crate) struct SecretPart {
    pub(crate) raw: Range<usize>,
    pub(crate) value: Range<usize>,
    pub(crate) layer: u8,
    pub(crate) scalar: bool,
}
