//! What is looked for, and what is done with what is found.
//!
//! The words for actions, confidences and packs are those of the engines that act on them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aegis_detect::{Confidence, Pack};
use aegis_settings::{Word, choices, section};
use aegis_shield::OpaqueAction;
use aegis_shield::policy::Action;
use serde::{Deserialize, Serialize};

section! {
    /// `[policy]`
    Policy {
        /// What is done with a finding where nothing more specific is said.
        default: Word<Action>;
        /// What happens when something cannot be scanned or recorded: refuse it, or let it pass, loudly.
        fail_mode: FailMode;
        /// What happens to images, audio, video, PDF, archives and office files, whose text is not read: let them
        /// pass, reported by type and size in audit and metrics, or refuse the request.
        opaque: Word<OpaqueAction>;
        /// Findings below this confidence are ignored, save those of rules that `policy.rules` names. Low: found by
        /// a name alone, with a wrong check value, and names of resources; medium: found by surroundings, or a known
        /// prefix with a wrong check value; high: unmistakable.
        min_confidence: Word<Confidence> = Word(Confidence::Medium);
        /// When replies carry x-aegis-findings, counts by category.
        findings_header: FindingsHeader;
        /// Action by rule id; it counts at any confidence.
        rules: BTreeMap<String, Word<Action>>, example: r#"aws-access-key-id = "block""#;
        /// Action by category: key, secret, token, conn, pkey, user, host, pii.
        categories: BTreeMap<String, Word<Action>>, example: r#"pii = "block""#;
        /// SHA-256 of values that are not secrets.
        allow_sha256: Vec<String>;
        /// Regular expressions of values that are not secrets, matched against the whole value.
        allow_regex: Vec<String>;
    }
}

section! {
    /// `[rules]`
    Rules {
        /// Packs of built-in rules that are off otherwise: personal (personal data and addresses of machines).
        packs: Vec<Word<Pack>>;
        /// Rule files of your own, in addition to the built-in rules.
        custom: Vec<PathBuf>;
    }
}

section! {
    /// `[known_values]`
    KnownValues {
        /// List of your own secrets as keyed hashes, written by `aegis-gateway known`; they are found wherever they
        /// stand.
        file: Option<PathBuf>, example: r#""/etc/aegis/known.list""#;
        /// Key of that list. Without it known.key in the state folder, created with the first list.
        key_file: Option<PathBuf>, example: r#""/etc/aegis/known.key""#;
    }
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

choices!(FailMode, FindingsHeader);
