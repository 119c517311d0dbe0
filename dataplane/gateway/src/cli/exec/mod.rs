//! `exec`: runs a tool through the gateway, and leaves nothing behind.
//!
//! The tool keeps its terminal, its input and its output, and its exit code is that of the command. A gateway that runs
//! already is used; else one is started on free loopback ports, and stopped when the tool has ended, however that was.

mod own_gateway;
mod signals;
mod tool_process;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use clap::Args;

use super::gateway_address::{GatewayOptions, running};
use super::options::name_and_url;
use super::outcome::{CliFailure, CliOutcome, failure, say};
use super::tools::{OPENCODE_CONFIG, Pointers, Tool, sdk_pointers};
use own_gateway::OwnGateway;
use signals::RelayedSignals;

/// The exit code when there was no gateway, as `env`, `nohup` and `timeout` have it for their own failures.
const NO_GATEWAY: u8 = 125;

/// Variables that name an HTTP proxy to programs.
const PROXIES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// Hosts that are reached without one.
const NO_PROXIES: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// What a gateway on this machine is called.
const LOOPBACK: &str = "127.0.0.1,::1,localhost";

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway exec -- claude                        Claude Code, with its secrets kept here
  aegis-gateway exec -- codex exec 'fix the build'
  aegis-gateway exec --tool claude -- npx @anthropic-ai/claude-code
  aegis-gateway exec -- python ask.py                 any program that uses a provider's SDK
  aegis-gateway exec --upstream openai=http://127.0.0.1:9000 -- python ask.py
  aegis-gateway exec --gateway https://gate.example.com -- claude

A gateway that runs with the same state folder is used. Else one is started for the tool alone, on free ports of this
machine, with the usual state folder, so that a secret has the same token in every session. It ends with the tool.

The tool is recognised by its name; any other program gets the variables of all providers' SDKs.
`aegis-gateway env TOOL` shows what is set.

Exit codes: that of the tool, 128 and the signal's number when a signal ended it; 125 no gateway could be found or
started; 126 the tool cannot be run; 127 there is no such tool.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ExecCommand {
    /// Which tool it is [default: recognised by the program's name]
    #[arg(long, value_enum)]
    tool: Option<Tool>,
    #[command(flatten)]
    gateway: GatewayOptions,
    /// Set or add an upstream; a gateway is then started (repeatable)
    #[arg(long = "upstream", value_name = "NAME=URL", value_parser = name_and_url, conflicts_with = "url")]
    upstreams: Vec<(String, String)>,
    /// Start a gateway with a state folder that is deleted afterwards: other tokens each time, no audit log
    #[arg(long, conflicts_with_all = ["url", "state"])]
    temporary_state: bool,
    /// Say on standard error which gateway is used
    #[arg(long, short)]
    verbose: bool,
    /// The tool and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl ExecCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        // Before anything is started, so that a signal cannot leave it running.
        let signals = RelayedSignals::catch().map_err(|error| failure(format!("no signals: {error}"), ""))?;
        let (url, own) = match self.find(&signals) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(CliOutcome::Code(signals.early_code())),
            Err(error) => {
                say(error);
                return Ok(CliOutcome::Code(NO_GATEWAY));
            }
        };
        if self.verbose {
            let whose = if own.is_some() { "started for this run" } else { "found running" };
            say(format_args!("aegis-gateway: {url}, {whose}"));
        }
        let code = match self.tool_command(&url) {
            Ok(command) => tool_process::run(command, &signals),
            Err(what) => {
                say(failure(what, "unset it, or write it as a JSON object"));
                NO_GATEWAY
            }
        };
        signals.end();
        drop(own);
        Ok(CliOutcome::Code(code))
    }

    /// The gateway's address, and the gateway itself where one was started. None when a signal came first.
    fn find(&self, signals: &RelayedSignals) -> Result<Option<(String, Option<OwnGateway>)>, CliFailure> {
        if let Some(url) = &self.gateway.url {
            return Ok(Some((url.clone(), None)));
        }
        let settings = self.gateway.state.settings()?;
        let wants_own = self.temporary_state || !self.upstreams.is_empty();
        let found = running(&settings, self.gateway.state.config.as_deref()).filter(|_| !wants_own);
        if let Some(found) = found {
            let url = found.url().ok_or_else(|| {
                let what = format!(
                    "the gateway on {} speaks TLS, and nothing says under which name",
                    found.listen[0]
                );
                failure(what, "give its address with --gateway https://NAME, or set server.public_url")
            })?;
            own_gateway::wait_for_names(found.admin, signals);
            return Ok(Some((url, None)));
        }
        let started = OwnGateway::start(&self.gateway.state, &self.upstreams, self.temporary_state, signals)?;
        Ok(started.map(|own| (own.url().to_owned(), Some(own))))
    }

    fn tool_command(&self, url: &str) -> Result<Command, String> {
        let (program, arguments) = self.command.split_first().ok_or("no command")?;
        let Pointers { variables, arguments: first, .. } = self.pointers(Path::new(program), url)?;
        let mut command = Command::new(program);
        command.args(first).args(arguments);
        for (name, value) in variables {
            if self.verbose
                && let Some(before) = std::env::var(name).ok().filter(|before| *before != value)
                && name != OPENCODE_CONFIG
            {
                say(format_args!(
                    "aegis-gateway: {name} was {before}; --upstream NAME={before} would go on to it"
                ));
            }
            command.env(name, value);
        }
        if PROXIES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
            for name in NO_PROXIES {
                let before = std::env::var(name).unwrap_or_default();
                let separator = if before.is_empty() { "" } else { "," };
                command.env(name, format!("{before}{separator}{LOOPBACK}"));
            }
        }
        Ok(command)
    }

    fn pointers(&self, program: &Path, url: &str) -> Result<Pointers, String> {
        let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match self.tool.or_else(|| Tool::of_program(name)) {
            Some(tool) => tool.pointers(url, std::env::var(OPENCODE_CONFIG).ok().as_deref()),
            None => Ok(sdk_pointers(url)),
        }
    }
}
