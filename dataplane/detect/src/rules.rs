//! Compiled rules: what the scanner needs, and what the rest of the house may ask about a rule.

use crate::assign::Strength;
use crate::byteset::ByteSet;
use crate::catalogue;
use crate::check::Check;
use crate::engine::hyperscan::{CASELESS, Database, EngineError, Expression};
use crate::pattern::{self, Form};
use crate::rule::{Confidence, Rule, RuleError, RuleIndex, RuleSource};
use crate::source::{self, Finder, Left, Right, RuleText};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// The most rules there can be, built-in and custom together.
pub const MAX_RULES: usize = 4096;

/// A rule ready for use.
pub(crate) struct Compiled {
    pub(crate) forms: Vec<Form>,
    pub(crate) tails: Vec<ByteSet>,
    pub(crate) left: Left,
    pub(crate) right: Right,
    pub(crate) check: Option<Check>,
    pub(crate) entropy: f32,
    pub(crate) confidence: Confidence,
    pub(crate) rank: u8,
    /// Shapes of an assigned value, for rules with keywords.
    pub(crate) values: Vec<Form>,
    pub(crate) strength: Option<Strength>,
    /// The secret must not read like a word.
    pub(crate) noisy: bool,
    /// The keywords are options of commands.
    pub(crate) command: bool,
}

/// What a hit of the engine's n-th expression means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// A form of a rule's pattern.
    Form { rule: u16, form: u16 },
    /// A finder written in code.
    Finder { rule: u16, finder: Finder },
    /// A word that stands in assigned names.
    Keyword { index: u16 },
}

/// A word of assigned names and the rules that ask for it.
pub(crate) struct Keyword {
    pub(crate) width: usize,
    pub(crate) rules: Vec<u16>,
}

/// One database and the meaning of its expressions.
pub(crate) struct Set {
    pub(crate) database: Database,
    /// By expression; several forms may share one.
    pub(crate) targets: Vec<Vec<Target>>,
    pub(crate) keywords: Vec<Keyword>,
}

/// All rules of a configuration: immutable, made once, shared by all threads.
pub struct Rules {
    rules: Vec<Rule>,
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) sets: Vec<Arc<Set>>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("rules", &self.rules.len())
            .field("databases", &self.sets.len())
            .finish()
    }
}

impl Rules {
    /// The built-in rules, compiled at the first call in this process and shared from then on.
    pub fn builtin() -> Result<Arc<Rules>, RuleError> {
        static BUILTIN: OnceLock<Result<Arc<Rules>, RuleError>> = OnceLock::new();
        BUILTIN.get_or_init(|| Builder::default().builtin()?.finish(None)).clone()
    }

    /// The built-in rules and those of the given files, which go to a database of their own.
    pub fn with_custom(files: &[RuleSource]) -> Result<Arc<Rules>, RuleError> {
        let builtin = Rules::builtin()?;
        let mut builder = Builder::default().builtin()?;
        builder.forget_expressions();
        for file in files {
            builder.file(file, CUSTOM_BONUS)?;
        }
        builder.finish(Some(&builtin.sets[0]))
    }

    /// The rule with this index, which must come from these rules.
    pub fn get(&self, index: RuleIndex) -> &Rule {
        &self.rules[usize::from(index.0)]
    }

    /// The index of the rule with this id.
    pub fn find(&self, id: &str) -> Option<RuleIndex> {
        self.rules.iter().position(|r| r.id == id).map(|i| RuleIndex(i as u16))
    }

    /// All rules with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (RuleIndex, &Rule)> {
        self.rules.iter().enumerate().map(|(i, r)| (RuleIndex(i as u16), r))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules at all; never the case for built-in ones.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The memory of the compiled databases, in bytes.
    pub fn database_size(&self) -> usize {
        self.sets.iter().map(|s| s.database.size()).sum()
    }

    pub(crate) fn compiled(&self, rule: u16) -> &Compiled {
        &self.compiled[usize::from(rule)]
    }
}

