//! Finds secrets in text: bytes in, findings out.
//!
//! Hyperscan looks for short, fixed-width *anchors* of all rules at once; the finders confirm each candidate on the
//! bytes around it, give the exact span of the secret and let validators check it. See the crate's `README.md`, and
//! `docs/detection.md` for how verdicts are reached.
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
//! assert_eq!(&text[finding.span], b"ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A");
//! # Ok::<(), aegis_detect::RuleError>(())
//! ```
//!
//! # Floors
//!
//! A module imports only from its own floor or from those below, and no two files import each other; `floors.toml`
//! declares it, and a test of the workspace checks it.
//!
//! | floor | modules | what they know |
//! |---|---|---|
//! | 6 | `scanner` | dispatches to the finders, settles overlaps, recurses into decoded text |
//! | 5 | `rules` | selects, builds, caches and costs rules |
//! | 4 | `finders` | `key`, `userinfo`, `assignment`, `manifest`, `known`, `personal` |
//! | 3 | `rule`, `engine`, `pattern`, `boundaries`, `checks`, `plausibility`, `encodings` | what a rule is; Hyperscan; byte patterns; word boundaries; check values; what a plausible value looks like; base64, hex and escapes |
//! | 2 | `candidate`, `finding` | what finders yield, what callers get |
//! | 1 | `text`, `bytes`, `names` | views, spans and limits; byte sets, runs and masks; words of enumerations |

#![deny(unsafe_code)]

mod boundaries;
mod bytes;
mod candidate;
mod checks;
mod encodings;
mod engine;
mod finders;
mod finding;
mod names;
mod pattern;
mod plausibility;
mod rule;
mod rules;
mod scanner;
mod text;

pub use finders::known::{
    FoundList, FoundValues, Inserted, KNOWN_RULE, KnownError, KnownId, KnownKey, KnownList, KnownRefusal,
    KnownValues, MAX_KNOWN_LEN, OwnValue, reach_of,
};
pub use finding::{Confidence, Evidence, Finding, Part, Reach, RuleIndex};
pub use names::UnknownName;
pub use rule::{Category, FilePosition, Pack, Rule, RuleError, RuleSource, Severity};
pub use rules::{CacheKey, Cost, Rules, Selection};
pub use scanner::{Carry, DecodedValue, Resume, Scan, Scanner, SearchValues, Window, WindowMarks, rule_test};
pub use text::{LEFT_CONTEXT, LOOKAHEAD, MAX_SECRET_LEN, Span};

/// Version and build date of the linked Hyperscan or Vectorscan library, for people.
pub fn engine_version() -> String {
    engine::hyperscan::version()
}
