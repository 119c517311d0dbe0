use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::format::Format;
use crate::policy::{Action, Policy};
use crate::request::refusal::Refusal;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{
    AWS, OTHER_PAT, PAT, PEM, replace, restore, run, run_pieces, shield, shield_with,
    shield_with_account_numbers,
};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};

const SECRETS: [&str; 4] = [PAT, OTHER_PAT, AWS, PEM];

fn json_run(body: &str) -> (String, TokenizeOutcome) {
    let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
    (String::from_utf8(out).unwrap(), outcome)
}

fn refusal(format: Format, body: &[u8]) -> Refusal {
    match run(format, body) {
        Err((refusal, _)) => refusal,
        Ok(_) => panic!("{} was not refused", String::from_utf8_lossy(body)),
    }
}

fn place(body: &str) -> String {
    json_run(body).1.report.findings()[0].place.clone()
}

/// No secret stands in `text`, raw or in any way that JSON can write it.
fn assert_clean(text: &str) {
    let mut seen = text.to_owned();
    for _ in 0..6 {
        for secret in SECRETS {
            assert!(!seen.contains(secret), "a secret is left");
        }
        // One layer of escapes less.
        let mut plainer = String::new();
        let mut chars = seen.chars();
        while let Some(c) = chars.next() {
            match (c, chars.clone().next()) {
                ('\\', Some('u')) => {
                    let digits: String = chars.clone().skip(1).take(4).collect();
                    match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                        Some(decoded) if digits.len() == 4 => {
                            plainer.push(decoded);
                            chars.nth(4);
                        }
                        _ => plainer.push(c),
                    }
                }
                ('\\', Some(code @ ('n' | 'r' | 't' | '"' | '\\' | '/'))) => {
                    plainer.push(match code {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        other => other,
                    });
                    chars.next();
                }
                _ => plainer.push(c),
            }
        }
        seen = plainer;
    }
}

/// Replaces tokens in all strings of `value`, and in documents inside them, by what they stand for.
fn restore_value(value: &mut Value, outcome: &TokenizeOutcome) {
    match value {
        Value::String(text) => {
            let inner = serde_json::from_str::<Value>(text).ok().filter(|v| v.is_object() || v.is_array());
            if let Some(mut inner) = inner
                && text.contains("AEGIS-")
            {
                restore_value(&mut inner, outcome);
                *text = serde_json::to_string(&inner).unwrap();
            } else {
                *text = String::from_utf8(restore(text.as_bytes(), outcome, 0)).unwrap();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| restore_value(item, outcome)),
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (key, mut item) in old {
                restore_value(&mut item, outcome);
                members.insert(String::from_utf8(restore(key.as_bytes(), outcome, 0)).unwrap(), item);
            }
        }
        _ => {}
    }
}

fn assert_restores(original: &str, out: &str, outcome: &TokenizeOutcome) {
    let mut restored: Value = serde_json::from_str(out).unwrap();
    restore_value(&mut restored, outcome);
    let original: Value = serde_json::from_str(original).unwrap();
    assert!(restored == original, "restored document differs");
}

#[test]
fn secrets_are_found_wherever_they_stand() {
    let nested = json!({ "pw": PAT, "deep": json!([PEM]).to_string() }).to_string();
    let body = json!({
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": format!("see {PAT}, {AWS}\n\"{PEM}\"") }] },
            { "role": "tool", "content": nested },
        ],
        "tools": [{ "input_schema": { "default": AWS, OTHER_PAT: 1 } }],
    })
    .to_string();
    let (out, outcome) = json_run(&body);
    assert_clean(&out);
    assert_eq!(outcome.vault.len(), 4, "the same secret has the same token at every depth");
    assert_restores(&body, &out, &outcome);
    let (again, second) = json_run(&out);
    assert_eq!(again, out, "a second pass changes nothing");
    assert!(second.vault.is_empty());
}