/// Ranks settle disputes between overlapping findings: the higher wins.
pub(crate) mod rank {
    /// A whole key block.
    pub(crate) const BLOCK: u8 = 50;
    /// Added when a check value is right.
    pub(crate) const PROVEN: u8 = 10;
    /// A shape of its own.
    pub(crate) const PATTERN: u8 = 30;
    /// A shape that counts only behind a vendor's name.
    pub(crate) const VENDOR: u8 = 20;
    /// A password where a format says that one stands.
    pub(crate) const PLACE: u8 = 16;
    /// An assignment whose name and value look the part.
    pub(crate) const GENERIC: u8 = 10;
}

/// Shorter keywords stand everywhere.
const MIN_KEYWORD: usize = 2;
/// Keywords must fit the left context with room to spare.
const MAX_KEYWORD: usize = 64;
/// A custom rule wins over a built-in one of the same sort.
const CUSTOM_BONUS: u8 = 2;

#[derive(Default)]
struct Builder {
    rules: Vec<Rule>,
    compiled: Vec<Compiled>,
    ids: HashSet<String>,
    expressions: Vec<Expression>,
    owners: Vec<usize>,
    targets: Vec<Vec<Target>>,
    keywords: Vec<Keyword>,
    same: HashMap<(String, u32), usize>,
    known: HashMap<String, u16>,
}

impl Builder {
    fn builtin(mut self) -> Result<Builder, RuleError> {
        for (name, text) in catalogue::FILES {
            self.file(&RuleSource { name: (*name).to_owned(), text: (*text).to_owned() }, 0)?;
        }
        Ok(self)
    }

    fn file(&mut self, source: &RuleSource, bonus: u8) -> Result<(), RuleError> {
        for text in source::read(source)? {
            let id = text.id.clone();
            self.rule(&source.name, text, bonus).map_err(|message| RuleError::Rule {
                file: source.name.clone(),
                rule: id,
                message,
            })?;
            if self.rules.len() > MAX_RULES {
                return Err(RuleError::TooMany { limit: MAX_RULES });
            }
        }
        Ok(())
    }

    fn rule(&mut self, group: &str, text: RuleText, bonus: u8) -> Result<(), String> {
        let well_formed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.id.is_empty() || !text.id.bytes().all(well_formed) {
            return Err("an id is made of a-z, 0-9 and `-`".to_owned());
        }
        if !self.ids.insert(text.id.clone()) {
            return Err("the id is already taken".to_owned());
        }
        let index = self.rules.len() as u16;
        let mut compiled = Compiled {
            forms: Vec::new(),
            tails: Vec::new(),
            left: text.left,
            right: text.right,
            check: text.check,
            entropy: text.entropy.unwrap_or(DEFAULT_ENTROPY),
            confidence: text.confidence.unwrap_or(Confidence::High),
            rank: if text.rank.is_some() { rank::PLACE } else { rank::PATTERN } + bonus,
            values: Vec::new(),
            strength: text.strength,
            command: false,
            noisy: !matches!(text.check, Some(Check::Literal | Check::AwsKeyId)) && text.entropy != Some(0.0),
        };
        let shown = match (&text.pattern, &text.value, &text.finder) {
            (Some(pattern), None, None) => {
                self.pattern(index, pattern, &mut compiled)?;
                pattern.clone()
            }
            (None, Some(value), None) => {
                compiled.rank = rank::VENDOR + bonus;
                compiled.values = pattern::parse_value(value)?;
                self.keywords(index, &text.keywords)?;
                value.clone()
            }
            (None, None, Some(finder)) => {
                self.finder(index, *finder, &text, &mut compiled)?;
                format!("(finder {finder:?})")
            }
            _ => return Err("needs exactly one of `pattern`, `value` and `finder`".to_owned()),
        };
        self.compiled.push(compiled);
        self.rules.push(Rule {
            id: text.id,
            name: text.name,
            group: group.to_owned(),
            category: text.category,
            severity: text.severity,
            impact: text.impact,
            pattern: shown,
            keywords: text.keywords,
            matching: text.matching,
            not_matching: text.not_matching,
        });
        Ok(())
    }

    fn pattern(&mut self, rule: u16, pattern: &str, compiled: &mut Compiled) -> Result<(), String> {
        compiled.forms = pattern::parse(pattern)?;
        compiled.tails = compiled.forms.iter().map(Form::tail).collect();
        for (form, parsed) in compiled.forms.iter().enumerate() {
            self.expression(rule, &parsed.anchor.pattern, 0, Target::Form { rule, form: form as u16 });
        }
        Ok(())
    }

