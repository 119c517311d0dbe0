//! From rule files to compiled rules: everything that can be wrong with a rule is found here, and named.

#![expect(
    clippy::cast_possible_truncation,
    reason = "rules, the forms of a pattern and the lengths of keywords have limits far below 2^16"
)]

use super::cache::CacheKey;
use super::cost::TooCostly;
use super::selection::Selection;
use super::set::{EngineTarget, Set};
use super::table::{MAX_RULES, Rules};
use super::{builtin_rules, cache, cost};
use crate::candidate::rank;
use crate::checks::Check;
use crate::encodings::escapes;
use crate::engine::hyperscan::{CASELESS, Database, EngineError, Expression, platform_key};
use crate::finders::known::{KNOWN_RULE, KnownValues};
use crate::finders::personal::EnabledKinds;
use crate::finders::{assignment, key};
use crate::finding::Confidence;
use crate::pattern;
use crate::pattern::Sequence;
use crate::rule::file::{RankText, RuleFile, RuleText};
use crate::rule::{
    Compiled, Finder, Keyword, Pack, PersonalKind, Rule, RuleError, RuleSource, ServiceNames, Strength, file,
};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Shorter keywords stand everywhere.
const MIN_KEYWORD: usize = 2;
/// Keywords must fit the left context with room to spare.
const MAX_KEYWORD: usize = 64;
/// A custom rule wins over a built-in one of the same sort.
const CUSTOM_BONUS: u8 = 2;

/// What becomes one database.
#[derive(Default)]
struct Group {
    expressions: Vec<Expression>,
    /// The rule that an expression was first made for.
    owners: Vec<usize>,
    targets: Vec<Vec<EngineTarget>>,
    keywords: Vec<Keyword>,
    same: HashMap<(String, u32), usize>,
    known: HashMap<String, u16>,
}

/// Reads rule files and makes rules of them.
#[derive(Default)]
pub(crate) struct RulesBuilder {
    rules: Vec<Rule>,
    compiled: Vec<Compiled>,
    ids: HashSet<String>,
    groups: Vec<Group>,
    /// The custom files and the index of their first rule.
    custom: Vec<RuleSource>,
    first_custom: usize,
    known: Option<Arc<KnownValues>>,
    personal: Option<EnabledKinds>,
}

impl RulesBuilder {
    /// Reads the base rules and packs into a first group, custom files into a second.
    ///
    /// The base rules come first and are numbered the same whatever is selected. A pack adds few expressions: with them
    /// in the base rules' database there is one pass over a text, which is faster than two.
    pub(crate) fn gather(selection: &Selection<'_>) -> Result<RulesBuilder, RuleError> {
        let mut builder = RulesBuilder::built_in(selection)?;
        for file in selection.custom {
            builder.file(file, CUSTOM_BONUS, selection.packs)?;
        }
        builder.known = selection.known.cloned();
        builder.groups.retain(|g| !g.expressions.is_empty());
        builder.add_escapes();
        Ok(builder)
    }

    /// Everything that is wrong with the custom files.
    pub(crate) fn custom_errors(selection: &Selection<'_>) -> Result<Vec<RuleError>, RuleError> {
        let mut builder = RulesBuilder::built_in(selection)?;
        let mut errors = Vec::new();
        for source in selection.custom {
            let (RuleFile { pack, rules }, wrong) = file::read_all(source);
            errors.extend(wrong);
            if pack.is_none_or(|pack| selection.packs.contains(&pack)) {
                errors.extend(
                    rules.into_iter().filter_map(|text| builder.add(source, text, CUSTOM_BONUS).err()),
                );
            }
        }
        // What the engine says of rules is worth nothing while one of them is not whole.
        if errors.is_empty() {
            errors = builder.engine_errors()?;
        }
        Ok(errors)
    }

