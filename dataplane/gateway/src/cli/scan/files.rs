//! Walks files and folders, has what is text scanned, and reports what counts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use aegis_detect::{Rules, Scanner};
use ignore::{DirEntry, Walk, WalkBuilder};

use super::baseline::Baseline;
use super::excludes::Excludes;
use super::finding::LocatedFinding;
use super::git;
use super::lines::LineSelection;
use super::pool::{self, ScanEvent, TaskQueue, Turn};
use super::progress::ProgressLine;
use super::reader::{FileContent, Stopped, Unwanted};
use super::report::{ReportWriter, Summary};
use super::selection::FindingFilter;
use super::source::{Change, Source, SourceName, printable};
use crate::cli::outcome::say;

/// Folders of version control systems: their objects are compressed, and `.git/config` is no file of the project.
const VERSION_CONTROL: [&str; 4] = [".git", ".hg", ".svn", ".jj"];

/// What is scanned.
pub(super) struct ScanSources {
    /// Where text comes from.
    pub origin: ScanOrigin,
    /// Files that are passed over, by their real paths: what the scan itself reads and writes.
    pub except: Vec<PathBuf>,
    /// Globs of what is passed over.
    pub excludes: Excludes,
}

/// Where text comes from.
pub(super) enum ScanOrigin {
    /// Files, folders, and `-` for standard input; whether files named in `.gitignore` and its like are left out.
    Paths {
        /// As they were given.
        paths: Vec<PathBuf>,
        /// Whether ignore files hold.
        respect_ignore: bool,
    },
    /// Versions of files, and which of their lines count.
    Changes(Vec<Change>),
    /// What each commit adds.
    History(git::CommitHistory),
}

/// Where findings go, and which of them are known.
pub(super) struct ScanRun<'a> {
    /// The rules they come from.
    pub rules: Arc<Rules>,
    /// Where they are written.
    pub report: &'a mut dyn ReportWriter,
    /// Those that need not be reported again.
    pub known: Option<Baseline>,
    /// Where all of them are noted, known or not.
    pub noted: Option<Baseline>,
    /// Which findings count.
    pub filter: FindingFilter,
    /// Whether progress is shown on a terminal.
    pub shows_progress: bool,
    /// What it came to so far.
    pub summary: Summary,
}

impl ScanRun<'_> {
    /// Scans all sources with all scanners. The error is one of writing the report; what cannot be read is counted and
    /// said.
    pub(super) fn run(&mut self, scanners: Vec<Scanner>, sources: &ScanSources) -> io::Result<()> {
        self.report.begin(&self.rules)?;
        let total = OnceLock::new();
        let mut progress = ProgressLine::new(&total, self.shows_progress);
        let least = self.filter.least();
        thread::scope(|scope| {
            let (queue, turns) = pool::start(scope, scanners, least);
            // When nobody takes the results any more, there is nobody to report the error to.
            scope.spawn(move || sources.feed(&queue).is_err());
            if progress.is_wanted() {
                scope.spawn(|| sources.count().map(|count| total.get_or_init(|| count)));
            }
            for turn in turns {
                match turn {
                    Turn::Problem(what) => self.failed(&progress, &what),
                    Turn::Source { name, events } => self.source(&progress, &name, events)?,
                }
                progress.show(&self.summary);
            }
            Ok::<(), io::Error>(())
        })?;
        progress.end();
        self.report.end(&self.summary)
    }

    fn source(
        &mut self,
        progress: &ProgressLine,
        name: &SourceName,
        events: impl IntoIterator<Item = ScanEvent>,
    ) -> io::Result<()> {
        let mut ended = false;
        let before = self.summary.findings;
        for event in events {
            match event {
                ScanEvent::Findings(findings) => {
                    progress.pause(|| findings.iter().try_for_each(|finding| self.finding(name, finding)))?;
                }
                ScanEvent::Void(comment) => progress.pause(|| {
                    say(format_args!("warning: {}:{}: {comment}", name.printable(), comment.line));
                }),
                ScanEvent::Done(FileContent::Text { bytes, ignored }) => {
                    self.summary.files += 1;
                    self.summary.bytes += bytes;
                    self.summary.ignored += ignored;
                    ended = true;
                }
                ScanEvent::Done(FileContent::Binary) => {
                    self.summary.skipped += 1;
                    ended = true;
                }
                ScanEvent::Failed(error) => {
                    self.failed(progress, &format!("{}: {error}", name.printable()));
                    ended = true;
                }
            }
        }
        if !ended {
            self.failed(progress, &format!("{}: the scan ended early", name.printable()));
        }
        self.summary.files_with_findings += u64::from(self.summary.findings > before);
        progress.pause(|| self.report.file_done())
    }

    fn finding(&mut self, name: &SourceName, finding: &LocatedFinding) -> io::Result<()> {
        if !self.filter.takes(&finding.finding) {
            return Ok(());
        }
        let rule = self.rules.get(finding.finding.rule);
        if let Some(noted) = &mut self.noted {
            noted.add(&name.path, rule, finding);
        }
        if self.known.as_ref().is_some_and(|known| known.is_known(&name.path, rule, finding)) {
            self.summary.known += 1;
            return Ok(());
        }
        self.summary.findings += 1;
        self.report.finding(name, rule, finding)
    }

    fn failed(&mut self, progress: &ProgressLine, what: &str) {
        self.summary.failed += 1;
        progress.pause(|| say(format_args!("error: {what}")));
    }
}

