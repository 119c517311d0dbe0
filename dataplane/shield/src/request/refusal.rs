//! Why a request is not sent on. Never holds a byte of it but where something is.

use aegis_detect::{Category, RuleIndex};

use crate::json::{LexFault, SyntaxError};
use crate::report::OpaqueKind;
use crate::vault::VaultError;

/// Why a request is refused. A tokenizer that has refused refuses for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The policy forbids what was found. The client's fault (403).
    #[error("blocked by policy at {place}")]
    Blocked {
        /// The rule that found it.
        rule: RuleIndex,
        /// The kind of value.
        category: Category,
        /// Where it stands, as in [`crate::report::ReportedFinding::place`].
        place: String,
    },
    /// The policy forbids what cannot be read as text. The client's fault (403).
    #[error("{} that cannot be scanned at {place}", kind.as_str())]
    Opaque {
        /// What it is.
        kind: OpaqueKind,
        /// Where it stands, as in [`crate::report::ReportedFinding::place`].
        place: String,
    },
    /// The body is not what its type says, so that it cannot be scanned with certainty. The client's fault (400).
    #[error("malformed body: {what} at byte {offset}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes from the start of the body.
        offset: u64,
    },
    /// The body nests deeper than [`crate::json::MAX_DEPTH`]. The client's fault (400).
    #[error("nested too deep at byte {offset}")]
    TooDeep {
        /// Where, in bytes from the start of the body.
        offset: u64,
    },
    /// More different secrets than one request may hold. The client's fault (413).
    #[error("too many secrets in one request")]
    TooManySecrets,
    /// Two secrets that one token would stand for. No one is at fault (500); it is as likely as guessing a key.
    #[error("two secrets have the same token")]
    Collision,
    /// The scanning engine could not be set up. Our fault (500).
    #[error("the scanner is not available")]
    Scanner,
}

impl Refusal {
    /// A syntax error in a piece of JSON that began `base` bytes into the body.
    pub(crate) fn syntax(fault: LexFault, base: u64) -> Self {
        let offset = base + fault.at as u64;
        let what = match fault.what {
            SyntaxError::TooDeep => return Self::TooDeep { offset },
            SyntaxError::Unexpected => "unexpected character",
            SyntaxError::Control => "control character in a string",
            SyntaxError::Escape => "invalid escape",
            SyntaxError::Literal => "invalid literal",
            SyntaxError::End => "unexpected end",
        };
        Self::Malformed { what, offset }
    }

    /// The same, where the body that it speaks of begins `base` bytes into another one.
    pub(crate) fn moved(self, base: u64) -> Self {
        match self {
            Self::Malformed { what, offset } => Self::Malformed { what, offset: base + offset },
            Self::TooDeep { offset } => Self::TooDeep { offset: base + offset },
            other => other,
        }
    }
}

impl From<VaultError> for Refusal {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Collision => Self::Collision,
            VaultError::Full => Self::TooManySecrets,
        }
    }
}