#[test]
fn only_secrets_change() {
    let body = format!(
        "{{ \"a\" :\t1.50e+1, \"b\\/\\u003c\":\"x{PAT}y {PAT}\\u00e9\\ud83d\\ude00\" ,\n\"c\":[ ]}} \n"
    );
    let (out, outcome) = json_run(&body);
    let token = outcome.vault.tokens().next().unwrap();
    let expected = body.replace(PAT, token.as_str());
    assert_eq!(out, expected, "the first is glued to letters, and only found since the other one was");
}

#[test]
fn escaped_secrets_are_decoded() {
    let spelled: String = AWS.chars().fold(String::new(), |text, c| text + &format!("\\u{:04x}", c as u32));
    for written in [spelled, AWS.replace('K', "\\u004B")] {
        let body = format!("[\"é {written}\\n\"]");
        let (out, outcome) = json_run(&body);
        let token = outcome.vault.tokens().next().unwrap();
        assert_eq!(outcome.vault.resolve(token), Some(AWS.as_bytes()));
        assert_eq!(out, format!("[\"é {token}\\n\"]"));
    }
}

#[test]
fn a_key_keeps_its_line_ends_in_the_form_they_were_seen_in() {
    let literal = PEM.replace('\n', "\\n");
    let body = json!([PEM, literal]).to_string();
    let (out, outcome) = json_run(&body);
    assert_eq!(outcome.vault.len(), 1);
    assert_restores(&body, &out, &outcome);
}

#[test]
fn numbers_become_quoted_tokens() {
    let shield = shield_with_account_numbers();
    for (body, number) in [
        ("{\"password\": 4815162342108, \"n\": 1}".to_owned(), "4815162342108"),
        (format!("{{\"a\":{}}}", json!("{\"password\":-4815162342108.5}")), "-4815162342108.5"),
    ] {
        let tokenizer = Tokenizer::new(shield.clone(), Format::Json);
        let (out, outcome) = run_pieces(tokenizer, &[body.as_bytes()]).unwrap();
        let token = outcome.vault.tokens().next().expect("a secret");
        assert_eq!(outcome.vault.resolve(token), Some(number.as_bytes()));
        let parsed: Value = serde_json::from_slice(&out).unwrap();
        let inner = parsed["a"].as_str().map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(inner.unwrap_or(parsed)["password"], token.as_str());
    }
}

#[test]
fn a_secret_that_starts_like_a_number_or_a_word_is_one_secret() {
    let secrets = ["4815162342xK9vQ2mT7bW1nR5c", "nullxK9vQ2mT7bW1nR5cY8hJ4", "t8xK9vQ2mT7bW1nR5cY8hJ4g"];
    for secret in secrets {
        let body = json!([format!("[password={secret}]"), format!("[{secret}] {PAT}")]).to_string();
        let (out, outcome) = json_run(&body);
        assert_restores(&body, &out, &outcome);
        assert!(!out.contains(PAT));
    }
    let body = json!([format!("[48 {AWS}]"), format!("[1{AWS}")]).to_string();
    let (out, outcome) = json_run(&body);
    assert_restores(&body, &out, &outcome);
}

#[test]
fn places_are_named() {
    let text = json!(format!("see {PAT}"));
    let m = |content: &Value| json!({ "messages": [{}, { "content": content }] }).to_string();
    assert_eq!(place(&m(&text)), "messages[1].content");
    assert_eq!(place(&m(&json!([{ "type": "text", "text": text }]))), "messages[1].content[0].text");
    assert_eq!(place(&m(&json!({ PAT: 1 }))), "messages[1].content.(key)");
    assert_eq!(place(&json!({ PAT: { "x": AWS } }).to_string()), "(key)");
    let (_, outcome) = json_run(&json!({ PAT: { "x": AWS } }).to_string());
    assert_eq!(outcome.report.findings()[1].place, "*.*", "a key that is a secret is not named");
    assert_eq!(place(&json!({ "no name": { "x": AWS } }).to_string()), "*.*");
    let lines = format!("{{}}\n{{\"a\":\"{AWS}\"}}\n");
    let (_, outcome) = run(Format::JsonLines, lines.as_bytes()).unwrap();
    assert_eq!(outcome.report.findings()[0].place, "line[1].*");
}

