//! The generic class: credentials told by names and places, in every notation, plain and inside a JSON chat body.

mod clean;
mod found;

use crate::common::{builtin, show, whole};
use aegis_detect::Scanner;

/// The text without its marks, and the marked spans.
fn unmark_all(example: &str) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut spans = Vec::new();
    for (index, piece) in example.split(['«', '»']).enumerate() {
        let start = text.len();
        text.push_str(piece);
        if index % 2 == 1 {
            spans.push((start, text.len()));
        }
    }
    (text, spans)
}

/// The text as it stands inside a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("text is text");
    quoted[1..quoted.len() - 1].to_owned()
}

/// The example inside a chat body, and where its secrets stand there.
fn embedded(example: &str) -> (String, Vec<(usize, usize)>) {
    let marked = format!(
        "{{\"role\":\"user\",\"content\":\"Please look at this:\\n```\\n{}\\n```\\n\"}}",
        escaped(example)
    );
    unmark_all(&marked)
}

/// What differs from what is expected, in words.
fn differing(scanner: &mut Scanner, (text, spans): &(String, Vec<(usize, usize)>)) -> Option<String> {
    let rules = scanner.rules().clone();
    let findings = whole(scanner, text.as_bytes());
    let found: Vec<_> = findings.iter().map(|f| (f.start, f.end)).collect();
    (found != *spans).then(|| format!("{text:?}\n    got {}", show(&rules, text, &findings)))
}

fn check(examples: &[&str]) {
    let (_, mut scanner) = builtin();
    let failures: Vec<String> = examples
        .iter()
        .flat_map(|e| [differing(&mut scanner, &unmark_all(e)), differing(&mut scanner, &embedded(e))])
        .flatten()
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} differ:\n{}",
        failures.len(),
        2 * examples.len(),
        failures.join("\n")
    );
}

#[test]
fn in_files() {
    check(found::FILES);
}

#[test]
fn in_code() {
    check(found::CODE);
}

#[test]
fn in_commands_headers_and_addresses() {
    check(found::WIRES);
}

#[test]
fn in_prose() {
    check(found::PROSE);
}

#[test]
fn in_the_words_of_many() {
    check(found::VARIED);
}

#[test]
fn look_alikes_are_left_alone() {
    check(clean::CLEAN);
}
