//! Tests of the list and of what is found.

use super::limits::MAX_SHARED;
use super::*;
use crate::rules::{Rules, Selection};
use crate::scanner::{Scanner, Window};
use std::collections::HashMap;
use std::sync::Arc;

const SECRET: [u8; 32] = *b"a made-up key of thirty-two byte";

fn list(values: &[&str]) -> KnownList {
    let mut list = KnownList::new(KnownKey::new(&SECRET));
    for value in values {
        assert_eq!(list.insert(value.as_bytes()), Ok(Inserted::New), "{value}");
    }
    list
}

fn scanner(list: &KnownList) -> Scanner {
    let known = Arc::new(KnownValues::new(list));
    Scanner::new(Rules::load(&Selection { known: Some(&known), ..Selection::default() }).unwrap()).unwrap()
}

fn spans(scanner: &mut Scanner, text: &str) -> Vec<(usize, usize)> {
    let rules = scanner.rules().clone();
    let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
    let known = scan.findings.iter().filter(|f| rules.get(f.rule).id == KNOWN_RULE);
    known.map(|f| (f.span.start, f.span.end)).collect()
}

#[test]
fn a_list_survives_its_file_and_every_kind_of_damage_is_named() {
    let list = list(&["Brunnen-Kresse_77", "zwölf Tassen Tee?", "0815471108154711"]);
    let text = list.to_text();
    let read = KnownList::parse(KnownKey::new(&SECRET), &text).unwrap();
    assert_eq!(read.to_text(), text);
    assert!(read.contains("zwölf Tassen Tee?".as_bytes()) && !read.contains(b"zwolf Tassen Tee?"));
    let parse = |text: &str| KnownList::parse(KnownKey::new(&SECRET), text).unwrap_err().to_string();
    assert!(parse("").starts_with("line 1: not a list of known values"));
    assert!(parse("passwords\n").starts_with("line 1: not a list"));
    let other = KnownList::parse(KnownKey::new(&[1; 32]), &text).unwrap_err();
    assert!(matches!(other, KnownError::Key { .. }), "{other}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(parse(&lines[..3].join("\n")), "line 3: the last line is missing: the list was cut");
    let with = |line: &str| parse(&[lines[0], lines[1], line, lines[3], lines[4]].join("\n"));
    assert_eq!(with("x"), "line 3: two groups of hexadecimal digits are expected");
    assert_eq!(with("x y"), "line 3: 64 hexadecimal digits are expected first");
    assert_eq!(with(&lines[2][..112]), "line 3: 48 hexadecimal digits are expected second");
    assert_eq!(with(lines[1]), "line 3: the same value as before");
    let mut swapped = lines[2].to_owned();
    swapped.replace_range(65..67, if lines[2][65..].starts_with("00") { "ff" } else { "00" });
    assert_eq!(with(&swapped), "line 3: damaged");
    let without = [lines[0], lines[1], lines[2], lines[4]].join("\n");
    assert_eq!(parse(&without), KnownError::Damaged.to_string());
    assert_eq!(parse(&format!("{text}more\n")), KnownError::Damaged.to_string());
    let mut piece = lines[2].to_owned();
    piece.replace_range(80..82, if lines[2][80..].starts_with("00") { "ff" } else { "00" });
    assert_eq!(with(&piece), KnownError::Damaged.to_string());
}

#[test]
fn a_list_without_its_key_shows_nothing_of_its_values() {
    let text = list(&["Brunnen-Kresse_77", "zwölf Tassen Tee?"]).to_text();
    let again = list(&["zwölf Tassen Tee?", "Brunnen-Kresse_77"]).to_text();
    assert_eq!(text, again, "the order of values does not show");
    let mut other = KnownList::new(KnownKey::new(&[7; 32]));
    other.insert(b"Brunnen-Kresse_77").unwrap();
    let other = other.to_text();
    let b = other.lines().nth(1).unwrap();
    for a in text.lines().skip(1).take(2) {
        let same = a.bytes().zip(b.bytes()).filter(|(a, b)| a == b).count();
        assert!(same < 30, "{same} of {} digits agree under another key", a.len());
    }
    assert!(!format!("{:?}", KnownKey::new(&SECRET)).contains("piece"));
}

#[test]
fn weak_values_are_refused_with_the_reason() {
    let mut list = KnownList::new(KnownKey::new(&SECRET));
    let mut refused = |value: &str| list.insert(value.as_bytes()).unwrap_err();
    assert_eq!(refused("Ab3!xyz"), KnownRefusal::Short(7));
    assert_eq!(refused(&"Ab3!".repeat(257)[..=MAX_KNOWN_LEN]), KnownRefusal::Long(MAX_KNOWN_LEN + 1));
    assert_eq!(refused(" Ab3!xyz9"), KnownRefusal::Space);
    assert_eq!(refused("Ab3!xyz9\t"), KnownRefusal::Space);
    assert_eq!(refused("abcabcabc"), KnownRefusal::Monotonous(3));
    assert_eq!(refused("20240517123"), KnownRefusal::Digits(11));
    assert_eq!(refused("transaction"), KnownRefusal::Word);
    assert_eq!(refused("Configuration"), KnownRefusal::Word);
    assert_eq!(refused("Password123"), KnownRefusal::Placeholder);
    assert_eq!(refused("ab").to_string(), "the value is 2 bytes long; 8 are the least");
    assert_eq!(
        refused("77777777").to_string(),
        "the value is made of 1 different characters; 4 are the least"
    );
    for fine in ["Ab3!xyz9", "202405171234", "correct horse battery staple", "qxvkzjwp"] {
        assert_eq!(list.insert(fine.as_bytes()), Ok(Inserted::New), "{fine}");
        assert_eq!(list.insert(fine.as_bytes()), Ok(Inserted::Already), "{fine}");
    }
    assert_eq!(list.insert("Ab3!".repeat(256).as_bytes()), Ok(Inserted::New));
}

#[test]
fn values_are_removed_by_themselves_and_by_their_id() {
    let mut list = list(&["Brunnen-Kresse_77", "zwölf Tassen Tee?"]);
    assert!(!list.remove(b"never listed") && list.remove(b"Brunnen-Kresse_77"));
    let (id, length) = list.iter().next().unwrap();
    assert_eq!((length, list.len()), (18, 1));
    let shown = id.to_string();
    assert!(list.remove_id(shown.parse().unwrap()) && list.is_empty() && !list.remove_id(id));
    assert!("12ab".parse::<KnownId>().is_err());
}

#[test]
fn no_more_than_a_few_values_share_an_anchor() {
    // 33 * 33 values of nine bytes have 66 places of eight between them, and those have room for 1,056.
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg";
    let mut list = KnownList::new(KnownKey::new(&SECRET));
    let mut refused = 0;
    for (first, last) in letters.chars().flat_map(|a| letters.chars().map(move |b| (a, b))) {
        match list.insert(format!("{first}b3!xyz9{last}").as_bytes()) {
            Ok(kept) => assert_eq!(kept, Inserted::New),
            Err(refusal) => {
                assert_eq!(refusal, KnownRefusal::Shared);
                refused += 1;
            }
        }
    }
    assert!(refused >= 33, "{refused}");
    let mut shared: HashMap<u32, usize> = HashMap::new();
    list.entries().for_each(|entry| *shared.entry(entry.anchor).or_default() += 1);
    assert_eq!(shared.values().max(), Some(&MAX_SHARED));
}

#[test]
fn values_stand_anywhere_and_short_ones_not_inside_words() {
    let mut scanner = scanner(&list(&["Brunnen-Kresse_77", "kR4!wq#9", "maWe9Tuz"]));
    for around in ["@", "x=@;", "ab@cd", "{\"a\":\"@\"}", "\\n@\\n", "é@é", "%3D@"] {
        let at = around.find('@').unwrap();
        for (value, anywhere) in [("Brunnen-Kresse_77", true), ("kR4!wq#9", true), ("maWe9Tuz", false)] {
            let text = around.replace('@', value);
            let expected = if anywhere || around != "ab@cd" { vec![(at, at + value.len())] } else { vec![] };
            let expected = if value == "kR4!wq#9" && around == "ab@cd" { vec![] } else { expected };
            assert_eq!(spans(&mut scanner, &text), expected, "{text}");
        }
    }
    assert_eq!(spans(&mut scanner, "user_maWe9Tuz-x maWe9Tuz2 2maWe9Tuz"), [(5, 13)]);
    assert_eq!(spans(&mut scanner, "Brunnen-Kresse_7 brunnen-kresse_77 Brunnen-Kresse_78"), []);
    assert_eq!(spans(&mut scanner, "Brunnen-Kresse_77Brunnen-Kresse_77"), [(0, 17), (17, 34)]);
}

#[test]
fn a_known_value_wins_over_every_other_rule_and_gives_exactly_its_span() {
    let token = "ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A";
    let mut scanner = scanner(&list(&[token, "Q5kP2vX8nR1tY7"]));
    assert_eq!(spans(&mut scanner, &format!("password={token}")), [(9, 9 + token.len())]);
    assert_eq!(spans(&mut scanner, "password=\"aQ5kP2vX8nR1tY7b\""), [(11, 25)]);
}

#[test]
fn values_of_every_filter_are_found() {
    let made = |n: usize| format!("v{n:x}-{:x}", (n as u64 + 3).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for count in [1, 17, 65, 128, 129, 601, 2_501, 10_001, 40_001] {
        let mut list = KnownList::new(KnownKey::new(&SECRET));
        (0..count).for_each(|n| assert_eq!(list.insert(made(n).as_bytes()), Ok(Inserted::New)));
        let mut scanner = scanner(&list);
        for n in [0, count / 2, count - 1] {
            for pad in 0..45 {
                let text = format!("{}{} and more", " ".repeat(pad), made(n));
                assert_eq!(spans(&mut scanner, &text), [(pad, pad + made(n).len())], "{count} {n} {pad}");
            }
        }
    }
}

#[test]
fn values_in_runs_stand_anywhere_and_need_no_more_than_the_run() {
    // Runs of twelve and of sixteen, at either end of the value and inside it.
    let twelve = ["!9kQxvTz7Lw2b", "Wq8LmZx4RtYp!", "#b7TnKc3VxPq9s#", "zYx9WvU8tSr7"];
    let sixteen = ["!4hGf6DsA9pOi8UyT", "kJ5hG4fD3sA2zX1c", "mN7/bV6+cX5-zL4k/jH3"];
    // So many more that looking runs up is worth it.
    let others: Vec<String> = (0..150).map(|n| format!("Qz{n:04}xW7vK3pL9tR5")).collect();
    for values in [&twelve[..], &sixteen, &[&twelve[..], &sixteen].concat()] {
        let mut list = list(values);
        for other in &others {
            assert_eq!(list.insert(other.as_bytes()), Ok(Inserted::New));
        }
        assert!(list.entries().all(|e| e.run.is_some()));
        assert!(KnownValues::new(&list).runs().is_some());
        let mut scanner = scanner(&list);
        for value in values {
            for before in 0..140 {
                for fill in [" ", "a", "-"] {
                    let text = format!("{}{value}", fill.repeat(before));
                    let place = (before, before + value.len());
                    assert_eq!(spans(&mut scanner, &text), [place], "{text}");
                    let text = format!("{text}{} and more", fill.repeat(9));
                    assert_eq!(spans(&mut scanner, &text), [place], "{text}");
                }
            }
        }
    }
}

#[test]
fn a_long_list_of_keys_and_a_few_passwords_is_looked_for_in_both_ways() {
    let mut list = KnownList::new(KnownKey::new(&SECRET));
    let key = |n: usize| format!("{:016x}", (n as u64 + 3).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mixed = ["kR4!wq#9", "zwölf Tassen Tee?", "!9kQxvTz7Lw2b"];
    for value in mixed {
        assert_eq!(list.insert(value.as_bytes()), Ok(Inserted::New));
    }
    let runs = |list: &KnownList| KnownValues::new(list).runs().map(|length| length as usize);
    assert_eq!(runs(&list), None);
    (0..2_497).for_each(|n| assert_eq!(list.insert(key(n).as_bytes()), Ok(Inserted::New)));
    assert_eq!(runs(&list), None, "2,500 values");
    list.insert(key(2_497).as_bytes()).unwrap();
    assert_eq!(runs(&list), Some(16), "2,501 values");
    let mut scanner = scanner(&list);
    for value in mixed.map(str::to_owned).into_iter().chain([key(0), key(2_497)]) {
        for pad in 0..70 {
            let text = format!("{}{value}.", " ".repeat(pad));
            assert_eq!(spans(&mut scanner, &text), [(pad, pad + value.len())], "{text}");
        }
    }
}

#[test]
fn long_values_are_found_at_every_place_whether_or_not_short_ones_are_listed() {
    let key = KnownKey::new(&SECRET);
    let has_more =
        |value: &str| anchor::KnownEntry::of(value.as_bytes(), &key, |_| 0).unwrap().wide_pieces.is_some();
    assert!(has_more("x9$Kq2!mZp7&") && !has_more("x9$Kq2!mZp7"), "twelve bytes");
    let long = ["x9$Kq2!mZp7&", "Wq8L!mZx4R#t", "zwölf Tassen Tee?"];
    for values in [&long[..], &[&long[..], &["kR4!wq#9"]].concat()] {
        let mut scanner = scanner(&list(values));
        for value in values {
            for before in 0..80 {
                for behind in ["", ".", " and more, so that other lookups follow"] {
                    let text = format!("{}{value}{behind}", " ".repeat(before));
                    assert_eq!(spans(&mut scanner, &text), [(before, before + value.len())], "{text}");
                }
            }
        }
    }
}

#[test]
fn anchors_stand_in_runs_that_are_long_and_not_monotonous() {
    let key = KnownKey::new(&SECRET);
    let run = |value: &str| {
        anchor::KnownEntry::of(value.as_bytes(), &key, |_| 0).unwrap().run.map(|run| run as usize)
    };
    assert_eq!(run("!9kQxvTz7Lw2"), None);
    assert_eq!(run("!9kQxvTz7Lw2b"), Some(12));
    assert_eq!(run("9kQxvTz7Lw2bR5m!"), Some(12));
    assert_eq!(run("9kQxvTz7Lw2bR5mW"), Some(16));
    assert_eq!(run("----------------!Zq8"), None);
    let far = format!("{}9kQxvTz7Lw2bR5mW", "!a?".repeat(22));
    assert_eq!(run(&far), None, "too far from the value's first byte");
}

#[test]
fn a_text_of_nothing_but_anchors_stays_linear() {
    let zeros = "0".repeat(MAX_KNOWN_LEN);
    let values: Vec<String> = (0..40).map(|n| format!("Ab3!xyz9{}", &zeros[..900 + n])).collect();
    let mut list = KnownList::new(KnownKey::new(&SECRET));
    for value in &values {
        assert_eq!(list.insert(value.as_bytes()), Ok(Inserted::New));
    }
    let mut scanner = scanner(&list);
    let mut work = |length: usize| {
        let text = "Ab3!xyz9".repeat(length / 8);
        spans(&mut scanner, &text);
        scanner.work()
    };
    let (less, more) = (work(10_000), work(40_000));
    assert!(less > 10_000 && more < 5 * less, "{less} {more}");
    assert!(more < 40_000 * (MAX_SHARED * MAX_KNOWN_LEN / 64) as u64, "{more}");
}
