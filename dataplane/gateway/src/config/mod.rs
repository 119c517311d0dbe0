//! The configuration: one TOML file, environment variables over it, flags over both.
//!
//! Nothing here touches a socket or starts a thread; the result is plain data. Errors name file, line, key, what is
//! wrong and what to do.

pub mod builtin;
pub mod docs;
pub mod document;
pub mod env;
pub mod error;
mod file_paths;
pub mod key;
pub mod load;
pub mod range;
pub mod reference;
pub mod schema;
pub mod secret;
pub mod settings;
pub mod units;
pub mod upstream_url;
pub mod validate;

pub use error::{ConfigError, Problem};
pub use load::{Flags, Loaded, Sources, ValueOrigins, load, read};
pub use secret::Secret;
pub use settings::Settings;
