//! Values that an organisation listed, of every length and make, in every writing, place and window: each is found whole.

use crate::common::{whole, windowed};
use crate::random::Random;
use aegis_detect::{KnownKey, KnownList, KnownValues, Rules, Scanner, Selection};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use std::fmt::Write as _;
use std::sync::Arc;

/// How many values there are of each length.
const VALUES: usize = 6;
const LENGTHS: [usize; 9] = [12, 13, 14, 15, 16, 17, 18, 22, 30];
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// What the values of one make hold beside letters and digits.
const SIGNS: [&[u8]; VALUES] = [b"", b"\"", b"\\", b"/+", b"&<'", b"!#$%^*=~|()[]{}@:;,?` "];

/// A value of a length, with signs of its own.
fn value(random: &mut Random, length: usize, signs: &[u8]) -> String {
    let mut bytes: Vec<u8> = (0..length).map(|_| ALNUM[random.below(ALNUM.len())]).collect();
    for _ in 0..usize::from(!signs.is_empty()) * 2 {
        let at = 1 + random.below(length - 2);
        bytes[at] = signs[random.below(signs.len())];
    }
    String::from_utf8(bytes).expect("ASCII")
}

fn each(value: &str, write: impl Fn(u8) -> String) -> String {
    value.bytes().map(write).collect()
}

fn as_is(byte: u8) -> String {
    char::from(byte).into()
}

/// All but letters and digits, as `write` has it.
fn signs(value: &str, write: impl Fn(u8) -> String) -> String {
    each(value, |b| if b.is_ascii_alphanumeric() { as_is(b) } else { write(b) })
}

/// The inside of a string of JSON.
fn json(value: &str) -> String {
    let text = serde_json::to_string(value).expect("a string");
    text[1..text.len() - 1].to_owned()
}

fn named(byte: u8) -> String {
    const NAMES: [(u8, &str); 32] = [
        (b'!', "excl"),
        (b'"', "quot"),
        (b'#', "num"),
        (b'$', "dollar"),
        (b'%', "percnt"),
        (b'&', "amp"),
        (b'\'', "apos"),
        (b'(', "lpar"),
        (b')', "rpar"),
        (b'*', "ast"),
        (b'+', "plus"),
        (b',', "comma"),
        (b'/', "sol"),
        (b':', "colon"),
        (b';', "semi"),
        (b'<', "lt"),
        (b'=', "equals"),
        (b'>', "gt"),
        (b'?', "quest"),
        (b'@', "commat"),
        (b'[', "lsqb"),
        (b'\\', "bsol"),
        (b']', "rsqb"),
        (b'^', "Hat"),
        (b'_', "lowbar"),
        (b'`', "grave"),
        (b'{', "lcub"),
        (b'|', "vert"),
        (b'}', "rcub"),
        (b'~', "#126"),
        (b' ', "nbsp"),
        (b'.', "period"),
    ];
    let name = NAMES.iter().find(|(of, _)| *of == byte).expect("a sign").1;
    format!("&{name};")
}

