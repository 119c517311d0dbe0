//! Where rules come from: compiled in this process, or read from a cache.

use super::builder::RulesBuilder;
use super::cache;
use super::cache::CacheKey;
use super::selection::Selection;
use super::table::Rules;
use crate::rule::{RuleError, RuleSource};
use std::sync::{Arc, OnceLock};

impl Rules {
    /// The built-in rules, compiled at the first call in this process and shared from then on.
    pub fn builtin() -> Result<Arc<Rules>, RuleError> {
        static BUILTIN: OnceLock<Result<Arc<Rules>, RuleError>> = OnceLock::new();
        BUILTIN.get_or_init(|| RulesBuilder::gather(&Selection::default())?.compile(None)).clone()
    }

    /// The base rules and what is selected beside them.
    ///
    /// The base rules are compiled once per process, and again with the packs that are selected; custom files share one
    /// further database.
    pub fn load(selection: &Selection<'_>) -> Result<Arc<Rules>, RuleError> {
        if !selection.packs.is_empty() {
            return RulesBuilder::gather(selection)?.compile(None);
        }
        let builtin = Rules::builtin()?;
        if selection.custom.is_empty() && selection.known.is_none() {
            return Ok(builtin);
        }
        RulesBuilder::gather(selection)?.compile(Some(&builtin.sets[0]))
    }

    /// [`Rules::load`] with these files and no packs.
    pub fn with_custom(files: &[RuleSource]) -> Result<Arc<Rules>, RuleError> {
        Rules::load(&Selection { custom: files, ..Selection::default() })
    }

    /// Everything that is wrong with the custom files of a selection that [`Rules::load`] refuses with the first of it; empty
    /// where it is no file or rule alone.
    pub fn custom_errors(selection: &Selection<'_>) -> Vec<RuleError> {
        RulesBuilder::custom_errors(selection).unwrap_or_else(|error| vec![error])
    }

    /// The same rules as [`Rules::load`] gives, without compiling: from bytes of [`Rules::to_cache`].
    ///
    /// Bytes that were not sealed with this key, made by another version of the engine or for another processor, of
    /// other rules, or damaged ones, are refused with [`RuleError::StaleCache`]; compile then and write the cache anew.
    /// The engine sees nothing of them before the seal is found right.
    pub fn from_cache(
        selection: &Selection<'_>,
        seal: &CacheKey,
        bytes: &[u8],
    ) -> Result<Arc<Rules>, RuleError> {
        RulesBuilder::gather(selection)?.restore(seal, bytes)
    }

    /// A name for a cache of what [`Rules::load`] gives: hexadecimal digits that change with the rules, the engine and
    /// the processor. Cheap; what a cache under this name holds is checked by [`Rules::from_cache`] all the same.
    pub fn cache_key(selection: &Selection<'_>) -> String {
        cache::key(selection)
    }

    /// The compiled databases as bytes, sealed for [`Rules::from_cache`].
    pub fn to_cache(&self, seal: &CacheKey) -> Result<Vec<u8>, RuleError> {
        cache::pack(seal, &self.digest, &self.sets)
    }
}
