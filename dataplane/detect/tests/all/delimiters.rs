//! Values in which delimiters stand encoded: where such a value ends is decided in the encoded text.

use crate::common::{builtin, show, whole, windowed};
use aegis_detect::{
    FoundList, FoundValues, KNOWN_RULE, KnownKey, KnownList, KnownValues, Reach, Rules, Scanner,
    SearchValues, Selection,
};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

/// Values that an organisation listed.
const VALUES: [&str; 5] =
    ["zK8!21mQw2#9xT", "p&ssw0rd&Lm9<q>Z4", "Gr\u{fc}n\"Tee'7/kz+Pq=", "{q9}@[w8]:;,T5x", "two words 4Rk9 x"];

fn scanner() -> (Arc<Rules>, Scanner) {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    let rules = RULES.get_or_init(|| {
        let mut list = KnownList::new(KnownKey::new(&[9; 32]));
        for value in VALUES {
            list.insert(value.as_bytes()).expect("worth listing");
        }
        let known = Arc::new(KnownValues::new(&list));
        Rules::load(&Selection { known: Some(&known), ..Selection::default() }).expect("the rules compile")
    });
    (rules.clone(), Scanner::new(rules.clone()).expect("the engine runs here"))
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

/// A way to write a byte of a value.
type Writing = fn(u8) -> String;

/// Named entities, and numbers where there is none.
fn named(byte: u8) -> String {
    match byte {
        b'&' => "&amp;".into(),
        b'<' => "&lt;".into(),
        b'>' => "&gt;".into(),
        b'"' => "&quot;".into(),
        b'\'' => "&#39;".into(),
        _ => char::from(byte).into(),
    }
}

fn numbered(byte: u8) -> String {
    if plain(byte) || byte == b' ' { char::from(byte).into() } else { format!("&#{byte};") }
}

const ENTITIES: &[(&str, Writing)] = &[
    ("named", named),
    ("decimal", numbered),
    ("hex", |b| if plain(b) { char::from(b).into() } else { format!("&#x{b:x};") }),
    ("padded", |b| if plain(b) { char::from(b).into() } else { format!("&#{b:04};") }),
    ("all", |b| format!("&#{b};")),
];

const PERCENTS: &[(&str, Writing)] = &[
    (
        "component",
        |b| if plain(b) || b"!*'()".contains(&b) { char::from(b).into() } else { format!("%{b:02X}") },
    ),
    ("strict", |b| if plain(b) { char::from(b).into() } else { format!("%{b:02X}") }),
    ("lower", |b| if plain(b) { char::from(b).into() } else { format!("%{b:02x}") }),
    ("form", |b| {
        if b == b' ' {
            "+".into()
        } else if plain(b) {
            char::from(b).into()
        } else {
            format!("%{b:02X}")
        }
    }),
    ("all", |b| format!("%{b:02X}")),
];

fn written(value: &str, writing: Writing) -> String {
    value.bytes().map(writing).collect()
}

/// What libraries write in strings of JSON where they need not, one letter of many.
const STRINGS: &[(&str, Writing)] = &[
    ("Go", |b| if b"&<>".contains(&b) { format!("\\u{:04x}", u32::from(b)) } else { char::from(b).into() }),
    ("PHP", |b| if b == b'/' { "\\/".into() } else { char::from(b).into() }),
    ("one letter", |b| if b == b'2' { "\\u0032".into() } else { char::from(b).into() }),
    ("signs", |b| if plain(b) { char::from(b).into() } else { format!("\\x{b:02x}") }),
];

#[test]
fn known_values_are_found_in_every_writing() {
    let (rules, mut scanner) = scanner();
    let mut missed = Vec::new();
    for value in VALUES {
        let ascii_only = ENTITIES.iter().chain(STRINGS).filter(|_| value.is_ascii());
        for (name, writing) in ascii_only.chain(PERCENTS) {
            let value = written(value, *writing);
            // A plus is read as a blank beside escapes only.
            if value.contains('+') && !value.contains('%') {
                continue;
            }
            for (before, behind) in [
                ("p=", ""),
                ("it is ", " now"),
                ("<td>", "</td>\n"),
                ("https://h.example/?a=b&p=", "&c=d e"),
                ("x%20y%3D", "%20z"),
            ] {
                let text = format!("{before}{value}{behind}");
                let findings = whole(&mut scanner, text.as_bytes());
                let span = (before.len(), before.len() + value.len());
                let found = findings
                    .iter()
                    .any(|f| rules.get(f.rule).id == KNOWN_RULE && (f.span.start, f.span.end) == span);
                if !found {
                    missed.push(format!("{name}: {text}: {}", show(&rules, &text, &findings)));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn a_sign_that_encoders_leave_does_not_part_a_value() {
    let (_, mut scanner) = builtin();
    for value in
        ["Xq7AA'%3B4Rk", "Xq7AA'b%3B4Rk", "Xq7AA'%2C4Rk", "Xq7AA(%294Rk", "Xq7AA)%3B4Rk8s", "Xq7AA''%3B4Rk"]
    {
        for (before, behind) in
            [("username=bob&password=", "&x=1"), ("password=", ""), ("a=1&password=", " and")]
        {
            let text = format!("{before}{value}{behind}");
            let findings = whole(&mut scanner, text.as_bytes());
            let spans: Vec<_> = findings.iter().map(|f| &text[f.span.range()]).collect();
            // With a bracket it may be a call, and then it is no password at all.
            assert!(spans == [value] || spans.is_empty() && value.contains('('), "{text}: {spans:?}");
        }
    }
    // Around a link they end it.
    for (text, found) in [
        ("open 'https://h.example/?password=Xq7AA4Rk' then %3B", "Xq7AA4Rk"),
        ("(https://h.example/?password=Xq7AA4Rk)%20x", "Xq7AA4Rk"),
    ] {
        let findings = whole(&mut scanner, text.as_bytes());
        let spans: Vec<_> = findings.iter().map(|f| &text[f.span.range()]).collect();
        assert_eq!(spans, [found], "{text}");
    }
}

#[test]
fn a_password_ends_where_its_parameter_does() {
    let (rules, mut scanner) = builtin();
    let mut missed = Vec::new();
    for delimiter in [
        "%22", "%23", "%26", "%27", "%20", "+", "%3B", "%2C", "%3C", "%40", "%2F", "%3A", "%60", "%5C",
        "%7D", "%29", "%3D",
    ] {
        for password in [
            format!("Xq7f{delimiter}Kw29LmTz"),
            format!("Xq7fKw29LmTz{delimiter}4R"),
            format!("Xq{delimiter}7fKw29LmTz"),
            format!("{delimiter}Xq7fKw29LmTz"),
            format!("Xq7fKw29LmTz{delimiter}"),
            format!("Xq7f%21{delimiter}%21{delimiter}Kw29LmTz"),
            format!("Xq7f%40{delimiter}Kw29LmTz"),
            format!("Xq7f{delimiter}%40%23Kw29LmTz"),
        ] {
            let cases = [
                ("username=bob&password=", "&x=1"),
                ("password=", "&username=bob%20b"),
                ("password=", ""),
                ("I send `user=a%40b.example&db_password=", "` here"),
                ("https://api.example/login?user=bob&password=", "#top"),
                ("https://api.example/login?password=", " is it"),
                ("postgres://bob:", "@db.example:5432/app"),
                ("see https://bob%40x:", "@db.example/a%20b?x=%26 "),
            ];
            for (before, behind) in cases {
                if before.contains("//bob") && delimiter == "+" {
                    continue;
                }
                let text = format!("{before}{password}{behind}");
                let findings = whole(&mut scanner, text.as_bytes());
                let span = (before.len(), before.len() + password.len());
                if !findings.iter().any(|f| (f.span.start, f.span.end) == span) {
                    missed.push(format!("{text}: {}", show(&rules, &text, &findings)));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn what_is_no_parameter_ends_where_it_did() {
    let (rules, mut scanner) = builtin();
    for (text, found) in [
        ("q=my%20password=Xq7fKw29LmTz%20is%20wrong", "Xq7fKw29LmTz"),
        ("password%3DXq7fKw29LmTz%26user%3Dbob", "Xq7fKw29LmTz"),
        ("DB_PASSWORD=Xq7fKw29!%0AHOST=h%0A", "Xq7fKw29!"),
        ("password=%22Xq7fKw29LmTz%22&x=1", "Xq7fKw29LmTz"),
        ("db_password=Xq7fKw29LmTz%20user=bob", "Xq7fKw29LmTz"),
    ] {
        let findings = whole(&mut scanner, text.as_bytes());
        let spans: Vec<_> = findings.iter().map(|f| &text[f.span.range()]).collect();
        assert_eq!(spans, [found], "{text}: {}", show(&rules, text, &findings));
    }
}

/// Values that are found elsewhere are looked for in the same writings as listed ones.
#[test]
fn values_of_another_text_are_found_in_every_writing() {
    let rules = builtin().0;
    let mut scanner = Scanner::new(rules.clone()).expect("the engine runs here");
    let rule = rules.find("generic-password").expect("a rule");
    let mut list = FoundList::new(KnownKey::new(&[3; 32]));
    for value in VALUES {
        list.insert(value.as_bytes(), rule, Reach::Everywhere).expect("worth searching");
    }
    let remembered = Some(Arc::new(FoundValues::new(&list)));
    scanner.search_for(SearchValues { remembered, ..SearchValues::default() });
    for (_, writing) in ENTITIES.iter().chain(PERCENTS) {
        let value = written(VALUES[0], *writing);
        let text = format!("<p title='x &amp; y'>{value}</p>");
        let findings = whole(&mut scanner, text.as_bytes());
        let spans: Vec<_> = findings.iter().map(|f| &text[f.span.range()]).collect();
        assert_eq!(spans, [value.as_str()], "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Hiding what was found and putting it back gives the text again, nothing of a value stays, and all of it is the
    /// same in any windows.
    #[test]
    fn known_values_in_random_writings_places_and_cuts(
        pieces in prop::collection::vec((0usize..5, 0usize..10, "[ -~]{0,30}"), 1..10),
        sizes in prop::collection::vec(1usize..900, 0..8),
    ) {
        let (rules, mut scanner) = scanner();
        let writings: Vec<Writing> = ENTITIES.iter().chain(PERCENTS).map(|(_, writing)| *writing).collect();
        let (mut text, mut places) = (String::new(), Vec::new());
        for (value, writing, filler) in &pieces {
            let value = VALUES[*value];
            // A non-ASCII letter has no entity of one byte, and a plus is a blank beside other escapes only.
            let writing = if value.is_ascii() && *writing != 8 { writings[*writing] } else { writings[6] };
            text.push_str(&filler.replace(['%', '&', '+'], "."));
            text.push('|');
            let start = text.len();
            text.push_str(&written(value, writing));
            places.push((start, text.len()));
            text.push_str("|\n");
        }
        let expected = whole(&mut scanner, text.as_bytes());
        let known = expected.iter().filter(|f| rules.get(f.rule).id == KNOWN_RULE);
        let spans: Vec<_> = known.map(|f| (f.span.start, f.span.end)).collect();
        prop_assert_eq!(spans, places, "{}", text);
        let ends = sizes.iter().scan(0, |at, size| { *at += size; Some(*at) });
        let found = windowed(&mut scanner, text.as_bytes(), ends);
        prop_assert_eq!(show(&rules, &text, &found), show(&rules, &text, &expected));
    }

    /// Whatever a password is made of: it is found whole, or not at all.
    #[test]
    fn random_passwords_in_parameters_are_never_found_in_part(
        middle in "[!-~]{1,3}[ -~]{0,12}[!-~]{1,3}",
        writing in 0usize..5,
        place in 0usize..5,
        cut in 0usize..120,
    ) {
        let (_, mut scanner) = builtin();
        let password = format!("Xq7{middle}4Rk");
        let value = written(&password, PERCENTS[writing].1);
        let (before, behind) = [
            ("username=bob&password=", "&x=1"),
            ("password=", "&username=bob%20b"),
            ("curl 'https://api.example/login?user=a%40b&password=", "'"),
            ("user%5Bname%5D=b%20c&user%5Bpassword%5D=", " and more"),
            ("postgres://bob:", "@db.example:5432/app"),
        ][place];
        // Without any escape nothing says that a quote is of the value.
        prop_assume!(writing > 0 || value.contains('%'));
        // A quote in quotes ends them, and nobody writes it there.
        let value = if place == 2 { value.replace('\'', "%27") } else { value };
        // A blank in a URL's user is never a plus.
        let value = if place == 4 { value.replace('+', "%20") } else { value };
        let text = format!("{before}{value}{behind}");
        let span = before.len()..before.len() + value.len();
        let findings = whole(&mut scanner, text.as_bytes());
        // Few are no password to any rule; more would be too many.
        prop_assume!(!findings.is_empty());
        for found in &findings {
            let range = found.span.range();
            let is_apart = range.end <= span.start || range.start >= span.end;
            prop_assert!(is_apart || range == span, "{}: {:?}", text, &text[range]);
        }
        prop_assert_eq!(&windowed(&mut scanner, text.as_bytes(), [cut]), &findings);
    }
}
