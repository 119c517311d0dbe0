//! Cut invariance: the same findings however a text is cut into windows.

use crate::common::{differences, whole, windowed, with_packs};
use crate::encodings::ENCODINGS;
use aegis_detect::rule_test::unmark;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

use aegis_detect::{LOOKAHEAD, MAX_SECRET_LEN};
use proptest::prelude::*;

/// Percent-encodes everything but letters and digits.
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        let _ =
            if b.is_ascii_alphanumeric() { write!(out, "{}", b as char) } else { write!(out, "%{b:02X}") };
        out
    })
}

/// All examples of all rules, some of them encoded too, with filler between them.
fn everything() -> String {
    let (rules, _) = with_packs();
    let mut text = String::new();
    for (_, rule) in rules.iter() {
        for example in rule.matching.iter().chain(&rule.not_matching) {
            text.push_str(&unmark(example).0);
            if text.len().is_multiple_of(5) {
                let _ = write!(
                    text,
                    "\n{} and {}",
                    STANDARD.encode(unmark(example).0),
                    escape(&unmark(example).0)
                );
            }
            text.push_str("\n\nSome words of filler, so that nothing here is tied to what follows.\n");
        }
    }
    text
}

/// The first place at or behind `at` where the text can be cut.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&i| text.is_char_boundary(i)).unwrap_or(text.len())
}

#[test]
fn windows_of_many_sizes_find_the_same() {
    let (rules, mut scanner) = with_packs();
    let text = everything();
    let expected = whole(&mut scanner, text.as_bytes());
    for size in [300, 777, 1024, 4096, 5001, 32 * 1024] {
        let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
        let wrong = differences(&rules, &text, &found, &expected);
        assert!(found == expected, "windows of {size}: {wrong}");
    }
}

#[test]
fn windows_of_encoded_examples_find_the_same() {
    let (rules, mut scanner) = with_packs();
    for (name, encode) in ENCODINGS {
        let mut text = String::new();
        for (_, rule) in rules.iter().filter(|(_, rule)| rule.id.len() % 4 == name.len() % 4) {
            let example = unmark(&rule.matching[0]).0;
            let _ = write!(text, "{}\nand {} more\n", encode(&example).text, name);
        }
        let expected = whole(&mut scanner, text.as_bytes());
        for size in [611, 4099] {
            let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
            let wrong = differences(&rules, &text, &found, &expected);
            assert!(found == expected, "{name}, windows of {size}: {wrong}");
        }
    }
}

#[test]
fn one_long_encoded_text_is_the_same_in_any_windows() {
    let (rules, mut scanner) = with_packs();
    let plain = everything();
    let end = boundary(&plain, 30_000);
    for (name, encode) in ENCODINGS {
        let text = encode(&plain[..end]).text;
        let expected = whole(&mut scanner, text.as_bytes());
        assert!(expected.len() > 60, "{name}: {} findings", expected.len());
        let size = MAX_SECRET_LEN + LOOKAHEAD;
        for first in [1, size / 3, size / 2] {
            let found = windowed(&mut scanner, text.as_bytes(), (first..text.len()).step_by(size));
            let wrong = differences(&rules, &text, &found, &expected);
            assert!(found == expected, "{name}, first window of {first}: {wrong}");
        }
    }
}

#[test]
fn every_cut_of_a_sample_finds_the_same() {
    let (rules, mut scanner) = with_packs();
    let text = everything();
    let mut at = 0;
    while at < text.len() {
        let end = boundary(&text, at + 4000);
        let piece = &text[at..end];
        let expected = whole(&mut scanner, piece.as_bytes());
        for cut in (1..piece.len()).step_by(if at == 0 { 2 } else { 293 }) {
            let found = windowed(&mut scanner, piece.as_bytes(), [cut]);
            let wrong = differences(&rules, piece, &found, &expected);
            assert!(found == expected, "cut at {cut}: {wrong}");
        }
        at = boundary(&text, at + 16_000);
    }
}

#[test]
fn a_window_of_the_promised_size_always_settles_something() {
    let (_, mut scanner) = with_packs();
    let inputs = [
        "-----BEGIN PRIVATE KEY-----\n".to_owned() + &"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVph\n".repeat(2000),
        "eyJhbGciOiJIUzI1NiJ9.eyJ".to_owned() + &"abcDEF123".repeat(9000),
        "password=\"".to_owned() + &"x".repeat(70_000),
        "token=".repeat(20_000),
        "eyJ".repeat(30_000),
    ];
    for text in inputs {
        let step = MAX_SECRET_LEN + LOOKAHEAD;
        let mut fresh = 0;
        while fresh + step < text.len() {
            let from = fresh.saturating_sub(aegis_detect::LEFT_CONTEXT);
            let window = &text.as_bytes()[from..fresh + step];
            let scan = scanner.scan(aegis_detect::Window { text: window, fresh: fresh - from, last: false });
            assert!(scan.settled > fresh - from, "stuck at {fresh} in {:?}", &text[..24]);
            fresh = from + scan.settled;
        }
        let expected = whole(&mut scanner, text.as_bytes());
        let found = windowed(&mut scanner, text.as_bytes(), (20_000..text.len()).step_by(20_000));
        assert_eq!(found, expected, "{:?}", &text[..24]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_windows_find_the_same(offset in 0usize..200_000, sizes in prop::collection::vec(1usize..3000, 1..12)) {
        let (rules, mut scanner) = with_packs();
        let text = everything();
        let start = boundary(&text, offset % text.len());
        let end = boundary(&text, start + 9000);
        let piece = &text[start..end];
        let expected = whole(&mut scanner, piece.as_bytes());
        let ends = sizes.iter().scan(0, |at, size| { *at += size; Some(*at) });
        let found = windowed(&mut scanner, piece.as_bytes(), ends);
        prop_assert!(found == expected, "{}", differences(&rules, piece, &found, &expected));
    }
}

/// Pieces that parsers stumble over, in any order.
const FRAGMENTS: [&str; 48] = [
    "password",
    "token",
    "secret",
    "api_key",
    "=",
    ": ",
    "\"",
    "'",
    "\\\"",
    "\\n",
    "\n",
    " ",
    "%3D",
    "%22",
    "%",
    "+1 212-555-0143 ",
    "4539 5787 6362 1486",
    "SSN ",
    "10.24.3.117",
    "3c:22:fb:41:9a:07",
    "ada@posteo.de",
    "born 12.6.1984",
    "4111",
    "://",
    "@",
    "a:b",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1NiJ9",
    ".",
    "ghp_",
    "AKIA",
    "c2VjcmV0",
    "Z2hwX1E1a1AydlgablIxdFk3d1oz",
    "q7w8E9r0T1y2U3i4O5p6",
    "0123456789abcdef0123456789abcdef",
    "<password>",
    "</",
    "{",
    "}",
    "(",
    "[",
    "curl -u ",
    " --password ",
    " is ",
    ";",
    "&",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn fragments_in_any_order_and_windows(
        pieces in prop::collection::vec(0usize..FRAGMENTS.len(), 1..400),
        sizes in prop::collection::vec(1usize..1500, 0..6),
    ) {
        let (rules, mut scanner) = with_packs();
        let text: String = pieces.iter().map(|&i| FRAGMENTS[i]).collect();
        let expected = whole(&mut scanner, text.as_bytes());
        let ends = sizes.iter().scan(0, |at, size| { *at += size; Some(*at) });
        let found = windowed(&mut scanner, text.as_bytes(), ends);
        prop_assert!(found == expected, "{}", differences(&rules, &text, &found, &expected));
    }
}
