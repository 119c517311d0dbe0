//! Why rules are refused.

use std::fmt;

/// A place in a rule file, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePosition {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl FilePosition {
    /// The position of the byte `offset` of `text`; that of the end for one beyond it.
    pub(crate) fn of(text: &str, offset: usize) -> FilePosition {
        let whole = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let before = &text[..whole.unwrap_or(0)];
        FilePosition {
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1,
        }
    }
}

impl fmt::Display for FilePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why rules were refused. Says which file and rule; never holds scanned text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The file is not the TOML that is expected: syntax, unknown field, missing field.
    #[error("{file}{}: {message}", at(*.position))]
    Syntax {
        /// The file's name.
        file: String,
        /// Where in it.
        position: Option<FilePosition>,
        /// What is wrong.
        message: String,
    },
    /// A rule is well-formed but cannot be used.
    #[error("{file}{}: rule `{rule}`: {message}", at(*.position))]
    Rule {
        /// The file's name.
        file: String,
        /// Where the rule's id stands in it.
        position: Option<FilePosition>,
        /// The rule's id.
        rule: String,
        /// What is wrong.
        message: String,
    },
    /// The custom rules together would slow every text down.
    #[error("{message}")]
    TooCostly {
        /// What costs how much, how much is allowed, and what to do.
        message: String,
    },
    /// More rules than an index can number.
    #[error("more than {limit} rules")]
    TooMany {
        /// The most there can be.
        limit: usize,
    },
    /// A cache of compiled rules is damaged, or was made from other rules, by another engine or for another processor.
    #[error("the cache of compiled rules does not fit these rules and this machine")]
    StaleCache,
    /// The scanning engine cannot be set up on this machine.
    #[error("scanning engine: {0}")]
    Engine(String),
}

impl RuleError {
    /// The file that is wrong, and where in it; none where no single one is.
    pub fn place(&self) -> Option<(&str, Option<FilePosition>)> {
        match self {
            RuleError::Syntax { file, position, .. } | RuleError::Rule { file, position, .. } => {
                Some((file, *position))
            }
            _ => None,
        }
    }

    /// What is wrong, without its place.
    pub fn what(&self) -> String {
        match self {
            RuleError::Syntax { message, .. } => message.clone(),
            RuleError::Rule { rule, message, .. } => format!("rule `{rule}`: {message}"),
            other => other.to_string(),
        }
    }
}

/// `:12:6`, or nothing.
fn at(position: Option<FilePosition>) -> String {
    position.map_or(String::new(), |position| format!(":{position}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        for (offset, shown) in [(0, "1:1"), (2, "1:2"), (3, "1:3"), (4, "2:1"), (5, "2:2"), (99, "2:2")] {
            assert_eq!(FilePosition::of("\u{e4}b\nc", offset).to_string(), shown, "{offset}");
        }
    }
}
