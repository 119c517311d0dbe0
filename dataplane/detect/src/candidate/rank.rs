//! Ranks settle overlaps between candidates: the higher wins.

/// A value that a rule found elsewhere. Rules that find something at the same place say more about it.
pub(crate) const FOUND: u8 = 0;
/// A value that the organisation calls its own.
pub(crate) const KNOWN: u8 = 100;
/// A whole key block.
pub(crate) const BLOCK: u8 = 50;
/// Added when a check value is right.
pub(crate) const PROVEN: u8 = 10;
/// A shape of its own.
pub(crate) const PATTERN: u8 = 30;
/// A shape that counts only behind a vendor's name.
pub(crate) const VENDOR: u8 = 20;
/// A password where a format says that one stands.
pub(crate) const PLACE: u8 = 16;
/// Personal data with a right check value or an unmistakable shape.
pub(crate) const PERSONAL_PROVEN: u8 = 15;
/// Personal data that only its surroundings show: what may be a secret is one.
pub(crate) const PERSONAL: u8 = 9;
/// An assignment whose name and value look the part.
pub(crate) const GENERIC: u8 = 10;
/// A vendor's prefix before a shape that nobody knows: where it ends is a guess.
pub(crate) const FALLBACK: u8 = 9;
