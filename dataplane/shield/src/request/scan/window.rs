//! The bytes around the lexemes of one window.

/// The bytes around the lexemes of one window.
#[derive(Clone, Copy)]
pub(crate) struct WindowContext<'a> {
    pub(crate) window: &'a [u8],
    /// The offset of the window in the body.
    pub(crate) base: u64,
    /// Whether the body ends with the window.
    pub(crate) last: bool,
}
