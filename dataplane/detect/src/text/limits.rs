//! How far a verdict looks to each side: what makes verdicts the same however a text is cut into windows.

/// How many bytes before a secret can matter to its verdict.
pub const LEFT_CONTEXT: usize = 256;

/// `settled >= text.len() - LOOKAHEAD`, unless a candidate is still open at the end of the window.
pub const LOOKAHEAD: usize = 512;

/// No finding is longer, in bytes: a longer value is reported in pieces of this length, side by side. A window that
/// reaches this far plus [`LOOKAHEAD`] beyond `fresh` always settles something.
pub const MAX_SECRET_LEN: usize = 16 * 1024;
