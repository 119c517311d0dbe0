//! A text that is complete or goes on behind its end.

/// The text that is scanned.
#[derive(Clone, Copy)]
pub(crate) struct TextView<'a> {
    pub(crate) text: &'a [u8],
    /// Whether the text ends here for good.
    pub(crate) last: bool,
}

/// The text ends before a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooShort;
