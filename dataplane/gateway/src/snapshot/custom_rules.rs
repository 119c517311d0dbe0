//! The rule files of an organisation, as `rules.custom` names them: everything that is wrong with each is told at its place.
//!
//! A file that is not whole is refused, at the start as at a reload: with the rules that it lacks, detection would be off
//! and nobody would know.

use std::sync::Arc;

use aegis_detect::{KnownValues, RuleError, RuleSource, Rules, Selection};
use aegis_settings::Problem;
use aegis_settings::document::CutOff;
use aegis_settings::schema::words;

use super::files::read_text;
use crate::config::settings::Settings;
use crate::rule_cache::RuleCache;

const SETTING: &str = "rules.custom";

/// The files of custom rules that can be read, and what is wrong with the others.
pub(super) fn read(settings: &Settings) -> (Vec<RuleSource>, Vec<Problem>) {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for (index, path) in settings.rules.custom.iter().enumerate() {
        let key = format!("{SETTING}[{index}]");
        match read_text(&key, path) {
            Ok(text) => {
                let source = RuleSource { name: path.display().to_string(), text };
                problems.extend(cut_off(&key, &source));
                sources.push(source);
            }
            Err(problem) => problems.push(problem),
        }
    }
    (sources, problems)
}

/// What suggests that this is only the beginning of the file that was meant.
fn cut_off(key: &str, source: &RuleSource) -> Option<Problem> {
    let (what, help) = if source.is_empty() {
        ("there is no rule in it", "a rule begins with [[rule]]; name no file where none is meant")
    } else if source.text.ends_with('\n') {
        return None;
    } else {
        CutOff::NoLineEnd.explain()
    };
    Some(Problem::error(key, format!("{} looks cut off: {what}", source.name), help))
}

/// Compiles the rules that `settings` select with these files, or takes them from `cache`.
pub(super) fn load(
    cache: &RuleCache,
    settings: &Settings,
    custom: &[RuleSource],
    known: Option<&Arc<KnownValues>>,
) -> Result<Arc<Rules>, Vec<Problem>> {
    let selection = Selection { packs: &words(&settings.rules.packs), custom, known };
    cache.load(&selection).map(|(rules, _)| rules).map_err(|first| {
        let mut errors = Rules::custom_errors(&selection);
        if errors.is_empty() {
            errors.push(first);
        }
        errors.iter().map(|error| problem(error, settings)).collect()
    })
}

fn problem(error: &RuleError, settings: &Settings) -> Problem {
    let help = "`aegis-gateway rules test FILE` tries a file out";
    let Some((file, position)) = error.place() else {
        return Problem::error(SETTING, error.to_string(), help);
    };
    let index = settings.rules.custom.iter().position(|path| path.display().to_string() == file);
    let key = index.map_or_else(|| SETTING.to_owned(), |index| format!("{SETTING}[{index}]"));
    let place = position.map_or_else(|| file.to_owned(), |position| format!("{file}:{position}"));
    Problem::error(key, error.what(), help).at(place)
}
