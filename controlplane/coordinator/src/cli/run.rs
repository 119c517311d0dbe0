//! `run`: the coordinator itself.

use clap::Args;

use super::options::{ConfigOptions, block_on};
use super::output::{Failure, Outcome};
use crate::logs;
use crate::running;

/// Runs until SIGTERM or SIGINT. The embedded database is made and updated at the start; PostgreSQL is waited for until
/// `migrate` has run.
#[derive(Debug, Args)]
pub(super) struct RunCommand {
    #[command(flatten)]
    config: ConfigOptions,
}

impl RunCommand {
    pub(super) fn execute(self) -> Result<Outcome, Failure> {
        let loaded = self.config.load()?;
        logs::start(&loaded.settings.log).map_err(Failure)?;
        block_on(async { running::run(loaded.settings).await.map_err(Failure) })?;
        Ok(Outcome::Done)
    }
}
