//! Flags that `run` and `check` share: the way to a configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::settings::{Driver, LogFormat};
use crate::config::{Flags, Sources};

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
    /// Take traffic on this address (repeatable) [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Serve /healthz, /readyz and /metrics on this address [default: 127.0.0.1:9901]
    #[arg(long, value_name = "ADDR")]
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
        // Variables that are not UTF-8 cannot be ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Sources {
            file: self.config.clone(),
            environment: environment.collect(),
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

fn name_and_url(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && !url.is_empty() => {
            Ok((name.to_ascii_lowercase(), url.to_owned()))
        }
        _ => Err("write NAME=URL, like openai=https://api.openai.com".to_owned()),
    }
}
