//! Helpers of the integration tests: scanning whole, in windows, and with all packs.

use aegis_detect::{Carry, Finding, LEFT_CONTEXT, Pack, Rule, Rules, Scanner, Selection, Window};
use std::sync::OnceLock;

/// The findings of a text scanned as one window.
pub(crate) fn whole(scanner: &mut Scanner, text: &[u8]) -> Vec<Finding> {
    let scan = scanner.scan(Window { text, fresh: 0, last: true });
    assert_eq!(scan.settled, text.len());
    scan.findings.to_vec()
}

/// The findings of a text scanned in windows that end at the given offsets.
pub(crate) fn windowed(
    scanner: &mut Scanner,
    text: &[u8],
    ends: impl IntoIterator<Item = usize>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut carry = Carry::default();
    let mut settled = 0usize;
    for end in ends.into_iter().chain([text.len()]) {
        let from = settled.saturating_sub(LEFT_CONTEXT);
        let end = end.min(text.len());
        if end < settled {
            continue;
        }
        let window = Window { text: &text[from..end], fresh: settled - from, last: end == text.len() };
        let scan = scanner.scan_on(window, &mut carry);
        assert!(scan.settled >= settled - from);
        for f in scan.findings {
            assert!(
                f.span.start >= settled - from && f.span.end <= scan.settled,
                "{f:?} outside the settled part"
            );
            findings.push(Finding { span: f.span.shifted(from), ..*f });
        }
        settled = from + scan.settled;
    }
    assert_eq!(settled, text.len());
    findings
}

/// All rules, and a scanner for them.
pub(crate) fn builtin() -> (std::sync::Arc<Rules>, Scanner) {
    let rules = Rules::builtin().expect("the built-in rules compile");
    let scanner = Scanner::new(rules.clone()).expect("the engine runs here");
    (rules, scanner)
}

/// All rules with all packs, and a scanner for them.
pub(crate) fn with_packs() -> (std::sync::Arc<Rules>, Scanner) {
    static RULES: OnceLock<std::sync::Arc<Rules>> = OnceLock::new();
    let load = || Rules::load(&Selection { packs: &Pack::ALL, ..Selection::default() });
    let rules = RULES.get_or_init(|| load().expect("the packs compile")).clone();
    let scanner = Scanner::new(rules.clone()).expect("the engine runs here");
    (rules, scanner)
}

/// Findings as text, for failure messages.
pub(crate) fn show(rules: &Rules, text: &str, findings: &[Finding]) -> String {
    let name = |f: &Finding| {
        let rule: &Rule = rules.get(f.rule);
        format!(
            "{} {}..{} {:?}",
            rule.id,
            f.span.start,
            f.span.end,
            String::from_utf8_lossy(&text.as_bytes()[f.span.range()])
        )
    };
    findings.iter().map(name).collect::<Vec<_>>().join("; ")
}

/// The findings that stand in one of two lists only, for failure messages.
pub(crate) fn differences(rules: &Rules, text: &str, found: &[Finding], expected: &[Finding]) -> String {
    let only = |these: &[Finding], those: &[Finding]| {
        let rest: Vec<Finding> = these.iter().filter(|f| !those.contains(f)).copied().collect();
        show(rules, text, &rest)
    };
    format!("only found: {}\nonly expected: {}", only(found, expected), only(expected, found))
}

/// Fails when anything is found in one of the texts, each given with a name.
pub(crate) fn assert_clean(rules: &Rules, scanner: &mut Scanner, texts: &[(&str, &str)]) {
    let mut failures = Vec::new();
    for (name, text) in texts {
        let findings = whole(scanner, text.as_bytes());
        if !findings.is_empty() {
            failures.push(format!("{name}: {}", show(rules, text, &findings)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
