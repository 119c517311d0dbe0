//! The command line: what people type, and what it does.
//!
//! Exit codes: 0 is success, 1 is the answer "no" (`check` found errors, `audit verify` found a broken chain), 2 is a
//! failure (wrong usage, a file that cannot be read, a database that cannot be reached).

mod admin;
mod check;
mod migrate;
mod options;
mod output;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Failure, Outcome};

const AFTER_HELP: &str = "\
Examples:
  aegis-coordinator admin init --organisation Example      make the first organisation and its join key
  aegis-coordinator run                                    govern gateways from 127.0.0.1, on an embedded database
  aegis-coordinator check --config coordinator.toml        is this configuration right, and the database there?
  AEGIS_DATABASE_OWNER_URL=... aegis-coordinator migrate   make or update the tables of a PostgreSQL database
  aegis-coordinator admin join-key --organisation ORG_ID   make a join key for further gateways
  aegis-coordinator admin audit-verify --organisation ORG_ID   is every audit event there, as it came?

Exit codes: 0 success; 1 a wrong configuration or a broken chain; 2 failure or wrong usage.";

/// Governs a fleet of gateways: takes their audit events, gives them their policies and keys, and watches their health.
#[derive(Debug, Parser)]
#[command(name = "aegis-coordinator", version, about, after_help = AFTER_HELP, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: CliSubcommand,
}

#[derive(Debug, Subcommand)]
enum CliSubcommand {
    /// Run the coordinator until it is stopped
    Run(run::RunCommand),
    /// Say whether a configuration is right
    Check(check::CheckCommand),
    /// Bring the database to this version
    Migrate(migrate::MigrateCommand),
    /// Set up and look after an installation from its own host
    Admin(admin::AdminCommand),
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        CliSubcommand::Run(run) => run.execute(),
        CliSubcommand::Check(check) => Ok(check.execute()),
        CliSubcommand::Migrate(migrate) => migrate.execute(),
        CliSubcommand::Admin(admin) => admin.execute(),
    };
    match done {
        Ok(outcome) => outcome.into(),
        Err(Failure(what)) => {
            output::complain(&what);
            ExitCode::from(2)
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::No => ExitCode::from(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
