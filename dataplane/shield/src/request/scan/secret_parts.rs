//! The parts of one secret: a secret in JSON may lie in several strings.

use std::ops::Range;

use zeroize::{Zeroize, Zeroizing};

/// What of a secret stands in one string, or the number that it is.
pub(crate) struct SecretPart {
    pub(crate) raw: Range<usize>,
    /// Where in [`SecretParts::value`] its decoded bytes are.
    pub(crate) value: Range<usize>,
    /// String layers around it.
    pub(crate) layer: u8,
    /// Whether it is a number or a word, so that what takes its place needs quotes.
    pub(crate) scalar: bool,
    /// Whether a document broke off in it: it begins in a string of that document, and ends in the text around it.
    pub(crate) is_broken: bool,
}

/// The parts of the secret at hand.
pub(crate) struct SecretParts {
    pub(crate) list: Vec<SecretPart>,
    /// Their decoded bytes.
    pub(crate) value: Zeroizing<Vec<u8>>,
}

impl SecretParts {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new(), value: Zeroizing::new(Vec::new()) }
    }

    /// Forgets the parts, and overwrites their bytes.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.value.zeroize();
    }
}
