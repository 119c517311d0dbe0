//! Rule files: the TOML that people write, before any of it is compiled.

use super::description::RuleSource;
use super::error::{FilePosition, RuleError};
use super::kinds::{Category, Finder, Pack, PersonalKind, Severity, Strength};
use crate::boundaries::{Left, Right};
use crate::checks::Check;
use crate::finding::Confidence;
use serde::Deserialize;
use serde::de::Error as _;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, ValueDeserializer};

/// A rule file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    /// The pack that its rules belong to; without one they are always on.
    pub(crate) pack: Option<Pack>,
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<RuleText>,
}

/// One `[[rule]]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) impact: String,
    /// The secret's shape, with its prefix; a group captures the secret where it is not the whole.
    pub(crate) pattern: Option<String>,
    /// The shape of a value assigned to a name that holds one of `keywords`.
    pub(crate) value: Option<String>,
    /// A finder written in code.
    pub(crate) finder: Option<Finder>,
    /// A finder of personal data.
    pub(crate) personal: Option<PersonalKind>,
    /// How much the keywords of an `assignment` finder say.
    pub(crate) strength: Option<Strength>,
    /// Names of services one of which must stand beside the keyword, for the strength `service`.
    #[serde(default)]
    pub(crate) services: Vec<String>,
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    #[serde(default)]
    pub(crate) left: Left,
    #[serde(default)]
    pub(crate) right: Right,
    pub(crate) check: Option<Check>,
    /// The least entropy of the secret's variable part, in bits per byte.
    #[serde(default, deserialize_with = "entropy")]
    pub(crate) entropy: Option<f32>,
    pub(crate) confidence: Option<Confidence>,
    /// `place` for patterns that say where a secret stands rather than what it looks like, `net` for a last resort.
    pub(crate) rank: Option<RankText>,
    #[serde(default, rename = "match")]
    pub(crate) matching: Vec<String>,
    #[serde(default, rename = "no_match")]
    pub(crate) not_matching: Vec<String>,
}

/// How a pattern ranks among overlapping ones when not as a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RankText {
    /// A credential's place in a header or a link.
    Place,
    /// A prefix before a shape that nobody knows: what any other rule takes is that rule's.
    #[serde(rename = "net")]
    Fallback,
}

fn entropy<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<f32>, D::Error> {
    let bits = f32::deserialize(source)?;
    if (0.0..=8.0).contains(&bits) {
        Ok(Some(bits))
    } else {
        Err(D::Error::custom("entropy is from 0 to 8 bits a byte"))
    }
}

/// Reads a rule file. Errors name the file and the place.
pub(crate) fn read(source: &RuleSource) -> Result<RuleFile, RuleError> {
    toml::from_str(&source.text).map_err(|error| syntax_error(source, &error))
}

/// Reads what can be read of a rule file, and says everything that is wrong with the rest.
pub(crate) fn read_all(source: &RuleSource) -> (RuleFile, Vec<RuleError>) {
    let mut file = RuleFile { pack: None, rules: Vec::new() };
    let mut root = match DeTable::parse(&source.text) {
        Ok(root) => root,
        Err(error) => return (file, vec![syntax_error(source, &error)]),
    };
    // Each rule alone: reading stops at the first that is wrong.
    let mut errors = Vec::new();
    let rules = match root.get_mut().get_mut("rule").map(Spanned::get_mut) {
        Some(DeValue::Array(items)) => std::mem::replace(items, DeArray::new()),
        _ => DeArray::new(),
    };
    for item in rules {
        match RuleText::deserialize(ValueDeserializer::from(item)) {
            Ok(rule) => file.rules.push(rule),
            Err(error) => errors.push(syntax_error(source, &error)),
        }
    }
    match RuleFile::deserialize(Deserializer::from(root)) {
        Ok(rest) => file.pack = rest.pack,
        Err(error) => errors.push(syntax_error(source, &error)),
    }
    (file, errors)
}

fn syntax_error(source: &RuleSource, error: &toml::de::Error) -> RuleError {
    RuleError::Syntax {
        file: source.name.clone(),
        position: error.span().map(|span| FilePosition::of(&source.text, span.start)),
        message: error.message().to_owned(),
    }
}

/// Where a rule's id stands; that of the last rule if several have it.
pub(crate) fn position_of(text: &str, id: &str) -> Option<FilePosition> {
    let root = DeTable::parse(text).ok()?;
    let rules = root.get_ref().get("rule")?.get_ref().as_array()?;
    let mut ids = rules.iter().rev().filter_map(|rule| rule.get_ref().as_table()?.get("id"));
    let found = ids.find(|found| found.get_ref().as_str() == Some(id))?;
    Some(FilePosition::of(text, found.span().start))
}

impl RuleSource {
    /// Whether the file can be read and holds no rule: it was cut off, or is another one than was meant.
    pub fn is_empty(&self) -> bool {
        read(self).is_ok_and(|file| file.rules.is_empty())
    }
}
