//! The page that lists all rules for people: made from the rules, and never older than they are.

use aegis_detect::{Pack, Rule, Rules, Selection, Severity};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");
/// Set, it makes the test write the page instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

const HEAD: &str = "\
# Rules

Made from the rule files by `UPDATE_DOCS=1 cargo test -p aegis-detect --test all catalogue`; do not edit.

One line a rule: its id (the name that `policy.rules` takes), what it finds, the category that its token will bear, how bad a
leak is, how the secret is recognised, and what it opens for a thief. `aegis-gateway rules show ID` prints one in full with
its examples; [writing-rules.md](writing-rules.md) describes how to add your own.

*Shape* means a form of its own, wherever it stands. *Name* means a value of the right form that is assigned to a name with
one of the words. *Code* means a finder written by hand.
";

/// How a rule's secrets are recognised, in a word or two.
fn recognised(rule: &Rule) -> String {
    match (rule.pattern.starts_with("(finder "), rule.keywords.as_slice()) {
        (true, _) => "code".to_owned(),
        (false, []) => "shape".to_owned(),
        (false, [first, rest @ ..]) => {
            format!("name with `{first}`{}", if rest.is_empty() { "" } else { " or the like" })
        }
    }
}

fn cell(text: &str) -> String {
    text.trim_end_matches('.').replace('|', "\\|")
}

fn render(rules: &Rules, without_packs: usize) -> String {
    let mut groups: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for (_, rule) in rules.iter() {
        groups.entry(&rule.group).or_default().push(rule);
    }
    let mut page = HEAD.to_owned();
    let _ = writeln!(
        page,
        "\n{without_packs} rules, and {} of the pack `{}`.\n\n| file | rules | critical | high | medium | low |",
        rules.len() - without_packs,
        Pack::Personal.as_str()
    );
    let _ = writeln!(page, "|---|---:|---:|---:|---:|---:|");
    for (group, list) in &groups {
        let count = |severity| list.iter().filter(|r| r.severity == severity).count();
        let _ = writeln!(
            page,
            "| [{group}](#{group}) | {} | {} | {} | {} | {} |",
            list.len(),
            count(Severity::Critical),
            count(Severity::High),
            count(Severity::Medium),
            count(Severity::Low)
        );
    }
    for (group, list) in &mut groups {
        list.sort_by(|a, b| a.id.cmp(&b.id));
        let _ = writeln!(
            page,
            "\n## {group}\n\n| id | finds | category | severity | by | opens |\n|---|---|---|---|---|---|"
        );
        for rule in list {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} | {} |",
                rule.id,
                cell(&rule.name),
                rule.category.as_str(),
                rule.severity.as_str(),
                recognised(rule),
                cell(&rule.impact)
            );
        }
    }
    page
}

#[test]
fn the_page_of_rules_is_up_to_date() {
    let rules =
        Rules::load(&Selection { packs: &Pack::ALL, ..Selection::default() }).expect("all rules compile");
    let without_packs = Rules::load(&Selection::default()).expect("the usual rules compile").len();
    let page = render(&rules, without_packs);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(PAGE, page).expect("the page can be written");
        return;
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    let differs = there.lines().zip(page.lines()).find(|(a, b)| a != b);
    assert!(
        there == page,
        "docs/rules.md is older than the rules ({differs:?}): run {UPDATE}=1 cargo test -p aegis-detect --test all catalogue"
    );
}
