//! The configuration: one TOML file, environment variables over it, flags over both.
//!
//! Nothing here touches a socket or starts a thread; the result is plain data. Errors name file, line, key, what is
//! wrong and what to do.

pub mod secret;
pub mod settings;
pub mod units;

pub use secret::Secret;
pub use settings::Settings;
