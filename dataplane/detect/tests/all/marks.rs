//! Marks that tools put into text: colours, and what stands before each line of a listing. A secret is found behind them
//! as without them, and no mark is a part of it.

use crate::common::{builtin, differences, show, whole, windowed};
use aegis_detect::rule_test::unmark;
use aegis_detect::{Category, Confidence, Finding, Scanner};
use std::fmt::Write as _;

/// Colours in several writings: one on, and all off.
const COLOURS: [(&str, &str); 4] = [
    ("\x1b[32m", "\x1b[0m"),
    ("\x1b[01;31m\x1b[K", "\x1b[m\x1b[K"),
    ("\\u001b[1;34m", "\\u001b[0m"),
    ("\\033[32m", "\\033[0m"),
];

/// Texts whose name and value stand on two lines, the value between the signs.
const PAIRS: [&str; 9] = [
    "env:\n- name: DB_PASSWORD\n  value: «lanternRiver52!»\n- name: PORT\n  value: 80\n",
    "[\n  {\n    \"name\": \"API_TOKEN\",\n    \"value\": \"«q8Zt4Lm2Xv7Kp1Rw9Bn3»\"\n  }\n]\n",
    "[\n  {\n    \"value\": \"«q8Zt4Lm2Xv7Kp1Rw9Bn3»\",\n    \"name\": \"API_TOKEN\"\n  }\n]\n",
    "<dict>\n  <key>Password</key>\n  <string>«lanternRiver52!»</string>\n</dict>\n",
    "app:\n  api_token: |\n    «q8Zt4Lm2Xv7Kp1Rw9Bn3»\n  region: eu\n",
    "{\n  \"api_keys\": [\n    \"«q8Zt4Lm2Xv7Kp1Rw9Bn3»\",\n    \"b\"\n  ]\n}\n",
    "<Password>\n  <Value>«lanternRiver52!»</Value>\n</Password>\n",
    "DB_HOST=db\nWIFI_PSK=«lanternRiver52»\nPORT=80\n",
    "app=shop\nLEGACY_PWD=«lanternRiver52»\nPORT=80\n",
];

/// What stands before the line with a number.
type Prefix = fn(usize) -> String;

const PREFIXES: [Prefix; 19] = [
    |n| format!("{n:6}\t"),
    |n| format!("{n:6}\u{2192}"),
    |n| format!("{n:4} | "),
    |n| format!("{n}:"),
    |n| format!("{n}: "),
    |n| format!("{n}) "),
    |n| format!("deploy/app.yml:{n}:"),
    |n| format!("deploy/app.yml-{n}-"),
    |_| "+".to_owned(),
    |_| "-".to_owned(),
    |_| "> ".to_owned(),
    |_| "\u{2502} ".to_owned(),
    |n| format!("2026-11-30T10:12:{n:02}.{:03}Z ", n * 137 % 1000),
    |n| format!("2026-11-30 10:12:{n:02},959 INFO app.main "),
    |n| format!("Nov 30 10:12:{n:02} web-2 app[2211]: "),
    |_| "api-1  | ".to_owned(),
    |_| "[pod/api-7c9d/api] ".to_owned(),
    |_| "# ".to_owned(),
    |n| format!("\x1b[2m{n:4}\x1b[0m \x1b[38;5;238m\u{2502}\x1b[0m "),
];

/// A text behind a prefix.
fn listed(text: &str, prefix: Prefix) -> String {
    text.lines().zip(8..).fold(String::new(), |out, (line, number)| out + &prefix(number) + line + "\n")
}

/// The text without the signs around its secret, and where that stands.
fn secret(text: &str) -> (String, std::ops::Range<usize>) {
    let (plain, span) = unmark(text);
    (plain, span.range())
}

fn is_found(found: &[Finding], secret: &std::ops::Range<usize>) -> bool {
    found.iter().any(|f| f.span.range() == *secret && f.confidence > Confidence::Low)
}

