//! `check`: is this configuration right, and can what it names be used?

use clap::Args;

use super::options::{ConfigOptions, block_on};
use super::output::{Failure, Outcome, complain, say};
use crate::parts;

/// Says whether a configuration is right, and whether its files and its database can be used. Changes nothing.
#[derive(Debug, Args)]
pub(super) struct CheckCommand {
    #[command(flatten)]
    config: ConfigOptions,
}

impl CheckCommand {
    pub(super) fn execute(self) -> Outcome {
        let loaded = match self.config.load() {
            Ok(loaded) => loaded,
            Err(Failure(what)) => {
                complain(&what);
                return Outcome::No;
            }
        };
        let checked = block_on(async {
            let database = parts::open_database(&loaded.settings)?;
            parts::sealer(&loaded.settings, false)?;
            database.check().await?;
            Ok(database.engine())
        });
        match checked {
            Ok(engine) => {
                let settings = &loaded.settings;
                say("the configuration is right");
                say(&format!("  database   {engine}"));
                say(&format!("  http       {}", settings.http.listen));
                say(&format!("  grpc       {}", settings.grpc.listen));
                Outcome::Done
            }
            Err(Failure(what)) => {
                complain(&what);
                Outcome::No
            }
        }
    }
}
