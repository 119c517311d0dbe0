//! Tests that need the scanner and what the crate keeps to itself.

use super::{Scanner, Window};
use crate::finding::Confidence;
use crate::rules::Rules;

#[test]
fn no_example_has_a_wrong_check_value() {
    let rules = Rules::builtin().unwrap();
    let mut scanner = Scanner::new(rules.clone()).unwrap();
    let mut wrong = Vec::new();
    // A wrong value lowers the confidence below the rule's own.
    for (index, rule) in rules.iter().filter(|(index, _)| rules.compiled(index.0).check.is_some()) {
        let compiled = rules.compiled(index.0);
        let most = if compiled.values.is_empty() { Confidence::High } else { Confidence::Medium };
        let least = compiled.confidence.min(most);
        for example in &rule.matching {
            let text = example.replace(['«', '»'], "");
            let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
            if !scan.findings.iter().any(|f| f.rule == index && f.confidence >= least) {
                wrong.push(format!("{}: {text}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