    /// What the engine refuses of the last group, and the rules in it that cost too much.
    fn engine_errors(&mut self) -> Result<Vec<RuleError>, RuleError> {
        let Some(group) = self.groups.pop().filter(|group| !group.expressions.is_empty()) else {
            return Ok(Vec::new());
        };
        let Ok(database) = Database::compile(&group.expressions) else {
            // The engine names one; each alone shows them all.
            let alone = |(expression, owner): (&Expression, &usize)| {
                let error = Database::compile(std::slice::from_ref(expression)).err()?;
                Some(self.blame(&[*owner], &error))
            };
            return Ok(group.expressions.iter().zip(&group.owners).filter_map(alone).collect());
        };
        let counts = cost::candidates(&group.into_set(database), self.rules.len())?;
        let costly = cost::costly_rules(&counts, self.first_custom);
        Ok(costly.map(|(rule, message)| self.refuse(&self.rules[rule], message)).collect())
    }

    /// The base rules and packs in a first group, and a second one for custom files.
    fn built_in(selection: &Selection<'_>) -> Result<RulesBuilder, RuleError> {
        let mut builder = RulesBuilder { groups: vec![Group::default()], ..RulesBuilder::default() };
        // Taken even where no values are known, so that nothing else is called so.
        builder.ids.insert(KNOWN_RULE.to_owned());
        for (name, text) in builtin_rules::FILES {
            builder.file(&built_in(name, text), 0, &[])?;
        }
        for (_, name, text) in builtin_rules::PACKS.iter().filter(|(pack, ..)| selection.packs.contains(pack))
        {
            builder.file(&built_in(name, text), 0, selection.packs)?;
        }
        builder.groups.push(Group::default());
        builder.first_custom = builder.rules.len();
        builder.custom = selection.custom.to_vec();
        Ok(builder)
    }

    /// Gives the first group the escapes that are worth decoding wherever they stand.
    fn add_escapes(&mut self) {
        for (pattern, width) in escapes::ESCAPES {
            self.groups[0].expression(0, pattern, CASELESS, EngineTarget::Escaped { width: *width });
        }
    }

    /// Compiles the groups; the first may exist already.
    pub(crate) fn compile(mut self, first: Option<&Arc<Set>>) -> Result<Arc<Rules>, RuleError> {
        let digest = self.digest();
        let mut sets: Vec<Arc<Set>> = first.into_iter().cloned().collect();
        for group in std::mem::take(&mut self.groups).into_iter().skip(sets.len()) {
            let database =
                Database::compile(&group.expressions).map_err(|e| self.blame(&group.owners, &e))?;
            sets.push(group.into_set(database));
        }
        self.finish(sets, digest)
    }

    /// Takes the databases from a cache.
    pub(crate) fn restore(mut self, seal: &CacheKey, bytes: &[u8]) -> Result<Arc<Rules>, RuleError> {
        let digest = self.digest();
        let databases = cache::unpack(seal, &digest, bytes)?;
        if databases.len() != self.groups.len() {
            return Err(RuleError::StaleCache);
        }
        let groups = std::mem::take(&mut self.groups);
        let sets =
            groups.into_iter().zip(databases).map(|(group, database)| group.into_set(database)).collect();
        self.finish(sets, digest)
    }

    fn finish(mut self, sets: Vec<Arc<Set>>, digest: [u8; 32]) -> Result<Arc<Rules>, RuleError> {
        if let Some(set) = sets.last().filter(|_| self.first_custom < self.rules.len()) {
            self.refuse_costly(set)?;
        }
        let known = self.known.take().map(|values| {
            self.rules.push(KnownValues::rule());
            self.compiled.push(Compiled::in_code(rank::KNOWN));
            ((self.rules.len() - 1) as u16, values)
        });
        let RulesBuilder { rules: list, compiled, personal, .. } = self;
        Ok(Arc::new(Rules { list, compiled, sets, personal, digest, known }))
    }

    /// The set that the custom rules are in must not cost more than is allowed.
    fn refuse_costly(&self, set: &Set) -> Result<(), RuleError> {
        let counts = cost::candidates(set, self.rules.len())?;
        cost::check_limits(&counts, self.first_custom, set.database.size()).map_err(|what| match what {
            TooCostly::Rule(rule, message) => self.refuse(&self.rules[rule], message),
            TooCostly::All(message) => RuleError::TooCostly { message },
        })
    }

    /// An error that names a rule, with its place when it is a custom one.
    fn refuse(&self, rule: &Rule, message: String) -> RuleError {
        let source = self.custom.iter().find(|source| source.name == rule.group);
        let position = source.and_then(|source| file::position_of(&source.text, &rule.id));
        RuleError::Rule { file: rule.group.clone(), position, rule: rule.id.clone(), message }
    }

