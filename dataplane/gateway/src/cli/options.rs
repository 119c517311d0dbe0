//! Flags that commands share: the way to a configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::outcome::CliFailure;
use crate::config::settings::{Driver, LogFormat, Settings};
use crate::config::{Flags, Sources, load};

/// Where the configuration comes from. Flags win over the environment, the environment over the file.
#[derive(Debug, Args)]
pub(super) struct ConfigOptions {
    /// The configuration file.
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "AEGIS_CONFIG",
        help = "Configuration file (TOML); without one, defaults and AEGIS_<SECTION>_<KEY> variables"
    )]
    config: Option<PathBuf>,
    /// Take traffic on this address (repeatable) [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Vec<SocketAddr>,
    /// Serve /healthz, /readyz and /metrics on this address [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    admin: Option<SocketAddr>,
    /// Folder for the master key and the audit log
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Number of shards [default: one per CPU this process may use]
    #[arg(long, value_name = "N")]
    shards: Option<usize>,
    /// System interface of the shards
    #[arg(long, value_enum)]
    driver: Option<Driver>,
    /// Set or add an upstream (repeatable)
    #[arg(long = "upstream", value_name = "NAME=URL", value_parser = name_and_url)]
    upstreams: Vec<(String, String)>,
    /// How log lines look
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
    /// Least level: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl ConfigOptions {
    /// The sources these flags describe, with the environment of this process.
    pub(super) fn sources(&self) -> Sources {
        Sources {
            file: self.config.clone(),
            environment: environment(),
            flags: Flags {
                listen: self.listen.clone(),
                admin: self.admin,
                state: self.state.clone(),
                shards: self.shards,
                driver: self.driver,
                upstreams: self.upstreams.clone(),
                log_format: self.log_format,
                log_level: self.log_level.clone(),
            },
        }
    }
}

/// The way to the settings of a gateway, for commands that only look: its file and its state folder.
#[derive(Debug, Args)]
pub(super) struct StateOptions {
    /// Configuration file of the gateway (TOML)
    #[arg(long, short, value_name = "FILE", env = "AEGIS_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// State folder of the gateway [default: the configured one, or this user's]
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
}

impl StateOptions {
    /// The sources these flags describe, with the environment of this process.
    pub(super) fn sources(&self) -> Sources {
        let flags = Flags { state: self.state.clone(), ..Flags::default() };
        Sources { file: self.config.clone(), environment: environment(), flags }
    }

    /// The settings that hold.
    pub(super) fn settings(&self) -> Result<Settings, CliFailure> {
        Ok(load(&self.sources())?.settings)
    }
}

/// The variables of this process. Those that are not UTF-8 cannot be ours.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// An address to listen on. Names are not looked up: which of their addresses would be meant?
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, like 127.0.0.1:8080 or [::1]:8080".to_owned())
}

pub(super) fn name_and_url(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && !url.is_empty() => {
            Ok((name.to_ascii_lowercase(), url.to_owned()))
        }
        _ => Err("write NAME=URL, like openai=https://api.openai.com".to_owned()),
    }
}
