//! `migrate`: bring the database to this version.

use clap::Args;

use super::options::{ConfigOptions, block_on};
use super::output::{Failure, Outcome, say};
use crate::parts;
use crate::storage::{SCHEMA, day_of, now};

/// Makes or updates the tables. On PostgreSQL it needs `database.owner_url`; several may start it at once.
#[derive(Debug, Args)]
pub(super) struct MigrateCommand {
    #[command(flatten)]
    config: ConfigOptions,
}

impl MigrateCommand {
    pub(super) fn execute(self) -> Result<Outcome, Failure> {
        let loaded = self.config.load()?;
        block_on(async {
            let database = parts::open_database(&loaded.settings)?;
            let applied = database.migrate().await?;
            database.maintain_events(day_of(now())).await?;
            for number in &applied {
                say(&format!("applied migration {number}"));
            }
            say(&format!("the database is at schema {SCHEMA}"));
            Ok(Outcome::Done)
        })
    }
}
