//! A line on standard error for long work at a terminal.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::Summary;

/// Work shorter than this shows no progress.
const SHOW_AFTER: Duration = Duration::from_millis(800);
/// How often the line changes.
const PER_SECOND: u8 = 10;

/// The line, if there is a terminal.
pub(super) struct ProgressLine<'t> {
    bar: Option<ProgressBar>,
    begun: Instant,
    total: &'t OnceLock<u64>,
    style: Option<&'static str>,
}

impl<'t> ProgressLine<'t> {
    /// Nothing is shown where standard error is no terminal, or nobody wants it. The line becomes a bar when `total`, the number of files,
    /// is known.
    pub(super) fn new(total: &'t OnceLock<u64>, is_wanted: bool) -> Self {
        let hidden = || ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let bar = (is_wanted && io::stderr().is_terminal()).then(hidden);
        ProgressLine { bar, begun: Instant::now(), total, style: None }
    }

    /// Whether anybody sees it.
    pub(super) fn is_wanted(&self) -> bool {
        self.bar.is_some()
    }

    /// Shows how far the work is, once it has proved long.
    pub(super) fn show(&mut self, summary: &Summary) {
        let Some(bar) = self.bar.as_ref().filter(|_| self.begun.elapsed() >= SHOW_AFTER) else { return };
        let style = match self.total.get() {
            Some(_) => "{bar:24} {pos}/{len} files, {msg} [{elapsed}]",
            None => "{spinner} {pos} files, {msg} [{elapsed}]",
        };
        if self.style != Some(style) {
            let template = ProgressStyle::with_template(style);
            bar.set_style(template.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            if self.style.is_none() {
                bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(PER_SECOND));
            }
            self.style = Some(style);
        }
        if let Some(total) = self.total.get() {
            bar.set_length(*total);
        }
        bar.set_position(summary.files + summary.skipped + summary.failed);
        bar.set_message(summary.found());
        bar.tick();
    }

    /// Lets something else write to the terminal meanwhile.
    pub(super) fn pause<T>(&self, say: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
