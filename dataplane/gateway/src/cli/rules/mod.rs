//! `rules`: which secrets are looked for, by the names that `policy.rules` takes.

mod trial;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_detect::{KnownValues, Pack, Rule, RuleSource, Rules, Selection};
use clap::{Args, Subcommand};

use super::{Failure, Outcome, failure};
use crate::config::settings;
use crate::known;
use crate::rule_cache::RuleCache;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway rules list                       all rules
  aegis-gateway rules list stripe                those with a word in id, name or group
  aegis-gateway rules show stripe-key            one rule with its examples
  aegis-gateway rules list --pack personal       with those that are off by default
  aegis-gateway rules list --rules own.toml      with rules of your own
  aegis-gateway rules test own.toml              try rules of your own on their examples";

/// Where to learn more when a rule is refused.
const HOW_RULES_ARE_MADE: &str =
    "`aegis-gateway rules test --help` shows how a rule is made, `rules show ID` a built-in one";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RulesCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List rules: id, category, severity, name
    List {
        /// Only rules with this word in id, name or group
        word: Option<String>,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Show one rule: what it finds, what a thief gains, examples
    Show {
        /// Id of the rule
        id: String,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Try the rules of a file on their own examples
    Test(trial::Test),
}

/// Which rules are wanted beside the base rules.
#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// Pack of built-in rules that is off by default (repeatable)
    #[arg(long = "pack", value_enum, value_name = "NAME")]
    packs: Vec<settings::Pack>,
    /// Rule file of your own, in addition to the built-in rules (repeatable)
    #[arg(long = "rules", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// List of known values, made by `aegis-gateway known`
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// The key of that list [default: known.key in the state folder]
    #[arg(long, value_name = "FILE", requires = "known")]
    known_key: Option<PathBuf>,
}

impl RulesCommand {
    pub(super) fn execute(&self) -> Result<Outcome, Failure> {
        let text = match &self.command {
            Command::List { word, wanted } => list(wanted.load()?.as_ref(), word.as_deref()),
            Command::Show { id, wanted } => {
                let rules = wanted.load()?;
                let Some(index) = rules.find(id) else {
                    return Err(failure(
                        format!("there is no rule `{id}`"),
                        "`aegis-gateway rules list` names them all",
                    ));
                };
                show(rules.get(index))
            }
            Command::Test(test) => return test.execute(),
        };
        print(&text)?;
        Ok(Outcome::Success)
    }
}

fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // The reader of our output has seen enough: `rules list | head`.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failure(error, "")),
        _ => Ok(()),
    }
}

/// A rule file, named in errors as it was given.
fn read(path: &Path) -> Result<RuleSource, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| failure(format!("{}: cannot read rules: {error}", path.display()), ""))?;
    Ok(RuleSource { name: path.display().to_string(), text })
}

impl Wanted {
    /// The base rules and what is wanted beside them.
    pub(super) fn load(&self) -> Result<Arc<Rules>, Failure> {
        let custom = self.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let packs: Vec<Pack> = self.packs.iter().map(|pack| Pack::from(*pack)).collect();
        let known = self.known()?;
        let selection = Selection { packs: &packs, custom: &custom, known: known.as_ref() };
        let (rules, _) =
            RuleCache::of_user().load(&selection).map_err(|error| failure(error, HOW_RULES_ARE_MADE))?;
        Ok(rules)
    }

    /// The known values that are wanted.
    fn known(&self) -> Result<Option<Arc<KnownValues>>, Failure> {
        let mut settings = settings::Settings::default();
        settings.known_values.file.clone_from(&self.known);
        settings.known_values.key_file.clone_from(&self.known_key);
        let file = known::File::read(&settings).map_err(|problem| problem.to_string())?;
        let values = file.map(known::File::values).transpose().map_err(|problem| problem.to_string())?;
        Ok(values.map(Arc::new))
    }
}

fn list(rules: &Rules, word: Option<&str>) -> String {
    let word = word.unwrap_or("").to_lowercase();
    let wanted = |rule: &&Rule| {
        [&rule.id, &rule.name, &rule.group].iter().any(|text| text.to_lowercase().contains(&word))
    };
    let mut found: Vec<&Rule> = rules.iter().map(|(_, rule)| rule).filter(wanted).collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let width = found.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let line = |rule: &&Rule| {
        let (category, severity) = (rule.category.as_str(), rule.severity.as_str());
        format!("{:<width$}  {category:<6}  {severity:<8}  {}\n", rule.id, rule.name)
    };
    found.iter().map(line).collect()
}

fn show(rule: &Rule) -> String {
    let mut lines = vec![
        format!("id        {}", rule.id),
        format!("name      {}", rule.name),
        format!("group     {}", rule.group),
        format!("category  {}", rule.category.as_str()),
        format!("severity  {}", rule.severity.as_str()),
        format!("opens     {}", rule.impact),
        format!("pattern   {}", rule.pattern),
    ];
    if !rule.keywords.is_empty() {
        lines.push(format!("keywords  {}", rule.keywords.join(", ")));
    }
    lines.extend(rule.matching.iter().map(|example| format!("finds     {}", example.escape_debug())));
    lines.extend(rule.not_matching.iter().map(|example| format!("passes    {}", example.escape_debug())));
    lines.join("\n") + "\n"
}
