//! Every rule over every one of its examples: alone, and inside the surroundings in which secrets are met.

use crate::common::{builtin, show, whole, with_packs};
use aegis_detect::{Finding, Rules, Scanner, rule_test};
use std::collections::HashMap;

#[test]
fn every_rule_does_justice_to_its_examples() {
    let (rules, mut scanner) = builtin();
    try_all(&rules, &mut scanner, 0);
}

#[test]
fn every_rule_of_a_pack_does_justice_to_its_examples() {
    let (rules, mut scanner) = with_packs();
    try_all(&rules, &mut scanner, builtin().0.len());
}

#[test]
fn packs_uncover_nothing() {
    let (base, _) = builtin();
    let (rules, mut scanner) = with_packs();
    for (_, rule) in base.iter() {
        for example in &rule.matching {
            let (text, secret) = rule_test::unmark(example);
            let findings = whole(&mut scanner, text.as_bytes());
            let covered = Finding::joined(&findings)
                .iter()
                .any(|f| f.span.start <= secret.start && f.span.end >= secret.end);
            assert!(covered, "{}: {text:?}\n    got {}", rule.id, show(&rules, &text, &findings));
        }
    }
}

/// Tries the rules from the `first` on.
fn try_all(rules: &Rules, scanner: &mut Scanner, first: usize) {
    let mut failures = Vec::new();
    for (index, rule) in rules.iter().skip(first) {
        assert!(rule.matching.len() >= 2, "rule {} has fewer than two examples", rule.id);
        assert!(rule.not_matching.len() >= 2, "rule {} has fewer than two near misses", rule.id);
        assert!(!rule.impact.trim().is_empty(), "rule {} does not say what its secret opens", rule.id);
        for failure in rule_test::try_rule(scanner, index) {
            failures.push(format!(
                "{} in {}: {:?} must{} match\n    got {}",
                rule.id,
                failure.surroundings,
                failure.example,
                if failure.expected.is_some() { "" } else { " not" },
                show(rules, &failure.text, &failure.found)
            ));
        }
    }
    assert!(failures.is_empty(), "{} examples fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn no_two_rules_have_the_same_shape() {
    let (rules, _) = builtin();
    let mut seen = HashMap::new();
    for (_, rule) in rules.iter().filter(|(_, r)| !r.pattern.starts_with("(finder")) {
        // A value's shape is one only together with the words that it stands behind.
        let words = if rule.keywords.is_empty() { vec![String::new()] } else { rule.keywords.clone() };
        for word in words {
            let first = seen.insert((rule.pattern.clone(), word.clone()), rule.id.clone());
            assert!(
                first.is_none(),
                "{} and {} have the same shape behind `{word}`",
                first.unwrap(),
                rule.id
            );
        }
    }
}
