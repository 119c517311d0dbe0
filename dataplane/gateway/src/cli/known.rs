//! `known`: the organisation's own secrets as a list of keyed hashes.
//!
//! Values come in over standard input only: arguments are seen by every user of the machine. None is ever shown again.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::sync::Arc;

use aegis_detect::{
    Inserted, KNOWN_RULE, KnownId, KnownKey, KnownList, KnownValues, Rules, Scanner, Selection, Window,
};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::outcome::{CliFailure, CliOutcome, failure, print, say};
use crate::config::{Flags, Settings, Sources, load};
use crate::known_values_file::{self, KnownValuesFile};
use crate::state_dir;

/// The most that is read from standard input, in bytes: the largest list, and room for a long text to check.
const MAX_INPUT: usize = 32 << 20;

const AFTER_HELP: &str = "\
Examples:
  vault-export | aegis-gateway known import --file known.list     one value per line; makes the list when it is missing
  printf %s \"$PASSWORD\" | aegis-gateway known add --file known.list
  printf %s \"$PASSWORD\" | aegis-gateway known remove --file known.list
  aegis-gateway known check --file known.list < letter.txt        are any of the values in this text?
  aegis-gateway known list --file known.list                      ids and lengths; values are not kept

Then name the list in the configuration: known_values.file = \"known.list\". The gateway reads it at its start and at SIGHUP.

The list holds an HMAC of each value and nothing that could be read without the key, which is made with the first list, in
the state folder. Keep the two apart: with both, values that people think up can be guessed, and short random ones tried out.

Exit codes: 0 done (check: no value found); 1 check: values found, remove: not listed, add and import: values refused;
2 it could not be done.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct KnownCommand {
    #[command(subcommand)]
    command: KnownSubcommand,
}

#[derive(Debug, Subcommand)]
enum KnownSubcommand {
    /// Add one value: all of standard input, without the line end
    Add {
        #[command(flatten)]
        location: ListLocation,
    },
    /// Add many values, one per line of standard input
    Import {
        #[command(flatten)]
        location: ListLocation,
        /// Forget all values that were listed before
        #[arg(long)]
        replace: bool,
        /// Write the list even if some values are refused
        #[arg(long)]
        skip_refused: bool,
    },
    /// Say where values of the list stand in the text on standard input
    Check {
        #[command(flatten)]
        location: ListLocation,
    },
    /// Remove a value: the one on standard input, or the one with an id
    Remove {
        #[command(flatten)]
        location: ListLocation,
        /// Id of the value, as `known list` shows it
        #[arg(long)]
        id: Option<KnownId>,
    },
    /// Show id and length of each value
    List {
        #[command(flatten)]
        location: ListLocation,
    },
}

/// Where list and key are.
#[derive(Debug, Args)]
struct ListLocation {
    /// The list [default: `known_values.file` of the configuration]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The key of the list [default: `known_values.key_file`, or known.key in the state folder]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Configuration file (TOML) that may name both
    #[arg(long, short, value_name = "FILE", env = "AEGIS_CONFIG")]
    config: Option<PathBuf>,
    /// Folder for the key
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl KnownCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        match &self.command {
            KnownSubcommand::Add { location } => location.open(true)?.add(),
            KnownSubcommand::Import { location, replace, skip_refused } => {
                location.open(true)?.import(*replace, *skip_refused)
            }
            KnownSubcommand::Check { location } => location.open(false)?.check(),
            KnownSubcommand::Remove { location, id } => location.open(false)?.remove(*id),
            KnownSubcommand::List { location } => location.open(false)?.show(),
        }
    }
}

impl ListLocation {
    fn settings(&self) -> Result<Settings, CliFailure> {
        // Variables that are not UTF-8 cannot be ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let flags = Flags { state: self.state.clone(), ..Flags::default() };
        let sources = Sources { file: self.config.clone(), environment: environment.collect(), flags };
        let mut settings = load(&sources).map_err(|error| error.to_string())?.settings;
        if self.file.is_some() {
            settings.known_values.file.clone_from(&self.file);
        }
        if self.key_file.is_some() {
            settings.known_values.key_file.clone_from(&self.key_file);
        }
        Ok(settings)
    }

    /// Opens the list; with `create` one that does not exist yet is empty.
    fn open(&self, create: bool) -> Result<Open, CliFailure> {
        let settings = self.settings()?;
        let Some(path) = settings.known_values.file.clone() else {
            return Err(failure(
                "no list is named",
                "give it with --file FILE, or a configuration with --config",
            ));
        };
        if create && !path.exists() {
            let secret = state_dir::known_key(&settings, true).map_err(|problem| problem.to_string())?;
            return Ok(Open { path, list: KnownList::new(KnownKey::new(&secret)) });
        }
        let file = KnownValuesFile::read(&settings).map_err(|problem| problem.to_string())?;
        let Some(file) = file else { return Err(failure("no list is named", "give it with --file FILE")) };
        Ok(Open { path, list: file.list().map_err(|problem| problem.to_string())? })
    }
}

