//! Examples with small accidents in them: cut off, spliced, half escaped. No verdict may panic on them, name a span
//! that is none, or depend on where the text is cut.
//!
//! `PAGES=N` makes N pages of them, for a longer search.

use crate::common::{differences, whole, windowed, with_packs};
use crate::random::Random;
use aegis_detect::rule_test::unmark;
use aegis_detect::{Finding, LOOKAHEAD};

/// Bytes on a page: many times what a window leaves unsettled.
const PAGE: usize = 12 * LOOKAHEAD;

/// What parsers stumble over, put where it does not belong.
const SHARDS: [&str; 40] = [
    "\\", "\\u", "\\u00", "\\u0022", "\\x", "\\x4", "\\n", "\\\\", "%", "%4", "%40", "%3D", "&", "&#",
    "&#x4", "&quot;", "@", ".", ":", "::", "-", "+", "/", "//", "=", "\"", "'", "<", ">", "{", "(", " ",
    "\n", "\r\n", "\0", "é", "0", "9", "a", "Z",
];

/// The example after up to three accidents.
fn mutant(random: &mut Random, example: &str, other: &str) -> Vec<u8> {
    let mut text = example.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(text.len() + 1);
        match random.below(5) {
            0 => text.truncate(at),
            1 => drop(text.drain(..at)),
            2 => drop(text.drain(at..text.len().min(at + 1 + random.below(4)))),
            3 => drop(text.splice(at..at, SHARDS[random.below(SHARDS.len())].bytes())),
            _ => {
                let other = other.as_bytes();
                let from = random.below(other.len() + 1);
                drop(text.splice(at.., other[from..].iter().copied()));
            }
        }
    }
    text
}

/// Damaged examples, a page full.
fn page(random: &mut Random, examples: &[String]) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < PAGE {
        let example = &examples[random.below(examples.len())];
        let other = &examples[random.below(examples.len())];
        text.extend(mutant(random, example, other));
        text.extend(SHARDS[random.below(SHARDS.len())].bytes());
        text.extend(b" \n".iter().take(random.below(3)));
    }
    text
}

#[test]
fn damaged_examples_are_judged_alike_in_any_windows() {
    let (rules, mut scanner) = with_packs();
    let pages = std::env::var("PAGES").map_or(400, |count| count.parse().expect("PAGES is a number"));
    let examples: Vec<String> = rules
        .iter()
        .flat_map(|(_, rule)| rule.matching.iter().chain(&rule.not_matching))
        .map(|example| unmark(example).0)
        .collect();
    let mut random = Random::new(pages);
    for _ in 0..pages {
        let text = page(&mut random, &examples);
        let expected = whole(&mut scanner, &text);
        let sound = |f: &Finding| f.span.start < f.span.end && f.span.end <= text.len();
        assert!(
            expected.iter().all(sound) && expected.is_sorted_by(|a, b| a.span.end <= b.span.start),
            "{expected:?}"
        );
        let sizes: Vec<usize> = (0..PAGE / LOOKAHEAD).map(|_| 1 + random.below(3 * LOOKAHEAD)).collect();
        let ends = sizes.iter().scan(0, |at, size| {
            *at += size;
            Some(*at)
        });
        let found = windowed(&mut scanner, &text, ends);
        let shown = String::from_utf8_lossy(&text);
        assert!(
            found == expected,
            "windows of {sizes:?}: {}\n{shown}",
            differences(&rules, &shown, &found, &expected)
        );
    }
}
