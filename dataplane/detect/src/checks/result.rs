//! The verdict of a validator.

/// What a validator says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckResult {
    /// Right: nothing else looks like this.
    Valid,
    /// Nothing to say about this one.
    Unknown,
    /// Wrong check value: perhaps mangled, perhaps made up.
    Invalid,
    /// Not this kind of thing at all.
    Impossible,
}
