//! A repository, as git's own program sees it.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use super::patch::{self, Patch};
use crate::cli::outcome::{CliFailure, failure};
use crate::cli::scan::git_command::git;
use crate::cli::scan::lines::{self, LineSelection};
use crate::cli::scan::reader::Stopped;
use crate::cli::scan::source::Blob;
use crate::cli::terminal;

/// A repository, and the paths in it that are asked about; none is everything.
#[derive(Debug)]
pub(super) struct Repository {
    folder: PathBuf,
    /// The folder of the whole working tree.
    pub top: PathBuf,
    paths: Vec<PathBuf>,
}

impl Repository {
    /// The repository that the first of the paths is in, or the current folder; `flag` is what needs one.
    pub(super) fn of(paths: &[PathBuf], flag: &str) -> Result<Self, CliFailure> {
        let real = |path: &PathBuf| {
            std::fs::canonicalize(path).map_err(|error| failure(format!("{}: {error}", path.display()), ""))
        };
        let paths = paths.iter().map(real).collect::<Result<Vec<_>, _>>()?;
        let folder = match paths.first() {
            Some(path) if path.is_dir() => path.clone(),
            Some(path) => path.parent().unwrap_or(path).to_path_buf(),
            None => PathBuf::from("."),
        };
        let found = Repository { top: folder.clone(), folder, paths };
        let top = found.run(&["rev-parse", "--show-toplevel"]).map_err(|error| {
            let said = error.to_string();
            if said.contains("not a git repository") {
                let what = format!("{} is not in a git repository", found.folder.display());
                failure(what, &format!("{flag} needs one; leave it out to scan everything"))
            } else {
                error
            }
        })?;
        Ok(Repository { top: to_path(top.trim_ascii_end()), ..found })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = git(&self.folder);
        command.args(arguments);
        if matches!(arguments.first(), Some(&("diff" | "log" | "ls-files"))) {
            if arguments[0] == "ls-files" && self.paths.is_empty() {
                // Of the whole repository, as `diff` does.
                command.current_dir(&self.top);
            }
            command.arg("--").args(&self.paths);
        }
        command
    }

    /// What git says on standard output.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, CliFailure> {
        let output = self.command(arguments).output().map_err(|error| no_git(&error))?;
        if output.status.success() { Ok(output.stdout) } else { Err(complaint(&output.stderr)) }
    }

    /// The paths that git prints, each behind it a byte 0.
    pub(super) fn list(&self, arguments: &[&str]) -> Result<Vec<PathBuf>, CliFailure> {
        let printed = self.run(arguments)?;
        Ok(printed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(to_path).collect())
    }

    /// Hands each patch that git prints to `take`.
    pub(super) fn patches(
        &self,
        arguments: &[&str],
        take: &mut dyn FnMut(Patch) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("cannot run git: {error}")))?;
        // Read beside the rest: warnings about line ends, one for each file, would fill the pipe.
        let complaints =
            child.stderr.take().map(|stderr| thread::spawn(move || reason(BufReader::new(stderr))));
        let read = match child.stdout.take() {
            Some(out) => patch::read(&mut BufReader::new(out), take),
            None => Ok(()),
        };
        // It writes into a pipe that nobody reads when reading stopped early.
        let status = child.wait()?;
        read?;
        if status.success() {
            return Ok(());
        }
        let reason = complaints.and_then(|thread| thread.join().ok()?).unwrap_or_else(|| status.to_string());
        let command = arguments.first().unwrap_or(&"");
        Err(io::Error::other(format!("git {command} failed: {reason}")).into())
    }

    /// The commit that `revision` names.
    pub(super) fn commit(&self, revision: &str) -> Result<String, CliFailure> {
        let commit = format!("{revision}^{{commit}}");
        let found = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]);
        let found = found.map_err(|_| {
            let what = format!("git knows no revision `{revision}` in {}", self.top.display());
            failure(what, "give a commit, a tag or a branch: --since HEAD~3, --since origin/main")
        })?;
        Ok(String::from_utf8_lossy(found.trim_ascii_end()).into_owned())
    }

    /// The object called `id`.
    pub(super) fn blob(&self, id: &str) -> Blob {
        Blob { repository: self.folder.clone(), id: id.to_owned() }
    }

    /// The lines of the object `new` that the object `old` has not; all when one of the two is no text or not there.
    pub(super) fn compare(&self, old: &str, new: &str) -> LineSelection {
        if patch::FileChange::is_null(old) {
            return LineSelection::All;
        }
        let texts = self.blob(old).open().and_then(|old| Ok((old, self.blob(new).open()?)));
        texts.and_then(|(mut old, mut new)| lines::added(&mut old, &mut new)).unwrap_or(LineSelection::All)
    }
}

/// The path that these bytes are.
fn to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

fn no_git(error: &io::Error) -> CliFailure {
    failure(format!("cannot run git: {error}"), "install git, or put it in the PATH")
}

/// Why git has failed, in its own words, from what it prints on standard error; none when it says nothing.
fn reason(stderr: impl BufRead) -> Option<String> {
    let (mut last, mut fatal) = (None, None);
    for line in stderr.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        match line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")) {
            Some(why) => fatal = Some(why.to_owned()),
            None => last = Some(line),
        }
    }
    fatal.or(last).map(|why| terminal::printable(&why))
}

fn complaint(stderr: &[u8]) -> CliFailure {
    let said = String::from_utf8_lossy(stderr);
    failure(format!("git: {}", said.trim().trim_start_matches("fatal: ")), "")
}

/// What went wrong while git was read, for people.
pub(super) fn unreadable(stopped: Stopped) -> CliFailure {
    match stopped {
        Stopped::Unreadable(error) => failure(format!("cannot read what git says: {error}"), ""),
        Stopped::Unwanted => failure("nobody takes what git says", ""),
    }
}

/// `path` as people type it: from the current folder where it lies below, else whole.
pub(in crate::cli::scan) fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    let below = here.and_then(|here| path.strip_prefix(here).map(Path::to_path_buf).ok());
    below.unwrap_or_else(|| path.to_path_buf())
}
