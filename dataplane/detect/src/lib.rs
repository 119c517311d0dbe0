//! Finds secrets in text: bytes in, findings out.
//!
//! Hyperscan looks for short, fixed-width *anchors* of all rules at once; code of our own confirms each hit on the
//! bytes around it, gives the exact span of the secret and lets validators judge it. See the crate's `README.md` for
//! how rules are written and how verdicts are reached.
//!
//! This crate does no I/O and knows no HTTP and no JSON. It must never report a span that reaches beyond the secret
//! by design, never lose a match because of how the text was cut, and never take more than linear time.
//!
//! ```
//! use aegis_detect::{Rules, Scanner, Window};
//!
//! let rules = Rules::builtin()?;
//! let mut scanner = Scanner::new(rules.clone())?;
//! let text = b"git clone https://x:ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A@host/a";
//! let scan = scanner.scan(Window { text, fresh: 0, last: true });
//! let finding = scan.findings[0];
//! assert_eq!(&text[finding.start..finding.end], b"ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A");
//! # Ok::<(), aegis_detect::RuleError>(())
//! ```

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets and counts are converted between widths throughout; a named limit beside each conversion bounds it"
)]
#![deny(unsafe_code)]

mod anchor;
mod assign;
mod bits;
mod boundary;
mod builder;
mod byteset;
mod cache;
mod catalogue;
mod check;
mod cost;
mod decode;
mod dispute;
mod engine;
mod entropy;
mod known;
mod manifest;
mod pattern;
mod pem;
mod personal;
mod rule;
mod rules;
mod runs;
mod scanner;
mod selection;
mod source;
mod tail;
pub mod trial;
mod userinfo;

pub use cache::CacheKey;
pub use cost::Cost;
pub use known::{
    Inserted, KNOWN_RULE, KnownError, KnownId, KnownKey, KnownList, KnownValues, MAX_KNOWN_LEN,
    MAX_KNOWN_VALUES, MAX_SHARED, MIN_KNOWN_LEN, OwnValue, Refusal, SHORT_KNOWN_LEN,
};
pub use rule::{Category, Confidence, Rule, RuleError, RuleIndex, RuleSource, Severity};
pub use rules::{MAX_RULES, Rules};
pub use scanner::{Finding, Scan, Scanner, Window};
pub use selection::{Pack, Selection};
pub use tail::Carry;

/// Version and build date of the linked Hyperscan or Vectorscan library, for people.
pub fn engine_version() -> String {
    engine::hyperscan::version()
}

/// How many bytes before a secret can matter to its verdict.
pub const LEFT_CONTEXT: usize = 256;

/// `settled >= text.len() - LOOKAHEAD`, unless a candidate is still open at the end of the window.
pub const LOOKAHEAD: usize = 512;

/// No finding is longer, in bytes: a longer value is reported in pieces of this length, side by side. A window that
/// reaches this far plus [`LOOKAHEAD`] beyond `fresh` always settles something.
pub const MAX_SECRET_LEN: usize = 16 * 1024;
