//! Compiled rules: what the scanner needs, and what the rest of the house may ask about a rule.

use crate::assign::{Directory, Strength};
use crate::builder::Builder;
use crate::byteset::ByteSet;
use crate::cache::{self, CacheKey};
use crate::check::Check;
use crate::cost::{self, Cost};
use crate::engine::hyperscan::Database;
use crate::known::KnownValues;
use crate::pattern::Form;
use crate::personal::{Kind, Wanted};
use crate::rule::{Confidence, Rule, RuleError, RuleIndex, RuleSource};
use crate::scanner::Finding;
use crate::selection::Selection;
use crate::source::{Finder, Left, Right};
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
    /// Names of services; where there are some, the keywords only tell where to look for them.
    pub(crate) services: Option<Directory>,
    /// The secret must not read like a word.
    pub(crate) noisy: bool,
    /// What reads on from a keyword, where it is not the assignment of a name.
    pub(crate) finder: Option<Finder>,
}

impl Compiled {
    /// A rule without a pattern, whose hits other code makes.
    pub(crate) fn in_code(rank: u8) -> Compiled {
        Compiled {
            forms: Vec::new(),
            tails: Vec::new(),
            left: Left::Any,
            right: Right::Any,
            check: None,
            entropy: 0.0,
            confidence: Confidence::High,
            rank,
            values: Vec::new(),
            strength: None,
            services: None,
            noisy: false,
            finder: None,
        }
    }
}

/// What a hit of the engine's n-th expression means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// A form of a rule's pattern.
    Form { rule: u16, form: u16 },
    /// A finder written in code.
    Finder { rule: u16, finder: Finder },
    /// A word that personal data stands by; `width` bytes long.
    Personal { rule: u16, kind: Kind, width: u16 },
    /// A word that stands in assigned names.
    Keyword { index: u16 },
    /// Escapes that are worth decoding; the hit is of so many bytes.
    Escaped { width: u8 },
}

/// A word of assigned names and the rules that ask for it.
pub(crate) struct Keyword {
    pub(crate) width: usize,
    /// Its width without punctuation at its end, which only makes it rarer.
    pub(crate) letters: usize,
    pub(crate) rules: Vec<u16>,
}

/// One database and the meaning of its expressions.
pub(crate) struct Set {
    pub(crate) database: Database,
    /// By expression; several forms may share one.
    pub(crate) targets: Vec<Vec<Target>>,
    pub(crate) keywords: Vec<Keyword>,
}

impl Set {
    /// How often what each of the first `rules` rules looks for stands in the sample, and behind them what is shared.
    pub(crate) fn candidates(&self, rules: usize) -> Result<Vec<usize>, RuleError> {
        cost::count(&self.database, &self.targets, &self.keywords, rules)
            .map_err(|error| RuleError::Engine(error.to_string()))
    }
}

/// All rules of a configuration: immutable, made once, shared by all threads.
pub struct Rules {
    pub(crate) list: Vec<Rule>,
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) sets: Vec<Arc<Set>>,
    /// The finders of personal data that are on, if any.
    pub(crate) personal: Option<Wanted>,
    pub(crate) digest: [u8; 32],
    /// Values of the organisation, and the index of their rule.
    pub(crate) known: Option<(u16, Arc<KnownValues>)>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("rules", &self.list.len())
            .field("databases", &self.sets.len())
            .finish_non_exhaustive()
    }
}

impl Rules {
    /// The built-in rules, compiled at the first call in this process and shared from then on.
    pub fn builtin() -> Result<Arc<Rules>, RuleError> {
        static BUILTIN: OnceLock<Result<Arc<Rules>, RuleError>> = OnceLock::new();
        BUILTIN.get_or_init(|| Builder::gather(&Selection::default())?.compile(None)).clone()
    }

    /// The base rules and what is selected beside them.
    ///
    /// The base rules are compiled once per process, and again with the packs that are selected; custom files share one
    /// further database.
    pub fn load(selection: &Selection<'_>) -> Result<Arc<Rules>, RuleError> {
        if !selection.packs.is_empty() {
            return Builder::gather(selection)?.compile(None);
        }
        let builtin = Rules::builtin()?;
        if selection.custom.is_empty() && selection.known.is_none() {
            return Ok(builtin);
        }
        Builder::gather(selection)?.compile(Some(&builtin.sets[0]))
    }

