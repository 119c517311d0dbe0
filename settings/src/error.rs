//! What is wrong with a configuration, said to a person: where, which key, what, and what to do.

use std::fmt;

/// Most problems of one configuration that are listed; the others are counted. More flood a log, and nobody reads them.
pub const MAX_LISTED_PROBLEMS: usize = 100;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemSeverity {
    /// The program does not start, or keeps the configuration it has.
    Error,
    /// It starts, and says so.
    Warning,
}

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// How bad it is.
    pub severity: ProblemSeverity,
    /// `file:line:column`, the name of an environment variable, or a flag; empty when it is a default.
    pub place: String,
    /// The key as `section.key`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it; may be empty.
    pub help: String,
}

impl Problem {
    /// An error about `key`; its place is filled in later.
    pub fn error(key: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Problem {
            severity: ProblemSeverity::Error,
            place: String::new(),
            key: key.into(),
            what: what.into(),
            help: help.into(),
        }
    }

    /// A warning about `key`; its place is filled in later.
    pub fn warning(key: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Problem { severity: ProblemSeverity::Warning, ..Problem::error(key, what, help) }
    }

    /// The same problem with a place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.severity == ProblemSeverity::Error { "error" } else { "warning" };
        write!(f, "{severity}: ")?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

/// A configuration that cannot be used: at least one problem, printed one below the other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.listed().iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        match self.unlisted() {
            Some(rest) => write!(f, "\n{rest}"),
            None => Ok(()),
        }
    }
}

impl ConfigError {
    /// The problems that are listed: the first [`MAX_LISTED_PROBLEMS`].
    pub fn listed(&self) -> &[Problem] {
        &self.0[..self.0.len().min(MAX_LISTED_PROBLEMS)]
    }

    /// What is said of the others; none where all are listed.
    pub fn unlisted(&self) -> Option<String> {
        let count = self.0.len().checked_sub(MAX_LISTED_PROBLEMS).filter(|count| *count > 0)?;
        Some(format!("and {} more", grouped(count)))
    }
}

/// A number with a comma before each three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        ConfigError(vec![problem])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_problems_are_listed_and_the_others_counted() {
        let error = |count| ConfigError(vec![Problem::error("a.b", "wrong", ""); count]);
        let lines = |count| error(count).to_string().lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(2), ["error: a.b: wrong"; 2]);
        assert_eq!(lines(MAX_LISTED_PROBLEMS), ["error: a.b: wrong"; MAX_LISTED_PROBLEMS]);
        for (more, last) in [(1, "and 1 more"), (900, "and 900 more"), (4_900, "and 4,900 more")] {
            let lines = lines(MAX_LISTED_PROBLEMS + more);
            assert_eq!(
                (lines.len(), lines.last().map(String::as_str)),
                (MAX_LISTED_PROBLEMS + 1, Some(last))
            );
        }
        assert!(error(1_234_667).to_string().ends_with("and 1,234,567 more"));
    }
}
