//! The generic class: credentials recognised by names and places, in every notation, plain and inside a JSON chat body.

mod clean;
mod found;

use crate::common::{builtin, show, whole, windowed};
use aegis_detect::Scanner;

/// The text without its marks, and the marked spans.
pub(crate) fn unmark_all(example: &str) -> (String, Vec<(usize, usize)>) {
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
    let found: Vec<_> = findings.iter().map(|f| (f.span.start, f.span.end)).collect();
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
fn words_are_taken_for_what_they_are() {
    use aegis_detect::Confidence::{Low, Medium};
    let cases = [
        ("password: «heron7»", Medium),
        ("PASSWORD=«sunshine»", Medium),
        ("DB_PASS=«sunshine»", Medium),
        ("db_pass: «sunshine9»", Medium),
        ("curl -u admin:«winter» https://host", Medium),
        ("mysql -p«winter»", Medium),
        ("password = \"«sunshine»\"", Medium),
        ("Server=h;Uid=x;Password=«winter»;", Medium),
        ("the password is \"«winter»\"", Medium),
        ("Password=«winter»", Low),
        ("{\"password\":\"«letmein»\"}", Low),
        ("{\"password\":\"«sunshine»\"}", Low),
        ("DB_PASSWORD=«changeme»", Low),
        ("password = \"«changeme»\"", Low),
        ("password = \"«thisismypassword»\"", Low),
        ("password = \"«secret»\"", Low),
        ("[smtp]\nhost = mail.test\npassword = «marmalade»\n", Medium),
        ("[smtp]\n; relay\n  password = «brave_otter»\n", Medium),
        ("login = joe\npassword = «marmalade»\n", Low),
        ("host = mail.test\nport = 25\npassword = «marmalade»\n", Low),
        ("smtp:\n  username: joe\n  password: «marmalade»\n", Low),
        ("{\"password\":\"«brave-otter-lantern»\"}", Medium),
        ("password: «brave-otter-lantern»\n", Medium),
        ("db_password = '«brave_otter_lantern_nine»'", Medium),
        ("{\"password\": \"«482913»\"}", Medium),
        ("password = \"«4829»\"", Low),
        ("password = \"«otter»\"", Low),
        ("password == \"«root»\"", Low),
        ("admin_password: «admin»\n", Low),
        ("login(user: \"joe\", password: \"«marmalade»\")", Low),
        ("<password>«marmalade»</password>", Low),
        ("Password=«SunnyDay»", Low),
        ("<DB_PASSWORD>«AX4a,CW;.aH7bt»</DB_PASSWORD>", Medium),
        ("<password>«gT5vLq8x,Wz2'RkP.»</password>", Medium),
        ("secret: \"«otter4711»\"", Low),
        ("define('DB_PASSWORD', '«admin»');", Low),
        ("\"userPassword\" : \"«loganBerryJam»\"", Low),
        ("<password>«loganBerryJam»</password>", Low),
        ("pwd: \"«marmaladebraveotter»\"", Low),
        ("Password=«marmalade»;Database=shop;Username=joe;", Medium),
    ];
    let (rules, mut scanner) = builtin();
    for (example, confidence) in cases {
        for (text, spans) in [unmark_all(example), embedded(example)] {
            let findings = whole(&mut scanner, text.as_bytes());
            let found: Vec<_> = findings.iter().map(|f| (f.span.start, f.span.end, f.confidence)).collect();
            let expected: Vec<_> = spans.iter().map(|(a, b)| (*a, *b, confidence)).collect();
            assert_eq!(found, expected, "{text:?}: {}", show(&rules, &text, &findings));
        }
    }
}

#[test]
fn look_alikes_are_left_alone() {
    check(clean::CLEAN);
}

#[test]
fn however_they_are_cut() {
    let (rules, mut scanner) = builtin();
    let lists = [found::FILES, found::CODE, found::WIRES, found::PROSE, found::VARIED, clean::CLEAN];
    let plain = lists.concat().iter().map(|e| unmark_all(e).0).collect::<Vec<_>>().join("\n\n");
    for text in [escaped(&plain), plain] {
        let expected = whole(&mut scanner, text.as_bytes());
        for size in [97, 389, 1021, 4099] {
            let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
            assert_eq!(show(&rules, &text, &found), show(&rules, &text, &expected), "windows of {size}");
        }
    }
}