#[test]
fn names_of_the_users_own_data_are_not_reported() {
    const OWN: &str = "customer_4711_ssn";
    let body = |value: &Value| json!({ "messages": [{ "content": [value] }] }).to_string();
    let tool = |input: &Value| body(&json!({ "type": "tool_use", "name": "crm", "input": input }));
    for (body, expected) in [
        (tool(&json!({ OWN: AWS })), "messages[0].content[0].input.*"),
        (tool(&json!({ OWN: [{ OWN: AWS }] })), "messages[0].content[0].input.*[0].*"),
        // A word of the API is the user's here.
        (tool(&json!({ "text": { "content": AWS } })), "messages[0].content[0].input.*.*"),
        (json!({ "metadata": { OWN: AWS } }).to_string(), "metadata.*"),
        (json!({ OWN: { "text": AWS } }).to_string(), "*.text"),
        (
            json!({ "tools": [{ "input_schema": { "properties": { OWN: { "default": AWS } } } }] })
                .to_string(),
            "tools[0].input_schema.*.*.*",
        ),
        (
            json!({ "contents": [{ "parts": [{ "functionCall": { "args": { OWN: AWS } } }] }] }).to_string(),
            "contents[0].parts[0].functionCall.args.*",
        ),
        // JSON in a string is named by the string.
        (body(&json!({ "input": json!({ OWN: AWS }).to_string() })), "messages[0].content[0].input"),
        // An array of this name is the conversation itself.
        (json!({ "input": [{ "content": [{ "text": AWS }] }] }).to_string(), "input[0].content[0].text"),
    ] {
        assert_eq!(place(&body), expected, "{body}");
        let (_, outcome) = json_run(&body);
        assert!(outcome.report.findings().iter().all(|place| !place.place.contains("4711")));
    }
}

#[test]
fn broken_documents_are_refused() {
    assert_eq!(
        refusal(Format::Json, b"{\"a\":1,}"),
        Refusal::Malformed { what: "unexpected character", offset: 7 }
    );
    assert_eq!(refusal(Format::Json, b"{\"a\":"), Refusal::Malformed { what: "unexpected end", offset: 5 });
    let deep = [b'['; crate::json::MAX_DEPTH + 1];
    assert_eq!(refusal(Format::Json, &deep), Refusal::TooDeep { offset: 512 });
    let mut late = vec![b' '; 3 * WINDOW];
    late.push(b'x');
    let offset = 3 * WINDOW as u64;
    assert_eq!(refusal(Format::Json, &late), Refusal::Malformed { what: "unexpected character", offset });
    assert!(run(Format::Json, b"").is_ok());
    assert_eq!(
        refusal(Format::JsonLines, b"{}\n{"),
        Refusal::Malformed { what: "unexpected end", offset: 4 }
    );
}

#[test]
fn numbers_are_limited() {
    let body = |digits: usize| format!("[{}]", "1".repeat(digits));
    assert!(run(Format::Json, body(WINDOW / 2).as_bytes()).is_ok());
    let what = "a literal is too long";
    assert_eq!(refusal(Format::Json, body(2 * WINDOW).as_bytes()), Refusal::Malformed { what, offset: 1 });
}

