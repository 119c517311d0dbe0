//! `env`: the variables that point a tool at the gateway, in the language of a shell.

use clap::Args;

use super::gateway_address::{GatewayOptions, future_url, running};
use super::outcome::{CliFailure, CliOutcome, failure, print, say};
use super::shell::Shell;
use super::tools::{OPENCODE_CONFIG, Tool};
use crate::instance::Instance;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway env claude                            what points Claude Code at the gateway?
  eval \"$(aegis-gateway env claude)\"                  put it into effect in this shell (sh, bash, zsh)
  aegis-gateway env codex --shell fish | source       ... in fish
  aegis-gateway env openai --gateway https://gate.example.com
  aegis-gateway env gemini --shell sh >> ~/.profile   ... in every shell from now on

Lines that begin with # say what a variable cannot do: flags, files, logins that go elsewhere. Without --gateway the
address is that of the gateway that runs with the same state folder, else the one that `run` would listen on.
`aegis-gateway exec -- TOOL` does all of this for one run of a tool.

Exit codes: 0 printed; 2 it could not be said.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct EnvCommand {
    /// Tool, or provider whose SDKs are used
    tool: Tool,
    /// Shell whose language is spoken [default: that of $SHELL]
    #[arg(long, value_enum)]
    shell: Option<Shell>,
    #[command(flatten)]
    gateway: GatewayOptions,
}

impl EnvCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let shell = self.shell.unwrap_or_else(Shell::of_user);
        let url = self.address()?;
        let before = std::env::var(OPENCODE_CONFIG).ok();
        let pointers = self.tool.pointers(&url, before.as_deref()).map_err(|what| failure(what, ""))?;
        let mut lines: Vec<String> =
            pointers.variables.iter().map(|(name, value)| shell.export(name, value)).collect();
        lines.extend(pointers.notes.iter().map(|note| comment(note)));
        let command = format!("aegis-gateway env {}", self.tool.as_str());
        lines.push(comment(&format!("in effect with: {}", shell.apply(&command))));
        print(&(lines.join("\n") + "\n"))?;
        Ok(CliOutcome::Success)
    }

    fn address(&self) -> Result<String, CliFailure> {
        if let Some(url) = &self.gateway.url {
            return Ok(url.clone());
        }
        let settings = self.gateway.state.settings()?;
        let found = running(&settings, self.gateway.state.config.as_deref());
        if found.is_none() {
            say(
                "note: no gateway runs with this state folder; this is the address that `aegis-gateway run` would have",
            );
        }
        found.as_ref().map_or_else(|| future_url(&settings), Instance::url).ok_or_else(|| {
            let help = "give its address with --gateway https://NAME, or set server.public_url";
            failure("the gateway speaks TLS, and nothing says which name its certificate has", help)
        })
    }
}

/// A note as comment lines, which begin alike in all shells.
fn comment(note: &str) -> String {
    note.lines().map(|line| format!("# {line}")).collect::<Vec<_>>().join("\n")
}
