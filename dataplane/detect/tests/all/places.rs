//! Values at places whose name says what they are, whatever they are made of: found whole, or not at all; and found, where
//! they look random.

use crate::common::{builtin, show, whole, windowed};
use crate::keys::{RSA, body};
use aegis_detect::Scanner;
use proptest::prelude::*;

fn in_json(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

fn in_xml(value: &str) -> String {
    let named = |sign| match sign {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        sign => sign.to_string(),
    };
    value.chars().map(named).collect()
}

fn numbered(value: &str) -> String {
    let written = |sign: char| {
        if sign.is_ascii_alphanumeric() { sign.to_string() } else { format!("&#{};", u32::from(sign)) }
    };
    value.chars().map(written).collect()
}

fn percent(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let written = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(written).collect()
}

/// What stands before a value, how it is written there, and what stands behind it.
type Place = (&'static str, fn(&str) -> String, &'static str);

const STRINGS: [Place; 7] = [
    ("{\"password\":\"", in_json, "\"}"),
    ("{\"user\": \"bob\", \"db_password\" : \"", in_json, "\", \"port\": 1}"),
    ("[{\"Passwd\":\n  \"", in_json, "\"}]"),
    ("DB_PASSWORD=\"", in_json, "\"\n"),
    ("password = \"", in_json, "\";\n"),
    ("<ds password=\"", in_xml, "\" x=\"1\"/>"),
    ("<add key=\"password\" value=\"", in_xml, "\"/>"),
];

const ELEMENTS: [Place; 8] = [
    ("<c><password>", in_xml, "</password></c>"),
    ("<password type=\"s\">\n    ", in_xml, "\n  </password>"),
    ("<property name=\"password\">", in_xml, "</property>"),
    ("<ds:Password>", in_xml, "</ds:Password>"),
    ("<password>", numbered, "</password>"),
    ("<password><![CDATA[", str::to_owned, "]]></password>"),
    ("<p name=\"password\">\n<![CDATA[", str::to_owned, "]]>\n</p>"),
    ("{\"xml\":\"<a>\\n <password>", in_xml, "</password>\\n</a>\"}"),
];

const FIELDS: [Place; 3] = [
    ("<connectionString>Server=a;Password=", in_xml, ";</connectionString>"),
    ("<add connectionString=\"Server=a;User Id=b;Password=", in_xml, ";Database=c\"/>"),
    ("<connectionString>Server=a;Uid=b;Pwd=", in_xml, "</connectionString>"),
];

const LINKS: [Place; 8] = [
    ("https://a.example/login?password=", percent, " is it"),
    ("GET /a?u=1&db_password=", percent, "&b=2 HTTP/1.1"),
    ("https://a.example/?user%5Bpassword%5D=", percent, "&n=1"),
    ("https://a.example/?user[password]=", percent, "#top"),
    ("<a href=\"https://a.example/l?user=a&amp;password=", percent, "&amp;x=2\">"),
    ("curl -d 'a=1&password=", percent, "&u=1' https://a.example/"),
    ("{\"body\":\"u=1&password=", percent, "&k=2\"}"),
    ("\"amqp://u:", percent, "@mq.example/v\""),
];

fn places() -> impl Iterator<Item = Place> {
    [&STRINGS[..], &ELEMENTS, &FIELDS, &LINKS].concat().into_iter()
}

/// What was found of a value at a place: nothing, or its text.
fn found_at(scanner: &mut Scanner, (before, write, behind): Place, value: &str) -> (String, Vec<String>) {
    let written = write(value);
    let text = format!("{before}{written}{behind}");
    let span = before.len()..before.len() + written.len();
    let findings = whole(scanner, text.as_bytes());
    let there = findings.iter().filter(|found| found.span.start < span.end && found.span.end > span.start);
    let parts = there.map(|found| String::from_utf8_lossy(&text.as_bytes()[found.span.range()]).into_owned());
    (written, parts.collect())
}

/// Fails unless each value is found whole at each place.
fn assert_found(places: &[Place], values: &[&str]) {
    let (_, mut scanner) = builtin();
    let mut missed = Vec::new();
    for place in places {
        for value in values {
            let (written, found) = found_at(&mut scanner, *place, value);
            if found != [written] {
                missed.push(format!("{}{value}{}: {found:?}", place.0, place.2));
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn a_string_in_a_password_s_place_is_one_whatever_its_signs() {
    let values = [
        "gT5vLq8x Wz2RkPq1",
        "gT5v Lq8x Wz2R kPq1",
        "/mecpECNKk4XalX",
        "'l3uuGomMaTF6YB",
        "rZLe2S1${QI2k1g6",
        "rZLe2S1{{QI2k1g6",
        "{e15gPtVtGxdIIl}",
        "<jcRKJVUFq53iZ5>",
        "[xK9mPq2LwZ7vT4]",
        "%Rg7mShQk8q%",
        "$ZcZ2xgrxO4BY0f",
        "{{HApEYebu9hmdQ2",
        "%sT7kQ2wXm9LpZ4",
        ":aV4kQ9xLm2ZpT8",
        "*bW5lR8yKn3XqV1",
        "#kQ9xLmZpTvWbRy",
        "k2v9x0q7 b4m1s8d3",
        "xKiyz5fDVebTODosF",
        "D7xKqZ//Wm4pTv",
    ];
    assert_found(&STRINGS[..5], &values);
}

#[test]
fn an_element_s_text_is_a_value_whatever_its_signs() {
    let values = [
        "gT5vLq8x&Wz2RkPq1",
        "gT5vLq8x<Wz2RkPq1",
        "gT5vLq8x>Wz2RkPq1",
        "gT5vLq8x\"Wz2RkPq1",
        "gT5vLq8x'Wz2RkPq1",
        "gT5vLq8x,Wz2;RkPq1",
        "gT5vLq8x]]Wz2RkPq1",
        "gT5vLq8x</Wz2RkPq1",
        "gT5vLq8x<b>Wz2RkPq1",
        "&gT5vLq8xWz2RkPq1;",
        "gT5vLq8x&lt;Wz2RkPq1",
        "gT5vLq8x Wz2RkPq1",
        "gT5vLq8x\\Wz2RkPq1",
    ];
    assert_found(&ELEMENTS[..7], &values);
}

#[test]
fn a_connection_string_s_field_is_a_value_whatever_its_signs() {
    let values = [
        "gT5vLq8x&Wz2RkPq1",
        "gT5vLq8x<Wz2RkPq1",
        "gT5vLq8x\"Wz2RkPq1",
        "gT5vLq8x,Wz2RkPq1",
        "gT5vLq8x]Wz2}RkPq1)",
        "gT5v Lq8x Wz2RkPq1",
        "=gT5vLq8xWz2RkPq1",
        "~gT5vLq8xWz2RkPq1",
        "*gT5vLq8xWz2RkPq1",
        "gT5vLq8x`Wz2RkPq1",
    ];
    assert_found(&FIELDS, &values);
    assert_found(&FIELDS[..2], &["gT5vLq8x&Wz2=RkPq1", "gT5vLq8x</Wz2RkPq1"]);
}

#[test]
fn a_parameter_of_a_link_is_a_value_whatever_its_signs() {
    let values = [
        "fu\"bg7BYDbg5tnWI#Zv0oZ3o",
        "b'bg7BYDbg5tnWIZv0oZ3o",
        "XP<GuQZH9,6Blt1A",
        "Eoo'RBIp%20pHhLGA:4c",
        "r3v* Hgo8P%26B+HbOcS",
        "=oUtcxl0yL2%20rl1URwAN2",
        "\"oUtcxl0yL2&rl1URwAN2",
        "~oUtcxl0yL2;rl1URwAN2",
        "wtJ9l2U$(fPPn6Rz",
    ];
    assert_found(&LINKS[..7], &values);
    assert_found(&LINKS[7..], &["$STTn8TdKk0PGs1ti9NxI79fd", "gT5v{Lq8xWz2RkPq1", "<gT5vLq8xWz2RkPq1>"]);
}

#[test]
fn what_is_to_be_filled_in_is_no_value() {
    let (rules, mut scanner) = builtin();
    for place in STRINGS[..5].iter().chain(&ELEMENTS[..3]) {
        for value in [
            "{dbPassword}",
            "<your-password>",
            "[REDACTED]",
            "%DB_PASS%",
            "$DB_PASSWORD",
            "$dbPasswordV2",
            "{{ vault_db_password }}",
            "${DB_PWD}",
            "${signedJWT}",
            "${getJWT()}",
            "pre-${DB_PWD",
            "%(password)s",
            ":dbPassword",
            "*default",
            "#addPassword",
            "/run/secrets/db_password",
            "/etc/passwd",
            "/vault/kv2/Prod/DbRoot",
            "Enter your password",
            "Must contain 8 characters",
            "SHA256 hash of password",
            "see RFC2617 for details",
            "Password for User2",
            "at least 8 chars, 1 upper",
            "AWS Secrets Manager",
        ] {
            let (_, found) = found_at(&mut scanner, *place, value);
            assert!(found.is_empty(), "{}{value}: {found:?}", place.0);
        }
    }
    for text in [
        "<label for=\"password\">Kennwort<span>*</span></label>",
        "<password><value>a</value></password>",
        "<th>password</th><td>Xq7f</td>",
        "{authorization: `Bearer ${signedJWT}`, token: `${getJWT()}`}",
        "if ($password =~ /[A-Z]{2}x4/) { next }",
    ] {
        let findings = whole(&mut scanner, text.as_bytes());
        assert!(findings.is_empty(), "{}", show(&rules, text, &findings));
    }
}

/// Identifiers hold as many kinds of characters as what is random, but they spell words.
#[test]
fn random_tokens_are_told_from_identifiers() {
    let (rules, mut scanner) = builtin();
    for (value, expected) in [
        ("OFigeMOwpdyreS8r2ELeh7TYEFn", 1),
        ("Base64UrlEncoderV2Test", 0),
        ("oauth2AccessTokenV2NameX1", 0),
        ("com.example.Api2Client3Factory", 0),
    ] {
        let text = format!("\"auth_token\": \"{value}\"");
        let findings = whole(&mut scanner, text.as_bytes());
        assert_eq!(findings.len(), expected, "{}", show(&rules, &text, &findings));
    }
}

/// What joins the lines of a key that was put into one line.
const JOINTS: [&str; 24] = [
    " ",
    "  ",
    "\t",
    "\\t",
    ",",
    ", ",
    ";",
    "|",
    " | ",
    "::",
    "\u{b}",
    "\u{c}",
    "\u{a0}",
    "\u{2028}",
    "<br>",
    "<br/>",
    "<BR />",
    "<br>\n",
    "</p><p>",
    "</td></tr>\n<tr><td>",
    "&#10;",
    "&#xA;",
    "&#13;&#10;",
    "&nbsp;",
];
/// What may stand before its body.
const HEADS: [&[&str]; 4] = [
    &[],
    &["Version: GnuPG v2", ""],
    &["Comment: made by x"],
    &["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,0F3C5A7788AA99BB", ""],
];
/// What a body may end with: short, without digits, padded.
const LAST: [&str; 4] =
    ["beSEii/UNfQmqbFBjEMZXPtk", "aYaLoZZ/OzhddYJrSooUtA==", "tfUVZrKtVHurQKgiuk/A", "aBcDeFgH"];

/// A key whose lines have `width` characters and are joined, with its lines.
fn joined_key(head: &[&str], width: usize, last: &str, joint: &str) -> (String, Vec<String>) {
    let chars: String = body(RSA).concat();
    let whole_lines = chars.as_bytes().chunks_exact(width).take(11);
    let mut lines: Vec<_> =
        whole_lines.map(|line| String::from_utf8(line.to_vec()).expect("ASCII")).collect();
    lines.push(last.to_owned());
    let marks = ["-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"];
    let all =
        [&marks[..1], head, &lines.iter().map(String::as_str).collect::<Vec<_>>(), &marks[1..]].concat();
    (all.join(joint), lines)
}

/// The lines of a key of which something stays.
fn left_of(text: &str, findings: &[aegis_detect::Finding], lines: &[String]) -> Vec<String> {
    let mut left = text.as_bytes().to_vec();
    for found in findings {
        left[found.span.range()].fill(0);
    }
    let stays =
        |line: &&String| line.as_bytes().windows(8).any(|part| memchr::memmem::find(&left, part).is_some());
    lines.iter().filter(stays).cloned().collect()
}

#[test]
fn a_key_in_one_line_is_found_whatever_joins_its_lines() {
    let (_, mut scanner) = builtin();
    let mut missed = Vec::new();
    for joint in JOINTS {
        for (head, last) in HEADS.iter().flat_map(|head| LAST.map(|last| (head, last))) {
            for width in [64, 76] {
                let (key, lines) = joined_key(head, width, last, joint);
                for text in [key.clone(), format!("<k v=\"{key}\"/>"), format!("it is {key} now")] {
                    let left = left_of(&text, &whole(&mut scanner, text.as_bytes()), &lines);
                    if !left.is_empty() {
                        missed.push(format!("{joint:?} {head:?} {width}: {left:?}"));
                    }
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed[..missed.len().min(20)].join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    /// Whatever a value is made of and however it is written: it is found whole, or not at all, in any windows.
    #[test]
    fn random_values_are_never_found_in_part(
        middle in "[!-~]{1,3}[ -~]{0,9}[!-~]{1,3}",
        place in 0usize..26,
        cut in 0usize..120,
    ) {
        let (rules, mut scanner) = builtin();
        let place = places().nth(place).expect("a place");
        let is_field = FIELDS.iter().any(|field| field.0 == place.0);
        // A `;` ends a field, a second `=` begins another, and an encoded tag may be what ends the last one.
        let middle = if is_field { middle.replace([';', '=', '<', '"', '\'', '\\'], "!") } else { middle };
        let (before, write, behind) = place;
        let value = format!("Xq7{middle}4Rk");
        let text = format!("{before}{}{behind}", write(&value));
        let span = before.len()..text.len() - behind.len();
        let findings = whole(&mut scanner, text.as_bytes());
        for found in &findings {
            let range = found.span.range();
            let is_apart = range.end <= span.start || range.start >= span.end;
            prop_assert!(is_apart || range == span, "{}: {}", text, show(&rules, &text, &findings));
        }
        prop_assert_eq!(&windowed(&mut scanner, text.as_bytes(), [cut]), &findings);
    }

    /// Lines of any width, joined by anything, in any windows.
    #[test]
    fn joined_keys_are_hidden_to_their_last_line(
        joint in 0usize..JOINTS.len(),
        head in 0usize..HEADS.len(),
        last in 0usize..LAST.len(),
        width in prop::sample::select(vec![48usize, 60, 64, 72, 76]),
        cut in 0usize..1200,
    ) {
        let (_, mut scanner) = builtin();
        let (text, lines) = joined_key(HEADS[head], width, LAST[last], JOINTS[joint]);
        let findings = windowed(&mut scanner, text.as_bytes(), [cut]);
        let left = left_of(&text, &findings, &lines);
        prop_assert!(left.is_empty(), "{:?} {:?}: {:?}", text, cut, left);
    }
}
