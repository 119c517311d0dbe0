//! `man`: the manual pages, one for each command, from the same text as `--help`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;

use super::outcome::{CliFailure, CliOutcome, failure, print, say};

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway man | man -l -                        read the page of aegis-gateway
  aegis-gateway man exec | man -l -                   ... of one command
  aegis-gateway man --dir ~/.local/share/man/man1     write all pages, for `man aegis-gateway-exec`";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ManCommand {
    /// Command whose page is printed, with its subcommand if it has one [default: aegis-gateway itself]
    command: Vec<String>,
    /// Write all pages into this folder, which is made if it is missing
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

impl ManCommand {
    /// Executes it; `root` is the whole command line.
    pub(super) fn execute(&self, root: clap::Command) -> Result<CliOutcome, CliFailure> {
        let mut root = root.disable_help_subcommand(true);
        root.build();
        if let Some(folder) = &self.dir {
            write_all(&root, folder)?;
            return Ok(CliOutcome::Success);
        }
        let mut command = &root;
        for name in &self.command {
            command = command.find_subcommand(name).ok_or_else(|| {
                failure(format!("there is no command `{name}`"), "`aegis-gateway --help` names them all")
            })?;
        }
        let page = page(command).map_err(|error| failure(error, ""))?;
        print(&String::from_utf8_lossy(&page))?;
        Ok(CliOutcome::Success)
    }
}

/// A command's page.
fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

fn write_all(root: &clap::Command, folder: &Path) -> Result<(), CliFailure> {
    let failure_at = |path: &Path, error: std::io::Error| {
        failure(format!("{}: cannot write: {error}", path.display()), "give a folder that can be written")
    };
    std::fs::create_dir_all(folder).map_err(|error| failure_at(folder, error))?;
    let mut open = vec![root];
    let mut count = 0;
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().filter(|command| !command.is_hide_set()));
        let name = command.get_display_name().unwrap_or(command.get_name());
        let path = folder.join(format!("{name}.1"));
        page(command)
            .and_then(|page| std::fs::write(&path, page))
            .map_err(|error| failure_at(&path, error))?;
        count += 1;
    }
    say(format_args!("{count} pages in {}", folder.display()));
    Ok(())
}
