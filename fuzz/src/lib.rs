//! What the fuzz targets assert, as plain functions of bytes.
//!
//! Each function here is called by a target of the same name in `fuzz_targets/` (for cargo-fuzz) and by the runner in
//! `tests/corpus.rs` (for a stable compiler, on the corpus and on bounded mutations of it). A new target is a function
//! listed in [`TARGETS`], a file in `fuzz_targets/`, an entry in `Cargo.toml`, and a few inputs in `corpus/<name>/`.
#![forbid(unsafe_code)]

mod detect;
mod reply;
mod request;
mod wire;

pub use detect::{known, rules, scanner};
pub use reply::{rehydrator, sse};
pub use request::{json, multipart, tokenizer};
pub use wire::{chunked, coding, head};

/// A property and the corpus that it is tried on.
pub struct FuzzTarget {
    /// The name of the corpus.
    pub name: &'static str,
    /// What is done with one input: panics if something does not hold.
    pub check: fn(&[u8]),
    /// How many mutations of the runner one of this target counts for.
    pub cost: usize,
}

const fn target(name: &'static str, check: fn(&[u8])) -> FuzzTarget {
    FuzzTarget { name, check, cost: 1 }
}

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    target("head", head),
    target("chunked", chunked),
    target("coding", coding),
    target("json", json),
    target("scanner", scanner),
    // All rules are read for each input.
    FuzzTarget { name: "rules", check: rules, cost: 20 },
    target("known", known),
    target("tokenizer", tokenizer),
    target("multipart", multipart),
    target("sse", sse),
    target("rehydrator", rehydrator),
];
