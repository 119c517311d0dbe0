//! The configuration: one TOML file, environment variables over it.

mod load;
mod settings;

pub use load::{CATALOGUE, Loaded, Sources, load};
pub use settings::{Coordinator, DatabaseSettings, Grpc, Http, Log, LogFormat, Seal, Settings, State};
