//! The personal-data pack: on when it is selected, off otherwise, and quiet on text that only looks like people.

use crate::common::{assert_clean, builtin, show, whole, with_packs};

/// A letter full of personal data.
const LETTER: &str = "Mara Brandt, born 12 June 1984, mara.brandt@posteo.de, +49 30 5557 0193, \
    card 4532 1487 6540 9870, 10.24.3.117";

#[test]
fn the_pack_is_off_unless_it_is_selected() {
    let (rules, mut scanner) = builtin();
    let findings = whole(&mut scanner, LETTER.as_bytes());
    assert!(findings.is_empty(), "{}", show(&rules, LETTER, &findings));
}

#[test]
fn the_pack_finds_what_names_a_person() {
    let (rules, mut scanner) = with_packs();
    let findings = whole(&mut scanner, LETTER.as_bytes());
    let found: Vec<_> =
        findings.iter().map(|f| (rules.get(f.rule).id.as_str(), &LETTER[f.span.range()])).collect();
    let expected = [
        ("birth-date", "12 June 1984"),
        ("email-address", "mara.brandt@posteo.de"),
        ("phone-international", "+49 30 5557 0193"),
        ("payment-card", "4532 1487 6540 9870"),
        ("ipv4-address", "10.24.3.117"),
    ];
    assert_eq!(found, expected);
}

/// Kinds of text that are full of numbers and name nobody.
const CLEAN: &[(&str, &str)] = &[
    (
        "timestamps",
        "1700000000 1700000000000 1700000000000000 2024-01-15T10:30:00.123456789Z 20240115103000 12:34:56.789",
    ),
    ("UUIDs", "550e8400-e29b-41d4-a716-446655440000 6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ("hashes", "9fceb02d0ae598e95dc970b74767f19372d61af8 d41d8cd98f00b204e9800998ecf8427e 4532148765409870a"),
    (
        "numbers",
        "3.141592653589793 4503599627370496 9007199254740992 2147483647 18446744073709551615 1e-16 0.1234567890123456",
    ),
    ("versions", "1.2.3 1.2.3.4 v10.24.3.117 ==2.31.0.6 Chrome/120.0.6099.71 Safari/537.36 version 84.1.2.3"),
    ("byte dump", "00000010  01 02 03 04 05 06 07 08  09 0a 0b 0c 0d 0e 0f 10  |................|"),
    (
        "code",
        "std::fmt::Display a::b::c dead::beef add::fe x@y.transpose self.local threading.local() jdk.internal.misc.VM",
    ),
    ("package names", "react@18.2.0 @types/node@20.1.0 icon@2x.png git@github.com:acme/shop.git"),
    (
        "common addresses",
        "127.0.0.1 0.0.0.0 255.255.255.0 ::1 192.0.2.44 2001:db8::1 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff",
    ),
    ("diff", "@@ -1024,17 +1024,19 @@\n+2024-01-15 10:30:00 done\n+1234567890123456789\n-20240115"),
    ("table", "| 1200 | 3400 | 5600 | 7800 |\n1000 2000 3000 4000 5000\n2001 2002 2003"),
    ("fingerprint", "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48"),
    (
        "ids",
        "issue 123456789, tweet 1234567890123456789, /status/1746189726348124160, ASIN B00EXAMPLE, ISBN 978-3-16-148410-0",
    ),
    (
        "words",
        "born to run in 84 minutes; passport control; dob = parse(x); telephone exchange; hotel 12 rooms",
    ),
];

#[test]
fn numbers_that_name_nobody_pass() {
    let (rules, mut scanner) = with_packs();
    assert_clean(&rules, &mut scanner, CLEAN);
}
