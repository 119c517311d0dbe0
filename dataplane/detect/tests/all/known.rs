//! Known values: found wherever they stand, however the text is cut, and under the encodings that are read.

use crate::common::{show, whole, windowed};
use aegis_detect::{KNOWN_RULE, KnownKey, KnownList, KnownValues, MAX_KNOWN_LEN, Rules, Scanner, Selection};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

/// As many as a real list has, of all lengths, some of them with much in common; so many of them keys that these are
/// looked for in runs of letters and digits only.
fn values() -> &'static [String] {
    static VALUES: OnceLock<Vec<String>> = OnceLock::new();
    VALUES.get_or_init(|| {
        let tail = "+Q7x".repeat(60);
        let made = |n: u64| {
            let word = (n + 5).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let long = ["", "-Haus am See", "/ß%", &tail][n as usize % 4];
            format!("{}{:08x}{}", ["q", "acme_live_", "Pf!"][n as usize % 3], word >> 32, long)
        };
        let longest = format!("{}-{}", "k9?B".repeat(MAX_KNOWN_LEN / 4 - 2), "Zq8.Lw2");
        let key = |n: u64| format!("k{:016x}", (n + 9).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        (0..400).map(made).chain([longest]).chain((0..2_500).map(key)).collect()
    })
}

fn scanner() -> (Arc<Rules>, Scanner) {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    let rules = RULES.get_or_init(|| {
        let mut list = KnownList::new(KnownKey::new(&[9; 32]));
        for value in values() {
            list.insert(value.as_bytes()).expect("worth listing");
        }
        let known = Arc::new(KnownValues::new(&list));
        Rules::load(&Selection { known: Some(&known), ..Selection::default() }).expect("the rules compile")
    });
    (rules.clone(), Scanner::new(rules.clone()).expect("the engine runs here"))
}

fn known(rules: &Rules, findings: &[aegis_detect::Finding]) -> Vec<(usize, usize)> {
    let known = findings.iter().filter(|f| rules.get(f.rule).id == KNOWN_RULE);
    known.map(|f| (f.span.start, f.span.end)).collect()
}

#[test]
fn every_value_is_found_at_every_cut() {
    let (rules, mut scanner) = scanner();
    for value in values().iter().rev().step_by(151) {
        let text =
            format!("{}dsn=\"{value};\" {value}\n{}", "some words ".repeat(7), "and others ".repeat(60));
        let expected = whole(&mut scanner, text.as_bytes());
        assert_eq!(known(&rules, &expected).len(), 2, "{}", show(&rules, &text, &expected));
        for cut in 1..text.len() {
            let found = windowed(&mut scanner, text.as_bytes(), [cut]);
            assert_eq!(show(&rules, &text, &found), show(&rules, &text, &expected), "cut at {cut}");
        }
    }
}

#[test]
fn values_are_found_in_what_is_decoded() {
    let (rules, mut scanner) = scanner();
    let value = &values()[4];
    let basic = STANDARD.encode(format!("password={value} and so on"));
    for text in [format!("data: {basic}\n"), format!("password%3D%22{value}%22%0A")] {
        let findings = whole(&mut scanner, text.as_bytes());
        assert_eq!(known(&rules, &findings).len(), 1, "{text}: {}", show(&rules, &text, &findings));
    }
}

#[test]
fn the_rule_is_there_with_values_only_and_its_name_is_taken() {
    let (rules, _) = scanner();
    assert!(rules.find(KNOWN_RULE).is_some());
    assert!(Rules::builtin().expect("compiles").find(KNOWN_RULE).is_none());
    let text = "[[rule]]\nid = \"known-value\"\nname = \"x\"\ncategory = \"key\"\nseverity = \"low\"\nimpact = \"x\"\n\
                pattern = \"zzq[0-9]{9}\"\n"
        .to_owned();
    let custom = [aegis_detect::RuleSource { name: "own.toml".to_owned(), text }];
    let error = Rules::load(&Selection { custom: &custom, ..Selection::default() }).expect_err("taken");
    assert_eq!(error.to_string(), "own.toml:2:6: rule `known-value`: the id is already taken");
}

#[test]
fn clean_text_costs_no_finding() {
    let (rules, mut scanner) = scanner();
    let text = include_str!("windows.rs").repeat(3);
    assert_eq!(known(&rules, &whole(&mut scanner, text.as_bytes())), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn random_values_at_random_places_and_cuts(
        pieces in prop::collection::vec((0usize..2_901, "[ -~äß\\n]{0,40}"), 1..12),
        sizes in prop::collection::vec(1usize..900, 0..8),
    ) {
        let (rules, mut scanner) = scanner();
        let mut text = String::new();
        let mut places = Vec::new();
        for (index, filler) in &pieces {
            let value = &values()[*index];
            text.push_str(filler);
            text.push('|');
            places.push((text.len(), text.len() + value.len()));
            text.push_str(value);
            text.push('|');
        }
        let expected = whole(&mut scanner, text.as_bytes());
        prop_assert_eq!(known(&rules, &expected), places, "{}", text);
        let ends = sizes.iter().scan(0, |at, size| { *at += size; Some(*at) });
        let found = windowed(&mut scanner, text.as_bytes(), ends);
        prop_assert_eq!(show(&rules, &text, &found), show(&rules, &text, &expected));
    }
}