    /// What decides the databases' content: engine, processor, and the expressions in their order.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(platform_key());
        for group in &self.groups {
            hash.update((group.expressions.len() as u64).to_le_bytes());
            for expression in &group.expressions {
                hash.update(expression.flags.to_le_bytes());
                hash.update((expression.pattern.len() as u64).to_le_bytes());
                hash.update(&expression.pattern);
            }
        }
        hash.finalize().into()
    }

    /// The group being filled.
    fn group(&mut self) -> &mut Group {
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    fn file(&mut self, source: &RuleSource, bonus: u8, packs: &[Pack]) -> Result<(), RuleError> {
        let RuleFile { pack, rules } = file::read(source)?;
        if pack.is_some_and(|pack| !packs.contains(&pack)) {
            return Ok(());
        }
        rules.into_iter().try_for_each(|text| self.add(source, text, bonus))
    }

    fn add(&mut self, source: &RuleSource, text: RuleText, bonus: u8) -> Result<(), RuleError> {
        let id = text.id.clone();
        self.rule(&source.name, text, bonus).map_err(|message| RuleError::Rule {
            file: source.name.clone(),
            position: file::position_of(&source.text, &id),
            rule: id,
            message,
        })?;
        if self.rules.len() > MAX_RULES { Err(RuleError::TooMany { limit: MAX_RULES }) } else { Ok(()) }
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
            sequences: Vec::new(),
            tails: Vec::new(),
            left: text.left,
            right: text.right,
            check: text.check,
            entropy: text.entropy.unwrap_or(DEFAULT_ENTROPY),
            confidence: text.confidence.unwrap_or(Confidence::High),
            rank: pattern_rank(text.rank) + bonus,
            values: Vec::new(),
            strength: text.strength,
            services: None,
            finder: None,
            must_be_noisy: !matches!(text.check, Some(Check::Literal | Check::AwsKeyId))
                && text.entropy != Some(0.0),
        };
        let shown = match (&text.pattern, &text.value, &text.finder, text.personal) {
            (Some(pattern), None, None, None) => {
                self.pattern(index, pattern, &mut compiled)?;
                pattern.clone()
            }
            (None, Some(value), None, None) => {
                compiled.rank = rank::VENDOR + bonus;
                compiled.values = pattern::parse_value(value)?;
                self.keywords(index, &text.keywords)?;
                value.clone()
            }
            (None, None, Some(finder), None) => {
                self.finder(index, *finder, &text, &mut compiled)?;
                format!("(finder {finder:?})")
            }
            (None, None, None, Some(kind)) => {
                self.personal(index, kind, &text.keywords)?;
                format!("(personal {kind:?})")
            }
            _ => return Err("needs exactly one of `pattern`, `value`, `finder` and `personal`".to_owned()),
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
        compiled.sequences = pattern::parse(pattern)?;
        compiled.tails = compiled.sequences.iter().map(Sequence::last_bytes).collect();
        for (sequence, parsed) in compiled.sequences.iter().enumerate() {
            self.group().expression(
                rule,
                &parsed.anchor.pattern,
                0,
                EngineTarget::Sequence { rule, sequence: sequence as u16 },
            );
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
        let target = EngineTarget::Finder { rule, finder };
        match finder {
            Finder::Pem | Finder::Putty => {
                compiled.rank = rank::BLOCK;
                for mark in key::marks(finder) {
                    self.group().expression(rule, mark, 0, target);
                }
            }
            Finder::Userinfo => {
                compiled.rank = rank::PLACE;
                compiled.finder = Some(finder);
                self.group().expression(rule, "://", 0, target);
            }
            Finder::Command | Finder::Call | Finder::Manifest => {
                if let Some(word) = text.keywords.iter().find(|w| !is_known(finder, w)) {
                    return Err(format!("the finder knows no `{word}`"));
                }
                compiled.rank = rank::PLACE;
                compiled.finder = Some(finder);
                self.keywords(rule, &text.keywords)?;
            }
            Finder::Assignment => {
                // The name of a service says more than a word for a secret.
                compiled.rank = rank::GENERIC + if text.strength == Some(Strength::Service) { 2 } else { 0 };
                if compiled.strength.is_none() {
                    return Err("an `assignment` finder needs a `strength`".to_owned());
                }
                if !text.services.is_empty() {
                    compiled.services = Some(ServiceNames::new(&text.services)?);
                }
                self.keywords(rule, &text.keywords)?;
            }
        }
        Ok(())
    }

    /// Words with capitals are looked for as they are written, others in any case.
    fn personal(&mut self, rule: u16, kind: PersonalKind, keywords: &[String]) -> Result<(), String> {
        if !self.personal.get_or_insert_default().add(kind, rule, keywords) {
            return Err("there is a rule for this kind of personal data already".to_owned());
        }
        if kind.is_found_by_word() && keywords.is_empty() {
            return Err("needs `keywords`".to_owned());
        }
        for word in keywords.iter().filter(|_| kind.is_found_by_word()) {
            if word.len() < MIN_KEYWORD || word.len() > MAX_KEYWORD {
                return Err(format!("keyword `{word}` is not of {MIN_KEYWORD} to {MAX_KEYWORD} bytes"));
            }
            let flags = if word.bytes().any(|b| b.is_ascii_uppercase()) { 0 } else { CASELESS };
            let target = EngineTarget::Personal { rule, kind, width: word.len() as u16 };
            self.group().expression(rule, &pattern::literal(word.as_bytes()), flags, target);
        }
        Ok(())
    }

    fn keywords(&mut self, rule: u16, keywords: &[String]) -> Result<(), String> {
        if keywords.is_empty() {
            return Err("needs `keywords`".to_owned());
        }
        for word in keywords {
            if word.len() < MIN_KEYWORD || word.len() > MAX_KEYWORD {
                return Err(format!("keyword `{word}` is not of {MIN_KEYWORD} to {MAX_KEYWORD} bytes"));
            }
            let word = word.to_ascii_lowercase();
            let group = self.group();
            if let Some(&index) = group.known.get(&word) {
                group.keywords[usize::from(index)].rules.push(rule);
                continue;
            }
            let index = u16::try_from(group.keywords.len())
                .map_err(|_| "too many keywords in all rules together".to_owned())?;
            let escaped = pattern::literal(word.as_bytes());
            group.expression(rule, &escaped, CASELESS, EngineTarget::Keyword { index });
            let letters = word.bytes().rposition(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
            let letters = letters.map_or(word.len(), |i| i + 1);
            group.keywords.push(Keyword { width: word.len(), letters, rules: vec![rule] });
            group.known.insert(word, index);
        }
        Ok(())
    }

    /// Turns an error of the engine into one that names the rule.
    fn blame(&self, owners: &[usize], error: &EngineError) -> RuleError {
        if let EngineError::Compile { message, expression: Some(index) } = error
            && let Some(rule) = owners.get(*index).and_then(|&r| self.rules.get(r))
        {
            return self.refuse(rule, format!("the scanning engine refuses it: {message}"));
        }
        RuleError::Engine(error.to_string())
    }
}

impl Group {
    fn expression(&mut self, rule: u16, pattern: &str, flags: u32, target: EngineTarget) {
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

    fn into_set(self, database: Database) -> Arc<Set> {
        Arc::new(Set { database, targets: self.targets, keywords: self.keywords })
    }
}

/// Whether a finder that reads on from a keyword knows this one.
fn is_known(finder: Finder, keyword: &str) -> bool {
    match finder {
        Finder::Command => assignment::is_known_command(keyword),
        Finder::Call => assignment::is_known_call(keyword),
        _ => true,
    }
}

/// How a pattern ranks.
fn pattern_rank(text: Option<RankText>) -> u8 {
    match text {
        None => rank::PATTERN,
        Some(RankText::Place) => rank::PLACE,
        Some(RankText::Fallback) => rank::FALLBACK,
    }
}

fn built_in(name: &str, text: &str) -> RuleSource {
    RuleSource { name: name.to_owned(), text: text.to_owned() }
}

/// Enough to drop `xxxxxxxx` and `00000000`, too little to drop anything random.
const DEFAULT_ENTROPY: f32 = 1.8;
