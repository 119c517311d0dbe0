//! What is done with a finding: the decision of an organisation, as an immutable value.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use aegis_detect::{Category, Confidence, Finding, Rule, RuleIndex};
use regex::bytes::RegexSet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Defines [`Action`]: the list of variants below is the only place where their words stand. serde takes the words
/// from it by `rename`, so that it knows them as the words of an enum and lists them in its errors.
macro_rules! actions {
    ($(#[$of_enum:meta])* pub enum Action { $($(#[$of_variant:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$of_enum])*
        pub enum Action {
            $($(#[$of_variant])* #[serde(rename = $word)] $variant,)+
        }

        impl Action {
            /// All actions, from the mildest to the strictest.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The name in configuration, metrics and audit events.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

actions! {
    /// What is done with a finding. Written as [`Action::as_str`] has it, in configuration as well.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
    pub enum Action {
        /// Pass it and record nothing.
        Allow = "allow",
        /// Pass it and record it.
        Monitor = "monitor",
        /// Tokenize it, and say so to the client.
        Warn = "warn",
        /// Replace it by a reversible token.
        #[default]
        Tokenize = "tokenize",
        /// Replace it by a word from which nothing comes back.
        Redact = "redact",
        /// Refuse the request.
        Block = "block",
    }
}

/// A word that names no [`Action`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no action: one of allow, monitor, warn, tokenize, redact and block is meant")]
pub struct UnknownAction;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(word: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|action| action.as_str() == word).ok_or(UnknownAction)
    }
}

/// What is done with values that are not text: media, PDF, archives, office files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpaqueAction {
    /// Let them pass, and say so in the report.
    #[default]
    Pass,
    /// Refuse the request.
    Refuse,
}

/// Decides by, in this order: the lists of allowed values, the rule, confidence, the category, the default.
#[derive(Clone)]
pub struct Policy {
    default: Action,
    min_confidence: Confidence,
    rules: HashMap<RuleIndex, Action>,
    categories: [Option<Action>; Category::ALL.len()],
    allowed_hashes: HashSet<[u8; 32]>,
    allowed_patterns: RegexSet,
    opaque: OpaqueAction,
}

impl Policy {
    /// A policy that does `default` with every finding of medium confidence or more.
    pub fn new(default: Action) -> Self {
        Self {
            default,
            min_confidence: Confidence::Medium,
            rules: HashMap::new(),
            categories: [None; Category::ALL.len()],
            allowed_hashes: HashSet::new(),
            allowed_patterns: RegexSet::empty(),
            opaque: OpaqueAction::default(),
        }
    }

    /// Findings below `confidence` are allowed, save those of rules with an action of their own.
    #[must_use]
    pub fn with_min_confidence(mut self, confidence: Confidence) -> Self {
        self.min_confidence = confidence;
        self
    }

    /// What is done with findings of one rule, at any confidence.
    #[must_use]
    pub fn with_rule(mut self, rule: RuleIndex, action: Action) -> Self {
        self.rules.insert(rule, action);
        self
    }

    /// What is done with findings of a category that have no rule of their own here.
    #[must_use]
    pub fn with_category(mut self, category: Category, action: Action) -> Self {
        self.categories[category as usize] = Some(action);
        self
    }

    /// Values that are no secrets, by their SHA-256.
    #[must_use]
    pub fn with_allowed_hashes(mut self, hashes: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.allowed_hashes.extend(hashes);
        self
    }

    /// Values that are no secrets, by patterns that must match the whole value. They replace those given before.
    pub fn with_allowed_patterns<P: AsRef<str>>(mut self, patterns: &[P]) -> Result<Self, regex::Error> {
        let whole = patterns.iter().map(|pattern| format!(r"\A(?:{})\z", pattern.as_ref()));
        self.allowed_patterns = RegexSet::new(whole)?;
        Ok(self)
    }

    /// What is done with values that are not text.
    #[must_use]
    pub fn with_opaque(mut self, action: OpaqueAction) -> Self {
        self.opaque = action;
        self
    }

    /// What is to be done with values that are not text.
    pub fn opaque(&self) -> OpaqueAction {
        self.opaque
    }

    /// What is to be done with `finding`, which `rule` made and which covers `value`.
    pub fn decide(&self, finding: &Finding, rule: &Rule, value: &[u8]) -> Action {
        if self.is_allowed(value) {
            return Action::Allow;
        }
        if let Some(action) = self.rules.get(&finding.rule) {
            return *action;
        }
        if finding.confidence < self.min_confidence {
            return Action::Allow;
        }
        self.categories[rule.category as usize].unwrap_or(self.default)
    }

    fn is_allowed(&self, value: &[u8]) -> bool {
        let listed = !self.allowed_hashes.is_empty()
            && self.allowed_hashes.contains::<[u8; 32]>(&Sha256::digest(value).into());
        listed || self.allowed_patterns.is_match(value)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(Action::default())
    }
}

#[cfg(test)]
mod tests {
    use aegis_detect::Rules;

    use super::*;

    fn decide(policy: &Policy, id: &str, confidence: Confidence, value: &[u8]) -> Action {
        let rules = Rules::builtin().unwrap();
        let index = rules.find(id).unwrap();
        policy.decide(
            &Finding::whole(index, aegis_detect::Span::new(0, value.len()), confidence),
            rules.get(index),
            value,
        )
    }

    fn of_pat(policy: &Policy) -> Action {
        decide(policy, "github-pat", Confidence::High, b"value")
    }

    #[test]
    fn an_action_is_written_one_way() {
        for action in Action::ALL {
            assert_eq!(action.to_string().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
            assert_eq!(serde_json::from_value::<Action>(action.as_str().into()).unwrap(), action);
        }
        assert_eq!("Tokenize".parse::<Action>(), Err(UnknownAction));
    }

    #[test]
    fn the_most_specific_word_counts() {
        let index = Rules::builtin().unwrap().find("github-pat").unwrap();
        let policy = Policy::new(Action::Monitor);
        assert_eq!(of_pat(&policy), Action::Monitor);
        let policy = policy.with_category(Category::Token, Action::Redact);
        assert_eq!(of_pat(&policy), Action::Redact);
        let policy = policy.with_rule(index, Action::Block);
        assert_eq!(of_pat(&policy), Action::Block);
        assert_eq!(decide(&policy, "github-oauth", Confidence::High, b""), Action::Redact);
        assert_eq!(decide(&policy, "google-api-key", Confidence::High, b""), Action::Monitor);
    }

    #[test]
    fn confidence_has_a_floor() {
        let policy = Policy::default();
        assert_eq!(decide(&policy, "github-pat", Confidence::Low, b""), Action::Allow);
        assert_eq!(decide(&policy, "github-pat", Confidence::Medium, b""), Action::Tokenize);
        let policy = policy.with_min_confidence(Confidence::High);
        assert_eq!(decide(&policy, "github-pat", Confidence::Medium, b""), Action::Allow);
    }

    #[test]
    fn an_action_for_a_rule_counts_at_any_confidence() {
        let index = Rules::builtin().unwrap().find("github-pat").unwrap();
        let policy = Policy::default().with_rule(index, Action::Block);
        assert_eq!(decide(&policy, "github-pat", Confidence::Low, b""), Action::Block);
        assert_eq!(decide(&policy, "github-oauth", Confidence::Low, b""), Action::Allow);
        let policy = Policy::default().with_category(Category::Token, Action::Block);
        assert_eq!(decide(&policy, "github-pat", Confidence::Low, b""), Action::Allow);
        let policy =
            policy.with_rule(index, Action::Block).with_allowed_hashes([Sha256::digest(b"v").into()]);
        assert_eq!(decide(&policy, "github-pat", Confidence::Low, b"v"), Action::Allow);
    }

    #[test]
    fn allowed_values_pass_whatever_the_rule_says() {
        let policy = Policy::new(Action::Block).with_allowed_hashes([Sha256::digest(b"value").into()]);
        assert_eq!(of_pat(&policy), Action::Allow);
        let policy = Policy::new(Action::Block).with_allowed_patterns(&["x", "val.*"]).unwrap();
        assert_eq!(of_pat(&policy), Action::Allow);
        let policy = Policy::new(Action::Block).with_allowed_patterns(&["alu", "val"]).unwrap();
        assert_eq!(of_pat(&policy), Action::Block, "a part is not the whole");
        assert!(Policy::default().with_allowed_patterns(&["("]).is_err());
    }
}
