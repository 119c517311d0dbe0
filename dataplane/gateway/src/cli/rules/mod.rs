//! `rules`: which secrets are looked for, by the names that `policy.rules` takes.

mod rule_test;

use aegis_detect::{Rule, Rules};
use clap::{Args, Subcommand};

use super::outcome::{CliFailure, CliOutcome, failure, print};
use super::rule_options::RuleOptions;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway rules list                       all rules
  aegis-gateway rules list stripe                those with a word in id, name or group
  aegis-gateway rules show stripe-key            one rule with its examples
  aegis-gateway rules list --pack personal       with those that are off by default
  aegis-gateway rules list --rules own.toml      with rules of your own
  aegis-gateway rules test own.toml              try rules of your own on their examples";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RulesCommand {
    #[command(subcommand)]
    command: RulesSubcommand,
}

#[derive(Debug, Subcommand)]
enum RulesSubcommand {
    /// List rules: id, category, severity, name
    List {
        /// Only rules with this word in id, name or group
        word: Option<String>,
        #[command(flatten)]
        options: RuleOptions,
    },
    /// Show one rule: what it finds, what a thief gains, examples
    Show {
        /// Id of the rule
        id: String,
        #[command(flatten)]
        options: RuleOptions,
    },
    /// Try the rules of a file on their own examples
    Test(rule_test::RuleTest),
}

impl RulesCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let text = match &self.command {
            RulesSubcommand::List { word, options } => list(options.load()?.as_ref(), word.as_deref()),
            RulesSubcommand::Show { id, options } => {
                let rules = options.load()?;
                let Some(index) = rules.find(id) else {
                    return Err(failure(
                        format!("there is no rule `{id}`"),
                        "`aegis-gateway rules list` names them all",
                    ));
                };
                show(rules.get(index))
            }
            RulesSubcommand::Test(test) => return test.execute(),
        };
        print(&text)?;
        Ok(CliOutcome::Success)
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
