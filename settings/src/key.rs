//! What is known about a key of the configuration: its path, what it takes, its default, its meaning.

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// Any text.
    Text,
    /// Path of a file or folder.
    Path,
    /// Path of a file or folder, or one of some words.
    PathOr(&'static [&'static str]),
    /// List of paths.
    Paths,
    /// `IP:PORT`.
    Address,
    /// List of `IP:PORT`.
    Addresses,
    /// Whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// Length of time.
    Duration,
    /// Number of bytes.
    Size,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// List of some words.
    Choices(&'static [&'static str]),
    /// List of texts.
    Texts,
    /// List of tables; their keys are listed as `section.key[].name`.
    Tables,
    /// One digit or letter.
    Letter,
    /// A secret.
    Secret,
}

impl SettingKind {
    /// The kind in words, for people.
    pub fn describe(self) -> String {
        match self {
            SettingKind::Text => "a text in quotes".to_owned(),
            SettingKind::Path => "a path in quotes".to_owned(),
            SettingKind::PathOr(words) => format!("{} or a path in quotes", quoted(words)),
            SettingKind::Paths => "a list of paths like [\"a.toml\"]".to_owned(),
            SettingKind::Address => "an address like \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned(),
            SettingKind::Addresses => "a list of addresses like [\"0.0.0.0:8080\"]".to_owned(),
            SettingKind::Number => "a whole number, not negative".to_owned(),
            SettingKind::Switch => "true or false".to_owned(),
            SettingKind::Duration => "seconds as a number, or \"250ms\", \"30s\", \"5m\", \"1h\"".to_owned(),
            SettingKind::Size => "bytes as a number, or \"16KiB\", \"64MiB\", \"1GiB\"".to_owned(),
            SettingKind::Choice(words) => format!("one of {}", quoted(words)),
            SettingKind::Choices(words) => format!("a list of some of {}", quoted(words)),
            SettingKind::Texts => "a list of texts like [\"a\", \"b\"]".to_owned(),
            SettingKind::Tables => "a list of tables like [{ ... }]".to_owned(),
            SettingKind::Letter => "one digit or letter in quotes".to_owned(),
            SettingKind::Secret => "a secret in quotes; better in the environment or a file".to_owned(),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// One key of the configuration.
#[derive(Debug, Clone)]
pub struct Key {
    /// `section.key`; `*` stands for a name of your choice, `[]` for an item of a list.
    pub path: String,
    /// What it takes.
    pub kind: SettingKind,
    /// The default as written in TOML; empty when there is none.
    pub default: String,
    /// What it means.
    pub help: String,
    /// The range of its values in words; empty when every value of its kind will do.
    pub range: String,
    /// Whether a change takes effect at the next start only.
    pub restart: bool,
    /// A value to show in the example file; below a `*` the whole line.
    pub example: &'static str,
}
