//! `tail`: audit events in the terminal, as they come.

mod event;
mod follow;

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::options::StateOptions;
use super::outcome::{CliFailure, CliOutcome, failure};
use super::terminal::{ColorChoice, Paint, printable};
use crate::config::Settings;
use crate::{instance, state_dir};
use event::TailEvent;
use follow::Follower;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway tail                                  the last events
  aegis-gateway tail --follow                         ... and what comes, until Ctrl-C
  aegis-gateway tail -f -n 0 --json | jq .findings    as the file has them, from now on
  aegis-gateway tail --state /var/lib/aegis-gateway

Reads the audit file of the gateway that runs with the same state folder, else the configured one; --file names
another. A file that is set aside or begun anew is followed. docs/observability.md says what the fields mean.

Exit codes: 0 shown; 2 it cannot be read.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct TailCommand {
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    /// Events that are there already
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Show the lines of the file as they are
    #[arg(long)]
    json: bool,
    /// Whether events are coloured
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    color: ColorChoice,
    /// Audit file [default: that of the gateway]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "state"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    state: StateOptions,
}

impl TailCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let path = self.path()?;
        let cannot_read = |error: &io::Error| {
            let help = match error.kind() {
                ErrorKind::NotFound => {
                    "has a gateway run with this state folder? --file or --state names another"
                }
                ErrorKind::PermissionDenied => {
                    "run this as the gateway's user, or let its group read (log.group_read)"
                }
                _ => "",
            };
            failure(format!("{}: {error}", path.display()), help)
        };
        let paint = Paint::for_stdout(self.color);
        let mut out = io::stdout().lock();
        let mut show = |line: &[u8]| {
            let text =
                if self.json { String::from_utf8_lossy(line).into_owned() } else { shown(line, paint) };
            writeln!(out, "{text}").and_then(|()| out.flush())
        };
        let mut follower = Follower::open(&path, self.follow).map_err(|error| cannot_read(&error))?;
        let done = follower
            .last_lines(self.lines, &mut show)
            .and_then(|()| if self.follow { follower.follow(&mut show) } else { Ok(()) });
        match done {
            // The reader has seen enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(cannot_read(&error)),
            _ => Ok(CliOutcome::Success),
        }
    }

    fn path(&self) -> Result<PathBuf, CliFailure> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let settings: Settings = self.state.settings()?;
        let folder = state_dir::folder(&settings);
        let running = instance::find(&folder).into_iter().find_map(|found| found.audit);
        if running.is_none() && !settings.audit.enabled {
            return Err(failure(
                "audit events are off (audit.enabled)",
                "--file names a file to read all the same",
            ));
        }
        let configured = settings.audit.file.unwrap_or_else(|| folder.join(state_dir::AUDIT_FILE));
        Ok(running.unwrap_or(configured))
    }
}

/// The last event of an audit file, for people.
pub(super) fn last_event(path: &Path) -> io::Result<Option<String>> {
    let mut last = None;
    let mut show = |line: &[u8]| {
        last = Some(shown(line, Paint::NONE));
        Ok(())
    };
    Follower::open(path, false)?.last_lines(1, &mut show)?;
    Ok(last)
}

/// A line for people. One that is no event is shown as it is.
fn shown(line: &[u8], paint: Paint) -> String {
    let event: Option<TailEvent<'_>> = serde_json::from_slice(line).ok();
    event.map_or_else(|| printable(&String::from_utf8_lossy(line)), |event| event.line(paint))
}
