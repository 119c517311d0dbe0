//! `recall`: what running gateways remember of their clients.

use clap::{Args, Subcommand};

use super::admin_client;
use super::options::StateOptions;
use super::outcome::{CliFailure, CliOutcome, failure, print};
use crate::{instance, state_dir};

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway recall forget                  everything
  aegis-gateway recall forget --key ci         what requests with this gateway key held

A gateway remembers the values that it found in a client's requests, in memory, as keyed hashes and sealed under the
client's credential, so that they are hidden in later ones and restored in later replies. docs/hidden-everywhere.md says what that means. [recall] in the configuration switches it off.

Exit codes: 0 forgotten; 2 no gateway runs with this state folder, or it does not answer.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RecallCommand {
    #[command(subcommand)]
    command: RecallSubcommand,
}

#[derive(Debug, Subcommand)]
enum RecallSubcommand {
    /// Forget what was remembered of clients
    Forget(ForgetCommand),
}

#[derive(Debug, Args)]
struct ForgetCommand {
    /// Only clients of this organisation
    #[arg(long, value_name = "ORG")]
    org: Option<String>,
    /// Only the holder of the gateway key with this name
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    #[command(flatten)]
    state: StateOptions,
}

impl RecallCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let RecallSubcommand::Forget(forget) = &self.command;
        forget.execute()
    }
}

impl ForgetCommand {
    fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let folder = state_dir::folder(&self.state.settings()?);
        let gateways = instance::find(&folder);
        if gateways.is_empty() {
            let help = "--state or --config names another; a gateway that has stopped remembers nothing";
            return Err(failure(format!("no gateway runs with the state folder {}", folder.display()), help));
        }
        let names = [("organisation", &self.org), ("key", &self.key)];
        let query: Vec<String> = names
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", percent_encoded(value.as_ref()?))))
            .collect();
        let path = format!("/recall?{}", query.join("&"));
        for gateway in gateways {
            let answer = admin_client::delete(gateway.admin, &path)
                .map_err(|error| failure(format!("the gateway at {}: {error}", gateway.admin), ""))?;
            if answer.status != 200 {
                return Err(failure(
                    format!("the gateway at {} refused: {}", gateway.admin, answer.status),
                    "",
                ));
            }
            print(&answer.body)?;
        }
        Ok(CliOutcome::Success)
    }
}

/// A value of a query (RFC 3986 section 2.3 names what needs no escape).
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_for_a_query() {
        assert_eq!(percent_encoded("ci-1.x_~"), "ci-1.x_~");
        assert_eq!(percent_encoded("a b&key=\u{e9}"), "a%20b%26key%3D%C3%A9");
    }
}
