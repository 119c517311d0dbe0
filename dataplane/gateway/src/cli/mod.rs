//! The command line: what people type, and what it does.
//!
//! Exit codes are part of the contract: 0 is success, 1 is the answer "no" (`check` found errors, `scan` found
//! secrets), 2 is a failure (wrong usage, unreadable file, a gateway that cannot start).

mod check;
mod key;
mod known;
mod options;
mod outcome;
mod rule_options;
mod rules;
mod run;
mod scan;
mod version;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

use outcome::{CliOutcome, say};

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway run                                   take traffic on :8080 for the built-in providers
  aegis-gateway run --upstream openai=http://127.0.0.1:9000
  aegis-gateway check --config aegis.toml             is this configuration right?
  aegis-gateway scan src/                             which secrets are in these files?
  git diff | aegis-gateway scan -                     ... and in this text?
  aegis-gateway scan --since origin/main              ... and in what this branch adds?

Then point a tool at it:
  ANTHROPIC_BASE_URL=http://127.0.0.1:8080 claude
  OPENAI_BASE_URL=http://127.0.0.1:8080/openai/v1 your-tool

Exit codes: 0 success; 1 findings or a wrong configuration; 2 failure or wrong usage.";

/// Keeps secrets away from AI providers: finds them in requests, sends tokens instead, and puts the real values back
/// into the replies.
#[derive(Debug, Parser)]
#[command(name = "aegis-gateway", version, about, after_help = AFTER_HELP, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: CliSubcommand,
}

#[derive(Debug, Subcommand)]
enum CliSubcommand {
    /// Run the gateway until it is stopped
    Run(Box<run::Run>),
    /// Say whether a configuration is right
    Check(check::Check),
    /// Find secrets in files, folders or standard input
    Scan(scan::Scan),
    /// Show the detection rules, and try rules of your own
    Rules(rules::RulesCommand),
    /// List secrets of your own, to be found wherever they stand
    Known(known::Known),
    /// Make and hash the keys that clients of the gateway use
    Key(key::KeyCommand),
    /// Show versions, rules and what this machine supports
    Version(version::VersionCommand),
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let begun = Instant::now();
    let done = match Cli::parse().command {
        CliSubcommand::Run(run) => run.execute(),
        CliSubcommand::Check(check) => check.execute(),
        CliSubcommand::Scan(scan) => scan.execute(),
        CliSubcommand::Rules(rules) => rules.execute(),
        CliSubcommand::Known(known) => known.execute(),
        CliSubcommand::Key(key) => key.execute(),
        CliSubcommand::Version(version) => version.execute(begun),
    };
    match done {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            say(error);
            CliOutcome::Failed.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
