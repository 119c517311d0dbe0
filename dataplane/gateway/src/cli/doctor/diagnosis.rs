//! What a check has to say, and how it is shown.

use crate::cli::terminal::{Color, Paint, printable};

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DiagnosisLevel {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Works, and may not for long or not as meant.
    Warning,
    /// Does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Diagnosis {
    /// How much it matters.
    pub level: DiagnosisLevel,
    /// What was found.
    pub what: String,
    /// What to do about it; empty when there is nothing.
    pub help: String,
}

impl Diagnosis {
    /// Something as it should be.
    pub(super) fn good(what: impl Into<String>) -> Self {
        Self::new(DiagnosisLevel::Good, what, "")
    }

    /// Something worth knowing.
    pub(super) fn note(what: impl Into<String>, help: &str) -> Self {
        Self::new(DiagnosisLevel::Note, what, help)
    }

    /// Something that may go wrong.
    pub(super) fn warning(what: impl Into<String>, help: &str) -> Self {
        Self::new(DiagnosisLevel::Warning, what, help)
    }

    /// Something that does not work.
    pub(super) fn problem(what: impl Into<String>, help: &str) -> Self {
        Self::new(DiagnosisLevel::Problem, what, help)
    }

    fn new(level: DiagnosisLevel, what: impl Into<String>, help: &str) -> Self {
        Self { level, what: what.into(), help: help.to_owned() }
    }

    /// The lines that are shown.
    pub(super) fn lines(&self, paint: Paint) -> String {
        let (word, color) = match self.level {
            DiagnosisLevel::Good => ("ok     ", Color::Green),
            DiagnosisLevel::Note => ("note   ", Color::Cyan),
            DiagnosisLevel::Warning => ("warning", Color::Yellow),
            DiagnosisLevel::Problem => ("PROBLEM", Color::Red),
        };
        let mut lines = format!("  {}  {}\n", paint.paint(color, word), printable(&self.what));
        if !self.help.is_empty() {
            lines.push_str(&paint.paint(Color::Dim, &format!("           {}", printable(&self.help))));
            lines.push('\n');
        }
        lines
    }
}