#[test]
fn names_and_values_on_two_lines_are_found_in_listings() {
    let (rules, mut scanner) = builtin();
    let mut missed = String::new();
    for text in PAIRS {
        let (plain, place) = secret(text);
        assert!(is_found(&whole(&mut scanner, plain.as_bytes()), &place), "{text}");
        for prefix in PREFIXES {
            let marked = listed(text, prefix);
            let strings = [
                marked.clone(),
                marked
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n")
                    .replace('\t', "\\t")
                    .replace('\x1b', "\\u001b"),
            ];
            for text in strings {
                let (text, place) = secret(&text);
                let found = whole(&mut scanner, text.as_bytes());
                if !is_found(&found, &place) {
                    let _ = writeln!(missed, "{text:?}\n  got {}", show(&rules, &text, &found));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{missed}");
}

/// All that is found in the examples of all rules, each with the colour around it and around its first bytes.
fn coloured(scanner: &mut Scanner, (on, off): (&str, &str)) -> Vec<(String, std::ops::Range<usize>)> {
    let (rules, _) = builtin();
    let mut texts = Vec::new();
    for example in rules.iter().flat_map(|(_, rule)| &rule.matching) {
        let text = format!("settings of the service\n{}\nretries: 3\n", unmark(example).0);
        // Keys are read line by line, each with what stands around it.
        let is_sure =
            |f: &&Finding| f.confidence > Confidence::Low && rules.get(f.rule).category != Category::Pkey;
        for found in whole(scanner, text.as_bytes()).iter().filter(is_sure) {
            let secret = found.span.range();
            let (Some(before), Some(inside), Some(after)) =
                (text.get(..secret.start), text.get(secret.clone()), text.get(secret.end..))
            else {
                continue;
            };
            let is_one_line =
                !inside.contains(['\n', '\\']) && !before.contains("PRIVATE") && !inside.contains('%');
            if is_one_line && inside.is_char_boundary(3) {
                let start = before.len() + on.len();
                let whole = format!("{before}{on}{inside}{off}{after}");
                texts.push((whole, start..start + inside.len()));
                let (head, rest) = inside.split_at(3);
                let part = format!("{before}{on}{head}{off}{rest}{after}");
                texts.push((part, start..start + inside.len() + off.len()));
            }
        }
    }
    texts
}

#[test]
fn what_is_found_plain_is_found_in_colour() {
    let (rules, mut scanner) = builtin();
    for colour in COLOURS {
        let texts = coloured(&mut scanner, colour);
        let mut missed = String::new();
        for (text, secret) in &texts {
            let found = whole(&mut scanner, text.as_bytes());
            if !found.iter().any(|f| f.span.start <= secret.start && f.span.end >= secret.end) {
                let _ = writeln!(missed, "{text:?}\n  got {}", show(&rules, text, &found));
            }
        }
        assert!(texts.len() > rules.len(), "{} texts", texts.len());
        assert!(missed.is_empty(), "{colour:?}:\n{missed}");
    }
}

#[test]
fn windows_of_marked_texts_find_the_same() {
    let (rules, mut scanner) = builtin();
    let mut text = String::new();
    for (index, (part, _)) in
        coloured(&mut scanner, COLOURS[0]).iter().enumerate().filter(|(i, _)| i % 7 == 0)
    {
        let pair = unmark(PAIRS[index % PAIRS.len()]).0;
        let _ = write!(text, "{}{part}", listed(&pair, PREFIXES[index / 7 % PREFIXES.len()]));
    }
    let expected = whole(&mut scanner, text.as_bytes());
    for size in [300, 611, 1024, 4099, 32 * 1024] {
        let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
        let wrong = differences(&rules, &text, &found, &expected);
        assert!(found == expected, "windows of {size}: {wrong}");
    }
}

#[test]
fn listings_without_secrets_are_clean() {
    let (_, mut scanner) = builtin();
    for text in [
        "- name: PASSWORD_MIN\n  value: 12\n- name: TOKEN_TYPE\n  value: bearer\n",
        "fn token(\n    &self,\n    name: &str,\n) -> Token {\n    self.token\n}\n",
        "\"password\":\n  \"type\": \"string\"\n",
        "<key>PasswordRequired</key>\n<true/>\n",
    ] {
        for prefix in PREFIXES {
            let text = listed(text, prefix);
            assert_eq!(whole(&mut scanner, text.as_bytes()), [], "{text}");
        }
    }
}
