//! Tries a rule on its own examples, alone and inside the surroundings in which secrets are met.

use crate::rule::RuleIndex;
use crate::scanner::{Finding, Scanner, Window};

/// Surroundings by name; `@` is the example.
const SURROUNDINGS: [(&str, &str); 7] = [
    ("nothing", "@"),
    ("lines", "first line\n@\nlast line\n"),
    ("JSON", "{\"role\":\"user\",\"content\":\"look: @\"}"),
    ("a JSON string", "{\"role\":\"user\",\"content\":\"look:\\n@\\nthanks\"}"),
    ("code", "fn main() {\n    // @\n    run();\n}\n"),
    ("a shell", "$ echo start; cat <<EOF\n@\nEOF\n"),
    ("Markdown", "# Notes\n\n```\n@\n```\n\nand more.\n"),
];

/// An example that a rule does not do justice.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The example as it stands in the rule file, with its marks.
    pub example: String,
    /// Where the example was put, for people: `nothing` around it, `JSON`, `code`.
    pub surroundings: &'static str,
    /// The text that was scanned.
    pub text: String,
    /// Where the secret is, for an example that must match.
    pub expected: Option<(usize, usize)>,
    /// What all the rules found.
    pub found: Vec<Finding>,
}

/// An example's text without its marks, and the span of the secret (the whole where nothing is marked).
pub fn unmark(example: &str) -> (String, usize, usize) {
    let text = example.replace(['«', '»'], "");
    let marked = example.find('«').zip(example.find('»')).filter(|(start, end)| start < end);
    let (start, end) = marked.map_or((0, text.len()), |(start, end)| (start, end - '«'.len_utf8()));
    (text, start, end)
}

/// The examples of a rule that it misses and the near misses that it hits, each in the first surroundings where it does.
pub fn try_rule(scanner: &mut Scanner, rule: RuleIndex) -> Vec<Failure> {
    let described = scanner.rules().get(rule).clone();
    let hits = described.matching.iter().map(|example| (example, true));
    let misses = described.not_matching.iter().map(|example| (example, false));
    hits.chain(misses).filter_map(|(example, must)| try_example(scanner, rule, example, must)).collect()
}

fn try_example(scanner: &mut Scanner, rule: RuleIndex, example: &str, must: bool) -> Option<Failure> {
    let (inner, start, end) = unmark(example);
    SURROUNDINGS.into_iter().find_map(|(surroundings, around)| {
        let at = around.find('@').unwrap_or(0);
        let text = around.replace('@', &inner);
        let found = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true }).findings.to_vec();
        let expected = (at + start, at + end);
        let right = if must {
            found.iter().any(|f| f.rule == rule && (f.start, f.end) == expected)
        } else {
            found.iter().all(|f| f.rule != rule)
        };
        let example = example.to_owned();
        (!right).then(|| Failure { example, surroundings, text, expected: must.then_some(expected), found })
    })
}
