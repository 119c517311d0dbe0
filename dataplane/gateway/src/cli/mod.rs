//! The command line: what people type, and what it does.
//!
//! Exit codes are part of the contract: 0 is success, 1 is the answer "no" (`check` found errors, `scan` found
//! secrets), 2 is a failure (wrong usage, unreadable file, a gateway that cannot start).

mod admin_client;
mod capacity;
mod check;
mod completions;
mod doctor;
mod env;
mod exec;
mod gateway_address;
mod key;
mod known;
mod man;
mod openings;
mod options;
mod outcome;
mod recall;
mod rule_options;
mod rules;
mod run;
mod scan;
mod shell;
mod tail;
mod terminal;
mod tokenize;
mod tools;
mod version;

use std::process::ExitCode;
use std::time::Instant;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

use outcome::{CliOutcome, failure, say};

use crate::os;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway run                                   take traffic on 127.0.0.1:8080 for the built-in providers
  aegis-gateway run --upstream openai=http://127.0.0.1:9000
  aegis-gateway exec -- claude                        run a tool through a gateway, started for it if none runs
  eval \"$(aegis-gateway env claude)\"                ... or point it there yourself
  aegis-gateway doctor                                why does it not work?
  aegis-gateway tail --follow                         which requests come, and what was found in them?
  aegis-gateway check --config aegis.toml             is this configuration right?
  aegis-gateway scan src/                             which secrets are in these files?
  git diff | aegis-gateway scan -                     ... and in this text?
  aegis-gateway scan --since origin/main              ... and in what this branch adds?

Exit codes: 0 success; 1 findings or a wrong configuration; 2 failure or wrong usage. `exec` has those of the tool.";

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
    Run(Box<run::RunCommand>),
    /// Run a tool through the gateway
    Exec(exec::ExecCommand),
    /// Show the variables that point a tool at the gateway
    Env(env::EnvCommand),
    /// Say whether a configuration is right
    Check(check::CheckCommand),
    /// Say what is wrong, and what to do about it
    Doctor(doctor::DoctorCommand),
    /// Show what the gateway would send of a text
    Tokenize(tokenize::TokenizeCommand),
    /// Show audit events, and follow them
    Tail(tail::TailCommand),
    /// Find secrets in files, folders or standard input
    Scan(scan::ScanCommand),
    /// Show the detection rules, and try rules of your own
    Rules(rules::RulesCommand),
    /// List secrets of your own, to be found wherever they stand
    Known(known::KnownCommand),
    /// Forget what was remembered of clients
    Recall(recall::RecallCommand),
    /// Make and hash the keys that clients of the gateway use
    Key(key::KeyCommand),
    /// Show versions, rules and what this machine supports
    Version(version::VersionCommand),
    /// Print completions for a shell
    Completions(completions::CompletionsCommand),
    /// Print or write the manual pages
    Man(man::ManCommand),
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    // A reload may be asked for before anything here can hear it, and would end the process.
    let blocked = os::block_hangup();
    let begun = Instant::now();
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            if let Some(variable) = empty_variable(&error) {
                let help = "unset it, or give it a value";
                say(failure(format!("the variable {variable} is set, and is empty"), help));
                return CliOutcome::Failed.into();
            }
            error.exit()
        }
    };
    if !matches!(command, CliSubcommand::Run(_)) {
        let _ = blocked.and_then(|()| os::unblock_hangup());
    }
    let done = match command {
        CliSubcommand::Run(run) => run.execute(),
        CliSubcommand::Exec(exec) => exec.execute(),
        CliSubcommand::Env(env) => env.execute(),
        CliSubcommand::Check(check) => check.execute(),
        CliSubcommand::Tokenize(tokenize) => tokenize.execute(),
        CliSubcommand::Doctor(doctor) => doctor.execute(),
        CliSubcommand::Tail(tail) => tail.execute(),
        CliSubcommand::Scan(scan) => scan.execute(),
        CliSubcommand::Rules(rules) => rules.execute(),
        CliSubcommand::Known(known) => known.execute(),
        CliSubcommand::Recall(recall) => recall.execute(),
        CliSubcommand::Key(key) => key.execute(),
        CliSubcommand::Version(version) => version.execute(begun),
        CliSubcommand::Completions(completions) => completions.execute(Cli::command()),
        CliSubcommand::Man(man) => man.execute(Cli::command()),
    };
    match done {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            say(error);
            CliOutcome::Failed.into()
        }
    }
}

/// The variable of the environment that `error` is about, if that is set and empty: the message has only the option that
/// it stands for.
fn empty_variable(error: &clap::Error) -> Option<&'static str> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let option = text(ContextKind::InvalidArg).filter(|_| text(ContextKind::InvalidValue) == Some(""))?;
    let variables = [("--config ", "AEGIS_CONFIG"), ("--state ", "AEGIS_STATE_DIR")];
    let (_, variable) = variables.into_iter().find(|(name, _)| option.starts_with(name))?;
    std::env::var_os(variable).is_some_and(|value| value.is_empty()).then_some(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
