//! Why rules are refused.

/// Why rules were refused. Says which file and rule; never holds scanned text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The file is not the TOML that is expected: syntax, unknown field, missing field.
    #[error("{file}: {message}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What is wrong, with the line.
        message: String,
    },
    /// A rule is well-formed but cannot be used.
    #[error("{file}{}: rule `{rule}`: {message}", at(*.line))]
    Rule {
        /// The file's name.
        file: String,
        /// The line that the rule's id stands on, from 1.
        line: Option<usize>,
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

/// `:12`, or nothing.
fn at(line: Option<usize>) -> String {
    line.map_or(String::new(), |line| format!(":{line}"))
}