fn hexadecimal(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

type Writing = fn(&str) -> String;

/// Ways to write a value.
const WRITINGS: [(&str, Writing); 35] = [
    ("plain", str::to_owned),
    ("html", |v| {
        each(v, |b| match b {
            b'&' => "&amp;".into(),
            b'<' => "&lt;".into(),
            b'>' => "&gt;".into(),
            b'"' => "&quot;".into(),
            b'\'' => "&#x27;".into(),
            _ => as_is(b),
        })
    }),
    ("html, all names", |v| signs(v, named)),
    ("html, numbers", |v| signs(v, |b| format!("&#{b};"))),
    ("html, numbers of three digits", |v| signs(v, |b| format!("&#{b:03};"))),
    ("html, hex", |v| signs(v, |b| format!("&#x{b:X};"))),
    ("html, all numbers", |v| each(v, |b| format!("&#{b};"))),
    ("html, one number", |v| format!("{}&#{};{}", &v[..5], v.as_bytes()[5], &v[6..])),
    ("percent", |v| signs(v, |b| format!("%{b:02X}"))),
    ("percent, lower", |v| signs(v, |b| format!("%{b:02x}"))),
    ("percent, all", |v| each(v, |b| format!("%{b:02X}"))),
    ("percent, each fourth", |v| {
        let mut at = 0;
        each(v, |b| if b == b'%' { "%25".into() } else { as_is(b) }).bytes().fold(
            String::new(),
            |mut out, b| {
                at += 1;
                let _ = if at % 4 == 3 && b != b'%' && !out.ends_with('%') && !out.ends_with("%2") {
                    write!(out, "%{b:02X}")
                } else {
                    write!(out, "{}", b as char)
                };
                out
            },
        )
    }),
    ("form", |v| signs(v, |b| if b == b' ' { "+".into() } else { format!("%{b:02X}") })),
    ("percent twice", |v| signs(v, |b| format!("%25{b:02X}"))),
    ("base64", |v| STANDARD.encode(v)),
    ("base64, no padding", |v| STANDARD_NO_PAD.encode(v)),
    ("base64, for addresses", |v| URL_SAFE.encode(v)),
    ("base64, for addresses, no padding", |v| URL_SAFE_NO_PAD.encode(v)),
    ("base64 of a line", |v| STANDARD.encode(format!("{v}\n"))),
    ("base64 of a user", |v| STANDARD.encode(format!("admin:{v}"))),
    ("hex", hexadecimal),
    ("HEX", |v| hexadecimal(v).to_uppercase()),
    ("JSON", json),
    ("JSON in JSON", |v| json(&json(v))),
    ("PHP", |v| json(v).replace('/', "\\/")),
    ("PHP in JSON", |v| json(&json(v).replace('/', "\\/"))),
    ("Go", |v| json(v).replace('&', "\\u0026").replace('<', "\\u003c")),
    ("JSON, signs as numbers", |v| signs(v, |b| format!("\\u{b:04x}"))),
    ("JSON, all numbers", |v| each(v, |b| format!("\\u{b:04x}"))),
    ("JSON, one number", |v| format!("{}\\u{:04x}{}", json(&v[..5]), v.as_bytes()[5], json(&v[6..]))),
    ("JSON in JSON, all numbers", |v| each(v, |b| format!("\\\\u{b:04x}"))),
    ("C, all", |v| each(v, |b| format!("\\x{b:02x}"))),
    ("C, signs", |v| signs(v, |b| format!("\\x{b:02x}"))),
    ("percent in base64", |v| STANDARD.encode(format!("see {} now", signs(v, |b| format!("%{b:02X}"))))),
    ("base64 in percent", |v| signs(&STANDARD.encode(v), |b| format!("%{b:02X}"))),
];

/// What stands before and behind a value.
const PLACES: [(&str, &str); 12] = [
    (" ", " "),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("(", ")"),
    (">", "<"),
    ("=", "\n"),
    ("\n", "\n"),
    ("| ", " |"),
    ("- ", ", "),
    ("https://h.example/?q=", "&r=1 "),
    ("{\"k\": \"", "\"} "),
];

/// A scanner that knows these values.
fn scanner(values: &[String]) -> Scanner {
    let mut list = KnownList::new(KnownKey::new(&[9; 32]));
    for value in values {
        assert!(list.insert(value.as_bytes()).is_ok(), "{value}");
    }
    let known = Arc::new(KnownValues::new(&list));
    let selection = Selection { known: Some(&known), ..Selection::default() };
    let rules = Rules::load(&selection).expect("the rules compile");
    Scanner::new(rules).expect("the engine runs here")
}

/// However far behind its beginning a value has its first escape.
#[test]
fn an_escape_may_stand_anywhere_in_them() {
    let mut random = Random::new(6);
    let values: Vec<String> =
        [140, 300, 700, 1024].iter().map(|length| value(&mut random, *length, b"-")).collect();
    let mut scanner = scanner(&values);
    for value in &values {
        for _ in 0..12 {
            let at = random.below(value.len());
            let byte = value.as_bytes()[at];
            for escape in [format!("&#{byte};"), format!("\\u{byte:04x}"), format!("%{byte:02X}")] {
                let written = format!("{}{escape}{}", &value[..at], &value[at + 1..]);
                let text = format!("see it {written} end of it");
                let findings = whole(&mut scanner, text.as_bytes());
                let (start, end) = ("see it ".len(), "see it ".len() + written.len());
                assert!(
                    findings.iter().any(|f| f.span.start == start && f.span.end == end),
                    "{} bytes, {escape} at {at}",
                    value.len()
                );
                let cut = random.below(text.len());
                assert_eq!(windowed(&mut scanner, text.as_bytes(), [cut]), findings, "{escape} cut at {cut}");
            }
        }
    }
}

#[test]
fn they_are_found_whole() {
    let mut random = Random::new(5);
    let mut values = Vec::new();
    for length in LENGTHS {
        values.extend(SIGNS.iter().map(|signs| value(&mut random, length, signs)));
    }
    let mut scanner = scanner(&values);
    let mut missed: Vec<String> = Vec::new();
    for (name, writing) in WRITINGS {
        let mut of_writing = Vec::new();
        for value in &values {
            let written = writing(value);
            let (before, behind) = PLACES[random.below(PLACES.len())];
            let text = format!("see it{before}{written}{behind}. end of it");
            let start = "see it".len() + before.len();
            let end = start + written.len();
            let findings = whole(&mut scanner, text.as_bytes());
            // Padding says nothing.
            let least = start + written.trim_end_matches('=').len();
            let is_hidden = |at: usize| findings.iter().any(|f| f.span.start <= at && at < f.span.end);
            if !(start..least).all(is_hidden)
                || findings.iter().any(|f| f.span.end > end && f.span.start < end)
            {
                of_writing.push(format!("{value} as {text}"));
            }
            let cut = random.below(text.len());
            assert_eq!(windowed(&mut scanner, text.as_bytes(), [cut]), findings, "{text} cut at {cut}");
        }
        if !of_writing.is_empty() {
            let some = of_writing.len().min(3);
            missed.push(format!("{name}: {}: {:#?}", of_writing.len(), &of_writing[..some]));
        }
    }
    assert!(missed.is_empty(), "of {} values are missed:\n{}", values.len(), missed.join("\n"));
}
