//! Settings of a program: one TOML file, environment variables over it.
//!
//! A setting is declared once, with [`section!`]: name, type, default, meaning, range and restart rule. The struct that
//! serde fills in, the checks of ranges, the error messages, the table for the documentation and the example file are all
//! made from that declaration. Errors name file, line, key, what is wrong and what to do, and all of them are reported,
//! not the first.
//!
//! Nothing here touches a socket or starts a thread; the result is plain data.

#![forbid(unsafe_code)]

pub mod catalogue;
pub mod document;
pub mod environment;
pub mod error;
mod faults;
mod file_paths;
pub mod files;
pub mod key;
pub mod layers;
pub mod log_filter;
mod misfits;
pub mod pages;
mod places;
pub mod range;
pub mod schema;
pub mod secret;
pub mod units;

pub use catalogue::{Catalogue, nearest};
pub use error::{ConfigError, Problem, ProblemSeverity};
pub use layers::{Layers, ValueOrigins};
pub use schema::{Setting, Word};
pub use secret::Secret;
