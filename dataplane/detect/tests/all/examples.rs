//! Every rule over every one of its examples: alone, and inside the surroundings in which secrets are met.

use crate::common::{builtin, show, unmark, whole};

/// Surroundings by name; `@` is the example.
const SURROUNDINGS: &[(&str, &str)] = &[
    ("nothing", "@"),
    ("lines", "first line\n@\nlast line\n"),
    ("JSON", "{\"role\":\"user\",\"content\":\"look: @\"}"),
    ("JSON string", "{\"role\":\"user\",\"content\":\"look:\\n@\\nthanks\"}"),
    ("code", "fn main() {\n    // @\n    run();\n}\n"),
    ("shell", "$ echo start; cat <<EOF\n@\nEOF\n"),
    ("Markdown", "# Notes\n\n```\n@\n```\n\nand more.\n"),
];

#[test]
fn every_rule_finds_its_examples() {
    let (rules, mut scanner) = builtin();
    let mut failures = Vec::new();
    for (index, rule) in rules.iter() {
        assert!(rule.matching.len() >= 2, "rule {} has fewer than two examples", rule.id);
        for example in &rule.matching {
            let (text, start, end) = unmark(example);
            for (name, around) in SURROUNDINGS {
                let at = around.find('@').unwrap();
                let full = around.replace('@', &text);
                let findings = whole(&mut scanner, full.as_bytes());
                let hit =
                    findings.iter().any(|f| f.rule == index && f.start == at + start && f.end == at + end);
                if !hit {
                    failures.push(format!(
                        "{} in {name}: {text:?}\n    got {}",
                        rule.id,
                        show(&rules, &full, &findings)
                    ));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} examples are missed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn no_rule_finds_its_near_misses() {
    let (rules, mut scanner) = builtin();
    let mut failures = Vec::new();
    for (index, rule) in rules.iter() {
        assert!(rule.not_matching.len() >= 2, "rule {} has fewer than two near misses", rule.id);
        for text in &rule.not_matching {
            for (name, around) in SURROUNDINGS {
                let full = around.replace('@', text);
                let findings = whole(&mut scanner, full.as_bytes());
                if findings.iter().any(|f| f.rule == index) {
                    failures.push(format!(
                        "{} in {name}: {text:?}\n    got {}",
                        rule.id,
                        show(&rules, &full, &findings)
                    ));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} near misses are hit:\n{}", failures.len(), failures.join("\n"));
}
