//! The options that all commands have.

use std::future::Future;
use std::path::PathBuf;

use clap::Args;

use super::output::{Failure, complain};
use crate::config::{Loaded, Sources, load};

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigOptions {
    /// Configuration file (TOML); environment variables `AEGIS_<SECTION>_<KEY>` win over it
    #[arg(long, env = "AEGIS_COORDINATOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the coordinator's own files
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl ConfigOptions {
    /// Where this says that the configuration comes from.
    pub(super) fn sources(&self) -> Sources {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Sources { file: self.config.clone(), environment, state: self.state.clone() }
    }

    /// Loads the configuration and prints what is doubtful about it.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        let loaded = load(&self.sources())?;
        for warning in &loaded.warnings {
            complain(&warning.to_string());
        }
        Ok(loaded)
    }
}

/// Runs a command's work on a runtime of its own.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}
