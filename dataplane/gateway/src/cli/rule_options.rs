//! Flags that `rules` and `scan` share: which rules take part.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_detect::{KnownValues, Pack, RuleError, RuleSource, Rules, Selection};
use aegis_settings::Problem;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::outcome::{CliFailure, failure};
use crate::config::Settings;
use crate::known_values_file::KnownValuesFile;
use crate::rule_cache::RuleCache;

/// The help below the error when a rule is refused.
pub(super) const HOW_RULES_ARE_MADE: &str =
    "`aegis-gateway rules test --help` shows how a rule is made, `rules show ID` a built-in one";
/// The help below the error when known values cannot be read.
const KNOWN_FLAGS: &str = "--known names the list, and --known-key its key, or --state the folder with known.key; \
`aegis-gateway known import` makes both";

/// Flags that choose rules beside the base rules.
#[derive(Debug, Args)]
pub(super) struct RuleOptions {
    /// Pack of built-in rules that is off by default (repeatable)
    #[arg(long = "pack", value_parser = pack_parser(), value_name = "NAME")]
    packs: Vec<Pack>,
    /// Rule file of your own, in addition to the built-in rules (repeatable)
    #[arg(long = "rules", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// List of known values, made by `aegis-gateway known`
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// The key of that list [default: known.key in the state folder]
    #[arg(long, value_name = "FILE", requires = "known")]
    known_key: Option<PathBuf>,
    /// State folder of the gateway, where known.key is [default: this user's]
    #[arg(long, value_name = "DIR", env = "AEGIS_STATE_DIR")]
    state: Option<PathBuf>,
}

/// Reads a rule file; errors name the path as it was given.
pub(super) fn read_rule_file(path: &Path) -> Result<RuleSource, CliFailure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| failure(format!("{}: cannot read rules: {error}", path.display()), ""))?;
    Ok(RuleSource { name: path.display().to_string(), text })
}

/// Everything that is wrong with the rule files of a selection, which was refused with `first`.
pub(super) fn refused_rules(selection: &Selection<'_>, first: RuleError) -> CliFailure {
    let mut errors = Rules::custom_errors(selection);
    if errors.is_empty() {
        errors.push(first);
    }
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    failure(errors.join("\nerror: "), HOW_RULES_ARE_MADE)
}

impl RuleOptions {
    /// Loads the base rules and those asked for beside them.
    pub(super) fn load(&self) -> Result<Arc<Rules>, CliFailure> {
        self.load_with(&[], &[])
    }

    /// Loads the base rules, those asked for beside them, and these packs and files.
    pub(super) fn load_with(&self, packs: &[Pack], files: &[PathBuf]) -> Result<Arc<Rules>, CliFailure> {
        let mut all_packs = self.packs.clone();
        all_packs.extend(packs);
        // Once each, in one order: the same choice is compiled once.
        let packs: Vec<Pack> = Pack::ALL.into_iter().filter(|pack| all_packs.contains(pack)).collect();
        let files = files.iter().chain(&self.files);
        let custom = files.map(|path| read_rule_file(path)).collect::<Result<Vec<_>, _>>()?;
        let known = self.known()?;
        let selection = Selection { packs: &packs, custom: &custom, known: known.as_ref() };
        let loaded = RuleCache::of_user().load(&selection);
        loaded.map(|(rules, _)| rules).map_err(|first| refused_rules(&selection, first))
    }

    /// Reads the list of known values, if one was given.
    fn known(&self) -> Result<Option<Arc<KnownValues>>, CliFailure> {
        self.read_known().map_err(|problem| failure(problem.what, KNOWN_FLAGS))
    }

    fn read_known(&self) -> Result<Option<Arc<KnownValues>>, Problem> {
        let mut settings = Settings::default();
        settings.known_values.file.clone_from(&self.known);
        settings.known_values.key_file.clone_from(&self.known_key);
        settings.state.dir.clone_from(&self.state);
        let file = KnownValuesFile::read(&settings)?;
        Ok(file.map(KnownValuesFile::values).transpose()?.map(Arc::new))
    }
}

/// Takes the names of packs, and explains each in `--help`.
fn pack_parser() -> impl TypedValueParser<Value = Pack> {
    let value = |pack: Pack| {
        PossibleValue::new(pack.as_str()).help(match pack {
            Pack::Personal => {
                "Personal data: e-mail addresses, telephone and card numbers, national ids, addresses of machines"
            }
        })
    };
    PossibleValuesParser::new(Pack::ALL.map(value))
        .try_map(|name| Pack::ALL.into_iter().find(|pack| pack.as_str() == name).ok_or("no such pack"))
}
