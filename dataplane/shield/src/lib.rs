//! Aegis Shield: replaces the secrets in a request by tokens, and the tokens in the reply by the secrets.
//!
//! Everything here is a state machine over byte slices: no I/O, no HTTP, no clock, no thread. What leaves this
//! crate towards a provider never holds a secret; what leaves it towards a log never does either.

#![forbid(unsafe_code)]

mod documents;
pub mod format;
pub mod json;
pub mod keyring;
pub mod places;
pub mod policy;
mod positions;
pub mod reply;
pub mod report;
pub mod request;
pub mod shield;
pub mod token;
pub mod vault;

pub use documents::{Documents, MAX_DOCUMENT_MOVES};
pub use format::{Boundary, Format, boundary_span};
pub use keyring::{Keyring, KeyringError};
pub use policy::{Action, OpaqueAction, Policy, UnknownAction};
pub use report::{MAX_FINDINGS, OpaqueKind, OpaqueValue, Report, ReportedFinding};
pub use request::{Refusal, Segment, ShardScratch, Splice, TokenizeOutcome, Tokenizer, WINDOW};
pub use shield::{RequestLimits, Shield};
pub use token::{MAX_TOKEN_LEN, Token};
pub use vault::{Spelling, Unsealer, Vault, VaultError};
