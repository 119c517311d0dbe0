//! Tries a rule on its own examples, alone and inside the surroundings in which secrets are met.

use super::scan::{Scanner, Window};
use crate::finding::{Finding, RuleIndex};
use crate::text::Span;

/// How an example is written in its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// As it is.
    Plain,
    /// With the escapes of a string between double quotes, as in JSON and most languages.
    Escaped,
    /// As it is, where it needs no escapes between single quotes.
    Quoted,
    /// The secret alone, where it is found alone and a URL can hold it as it is.
    Link,
}

/// Surroundings by name; `@` is the example.
const SURROUNDINGS: [(&str, Writing, &str); 12] = [
    ("nothing", Writing::Plain, "@"),
    ("lines", Writing::Plain, "first line\n@\nlast line\n"),
    ("JSON", Writing::Plain, "{\"role\":\"user\",\"content\":\"look: @\"}"),
    ("a JSON string", Writing::Escaped, "{\"role\":\"user\",\"content\":\"look:\\n@\\nthanks\"}"),
    ("a JSON array", Writing::Escaped, "[1, \"@\", null]"),
    ("a comment", Writing::Plain, "fn main() {\n    // @\n    run();\n}\n"),
    ("code", Writing::Escaped, "    let line = format(\"@\", 3);\n    run(line);\n"),
    ("a shell's here document", Writing::Plain, "$ echo start; cat <<EOF\n@\nEOF\n"),
    ("a shell's argument", Writing::Quoted, "$ printf '%s' '@' | tool --input - && echo done\n"),
    ("a Markdown block", Writing::Plain, "# Notes\n\n```\n@\n```\n\nand more.\n"),
    ("Markdown code", Writing::Plain, "- It says `@` in the log.\n"),
    ("a URL's query", Writing::Link, "see https://api.test/v1/items?page=2&v=@&sort=asc#top now"),
];

impl Writing {
    /// The text as it is written, or `None` where it cannot be.
    fn write(self, text: &str) -> Option<String> {
        let link = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let fits = match self {
            Writing::Plain => true,
            Writing::Escaped => return Some(text.chars().map(escaped).collect()),
            Writing::Quoted => !text.contains(['\'', '\\', '\n']),
            Writing::Link => text.bytes().all(link),
        };
        fits.then(|| text.to_owned())
    }
}

fn escaped(c: char) -> String {
    match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '"' | '\\' => format!("\\{c}"),
        other => other.to_string(),
    }
}

/// An example that a rule does not do justice.
#[derive(Debug, Clone)]
pub struct FailedExample {
    /// The example as it stands in the rule file, with its marks.
    pub example: String,
    /// Where the example was put, for people: `nothing` around it, `JSON`, `code`.
    pub surroundings: &'static str,
    /// The text that was scanned.
    pub text: String,
    /// Where the secret is, for an example that must match.
    pub expected: Option<Span>,
    /// What all the rules found.
    pub found: Vec<Finding>,
}

/// An example's text without its marks, and the span of the secret (the whole where nothing is marked).
pub fn unmark(example: &str) -> (String, Span) {
    let text = example.replace(['«', '»'], "");
    let marked = example.find('«').zip(example.find('»')).filter(|(start, end)| start < end);
    let (start, end) = marked.map_or((0, text.len()), |(start, end)| (start, end - '«'.len_utf8()));
    (text, Span::new(start, end))
}

/// The examples of a rule that it misses and the near misses that it hits, each in the first surroundings where it
/// does.
pub fn try_rule(scanner: &mut Scanner, rule: RuleIndex) -> Vec<FailedExample> {
    let described = scanner.rules().get(rule).clone();
    let hits = described.matching.iter().map(|example| (example, true));
    let misses = described.not_matching.iter().map(|example| (example, false));
    hits.chain(misses).filter_map(|(example, must)| try_example(scanner, rule, example, must)).collect()
}

fn try_example(scanner: &mut Scanner, rule: RuleIndex, example: &str, must: bool) -> Option<FailedExample> {
    let (inner, Span { start, end }) = unmark(example);
    let secret = &inner[start..end];
    let alone = must && has_finding(&scan(scanner, secret), rule, Span::new(0, secret.len()));
    SURROUNDINGS.into_iter().find_map(|(surroundings, writing, around)| {
        let (before, secret, after) = match writing {
            Writing::Link if alone => ("", secret, ""),
            Writing::Link if must => return None,
            _ => (&inner[..start], secret, &inner[end..]),
        };
        let [before, secret, after] = [before, secret, after].map(|part| writing.write(part));
        let (before, secret, after) = (before?, secret?, after?);
        let (head, tail) = around.split_once('@')?;
        let text = [head, &before, &secret, &after, tail].concat();
        let from = head.len() + before.len();
        let expected = Span::new(from, from + secret.len());
        let found = scan(scanner, &text);
        let right =
            if must { has_finding(&found, rule, expected) } else { found.iter().all(|f| f.rule != rule) };
        let example = example.to_owned();
        (!right).then(|| FailedExample {
            example,
            surroundings,
            text,
            expected: must.then_some(expected),
            found,
        })
    })
}

fn scan(scanner: &mut Scanner, text: &str) -> Vec<Finding> {
    scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true }).findings.to_vec()
}

fn has_finding(found: &[Finding], rule: RuleIndex, span: Span) -> bool {
    Finding::joined(found).iter().any(|f| f.rule == rule && f.span == span)
}
