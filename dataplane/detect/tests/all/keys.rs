//! Private keys: every line of them is found without what stands before it, in every listing, cut and window.

use crate::common::{builtin, differences, whole, windowed};
use aegis_detect::{Finding, Part, Reach};
use proptest::prelude::*;

/// Made for these tests and used nowhere.
pub(crate) const RSA: &str = include_str!("keys/rsa.pem");
pub(crate) const ED25519: &str = include_str!("keys/ed25519.pem");
pub(crate) const EC: &str = include_str!("keys/ec.pem");
pub(crate) const ENCRYPTED: &str = include_str!("keys/encrypted.pem");
pub(crate) const LEGACY: &str = include_str!("keys/legacy.pem");
pub(crate) const OPENSSH: &str = include_str!("keys/openssh");
pub(crate) const OPENSSH_RSA: &str = include_str!("keys/openssh-rsa");
pub(crate) const PGP: &str = include_str!("keys/pgp.asc");
pub(crate) const PUTTY2: &str = include_str!("keys/putty2.ppk");
pub(crate) const PUTTY3: &str = include_str!("keys/putty3.ppk");
pub(crate) const SSH2: &str = include_str!("keys/ssh2");

pub(crate) const KEYS: [(&str, &str); 11] = [
    ("RSA", RSA),
    ("Ed25519", ED25519),
    ("EC", EC),
    ("PKCS#8, encrypted", ENCRYPTED),
    ("PKCS#1, encrypted", LEGACY),
    ("OpenSSH", OPENSSH),
    ("OpenSSH, RSA", OPENSSH_RSA),
    ("OpenPGP", PGP),
    ("PuTTY 2", PUTTY2),
    ("PuTTY 3", PUTTY3),
    ("SSH2", SSH2),
];

/// The lines of a key that must be hidden: all but those that open and close it and that say what it is.
pub(crate) fn body(key: &str) -> Vec<&str> {
    let stays = |line: &str| {
        line.is_empty()
            || line.starts_with("-----")
            || line.starts_with("---- ")
            || line.starts_with("PuTTY-")
            || [
                "Encryption",
                "Public-Lines",
                "Private-Lines",
                "Key-Derivation",
                "Argon2-Memory",
                "Argon2-Passes",
            ]
            .iter()
            .any(|name| line.starts_with(name))
            || line.starts_with("Argon2-Parallelism")
    };
    let value = |line| {
        let (_, value) = str::split_once(line, ": ")?;
        Some(value.trim_matches('"'))
    };
    key.lines().filter(|line| !stays(line)).map(|line| value(line).unwrap_or(line)).collect()
}

/// How tools show a file.
type Listing = (&'static str, fn(usize, &str) -> String);

const LISTINGS: [Listing; 24] = [
    ("as it is", |_, line| format!("{line}\n")),
    ("CRLF", |_, line| format!("{line}\r\n")),
    ("arrows", |n, line| format!("{n:6}\u{2192}{line}\n")),
    ("a gutter", |n, line| format!("{n:4}\u{2502}{line}\n")),
    ("a heavy gutter", |n, line| format!("{n:>4} \u{2503} {line}\n")),
    ("cat -n", |n, line| format!("{n:6}\t{line}\n")),
    ("no-break spaces", |n, line| format!("{n}\u{a0}\u{a0}{line}\n")),
    ("a table", |n, line| format!("| {n} | {line} |\n")),
    ("added", |_, line| format!("+{line}\n")),
    ("removed", |_, line| format!("-{line}\n")),
    ("context", |_, line| format!(" {line}\n")),
    ("quoted", |_, line| format!("> {line}\n")),
    ("grep -n", |n, line| format!("/home/me/Keys/server01/Private/id:{n}:{line}\n")),
    ("grep", |_, line| format!("deploy/keys/id_rsa:{line}\n")),
    ("a log", |n, line| format!("2026-01-02T03:04:{:02}Z web-1 | {line}\n", n % 60)),
    ("colours", |n, line| format!("\u{1b}[32m{n}\u{1b}[0m \u{1b}[1;31m{line}\u{1b}[0m\n")),
    ("indented", |_, line| format!("        {line}\n")),
    ("literal line ends", |_, line| format!("{line}\\n")),
    ("literal line ends, twice", |_, line| format!("{line}\\\\n")),
    ("literal line ends, thrice", |_, line| format!("{line}\\\\\\\\n")),
    ("literal CRLF", |_, line| format!("{line}\\r\\n")),
    ("code", |_, line| format!("    \"{line}\\n\" +\n")),
    ("JSON lines", |n, line| format!("{{\"n\":{n},\"text\":\"{}\"}}\n", line.replace('"', "\\\""))),
    ("records of a search", |n, line| {
        let line = line.replace('"', "\\\"");
        format!(
            "{{\"type\":\"match\",\"lines\":{{\"text\":\"{line}\\n\"}},\"line_number\":{n},\"absolute_offset\":{}}}\n",
            n * 65
        )
    }),
];

fn listed(key: &str, listing: fn(usize, &str) -> String) -> String {
    key.lines().enumerate().map(|(n, line)| listing(n + 8, line)).collect()
}

fn found<'t>(text: &'t str, findings: &[Finding]) -> Vec<&'t str> {
    findings.iter().map(|finding| &text[finding.span.range()]).collect()
}

