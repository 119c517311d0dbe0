//! Values that stand encoded: hidden whole, every other byte as it was, and restored in the encoding in which they stood.

use proptest::prelude::*;
use serde_json::json;

use crate::format::Format;
use crate::request::tests::support::{restore, run};

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

fn percent(value: &str) -> String {
    let written = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(written).collect()
}

fn entities(value: &str) -> String {
    let written = |byte| match byte {
        b'&' => "&amp;".to_owned(),
        b'<' => "&lt;".to_owned(),
        b'"' => "&quot;".to_owned(),
        byte if is_plain(byte) || byte == b' ' => char::from(byte).to_string(),
        byte => format!("&#{byte};"),
    };
    value.bytes().map(written).collect()
}

/// Hides what is found in a conversation of these texts, and restores it. Gives what was sent.
fn there_and_back(texts: &[String]) -> String {
    let body = json!({"messages": texts.iter().map(|text| json!({"content": text})).collect::<Vec<_>>()});
    let body = body.to_string();
    let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(restore(&out, &outcome, 1)).unwrap(), body);
    String::from_utf8(out).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Found by its name in one text, it stands encoded in others, where no rule would know it.
    #[test]
    fn a_value_that_was_found_is_hidden_in_every_writing(
        middle in "[!#$&(-,./:-@^a-zA-Z0-9]{6,14}",
        place in 0usize..3,
    ) {
        let value = format!("zK8{middle}Qw2");
        let (before, behind) = [("p=", "&x=1"), ("it is ", " now"), ("<td>", "</td>")][place];
        let texts = [
            format!("DB_PASSWORD=\"{value}\""),
            format!("{before}{}{behind}", percent(&value)),
            format!("{before}{}{behind}", entities(&value)),
        ];
        let out = there_and_back(&texts);
        if !out.contains(&json!(texts[0]).to_string()) {
            for part in ["zK8", "Qw2"] {
                prop_assert!(!out.contains(part), "{}", out);
            }
        }
    }

    /// Found by the name of its element, where entities are in it, it stands as it is meant elsewhere.
    #[test]
    fn a_value_of_an_element_is_hidden_in_every_writing(
        middle in "[!#$(-,./;:=@^&<>\"a-zA-Z0-9]{6,14}",
        place in 0usize..4,
    ) {
        let value = format!("zK8{middle}Qw2");
        let (before, behind) = [
            ("<password>", "</password>"),
            ("<property name=\"password\">", "</property>"),
            ("<ds password=\"", "\"/>"),
            ("<password type=\"s\">\n  ", "\n</password>"),
        ][place];
        let texts = [
            format!("{before}{}{behind}", entities(&value)),
            format!("then log in with {value} there"),
            format!("p={}&x=1", percent(&value)),
        ];
        let out = there_and_back(&texts);
        let parts = ["zK8", "Qw2"].map(|part| out.matches(part).count());
        prop_assert!(parts == [0, 0] || out.contains(&json!(texts[0]).to_string()), "{}", out);
    }

    /// In forms, queries and users of URLs; whole, or not at all.
    #[test]
    fn a_password_with_encoded_delimiters_is_hidden_whole(
        middle in "[!-~]{1,4}[ -~]{0,8}[!-~]{1,4}",
        place in 0usize..4,
    ) {
        let password = percent(&format!("zK8{middle}Qw2"));
        let (before, behind) = [
            ("I send username=bob&password=", "&x=1 there"),
            ("see https://h.example/login?user=a%40b&password=", "#top"),
            ("password=", ""),
            ("postgres://bob:", "@db.example/app"),
        ][place];
        let out = there_and_back(&[format!("{before}{password}{behind}")]);
        prop_assert_eq!(out.contains("zK8"), out.contains("Qw2"), "{}", out);
        let kept = json!(format!("{before}|{behind}")).to_string();
        prop_assert!(kept.trim_matches('"').split('|').all(|part| out.contains(part)), "{}", out);
    }
}

#[test]
fn passwords_with_the_usual_delimiters_are_found() {
    for delimiter in ["%22", "%23", "%26", "%27", "%20"] {
        for text in [
            format!("username=bob&password=zK8m21{delimiter}mQw2%23&x=1"),
            format!("https://h.example/?password=zK8m21{delimiter}mQw2%23"),
            format!("postgres://bob:zK8m21%40{delimiter}mQw2%23@db.example/app"),
        ] {
            let out = there_and_back(&[text]);
            assert!(!out.contains("zK8") && !out.contains("Qw2") && !out.contains(delimiter), "{out}");
        }
    }
}
