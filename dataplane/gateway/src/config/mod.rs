//! The configuration: one TOML file, environment variables over it, flags over both.
//!
//! Nothing here touches a socket or starts a thread; the result is plain data. Errors name file, line, key, what is
//! wrong and what to do.

pub mod builtin;
pub mod docs;
pub mod load;
pub mod reference;
pub mod settings;
pub mod upstream_url;
pub mod validate;

pub use aegis_settings::{ConfigError, Problem, Secret, ValueOrigins};
pub use load::{Flags, Loaded, Sources, load, read};
pub use settings::Settings;