    fn finder(
        &mut self,
        rule: u16,
        finder: Finder,
        text: &RuleText,
        compiled: &mut Compiled,
    ) -> Result<(), String> {
        let target = Target::Finder { rule, finder };
        match finder {
            Finder::Pem => {
                compiled.rank = rank::BLOCK;
                self.expression(rule, "PRIVATE KEY(?: BLOCK)?-----", 0, target);
            }
            Finder::Userinfo => {
                compiled.rank = rank::PLACE;
                self.expression(rule, "://", 0, target);
            }
            Finder::Command => {
                compiled.rank = rank::PLACE;
                compiled.command = true;
                self.keywords(rule, &text.keywords)?;
            }
            Finder::Assignment => {
                compiled.rank = rank::GENERIC;
                if compiled.strength.is_none() {
                    return Err("an `assignment` finder needs a `strength`".to_owned());
                }
                self.keywords(rule, &text.keywords)?;
            }
        }
        Ok(())
    }

    fn keywords(&mut self, rule: u16, keywords: &[String]) -> Result<(), String> {
        if keywords.is_empty() {
            return Err("needs `keywords`".to_owned());
        }
        for word in keywords {
            if word.len() < MIN_KEYWORD || word.len() > MAX_KEYWORD || !word.is_ascii() {
                return Err(format!(
                    "keyword `{word}` is not of {MIN_KEYWORD} to {MAX_KEYWORD} ASCII characters"
                ));
            }
            let word = word.to_ascii_lowercase();
            if let Some(&index) = self.known.get(&word) {
                self.keywords[usize::from(index)].rules.push(rule);
                continue;
            }
            let index = self.keywords.len() as u16;
            let escaped: String = word.bytes().map(|b| format!("\\x{b:02x}")).collect();
            self.expression(rule, &escaped, CASELESS, Target::Keyword { index });
            self.keywords.push(Keyword { width: word.len(), rules: vec![rule] });
            self.known.insert(word, index);
        }
        Ok(())
    }

    fn forget_expressions(&mut self) {
        self.targets.clear();
        self.expressions.clear();
        self.owners.clear();
        self.same.clear();
        self.keywords.clear();
        self.known.clear();
    }

    fn expression(&mut self, rule: u16, pattern: &str, flags: u32, target: Target) {
        let key = (pattern.to_owned(), flags);
        if let Some(&index) = self.same.get(&key) {
            self.targets[index].push(target);
            return;
        }
        self.same.insert(key, self.expressions.len());
        self.expressions.push(Expression { pattern: pattern.to_owned(), flags });
        self.owners.push(usize::from(rule));
        self.targets.push(vec![target]);
    }

    /// Compiles what was gathered, in addition to a set that exists already.
    fn finish(self, existing: Option<&Arc<Set>>) -> Result<Arc<Rules>, RuleError> {
        let mut sets: Vec<Arc<Set>> = existing.into_iter().cloned().collect();
        if !self.expressions.is_empty() {
            let database = Database::compile(&self.expressions).map_err(|e| self.blame(e))?;
            sets.push(Arc::new(Set { database, targets: self.targets, keywords: self.keywords }));
        }
        Ok(Arc::new(Rules { rules: self.rules, compiled: self.compiled, sets }))
    }

    /// Turns an error of the engine into one that names the rule.
    fn blame(&self, error: EngineError) -> RuleError {
        if let EngineError::Compile { message, expression: Some(index) } = &error {
            let owner = self.expressions.len().min(*index);
            if let Some(rule) = self.owners.get(owner).and_then(|&r| self.rules.get(r)) {
                return RuleError::Rule {
                    file: rule.group.clone(),
                    rule: rule.id.clone(),
                    message: format!("the scanning engine refuses it: {message}"),
                };
            }
        }
        RuleError::Engine(error.to_string())
    }
}

/// Enough to drop `xxxxxxxx` and `00000000`, too little to drop anything random.
const DEFAULT_ENTROPY: f32 = 1.8;
