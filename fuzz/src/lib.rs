//! What the fuzz targets assert, as plain functions of bytes.
//!
//! Each function here is called by a target of the same name in `fuzz_targets/` (for cargo-fuzz) and by the runner in
//! `tests/corpus.rs` (for a stable compiler, on the corpus and on bounded mutations of it). A new target is a function
//! listed in [`TARGETS`], a file in `fuzz_targets/`, an entry in `Cargo.toml`, and a few inputs in `corpus/<name>/`.
#![forbid(unsafe_code)]

mod reply;
mod request;
mod wire;

pub use reply::{rehydrator, sse};
pub use request::{json, multipart, tokenizer};
pub use wire::{chunked, coding, head};

/// What a target does with one input: panics if something does not hold.
pub type Target = fn(&[u8]);

/// All targets by the name of their corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("head", head),
    ("chunked", chunked),
    ("coding", coding),
    ("json", json),
    ("tokenizer", tokenizer),
    ("multipart", multipart),
    ("sse", sse),
    ("rehydrator", rehydrator),
];
