//! Patterns of rules: a regular expression becomes a few [`Sequence`]s of byte-class runs.
//!
//! A sequence serves twice. A short, fixed-width window of it (the *anchor*) is what Hyperscan looks for; the sequence
//! itself confirms a candidate and gives the exact span. Both stay cheap whatever the rule says: an anchor has no
//! variable part, so the start of a candidate is known from its end, and a sequence is matched by runs over 256-bit sets.

mod anchor;
mod expand;
mod run;
mod sequence;

pub(crate) use anchor::literal;
pub(crate) use expand::{parse, parse_value};
pub(crate) use sequence::{Sequence, Verdict};