/// A list and where it is kept.
struct Open {
    path: PathBuf,
    list: KnownList,
}

impl Open {
    fn add(mut self) -> Result<CliOutcome, CliFailure> {
        let input = read("Type or paste the value, then Enter and Ctrl-D:")?;
        let outcome = match self.list.insert(without_line_end(&input)) {
            Ok(Inserted::New) => "added",
            Ok(Inserted::Already) => "already listed",
            Err(refusal) => {
                say(format_args!("error: {refusal}"));
                return Ok(CliOutcome::No);
            }
        };
        self.write()?;
        print(&format!("{outcome}; {}\n", self.count()))?;
        Ok(CliOutcome::Success)
    }

    fn import(mut self, replace: bool, skip_refused: bool) -> Result<CliOutcome, CliFailure> {
        let input = read("Type or paste the values, one per line, then Ctrl-D:")?;
        if replace {
            let ids: Vec<KnownId> = self.list.iter().map(|(id, _)| id).collect();
            for id in ids {
                self.list.remove_id(id);
            }
        }
        let (mut new, mut refused) = (0, 0);
        for (number, line) in input.split(|byte| *byte == b'\n').enumerate() {
            match without_line_end(line) {
                [] => {}
                value => match self.list.insert(value) {
                    Ok(Inserted::New) => new += 1,
                    Ok(Inserted::Already) => {}
                    Err(refusal) => {
                        say(format_args!("line {}: {refusal}", number + 1));
                        refused += 1;
                    }
                },
            }
        }
        if refused > 0 && !skip_refused {
            let what = if refused == 1 { "1 value was".to_owned() } else { format!("{refused} values were") };
            say(format_args!(
                "error: {what} refused; nothing is written\n  help: --skip-refused writes the others"
            ));
            return Ok(CliOutcome::No);
        }
        self.write()?;
        print(&format!("{new} added, {refused} refused; {}\n", self.count()))?;
        Ok(if refused > 0 { CliOutcome::No } else { CliOutcome::Success })
    }

    fn check(self) -> Result<CliOutcome, CliFailure> {
        let text = read("Type or paste the text, then Enter and Ctrl-D:")?;
        let known = Arc::new(KnownValues::new(&self.list));
        let rules = Rules::load(&Selection { known: Some(&known), ..Selection::default() });
        let mut scanner =
            rules.and_then(Scanner::new).map_err(|error| failure(error, "is there enough memory?"))?;
        let rules = Arc::clone(scanner.rules());
        let scan = scanner.scan(Window { text: &text, fresh: 0, last: true });
        let mut found = 0;
        for finding in scan.findings.iter().filter(|finding| rules.get(finding.rule).id == KNOWN_RULE) {
            let line = memchr::memchr_iter(b'\n', &text[..finding.span.start]).count() + 1;
            print(&format!(
                "line {line}: a known value at bytes {} to {}\n",
                finding.span.start, finding.span.end
            ))?;
            found += 1;
        }
        print(&format!("{found} found; {}\n", self.count()))?;
        Ok(if found > 0 { CliOutcome::No } else { CliOutcome::Success })
    }

    fn remove(mut self, id: Option<KnownId>) -> Result<CliOutcome, CliFailure> {
        let removed = match id {
            Some(id) => self.list.remove_id(id),
            None => {
                self.list.remove(without_line_end(&read("Type or paste the value, then Enter and Ctrl-D:")?))
            }
        };
        if !removed {
            print(&format!("not listed; {}\n", self.count()))?;
            return Ok(CliOutcome::No);
        }
        self.write()?;
        print(&format!("removed; {}\n", self.count()))?;
        Ok(CliOutcome::Success)
    }

    fn show(self) -> Result<CliOutcome, CliFailure> {
        let mut lines: Vec<String> =
            self.list.iter().map(|(id, length)| format!("{id}  {length:>4} bytes\n")).collect();
        lines.push(self.count() + "\n");
        let text = lines.concat();
        print(&text)?;
        Ok(CliOutcome::Success)
    }

    fn write(&self) -> Result<(), CliFailure> {
        known_values_file::write(&self.path, &self.list).map_err(|problem| problem.to_string().into())
    }

    fn count(&self) -> String {
        let count = self.list.len();
        let s = if count == 1 { "" } else { "s" };
        format!("{count} known value{s} in {}", self.path.display())
    }
}

/// All of standard input. Never moved while it grows: a moved buffer leaves its contents behind.
fn read(invitation: &str) -> Result<Zeroizing<Vec<u8>>, CliFailure> {
    if std::io::stdin().is_terminal() {
        say(invitation);
    }
    let mut input = Zeroizing::new(Vec::with_capacity(MAX_INPUT + 1));
    std::io::stdin()
        .lock()
        .take(MAX_INPUT as u64 + 1)
        .read_to_end(&mut input)
        .map_err(|error| failure(format!("cannot read standard input: {error}"), ""))?;
    if input.len() > MAX_INPUT {
        return Err(failure(format!("more than {MAX_INPUT} bytes on standard input"), "give it in pieces"));
    }
    Ok(input)
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