impl ScanSources {
    fn feed(&self, queue: &TaskQueue) -> Result<(), Unwanted> {
        match &self.origin {
            ScanOrigin::Paths { paths, respect_ignore } => {
                paths.iter().try_for_each(|path| self.feed_path(queue, path, *respect_ignore))
            }
            ScanOrigin::Changes(changes) => {
                changes.iter().try_for_each(|change| self.feed_change(queue, change.clone()))
            }
            ScanOrigin::History(history) => match history.each(&mut |change| self.feed_change(queue, change))
            {
                Ok(()) => Ok(()),
                Err(Stopped::Unreadable(error)) => {
                    queue.problem(format!("the history cannot be read: {error}"))
                }
                Err(Stopped::Unwanted) => Err(Unwanted),
            },
        }
    }

    fn feed_change(&self, queue: &TaskQueue, change: Change) -> Result<(), Unwanted> {
        let Change { path, version, source } = change;
        let is_left_out = match version {
            // A link may lead elsewhere, and its name is what globs are held against.
            None if matches!(source, Source::Link(..)) => self.excludes.hold(&path, false),
            // Submodules, and what is gone by now.
            None => !path.symlink_metadata().is_ok_and(|data| data.is_file()) || self.excludes(&path),
            // The file need not be there any more.
            Some(_) => self.excludes.hold(&path, false),
        };
        if is_left_out || self.is_excepted(&path) {
            return Ok(());
        }
        queue.scan(SourceName { path: git::from_here(&path), version }, source)
    }

    fn feed_path(&self, queue: &TaskQueue, path: &Path, respect_ignore: bool) -> Result<(), Unwanted> {
        let plain = |path: &Path| path.strip_prefix("./").unwrap_or(path).to_path_buf();
        if path == Path::new("-") {
            return queue.scan(SourceName::of("(standard input)"), Source::Input);
        }
        if !path.is_dir() {
            if self.excludes(path) {
                return Ok(());
            }
            return queue
                .scan(SourceName::of(plain(path)), Source::File(path.to_path_buf(), LineSelection::All));
        }
        for entry in walk(path, respect_ignore, &self.excludes) {
            match entry {
                Ok(entry) if is_file(&entry) && !self.is_excepted(entry.path()) => {
                    let name = plain(entry.path());
                    queue.scan(SourceName::of(name), Source::File(entry.into_path(), LineSelection::All))?;
                }
                Ok(_) => {}
                Err(error) => queue.problem(describe(&error))?,
            }
        }
        Ok(())
    }

    fn is_excepted(&self, path: &Path) -> bool {
        let mut alike = self.except.iter().filter(|except| except.file_name() == path.file_name()).peekable();
        // Names are compared first: most files are spared the question.
        alike.peek().is_some() && path.canonicalize().is_ok_and(|real| alike.any(|except| *except == real))
    }

    /// Whether globs leave out this file.
    fn excludes(&self, path: &Path) -> bool {
        !self.excludes.is_empty() && path.canonicalize().is_ok_and(|real| self.excludes.hold(&real, false))
    }

    /// How many files there are; none when that is known at the end only.
    fn count(&self) -> Option<u64> {
        Some(match &self.origin {
            ScanOrigin::History(_) => return None,
            ScanOrigin::Changes(changes) => changes.len() as u64,
            ScanOrigin::Paths { paths, respect_ignore } => paths
                .iter()
                .map(|path| {
                    if !path.is_dir() {
                        return 1;
                    }
                    walk(path, *respect_ignore, &self.excludes).flatten().filter(is_file).count() as u64
                })
                .sum(),
        })
    }
}

/// Everything below a folder in the order of names; links are not followed.
fn walk(folder: &Path, respect_ignore: bool, excludes: &Excludes) -> Walk {
    let is_of_project = |entry: &DirEntry| !VERSION_CONTROL.iter().any(|name| entry.file_name() == *name);
    // Globs are held against real paths, and links are not followed below the folder.
    let (begin, real) = (folder.to_path_buf(), folder.canonicalize().unwrap_or_default());
    let excludes = excludes.clone();
    let is_excluded = move |entry: &DirEntry| {
        let below = entry.path().strip_prefix(&begin).unwrap_or(Path::new(""));
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        !excludes.is_empty() && excludes.hold(&real.join(below), is_folder)
    };
    WalkBuilder::new(folder)
        .standard_filters(respect_ignore)
        .hidden(false)
        .require_git(false)
        .filter_entry(move |entry| is_of_project(entry) && !is_excluded(entry))
        .sort_by_file_name(Ord::cmp)
        .build()
}

fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

/// What went wrong in a walk, with the path once: the cause as it comes names it again.
fn describe(error: &ignore::Error) -> String {
    use ignore::Error::{WithDepth, WithPath};
    match error {
        WithDepth { err, .. } => describe(err),
        WithPath { path, err } => {
            let cause = err.io_error().and_then(std::error::Error::source);
            let cause = cause.map_or_else(|| err.to_string(), ToString::to_string);
            format!("{}: {cause}", printable(path.strip_prefix("./").unwrap_or(path)))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_walked_is_named_once() {
        let errors: Vec<_> =
            walk(Path::new("./no/such"), true, &Excludes::default()).filter_map(Result::err).collect();
        let messages: Vec<_> = errors.iter().map(describe).collect();
        assert_eq!(messages, ["no/such: No such file or directory (os error 2)"]);
    }
}
