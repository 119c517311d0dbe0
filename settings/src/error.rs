//! What is wrong with a configuration, said to a person: where, which key, what, and what to do.

use std::fmt;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemSeverity {
    /// The program does not start, or keeps the configuration it has.
    Error,
    /// It starts, and says so.
    Warning,
}

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// Whether this may be no more than a consequence of something wrong with `key`: it is about that key, about what is
    /// above or below it, or names it.
    pub fn may_follow_from(&self, key: &str) -> bool {
        let is_below = |path: &str, above: &str| {
            let rest = path.strip_prefix(above).filter(|_| !above.is_empty());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let is_named = key.contains('.') && self.what.contains(key);
        is_below(&self.key, key) || is_below(key, &self.key) || is_named
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
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        ConfigError(vec![problem])
    }
}
