//! What is looked for, and what is done with what is found: `[policy]`, `[rules]` and `[known_values]`.
//!
//! Plain data like the rest of the settings; which action a finding gets is decided in the snapshot.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is done with a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Pass it and record nothing.
    Allow,
    /// Pass it and record it.
    Monitor,
    /// Tokenize and say so in a header.
    Warn,
    /// Replace it by a reversible token.
    #[default]
    Tokenize,
    /// Replace it irreversibly.
    Redact,
    /// Refuse the request.
    Block,
}

/// What happens when something cannot be scanned or recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailMode {
    /// The request is refused.
    #[default]
    Closed,
    /// The request passes, loudly.
    Open,
}

/// When replies carry `x-aegis-findings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingsHeader {
    /// Never.
    Never,
    /// When the request asks with `x-aegis-findings: 1`.
    #[default]
    OnRequest,
    /// Always.
    Always,
}

/// How sure a rule must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MinConfidence {
    /// Every hit counts: names of resources, and values told by a name alone whose check value is wrong.
    Low,
    /// Hits told by their surroundings, known prefixes with a wrong check value, or better.
    #[default]
    Medium,
    /// Unmistakable shapes and right check values only.
    High,
}

/// What happens to what is not read as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpaqueMode {
    /// It passes, and is told in audit and metrics.
    #[default]
    Pass,
    /// The request is refused.
    Refuse,
}

/// `[policy]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Action where nothing more specific is said.
    pub default: Action,
    /// What happens when something cannot be scanned or recorded.
    pub fail_mode: FailMode,
    /// What happens to media, PDF, archives and office files, which are not read.
    pub opaque: OpaqueMode,
    /// Findings below this confidence are ignored, save those of rules with an action of their own.
    pub min_confidence: MinConfidence,
    /// When replies carry counts of findings.
    pub findings_header: FindingsHeader,
    /// Action by rule id, at any confidence.
    pub rules: BTreeMap<String, Action>,
    /// Action by category (`key`, `secret`, `token`, `conn`, `pkey`, `user`, `host`, `pii`).
    pub categories: BTreeMap<String, Action>,
    /// SHA-256 of values that are not secrets, 64 hexadecimal digits each.
    pub allow_sha256: Vec<String>,
    /// Regular expressions of values that are not secrets, matched against the whole value.
    pub allow_regex: Vec<String>,
}

/// `[rules]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Packs of built-in rules that are off otherwise.
    pub packs: Vec<Pack>,
    /// Rule files of the organisation, in addition to the built-in rules.
    pub custom: Vec<PathBuf>,
}

/// `[known_values]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnownValues {
    /// List of keyed hashes, written by `aegis-gateway known`.
    pub file: Option<PathBuf>,
    /// Key of the list; created with the first list when it is the default one.
    pub key_file: Option<PathBuf>,
}

/// A set of built-in rules that is off unless it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Pack {
    /// Personal data: e-mail addresses, telephone and card numbers, national ids, addresses of machines.
    Personal,
}

impl From<Pack> for aegis_detect::Pack {
    fn from(pack: Pack) -> Self {
        match pack {
            Pack::Personal => aegis_detect::Pack::Personal,
        }
    }
}
