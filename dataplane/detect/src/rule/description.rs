//! What a rule is to its users: identity, weight and words. How it is matched stays inside the crate.

use super::kinds::{Category, Severity};

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
    /// TOML, as described in `docs/writing-rules.md`.
    pub text: String,
}