#[test]
fn every_line_is_found_without_its_gutter_in_every_listing() {
    let (_, mut scanner) = builtin();
    for (name, key) in KEYS {
        for (listing, list) in LISTINGS {
            let text = format!("before\n{}after\n", listed(key, list));
            let findings = whole(&mut scanner, text.as_bytes());
            assert_eq!(found(&text, &findings), body(key), "{name}, {listing}:\n{text}");
            assert!(matches!(findings[0].part, Part::First { .. }), "{name}, {listing}");
            assert!(findings[1..].iter().all(|f| f.part == Part::Next), "{name}, {listing}");
        }
    }
}

#[test]
fn the_end_of_a_key_is_followed_back_to_its_first_line() {
    let (_, mut scanner) = builtin();
    for (name, key) in
        [("RSA", RSA), ("OpenSSH", OPENSSH_RSA), ("PKCS#8, encrypted", ENCRYPTED), ("OpenPGP", PGP)]
    {
        let lines: Vec<&str> = key.lines().collect();
        for from in 3..lines.len() - 4 {
            let rest = lines[from..].join("\n");
            for (listing, list) in LISTINGS.iter().filter(|(listing, _)| *listing != "code") {
                for before in ["", "the rest:\n"] {
                    let text = format!("{before}{}after\n", listed(&rest, *list));
                    let findings = whole(&mut scanner, text.as_bytes());
                    assert_eq!(
                        found(&text, &findings),
                        body(&rest),
                        "{name} from {from}, {listing}:\n{text}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_beginning_without_an_end_is_found() {
    let (_, mut scanner) = builtin();
    for (name, key) in KEYS {
        let lines: Vec<&str> = key.lines().collect();
        let first = lines.iter().position(|line| line.len() > 60).unwrap();
        for to in first + 1..lines.len() {
            let part = lines[..to].join("\n");
            for (listing, list) in LISTINGS {
                let text = format!("{}\nThat is all of it that I have, can you help?\n", listed(&part, list));
                let findings = whole(&mut scanner, text.as_bytes());
                assert_eq!(found(&text, &findings), body(&part), "{name} up to {to}, {listing}:\n{text}");
            }
        }
    }
}

#[test]
fn a_key_may_be_cut_over_the_texts_of_a_request() {
    let (_, mut scanner) = builtin();
    let between = [
        "\"},{\"type\":\"text\",\"text\":\"",
        "\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_01Qw8eR7tY6uI5oP4aS3dF2g\",\"content\":\"",
    ];
    for (name, key) in [("RSA", RSA), ("OpenSSH", OPENSSH_RSA), ("Ed25519", ED25519)] {
        let first = key.find('\n').unwrap() + 40;
        for at in first..key.find("\n-----END").unwrap() {
            for gap in between {
                let text = format!("{{\"content\":\"{}{gap}{}\"}}", &key[..at], &key[at..]);
                let findings = whole(&mut scanner, text.as_bytes());
                // Padding alone says nothing.
                let hidden = found(&text, &findings).concat().replace('=', "");
                let expected = body(key).concat().replace('=', "");
                assert_eq!(hidden, expected, "{name} cut at {at}:\n{text}");
            }
        }
    }
}

#[test]
fn keys_in_any_windows_are_the_same() {
    let (rules, mut scanner) = builtin();
    let text: String = KEYS
        .iter()
        .zip(LISTINGS.iter().cycle().skip(2))
        .flat_map(|((_, key), (_, list))| [listed(key, *list), "and some words\n".to_owned()])
        .collect();
    let expected = whole(&mut scanner, text.as_bytes());
    for cut in (1..text.len()).step_by(3) {
        let found = windowed(&mut scanner, text.as_bytes(), [cut]);
        assert!(found == expected, "cut at {cut}: {}", differences(&rules, &text, &found, &expected));
    }
    for size in [64, 333, 1000, 4096] {
        let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
        assert!(found == expected, "windows of {size}: {}", differences(&rules, &text, &found, &expected));
    }
}

#[test]
fn keys_of_any_length_are_found_in_any_windows() {
    let (rules, mut scanner) = builtin();
    let line = |n: usize| format!("q1W2e3R4t5Y6u7I8o9P0{n:08}a1S2d3F4g5H6j7K8l9Z0x1C2v3B4n5M6Q7W");
    let lines: Vec<String> = (0..1400).map(line).collect();
    for (listing, list) in LISTINGS {
        for closed in [true, false] {
            let end = if closed { "\n-----END PGP PRIVATE KEY BLOCK-----" } else { "" };
            let key = format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{}{end}", lines.join("\n"));
            let text = listed(&key, list);
            assert!(text.len() > 5 * 16 * 1024);
            let expected = whole(&mut scanner, text.as_bytes());
            assert_eq!(found(&text, &expected), lines, "{listing}");
            for size in [17_000, 32 * 1024] {
                let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
                assert!(
                    found == expected,
                    "{listing}, windows of {size}: {}",
                    differences(&rules, &text, &found, &expected)
                );
            }
        }
    }
}

#[test]
fn a_tail_in_any_windows_is_the_same() {
    let (rules, mut scanner) = builtin();
    let line = |n: usize| format!("q1W2e3R4t5Y6u7I8o9P0{n:08}a1S2d3F4g5H6j7K8l9Z0x1C2v3B4n5M6Q7W");
    let lines: Vec<String> = (0..120).map(line).collect();
    let key = format!("{}\n-----END RSA PRIVATE KEY-----", lines.join("\n"));
    for (listing, list) in
        LISTINGS.iter().filter(|(listing, _)| !["code", "records of a search"].contains(listing))
    {
        let text = format!("{}{}", "some words\n".repeat(80), listed(&key, *list));
        let expected = whole(&mut scanner, text.as_bytes());
        assert!(expected.len() > 60, "{listing}");
        for size in [700, 4096, 17_000] {
            let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
            assert!(
                found == expected,
                "{listing}, windows of {size}: {}",
                differences(&rules, &text, &found, &expected)
            );
        }
    }
}

#[test]
fn lines_that_say_nothing_of_a_key_are_hidden_in_place_only() {
    let (_, mut scanner) = builtin();
    let in_place = |scanner: &mut _, key: &str| -> Vec<String> {
        let findings = whole(scanner, key.as_bytes());
        let of = findings.iter().filter(|f| f.reach == Reach::InPlace);
        of.map(|f| key[f.span.range()].to_owned()).collect()
    };
    assert_eq!(in_place(&mut scanner, ED25519), Vec::<String>::new());
    assert_eq!(in_place(&mut scanner, EC), Vec::<String>::new());
    let openssh = in_place(&mut scanner, OPENSSH);
    assert_eq!(openssh[0], OPENSSH.lines().nth(1).unwrap());
    assert!(openssh[1..].iter().all(|line| line.len() < 16));
    assert_eq!(in_place(&mut scanner, LEGACY)[..2], body(LEGACY)[..2]);
    let public = PUTTY3.lines().position(|line| line.starts_with("Public-Lines")).unwrap();
    assert!(in_place(&mut scanner, PUTTY3).contains(&PUTTY3.lines().nth(public + 1).unwrap().to_owned()));
    let private = PUTTY3.lines().position(|line| line.starts_with("Private-Lines")).unwrap();
    assert!(!in_place(&mut scanner, PUTTY3).contains(&PUTTY3.lines().nth(private + 1).unwrap().to_owned()));
}

#[test]
fn what_follows_an_open_key_is_no_key() {
    let (_, mut scanner) = builtin();
    let part: String = RSA.lines().take(6).collect::<Vec<_>>().join("\n");
    for after in [
        "\n\nPlease have a look at it.\nThanks\n",
        "\"},{\"type\":\"tool_use\",\"id\":\"toolu_01Qw8eR7tY6uI5oP4aS3dF2g\",\"name\":\"Read\",\"input\":{\"path\":\"a\"}}]",
        "\n... the rest is cut ...\nclass PrivateKeyReaderFactory {\n    parse(text);\n}\n",
        "\n-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n-----END CERTIFICATE-----\n",
        "\ncommit 3f786850e387550fdab836ed7e6dc881de23001b\n",
    ] {
        let text = format!("{part}{after}");
        let findings = whole(&mut scanner, text.as_bytes());
        assert_eq!(found(&text, &findings), body(&part), "{after}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn keys_among_anything_in_random_windows(
        parts in prop::collection::vec((0usize..KEYS.len(), 0usize..LISTINGS.len(), 0usize..40, 0usize..60), 1..5),
        sizes in prop::collection::vec(1usize..2000, 1..12),
    ) {
        let (rules, mut scanner) = builtin();
        let text: String = parts
            .iter()
            .map(|&(key, listing, from, count)| {
                let lines: Vec<&str> = KEYS[key].1.lines().skip(from).take(count).collect();
                listed(&lines.join("\n"), LISTINGS[listing].1) + "\"},{\"text\":\"words\n"
            })
            .collect();
        let expected = whole(&mut scanner, text.as_bytes());
        let ends = sizes.iter().scan(0, |at, size| { *at += size; Some(*at) });
        let found = windowed(&mut scanner, text.as_bytes(), ends);
        prop_assert!(found == expected, "{}", differences(&rules, &text, &found, &expected));
    }
}
