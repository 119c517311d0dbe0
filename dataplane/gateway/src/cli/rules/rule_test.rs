//! `rules test`: does a rule file do what its author meant?
//!
//! The file is compiled like any other, each rule is tried on its own examples in the surroundings in which secrets are
//! met, and its cost is printed beside the limit.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_detect::rule_test::{self, FailedExample as Trial};
use aegis_detect::{Cost, Finding, Rule, RuleIndex, RuleSource, Rules, Scanner, Selection};
use aegis_settings::document::CutOff;
use clap::Args;

use crate::cli::outcome::{CliFailure, CliOutcome, failure, print, say};
use crate::cli::rule_options::{read_rule_file, refused_rules};
use crate::cli::scan;

/// Fewer examples of a kind than this say too little.
const MIN_EXAMPLES: usize = 2;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway rules test own.toml                     every rule on its own examples
  aegis-gateway rules test own.toml --text app.log      ... and what the rules find in a file

A rule file holds tables like this one; `rules show ID` shows how the built-in rules are made:
  [[rule]]
  id = \"acme-key\"
  name = \"Acme key\"
  category = \"key\"                                      key, secret, token, conn, pkey, user, host, pii
  severity = \"high\"
  impact = \"Everything that the application may do at Acme\"
  pattern = 'acme_[0-9a-f]{24}'
  match = [\"«acme_0123456789abcdef01234567»\", \"key: «acme_89abcdef0123456789abcdef»\"]
  no_match = [\"acme_0123\", \"acme_key_of_the_month\"]

Each example is tried alone, between lines, and in JSON, code, a shell and Markdown; «» mark the secret where it is not the
whole. The cost is how often what a rule looks for stands in a sample of ordinary text.

Exit codes: 0 all rules pass; 1 one does not, or the file is refused; 2 it cannot be read.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RuleTest {
    /// Rule file
    file: PathBuf,
    /// Show what the rules of the file find in this file; `-` is standard input
    #[arg(long, value_name = "INPUT")]
    text: Option<PathBuf>,
    /// Show secrets in full
    #[arg(long, requires = "text")]
    reveal: bool,
}

impl RuleTest {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let source = read_rule_file(&self.file)?;
        let name = source.name.clone();
        let is_ended = source.text.is_empty() || source.text.ends_with('\n');
        let rules = match load(source) {
            Ok(rules) => rules,
            Err(error) => {
                say(error);
                return Ok(CliOutcome::No);
            }
        };
        let mut scanner =
            Scanner::new(Arc::clone(&rules)).map_err(|error| failure(error, "is there enough memory?"))?;
        let own: Vec<RuleIndex> =
            rules.iter().filter(|(_, rule)| rule.group == name).map(|(index, _)| index).collect();
        if own.is_empty() {
            say(failure(format!("{name}: no rules"), "a rule begins with [[rule]]"));
            return Ok(CliOutcome::No);
        }
        if !is_ended {
            let (what, help) = CutOff::NoLineEnd.explain();
            say(failure(format!("{name}: {what}; the gateway takes it for cut off"), help));
            return Ok(CliOutcome::No);
        }
        let (report, failed) = try_all(&mut scanner, &own)?;
        print(&format!("{name}\n{report}"))?;
        if let Some(text) = &self.text {
            self.show(scanner, &own, text)?;
        }
        Ok(if failed == 0 { CliOutcome::Success } else { CliOutcome::No })
    }

    fn show(&self, scanner: Scanner, own: &[RuleIndex], text: &Path) -> Result<(), CliFailure> {
        if scan::show(scanner, own, text, self.reveal)? == 0 {
            print(&format!("{}\n  nothing found\n", text.display()))?;
        }
        Ok(())
    }
}

fn load(source: RuleSource) -> Result<Arc<Rules>, CliFailure> {
    // Not from the cache: trying rules out would fill it with what nobody needs again.
    let custom = [source];
    let selection = Selection { custom: &custom, ..Selection::default() };
    Rules::load(&selection).map_err(|first| refused_rules(&selection, first))
}

/// A line for each rule and one for each of its failures, and the number of rules that failed.
fn try_all(scanner: &mut Scanner, own: &[RuleIndex]) -> Result<(String, usize), CliFailure> {
    let rules = Arc::clone(scanner.rules());
    let width = own.iter().map(|rule| rules.get(*rule).id.len()).max().unwrap_or(0);
    let mut report = String::new();
    let mut failed = 0;
    for index in own {
        let rule = rules.get(*index);
        let mut problems = too_few(rule);
        problems
            .extend(rule_test::try_rule(scanner, *index).iter().map(|trial| describe(&rules, rule, trial)));
        let cost = rules.cost(*index).map_err(|error| failure(error, ""))?;
        let verdict = if problems.is_empty() { "pass" } else { "FAIL" };
        failed += usize::from(!problems.is_empty());
        report.push_str(&format_rule(rule, verdict, width, cost));
        report.extend(problems.iter().map(|problem| format!("        {problem}\n")));
    }
    let all = own.len();
    let (count, verdict) = if failed == 0 { (all, "pass") } else { (failed, "fail") };
    report.push_str(&format_summary(count, all, verdict));
    Ok((report, failed))
}

fn format_rule(rule: &Rule, verdict: &str, width: usize, cost: Cost) -> String {
    let (id, matching, not_matching) = (&rule.id, rule.matching.len(), rule.not_matching.len());
    let Cost { candidates, limit, .. } = cost;
    format!(
        "  {verdict}  {id:<width$}  {matching} match, {not_matching} no_match; cost {candidates} of {limit}\n"
    )
}

fn format_summary(count: usize, all: usize, verdict: &str) -> String {
    format!("{count} of {all} rules {verdict}\n")
}

fn too_few(rule: &Rule) -> Vec<String> {
    [("match", &rule.matching), ("no_match", &rule.not_matching)]
        .into_iter()
        .filter(|(_, examples)| examples.len() < MIN_EXAMPLES)
        .map(|(key, examples)| {
            format!("`{key}` has {}, needs at least {MIN_EXAMPLES} examples", examples.len())
        })
        .collect()
}

fn describe(rules: &Rules, rule: &Rule, trial: &Trial) -> String {
    let key = if trial.expected.is_some() { "match" } else { "no_match" };
    let place = match trial.surroundings {
        "nothing" => String::new(),
        surroundings => format!(" in {surroundings}"),
    };
    let finding = |f: &Finding| {
        let secret = trial.text.get(f.span.range()).unwrap_or_default();
        format!("{} `{}`", rules.get(f.rule).id, secret.escape_debug())
    };
    let found = match &trial.found[..] {
        [] => "nothing".to_owned(),
        found => found.iter().map(finding).collect::<Vec<_>>().join(", "),
    };
    // The rule found a part of an example without marks.
    let unmarked = trial.expected.filter(|_| !trial.example.contains('«'));
    let inside = |aegis_detect::Span { start, end }| {
        trial
            .found
            .iter()
            .any(|f| rules.get(f.rule).id == rule.id && start <= f.span.start && f.span.end <= end)
    };
    let hint = if unmarked.is_some_and(inside) {
        "; set «» around the secret where it is not the whole"
    } else {
        ""
    };
    format!("{key} `{}`{place}: found {found}{hint}", trial.example.escape_debug())
}
