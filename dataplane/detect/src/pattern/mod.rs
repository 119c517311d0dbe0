//! Patterns of rules: a regular expression becomes a few [`Sequence`]s of byte-class runs.
//!
//! A sequence serves twice. A short, fixed-width window of it (the *anchor*) is what Hyperscan looks for; the sequence
//! itself confirms a candidate and gives the exact span. Both stay cheap whatever the rule says: an anchor has no
//! variable part, so the start of a candidate is known from its end, and a sequence is matched by runs over 256-bit
//! sets.
//!
//! # Why not a DFA for each pattern
//!
//! Dense DFAs of `regex-automata` 0.4.19 answer what is needed, too: dead, match, or alive at the end of the text. They
//! were measured beside this matcher on the examples of 572 built-in patterns, 1,198 candidates, whole and broken in
//! the middle (`cargo run --release -p aegis-detect --example confirm`, one core of two, shared). Both end every match
//! at the same byte, but:
//!
//! | | sequences | dense DFAs |
//! |---|---:|---:|
//! | a candidate that matches | 210 to 340 ns | 1,460 to 1,910 ns |
//! | one that breaks off in the middle | 200 to 330 ns | 650 to 1,440 ns |
//! | memory | 0.7 MiB | 17.8 MiB, and two patterns that do not fit 4 MiB |
//! | time to make them | | 1.0 s, beside 0.15 s for compiling all rules |
//!
//! A DFA spends a state, and a row of its table, on every byte that a repeat counts, so the tables of all rules fit no
//! cache; a run over a set is one comparison a byte and no memory. The sequences also know the capture and where a
//! value is cut, which a DFA alone does not. Lazy DFAs would save memory, not the rows that are touched.

mod anchor;
mod expand;
mod run;
mod sequence;

pub(crate) use anchor::literal;
pub(crate) use expand::{parse, parse_value};
pub(crate) use sequence::{MatchVerdict, Sequence};
