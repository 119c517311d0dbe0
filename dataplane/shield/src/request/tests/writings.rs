//! One value in several writings: with the escapes of strings, quotes of its own, in one piece and line by line.

use base64::Engine as _;
use serde_json::json;

use crate::format::Format;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{restore, run};
use crate::request::tokenizer::TokenizeOutcome;

const KEY: &str = include_str!("../../../../detect/tests/all/keys/rsa.pem");
const QUOTED: &str = "gT5vLq8x\"Wz2RkPq1";

fn hidden(body: &str) -> (String, TokenizeOutcome) {
    let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
    (String::from_utf8(out).unwrap(), outcome)
}

#[test]
fn a_quote_or_a_line_end_in_a_string_does_not_end_its_value() {
    for value in [QUOTED, "gT5vLq8x\nWz2RkPq1", "gT5vLq8x\"\"\n\"Wz2RkPq1", "gT5vLq8xWz2R\""] {
        for body in [
            json!({"db_password": value, "b": "x \"y\""}),
            json!([{"input": {"name": "DB_PASSWORD", "value": value}}]),
            json!({"arguments": json!({"db_password": value, "b": 1}).to_string()}),
        ] {
            let body = body.to_string();
            let (out, outcome) = hidden(&body);
            assert!(!out.contains("gT5v") && !out.contains("kPq1"), "{out}");
            assert!(
                outcome.vault.tokens().any(|token| outcome.vault.resolve(token) == Some(value.as_bytes()))
            );
            let depth = if body.contains("arguments") { 2 } else { 1 };
            assert_eq!(String::from_utf8(restore(out.as_bytes(), &outcome, depth)).unwrap(), body);
        }
    }
}

#[test]
fn what_stands_before_a_quote_of_its_own_need_not_look_like_a_value() {
    for (name, value) in [
        ("access_token", "L'S\"WDTfrB5c[F'3Jcq57v|'8.4k8"),
        ("postgres_password", "d6J\"G'H7?k5eUY?.NJCHZvJ\"HPpDNFh|)Ar|6!gj7UFnd"),
        ("client_secret", "3byDt4bdE\"N:89qKuSc7MaHKRp';]F#npJnP}@7uVW)kyk0"),
        ("api_secret", "\"gT5vLq8xWz2RkPq1"),
    ] {
        let named = json!({name: value}).to_string();
        for body in [
            named.clone(),
            json!({"content": named}).to_string(),
            json!([{"name": name, "value": value}]).to_string(),
            json!({"content": json!([{"key": name, "value": value}]).to_string()}).to_string(),
            format!("{{\"value\": {}, \"name\": \"{name}\"}}", json!(value)),
        ] {
            let (out, outcome) = hidden(&body);
            assert!(!out.contains(&value[value.len() - 8..]), "{out}");
            let depth = if body.contains("content") { 2 } else { 1 };
            assert_eq!(String::from_utf8(restore(out.as_bytes(), &outcome, depth)).unwrap(), body);
        }
    }
}

#[test]
fn documents_one_behind_the_other_in_a_string_are_read_alike() {
    let value = "gT5vLq8x\\Wz2RkPq1";
    let document = json!({"db_password": value}).to_string();
    let body = json!([format!("{document}\n{document}{document}")]).to_string();
    let (out, outcome) = hidden(&body);
    assert_eq!((outcome.vault.len(), outcome.report.total()), (1, 3), "{out}");
    assert_eq!(String::from_utf8(restore(out.as_bytes(), &outcome, 2)).unwrap(), body);
}

#[test]
fn short_values_are_hidden_under_base64_as_well() {
    let standard = &base64::engine::general_purpose::STANDARD;
    for value in ["gT5vLq8xWz2", "gT5vLq8xWz2R", "gT5vLq8xWz2Rk?~", "gT5vLq8xWz2Rk"] {
        for written in [value.to_owned(), format!("{value}\n")] {
            let encoded = standard.encode(written);
            for encoded in [encoded.clone(), encoded.trim_end_matches('=').to_owned()] {
                let body =
                    json!([format!("DB_PASSWORD={value}"), format!("it is {encoded} there")]).to_string();
                let (out, _) = hidden(&body);
                assert!(!out.contains(&encoded[..8]), "{out}");
            }
        }
    }
}

#[test]
fn a_quote_ends_a_value_that_does_not_begin_its_string() {
    for body in [
        json!({"content": "db_password=\"gT5vLq8xWz2RkPq1\" is set"}),
        json!({"content": "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\" is the token"}),
    ] {
        let (out, outcome) = hidden(&body.to_string());
        assert!(out.contains(r#"\" is "#) && outcome.report.total() == 1, "{out}");
    }
}

#[test]
fn a_value_with_a_quote_is_hidden_whole_at_every_border_of_windows() {
    let long = format!("{QUOTED}{}kPq1", "ab-\"12".repeat(60));
    for (value, step) in [(QUOTED, 1), (&long, 3)] {
        let body = json!({"db_password": value, "b": "x \"y\""}).to_string();
        for at in (0..body.len()).step_by(step) {
            let body = format!("{}{body}", " ".repeat(WINDOW - at));
            let (out, outcome) = hidden(&body);
            assert!(!out.contains("gT5v") && !out.contains("kPq1"), "{at}: {out}");
            assert_eq!(String::from_utf8(restore(out.as_bytes(), &outcome, 1)).unwrap(), body, "{at}");
        }
    }
}

#[test]
fn escapes_are_taken_off_and_put_on_to_find_a_value_again() {
    let json = |value: &str| format!("here: {{\"api_secret\": {}}}", json!(value));
    for value in [QUOTED, "gT5vLq8x\\Wz2RkPq1"] {
        for (first, second) in [
            (json(value), format!("it is {value} now")),
            (format!("API_SECRET='{value}'"), json(value)),
            (format!("API_SECRET='{value}'"), format!("so {}", json!(json(value)))),
            (
                format!("https://x.example/?api_secret={}", value.replace('"', "%22").replace('\\', "%5C")),
                format!("it is {value}"),
            ),
        ] {
            let (out, _) = hidden(&json!([first, second]).to_string());
            assert!(!out.contains("gT5v") && !out.contains("kPq1"), "{out}");
        }
    }
}

#[test]
fn a_key_in_one_piece_is_remembered_line_by_line() {
    let lines = || KEY.lines().filter(|line| line.len() >= 16 && !line.starts_with('-'));
    let standard = &base64::engine::general_purpose::STANDARD;
    for text in [format!("key: {}", standard.encode(KEY)), KEY.replace('\n', ""), KEY.replace('\n', "\\n")] {
        let (out, outcome) = hidden(&json!([text]).to_string());
        let found = outcome.found.unwrap();
        for line in lines() {
            assert!(!out.contains(line), "{out}");
            assert!(found.contains(&found.name_of(line.as_bytes())), "{line} of {text}");
        }
    }
}
