//! `completions`: what a shell needs to complete commands and flags.

use clap::{Args, ValueEnum};
use clap_complete::{Shell, generate};

use super::outcome::{CliFailure, CliOutcome, print};

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway completions bash > ~/.local/share/bash-completion/completions/aegis-gateway
  aegis-gateway completions zsh > \"${fpath[1]}/_aegis-gateway\"
  aegis-gateway completions fish > ~/.config/fish/completions/aegis-gateway.fish
  aegis-gateway completions powershell >> $PROFILE";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CompletionsCommand {
    /// Shell that reads them
    #[arg(value_enum)]
    shell: CompletionShell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompletionShell {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
}

impl CompletionsCommand {
    /// Executes it; `root` is the whole command line.
    pub(super) fn execute(&self, mut root: clap::Command) -> Result<CliOutcome, CliFailure> {
        let shell = match self.shell {
            CompletionShell::Bash => Shell::Bash,
            CompletionShell::Zsh => Shell::Zsh,
            CompletionShell::Fish => Shell::Fish,
            CompletionShell::PowerShell => Shell::PowerShell,
        };
        let name = root.get_name().to_owned();
        let mut script = Vec::new();
        generate(shell, &mut root, name, &mut script);
        print(&String::from_utf8_lossy(&script))?;
        Ok(CliOutcome::Success)
    }
}
