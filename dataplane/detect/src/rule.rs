//! What a rule is to its users: identity, weight and words. How it is matched stays inside the crate.

use serde::{Deserialize, Serialize};

/// What kind of thing a secret is; it names the token that stands in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// An API key or another key that a service issued.
    Key,
    /// A password, client secret or shared secret.
    Secret,
    /// An access, refresh or session token.
    Token,
    /// The credential inside a connection string or a URL.
    Conn,
    /// A private key.
    Pkey,
    /// A user name or an account id.
    User,
    /// A host name or address.
    Host,
    /// Personal data.
    Pii,
}

impl Category {
    /// All categories, in the order of their tokens' documentation.
    pub const ALL: [Category; 8] = [
        Category::Key,
        Category::Secret,
        Category::Token,
        Category::Conn,
        Category::Pkey,
        Category::User,
        Category::Host,
        Category::Pii,
    ];

    /// The name as it stands in tokens: upper case, at most six letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::Key => "KEY",
            Category::Secret => "SECRET",
            Category::Token => "TOKEN",
            Category::Conn => "CONN",
            Category::Pkey => "PKEY",
            Category::User => "USER",
            Category::Host => "HOST",
            Category::Pii => "PII",
        }
    }
}

/// How bad it is when a secret of this kind is stolen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Public by design or of little use alone.
    Low,
    /// Limited access.
    Medium,
    /// Access to data or money of one service.
    High,
    /// Control over an account, a repository or an infrastructure.
    Critical,
}

impl Severity {
    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// How sure a finding is. A gateway replaces findings from `Medium` on unless its policy says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A shape that counts only behind a vendor's name, with a wrong check value; names of resources, which are no
    /// secrets by themselves.
    Low,
    /// Told by its surroundings, or an unmistakable shape whose check value is wrong.
    Medium,
    /// An unmistakable shape, or a check value that is right.
    High,
}

impl Confidence {
    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// A rule's place in its [`crate::Rules`]; stable for the life of those rules only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub u16);

/// One kind of secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rule {
    /// Unique, lower case, words joined by `-`.
    pub id: String,
    /// For people.
    pub name: String,
    /// The file it came from without its ending: the vendor group, or a custom file's name.
    pub group: String,
    /// What kind of thing it finds.
    pub category: Category,
    /// How bad a leak is.
    pub severity: Severity,
    /// What the secret opens for a thief.
    pub impact: String,
    /// The pattern as written, or a word on the built-in finder.
    pub pattern: String,
    /// Words that must stand in the assigned name, for rules that need such context.
    pub keywords: Vec<String>,
    /// Texts that must match; the expected span is set in `«»` where it is not the whole.
    pub matching: Vec<String>,
    /// Near misses: texts in which this rule must find nothing.
    pub not_matching: Vec<String>,
}

/// A rule file of an organisation.
#[derive(Debug, Clone)]
pub struct RuleSource {
    /// Names the file in errors and in [`Rule::group`].
    pub name: String,
    /// TOML, as described in the crate's README.
    pub text: String,
}

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