#[test]
fn a_refusal_is_remembered() {
    let shield = shield_with(Policy::new(Action::Block));
    let mut scratch = crate::request::ShardScratch::new(&shield.rules).unwrap();
    let mut tokenizer = Tokenizer::new(shield, Format::Json);
    let mut out = crate::request::Splice::new();
    let body = json!({ "a": PAT }).to_string();
    let refused = tokenizer.push(&mut scratch, body.as_bytes(), true, &mut out).unwrap_err();
    assert!(matches!(&refused, Refusal::Blocked { place, .. } if place == "*"));
    assert!(!format!("{refused:?} {refused}").contains(PAT));
    assert_eq!(tokenizer.push(&mut scratch, b"[]", true, &mut out), Err(refused));
    assert_eq!(tokenizer.report().action(Action::Block), 1);
}

#[test]
fn unknown_types_are_read_as_what_they_look_like() {
    let escaped = format!("{{\"a\":\"{}\"}}", AWS.replace('K', "\\u004B"));
    let (out, outcome) = run(Format::Unknown, escaped.as_bytes()).unwrap();
    let token = *outcome.vault.tokens().next().unwrap();
    assert_eq!(out, format!("{{\"a\":\"{token}\"}}").into_bytes());
    let text = format!("{{ not JSON: {AWS} }}");
    let (out, _) = run(Format::Unknown, text.as_bytes()).unwrap();
    assert_eq!(out, text.replace(AWS, token.as_str()).into_bytes());
    let plain = format!("key {AWS}\n\u{7f}");
    let (out, _) = run(Format::Unknown, plain.as_bytes()).unwrap();
    assert_eq!(out, plain.replace(AWS, token.as_str()).into_bytes());
}

#[test]
fn a_secret_across_strings_is_replaced_string_by_string() {
    let lines: Vec<&str> = PEM.split('\n').collect();
    let body = serde_json::to_string_pretty(&json!({ "lines": lines, "next": "untouched" })).unwrap();
    let (out, outcome) = json_run(&body);
    assert_restores(&body, &out, &outcome);
}

fn filler(bytes: usize) -> String {
    let mut text = String::new();
    let mut n = 0u32;
    while text.len() < bytes {
        let _ = writeln!(text, "\tlet v{n} = \"a\\\\b\"; // {n}");
        n += 1;
    }
    text
}

/// Documents longer than a window, with secrets at many places.
fn bodies() -> impl Strategy<Value = String> {
    let text =
        (0usize..WINDOW + 3000, prop::sample::select(&SECRETS), 0usize..900, prop::sample::select(&SECRETS))
            .prop_map(|(before, first, after, second)| {
                format!("{}key: {first}\n{} {second}", filler(before), filler(after))
            });
    let leaf = prop_oneof![
        3 => text.prop_map(Value::String),
        1 => any::<String>().prop_map(Value::String),
        1 => any::<i32>().prop_map(|n| json!(n)),
    ];
    let value = leaf.prop_recursive(3, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Value::Array),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({ "text": a, "input": b })),
            inner.prop_map(|value| Value::String(json!([value]).to_string())),
        ]
    });
    (value, any::<bool>(), any::<bool>()).prop_map(|(value, pretty, ascii)| {
        let value = json!({ "messages": [value] });
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        if ascii { to_ascii(&text.unwrap()) } else { text.unwrap() }
    })
}

fn to_ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_document_and_the_cuts(body in bodies(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        let (out, outcome) = json_run(&body);
        assert_clean(&out);
        assert_restores(&body, &out, &outcome);
        // Outside of tokens, the bytes are the same.
        let mut rest = body.as_bytes();
        let mut plain = out.clone().into_bytes();
        for token in outcome.vault.tokens() {
            plain = replace(&plain, token.as_bytes(), b"\0");
        }
        for run in plain.split(|&byte| byte == 0) {
            let at = memchr::memmem::find(rest, run);
            prop_assert!(at.is_some());
            rest = &rest[at.unwrap() + run.len()..];
        }
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.extend([0, body.len(), body.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &body.as_bytes()[pair[0]..pair[1]]).collect();
        let (cut, _) = run_pieces(Tokenizer::new(shield(), Format::Json), &pieces).unwrap();
        prop_assert!(cut == out.as_bytes(), "cuts matter");
    }
}
