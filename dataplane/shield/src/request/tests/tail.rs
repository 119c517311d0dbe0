//! Long values are hidden to their last byte: at every length around a limit of the rules, and over the ends of
//! windows.

use std::collections::HashSet;

use crate::format::Format;
use crate::request::tests::support::{restore, run};

/// Bytes of a value in a row that would be a leak.
const LEAK: usize = 16;

/// Lengths at which rules or windows have, or had, a limit: each is tried, with one byte less and one more.
const BORDERS: [usize; 14] = [
    200,
    256,
    768,
    1024,
    2048,
    2600,
    4096,
    5 * 1024,
    8192,
    16 * 1024,
    17 * 1024,
    32 * 1024,
    64 * 1024,
    100 * 1024,
];

/// Where a value stands, and what stands behind it and stays.
const PLACES: [(&str, &str, &str); 16] = [
    ("userinfo", "see postgres://app:", "@db.internal/app now"),
    ("token as user", "see https://", "@git.internal/app.git now"),
    ("quoted", "password = \"", "\" and then"),
    ("single quotes", "api_key: '", "' and then"),
    ("environment", "X=1\nDB_PASSWORD=", "\nNEXT=2"),
    ("YAML", "host: a\naccess_token: ", "\nport: 2"),
    ("JSON", "{\"client_secret\": \"", "\", \"next\": 1}"),
    ("escaped JSON", "{\"a\": \"{\\\"client_secret\\\": \\\"", "\\\", \\\"next\\\": 1}\"}"),
    ("element", "<password>", "</password><next>"),
    ("query", "GET https://h.internal/x?access_token=", "&next=1 now"),
    ("header", "Authorization: Bearer ", "\nAccept: next"),
    ("bearer", "they said bearer ", " was next"),
    (
        "web token",
        "with eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIyOTQ5NTM4MDAi",
        ".CU1X7w8UXUpq2xaiWPImEO next",
    ),
    ("command", "sshpass -p ", " ssh next"),
    ("mysql", "mysql -u root -p", " next"),
    ("Secret", "apiVersion: v1\nkind: Secret\nstringData:\n  a: ", "\n  next: x"),
];

/// Made-up letters and digits.
fn value(len: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let alphabet = b"ABCDEFGHJKLMNPQRSTVWXYZabcdefghijkmnopqrstuvwxyz0123456789";
        char::from(alphabet[(state >> 33) as usize % alphabet.len()])
    };
    (0..len).map(|_| next()).collect()
}

/// The first run of `value` that stands in `out`.
fn leak<'v>(out: &[u8], value: &'v str) -> Option<(usize, &'v str)> {
    let seen: HashSet<&[u8]> = out.windows(LEAK).collect();
    (0..value.len() - LEAK)
        .find(|&at| seen.contains(&value.as_bytes()[at..at + LEAK]))
        .map(|at| (at, &value[at..at + LEAK]))
}

/// Checks one text in all formats; says what is wrong with it.
fn faults(text: &str, secret: &str, behind: &str) -> Vec<String> {
    let string = serde_json::to_string(text).unwrap();
    let inner = serde_json::to_string(&format!("{{\"args\":{string}}}")).unwrap();
    let bodies = [
        ("text", Format::Text, text.to_owned()),
        ("JSON", Format::Json, format!("{{\"content\":{string},\"last\":1}}")),
        ("JSON in JSON", Format::Json, format!("{{\"content\":{inner},\"last\":1}}")),
        ("JSON as text", Format::Text, format!("{{\"content\":{string},\"last\":1}}")),
        ("JSON in JSON as text", Format::Text, format!("{{\"content\":{inner},\"last\":1}}")),
    ];
    let mut faults = Vec::new();
    for (name, format, body) in bodies {
        let (out, outcome) = run(format, body.as_bytes()).unwrap();
        if let Some(leak) = leak(&out, secret) {
            faults.push(format!("{name}: {leak:?} of {} left", secret.len()));
        }
        let kept = behind.split_whitespace().last().unwrap_or_default();
        let kept = kept.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if memchr::memmem::find(&out, kept.as_bytes()).is_none() {
            faults.push(format!("{name}: {kept:?} behind {} bytes is gone", secret.len()));
        }
        // Values of letters and digits are the same at every depth; what stands between two of them may have escapes.
        if !(0..=2).any(|depth| restore(&out, &outcome, depth) == body.as_bytes()) {
            faults.push(format!("{name}: {} bytes are not restored", secret.len()));
        }
    }
    faults
}

#[test]
fn no_length_leaves_a_tail() {
    let mut all = Vec::new();
    for (place, before, behind) in PLACES {
        for border in BORDERS {
            for len in border - 1..=border + 1 {
                // The largest are tried once: it is the windows that they cross, wherever these begin.
                if border > 32 * 1024 && len != border {
                    continue;
                }
                let secret = value(len);
                let found = faults(&format!("{before}{secret}{behind}"), &secret, behind);
                all.extend(found.into_iter().map(|fault| format!("{place}, {fault}")));
            }
        }
    }
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all[..all.len().min(60)].join("\n"));
}

#[test]
fn no_place_in_a_window_leaves_a_tail() {
    let mut all = Vec::new();
    let secret = value(20_000);
    for (place, before, behind) in PLACES {
        for filler in (0..40_000).step_by(1999) {
            let text = format!("{}\n{before}{secret}{behind}", "a word ".repeat(filler / 7));
            let found = faults(&text, &secret, behind);
            all.extend(found.into_iter().map(|fault| format!("{place} at {filler}, {fault}")));
        }
    }
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all[..all.len().min(60)].join("\n"));
}

#[test]
fn equal_values_have_equal_tokens_wherever_they_stand() {
    let secret = value(50_000);
    let text = format!("DB_PASSWORD={secret}\n{}\nDB_PASSWORD={secret}\n", "a word ".repeat(999));
    let (out, outcome) = run(Format::Text, text.as_bytes()).unwrap();
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = out.lines().filter(|line| line.starts_with("DB_")).collect();
    assert_eq!(lines[0], lines[1]);
    assert_eq!(outcome.vault.len(), 4, "pieces of 16 KiB");
}
