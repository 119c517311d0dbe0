//! Walks files and folders and scans what is text.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_detect::{Confidence, Scanner};
use ignore::WalkBuilder;
use indicatif::{ProgressBar, ProgressStyle};
use zeroize::Zeroizing;

use super::reader::{self, Content, Hit};
use super::report::{Report, Summary};

/// Folders of version control systems: their objects are compressed, and `.git/config` is no file of the project.
const VERSION_CONTROL: [&str; 4] = [".git", ".hg", ".svn", ".jj"];
/// Work shorter than this shows no progress.
const SHOW_PROGRESS_AFTER: Duration = Duration::from_millis(800);

/// One run over all sources.
pub(super) struct Walk<'a> {
    scanner: Scanner,
    buffer: Zeroizing<Vec<u8>>,
    least: Confidence,
    respect_ignore: bool,
    report: &'a mut dyn Report,
    summary: Summary,
    progress: Progress,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        scanner: Scanner,
        least: Confidence,
        respect_ignore: bool,
        report: &'a mut dyn Report,
    ) -> Self {
        let (buffer, summary, progress) = (Zeroizing::default(), Summary::default(), Progress::new());
        Walk { scanner, buffer, least, respect_ignore, report, summary, progress }
    }

    /// Scans all `paths`. The error is one of writing the report; what cannot be read is counted and said.
    pub(super) fn run(&mut self, paths: &[PathBuf]) -> io::Result<Summary> {
        let rules = Arc::clone(self.scanner.rules());
        self.report.begin(&rules)?;
        for path in paths {
            if path == Path::new("-") {
                self.source(Path::new("(standard input)"), &mut io::stdin().lock())?;
            } else if path.is_dir() {
                self.folder(path)?;
            } else {
                self.file(path)?;
            }
        }
        self.progress.end();
        self.report.end(&self.summary)?;
        Ok(self.summary)
    }

    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        let walk = WalkBuilder::new(folder)
            .hidden(false)
            .standard_filters(self.respect_ignore)
            .hidden(false)
            .require_git(false)
            .filter_entry(|entry| !VERSION_CONTROL.iter().any(|name| entry.file_name() == *name))
            .sort_by_file_name(Ord::cmp)
            .build();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                    self.file(entry.path())?;
                }
                Ok(_) => {}
                Err(error) => self.failed(&error.to_string()),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> io::Result<()> {
        match File::open(path) {
            Ok(mut file) => self.source(path, &mut file),
            Err(error) => {
                self.failed(&format!("{}: {error}", path.display()));
                Ok(())
            }
        }
    }

    fn source(&mut self, path: &Path, source: &mut dyn Read) -> io::Result<()> {
        let rules = Arc::clone(self.scanner.rules());
        let shown = path.strip_prefix("./").unwrap_or(path).display().to_string();
        let (report, findings) = (&mut self.report, &mut self.summary.findings);
        let mut found = |hit: Hit| {
            *findings += 1;
            report.finding(&shown, rules.get(hit.finding.rule), &hit)
        };
        let content = reader::scan(&mut self.scanner, &mut self.buffer, source, self.least, &mut found)?;
        match content {
            Ok(Content::Text(bytes)) => {
                self.summary.files += 1;
                self.summary.bytes += bytes;
            }
            Ok(Content::Binary) => self.summary.skipped += 1,
            Err(error) => self.failed(&format!("{shown}: {error}")),
        }
        self.progress.show(&self.summary);
        self.report.file_done()
    }

    fn failed(&mut self, what: &str) {
        self.summary.failed += 1;
        self.progress.pause(|| eprintln!("error: {what}"));
    }
}

/// A line on standard error for long work at a terminal.
struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    wanted: bool,
}

impl Progress {
    fn new() -> Self {
        // When findings go to the same terminal, a moving line between them would only disturb.
        let wanted = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Progress { bar: None, begun: Instant::now(), wanted }
    }

    fn show(&mut self, summary: &Summary) {
        if !self.wanted || self.begun.elapsed() < SHOW_PROGRESS_AFTER {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]");
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        bar.set_message(summary.to_string());
        bar.tick();
    }

    fn pause(&self, say: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