    /// [`Rules::load`] with these files and no packs.
    pub fn with_custom(files: &[RuleSource]) -> Result<Arc<Rules>, RuleError> {
        Rules::load(&Selection { custom: files, ..Selection::default() })
    }

    /// The same rules as [`Rules::load`] gives, without compiling: from bytes of [`Rules::to_cache`].
    ///
    /// Bytes that were not sealed with this key, made by another version of the engine or for another processor, of other
    /// rules, or damaged ones, are refused with [`RuleError::StaleCache`]; compile then and write the cache anew. The engine
    /// sees nothing of them before the seal is found right.
    pub fn from_cache(
        selection: &Selection<'_>,
        seal: &CacheKey,
        bytes: &[u8],
    ) -> Result<Arc<Rules>, RuleError> {
        Builder::gather(selection)?.restore(seal, bytes)
    }

    /// A name for a cache of what [`Rules::load`] gives: hexadecimal digits that change with the rules, the engine and the
    /// processor. Cheap; what a cache under this name holds is checked by [`Rules::from_cache`] all the same.
    pub fn cache_key(selection: &Selection<'_>) -> String {
        cache::key(selection)
    }

    /// The compiled databases as bytes, sealed for [`Rules::from_cache`].
    pub fn to_cache(&self, seal: &CacheKey) -> Result<Vec<u8>, RuleError> {
        cache::pack(seal, &self.digest, &self.sets)
    }

    /// The rule with this index, which must come from these rules.
    pub fn get(&self, index: RuleIndex) -> &Rule {
        &self.list[usize::from(index.0)]
    }

    /// The index of the rule with this id.
    pub fn find(&self, id: &str) -> Option<RuleIndex> {
        self.list.iter().position(|r| r.id == id).map(|i| RuleIndex(i as u16))
    }

    /// All rules with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (RuleIndex, &Rule)> {
        self.list.iter().enumerate().map(|(i, r)| (RuleIndex(i as u16), r))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no rules at all; never the case for built-in ones.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What the rule costs.
    pub fn cost(&self, rule: RuleIndex) -> Result<Cost, RuleError> {
        let mut candidates = 0;
        for set in &self.sets {
            candidates += set.candidates(self.list.len())?[usize::from(rule.0)];
        }
        Ok(Cost::new(candidates))
    }

    /// The memory of the compiled databases, in bytes.
    pub fn database_size(&self) -> usize {
        self.sets.iter().map(|s| s.database.size()).sum()
    }

    /// Whether a finding wins over another one that takes some of the same bytes, by what their rules know.
    pub fn outranks(&self, finding: &Finding, other: &Finding) -> bool {
        self.rank(finding.rule.0, finding.confidence) > self.rank(other.rule.0, other.confidence)
    }

    /// How a rule ranks in disputes with a finding that is so sure.
    pub(crate) fn rank(&self, rule: u16, confidence: Confidence) -> u8 {
        let compiled = self.compiled(rule);
        let proven = compiled.check.is_some() && confidence == Confidence::High;
        compiled.rank + if proven { rank::PROVEN } else { 0 }
    }

    pub(crate) fn compiled(&self, rule: u16) -> &Compiled {
        &self.compiled[usize::from(rule)]
    }
}

/// Ranks settle disputes between overlapping findings: the higher wins.
pub(crate) mod rank {
    /// A value that the organisation calls its own.
    pub(crate) const KNOWN: u8 = 100;
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
    /// Personal data with a right check value or an unmistakable shape.
    pub(crate) const PERSONAL_PROVEN: u8 = 15;
    /// Personal data told by its surroundings: what may be a secret is one.
    pub(crate) const PERSONAL: u8 = 9;
    /// An assignment whose name and value look the part.
    pub(crate) const GENERIC: u8 = 10;
    /// A vendor's prefix before a shape that nobody knows: where it ends is a guess.
    pub(crate) const NET: u8 = 9;
}
