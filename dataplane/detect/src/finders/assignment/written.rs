//! What is read of an assignment: how a value is tied to its name, and how it is written.

use crate::candidate::Tail;
use crate::finding::Confidence;
use crate::text::Span;

/// The longest gap of blanks between name, operator and value.
pub(super) const MAX_BLANKS: usize = 40;
/// How many bytes of a type or a wrapper may stand before the value.
pub(super) const MAX_WORD: usize = 32;

/// How the name is tied to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `=`, `:=`, `+=`, `=>`, `<-`.
    Equals,
    /// `:`
    Colon,
    /// `==`, `!=`
    Compare,
    /// A following argument of a call.
    Comma,
    /// `<password>value</password>`
    Tag,
    /// An option of a command, a line of `.netrc`, SQL's `PASSWORD 'x'`, `#define`.
    Space,
    /// `the password is value`
    Prose,
}

/// A value and how it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
    pub(super) operator: Operator,
    /// Blanks stand around the operator, as in code.
    pub(super) spaced: bool,
    /// Without quotes, and nothing but a comment follows in its line.
    pub(super) alone: bool,
    /// How the value goes on, if it is longer than what was read of it.
    pub(super) tail: Option<Tail>,
}

/// The value behind a name, if there is an assignment.
pub(super) type Parsed = Option<Value>;

/// A secret that is assigned to a name.
pub(super) struct AssignedSecret {
    pub(super) span: Span,
    pub(super) confidence: Confidence,
    /// A check value is right.
    pub(super) proven: bool,
    /// How the value goes on, if it is longer than what was read of it.
    pub(super) tail: Option<Tail>,
}
