//! Found once, hidden everywhere.

use std::sync::Arc;

use aegis_detect::{Evidence, FoundValues};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::format::Format;
use crate::places::{self, Role, Scope};
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{PAT, lines, replace, restore, run, run_pieces, shield};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};

const VALUE: &str = "gT5vLq8xWz2RkPq1";
/// Too short to be searched for but as a whole word.
const WORD: &str = "x9$Kq2!mZp7";

fn tokenize(format: Format, body: &str) -> (String, TokenizeOutcome) {
    let (out, outcome) = run(format, body.as_bytes()).unwrap();
    assert_eq!(String::from_utf8_lossy(&restore(&out, &outcome, 0)), body);
    (String::from_utf8(out).unwrap(), outcome)
}

/// `body` with everything in it hidden.
fn hidden(body: &Value) -> (String, TokenizeOutcome) {
    let (out, outcome) = run(Format::Json, body.to_string().as_bytes()).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
    (out, outcome)
}

#[test]
fn a_value_is_hidden_before_and_behind_the_place_where_it_was_found() {
    let body = json!({"messages": [
        {"role": "user", "content": format!("is {VALUE} right?")},
        {"role": "user", "content": format!("DB_PASSWORD={VALUE}")},
        {"role": "assistant", "content": format!("then log in with {VALUE}")},
    ]});
    let (out, outcome) = hidden(&body);
    assert!(!out.contains(VALUE), "{out}");
    assert_eq!((outcome.vault.len(), outcome.report.total()), (1, 3));
    let evidence: Vec<_> = outcome.report.findings().iter().map(|finding| finding.evidence).collect();
    assert_eq!(evidence, [Evidence::Value, Evidence::Rule, Evidence::Value]);
    let places: Vec<_> = outcome.report.findings().iter().map(|finding| &*finding.place).collect();
    assert_eq!(places, ["messages[0].content", "messages[1].content", "messages[2].content"]);
    assert_eq!(outcome.found.unwrap().len(), 1);
}

#[test]
fn it_is_hidden_glued_quoted_in_tables_and_lists() {
    for text in [
        "docker login --password-stdin <<< @",
        "sed -i s/x/@/ file",
        "grep -r @ .",
        "f('@')",
        "| pass | @ |",
        "- @\n- other",
        "db_@",
        "@2",
        "https://host/?q=@&x=1",
        "{\"inner\": \"@\"}",
    ] {
        let text = text.replace('@', VALUE);
        let body = json!({"messages": [{"content": text}, {"content": format!("API_SECRET={VALUE}")}]});
        let (out, _) = hidden(&body);
        assert!(!out.contains(VALUE), "{out}");
    }
}

#[test]
fn it_is_hidden_in_encoded_text_and_found_there() {
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    for (first, second) in [
        (format!("DB_PASSWORD={VALUE}"), base64(format!("user:{VALUE}"))),
        (base64(format!("DB_PASSWORD={VALUE}\n")), format!("log in with {VALUE}, then")),
        (format!("DB_PASSWORD={VALUE}"), base64(base64(format!("it is {VALUE}")))),
    ] {
        for body in [json!([{"a": first}, {"b": second}]), json!([{"a": second}, {"b": first}])] {
            let (out, outcome) = hidden(&body);
            assert!(!out.contains(&first) && !out.contains(&second), "{out}");
            assert!(!out.contains(VALUE) && outcome.report.total() == 2, "{out}");
        }
    }
}

#[test]
fn escapes_do_not_hide_it_from_the_search() {
    let body =
        r#"{"a":"{\"db_password\":\"gT5v\u004cq8/xWz2RkPq1\"}","b":"use gT5vLq8\/xWz2\u0052kPq1 now"}"#;
    let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!((outcome.report.total(), outcome.vault.len()), (2, 1), "{out}");
    assert!(!out.contains("gT5v") && !out.contains("kPq1"), "{out}");
}

#[test]
fn short_values_are_hidden_as_words_and_ordinary_ones_where_they_were_found() {
    let text = |value: &str| format!("DB_PASSWORD={value}\nit is {value}, not a{value}7\n");
    let (out, outcome) = tokenize(Format::Text, &text(WORD));
    assert_eq!(out.matches(WORD).count(), 1, "{out}");
    assert_eq!((outcome.report.total(), outcome.report.in_place()), (2, 0));
    let weak = "postgres1";
    let (out, outcome) = tokenize(Format::Text, &text(weak));
    let found = outcome.report.total();
    assert_eq!(out.matches(weak).count(), 3 - found as usize, "{out}");
}

#[test]
fn cuts_and_windows_do_not_matter() {
    let filler = lines("a line of the text", WINDOW / 20);
    let text = format!("{VALUE}{filler}x{VALUE}y\nDB_PASSWORD={VALUE}\n{filler}and {VALUE}");
    let (whole, outcome) = tokenize(Format::Text, &text);
    assert!(!whole.contains(VALUE));
    assert_eq!(outcome.report.total(), 4);
    for size in [1000, WINDOW - 1, WINDOW, WINDOW + 1] {
        let mut pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        pieces.push(b"");
        let tokenizer = Tokenizer::new(shield(), Format::Text);
        assert_eq!(run_pieces(tokenizer, &pieces).unwrap().0, whole.as_bytes());
    }
    for offset in WINDOW - 40..WINDOW + 4 {
        let text = format!("{}{VALUE} DB_PASSWORD={VALUE}", ".".repeat(offset));
        assert!(!tokenize(Format::Text, &text).0.contains(VALUE), "{offset}");
    }
}

#[test]
fn a_body_that_is_read_once_hides_what_follows() {
    let filler = lines("a line of the text", WINDOW / 10);
    let text = format!("{VALUE} DB_PASSWORD={VALUE}\n{filler}and {VALUE}");
    let mut tokenizer = Tokenizer::new(shield(), Format::Text);
    tokenizer.read_once();
    let (out, outcome) = run_pieces(tokenizer, &[text.as_bytes()]).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!((out.matches(VALUE).count(), outcome.report.total()), (1, 2));
    assert!(out.starts_with(VALUE), "what stands before it has been sent");
}

#[test]
fn what_an_earlier_request_held_is_known_and_the_body_read_once() {
    let (_, first) = tokenize(Format::Text, &format!("DB_PASSWORD={VALUE}"));
    let remembered = Arc::new(FoundValues::new(&first.found.unwrap()));
    let tokenizer = || {
        let mut tokenizer = Tokenizer::new(shield(), Format::Text);
        tokenizer.begin_body(Format::Text, Some(Arc::clone(&remembered)));
        tokenizer
    };
    let text = format!("log in with {VALUE}; DB_PASSWORD={VALUE}");
    let (out, outcome) = run_pieces(tokenizer(), &[text.as_bytes()]).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains(VALUE));
    assert!(outcome.found.is_none(), "nothing is new");
    assert_eq!(outcome.met.len(), 1);
    let mut once = tokenizer();
    let mut scratch = crate::request::ShardScratch::new(&shield().rules).unwrap();
    once.push(&mut scratch, text.as_bytes(), true, &mut crate::request::Splice::new()).unwrap();
    assert!(once.is_finished() && !once.rewind());
}

#[test]
fn a_head_is_not_searched_and_what_it_holds_is_known_in_the_body() {
    let (_, first) = tokenize(Format::Text, &format!("DB_PASSWORD={VALUE}"));
    let remembered = Arc::new(FoundValues::new(&first.found.unwrap()));
    let mut scratch = crate::request::ShardScratch::new(&shield().rules).unwrap();
    let mut tokenizer = Tokenizer::new(shield(), Format::Text).in_head();
    let mut read = |tokenizer: &mut Tokenizer, text: &str| {
        let (mut splice, mut out) = (crate::request::Splice::new(), Vec::new());
        tokenizer.push(&mut scratch, text.as_bytes(), true, &mut splice).unwrap();
        splice.write_to(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    };
    let other = "kW4nZ7tQ1xB9mR6p";
    let head = format!("x-name: {VALUE}; api_secret={other}");
    let out = read(&mut tokenizer, &head);
    assert!(out.contains(VALUE) && !out.contains(other), "{out}");
    tokenizer.begin_body(Format::Text, Some(remembered));
    let out = read(&mut tokenizer, &format!("{VALUE} {other}"));
    assert!(!out.contains(VALUE) && !out.contains(other) && !tokenizer.rewind(), "{out}");
}

#[test]
fn the_same_value_keeps_its_token_whatever_finds_it_first() {
    let one = json!([format!("key {PAT}"), format!("GITHUB_TOKEN={PAT}"), format!("x{PAT}y")]);
    let (out, outcome) = hidden(&one);
    assert_eq!((outcome.vault.len(), outcome.report.total()), (1, 3), "{out}");
    assert!(!out.contains(PAT));
}

/// A document in which each `"@"` is replaced.
fn filled(document: &str, value: &str) -> String {
    String::from_utf8(replace(document.as_bytes(), b"\"@\"", json!(value).to_string().as_bytes())).unwrap()
}

#[test]
fn words_of_the_apis_are_left_alone() {
    let mut rows = 0;
    for example in places::examples(Role::Structure) {
        let document = filled(&example, VALUE);
        let prompt = format!("DB_PASSWORD={VALUE} or {VALUE}");
        let mut body: Value = serde_json::from_str(&document).unwrap();
        body["about_it"] = json!(prompt);
        let (out, outcome) = hidden(&body);
        let mut after: Value = serde_json::from_str(&out).unwrap();
        assert!(!after["about_it"].as_str().unwrap().contains(VALUE), "{out}");
        assert_eq!(outcome.report.total(), 2, "{out}");
        after.as_object_mut().unwrap().remove("about_it");
        assert_eq!(after, serde_json::from_str::<Value>(&document).unwrap());
        rows += 1;
        // In the user's own objects the same members are text.
        let inner = json!({"messages": [{"content": [{"input": serde_json::from_str::<Value>(&document).unwrap()}]}],
            "prompt": prompt});
        assert!(!hidden(&inner).0.contains(VALUE), "{inner}");
    }
    assert!(rows > 20);
    assert!(places::structure().find(Scope::Body, std::iter::empty()).next().is_none());
}

#[test]
fn names_of_listed_members_are_left_alone_wherever_a_window_ends() {
    let name = "toolUseId";
    for offset in (0..1).chain(WINDOW - 140..WINDOW - 50) {
        let listed = json!({"messages": [{"content": [
            {"text": format!("DB_PASSWORD={name}")},
            {"text": ".".repeat(offset)},
            {"toolUse": {name: "a", "input": {name: "b"}}},
        ]}]});
        let (out, outcome) = hidden(&listed);
        let out: Value = serde_json::from_str(&out).unwrap();
        let content = &out["messages"][0]["content"];
        assert_eq!(content[2]["toolUse"][name], "a", "{offset}: {content}");
        // In the user's own object it is text like any other.
        assert!(content[2]["toolUse"]["input"].get(name).is_none(), "{offset}: {content}");
        assert_eq!(outcome.report.total(), 2, "{offset}");
    }
}

#[test]
fn every_word_of_the_apis_may_be_a_password() {
    for word in [
        "assistant",
        "user",
        "system",
        "developer",
        "tool",
        "function",
        "function_call",
        "function_call_output",
        "input_text",
        "output_text",
        "input_image",
        "tool_use",
        "tool_result",
        "tool_reference",
        "text",
        "thinking",
        "ephemeral",
        "base64",
        "application/json",
        "reasoning",
        "custom_tool_call",
        "message",
        "auto",
        "required",
        "string",
        "object",
        "properties",
        "description",
        "additionalProperties",
        "json_schema",
        "functionDeclarations",
        "claude-sonnet-4-5-20250929",
        "gpt-5.1-codex-max",
        "gemini-2.5-flash-lite",
        "postgres",
        "production",
        "localhost",
        "guest",
        "model",
        "type",
        "true",
    ] {
        let body = json!({
            "model": word, "x": word,
            "messages": [{"role": "user", "content": format!("DB_PASSWORD={word}\npassword: {word}")},
                {"role": "assistant", "content": format!("it is {word}, and {word}")}],
            "tools": [{"name": word, "description": format!("about {word}"), "input_schema": {"type": word}}],
        });
        let (out, outcome) = hidden(&body);
        let found = outcome.report.total();
        assert!(outcome.report.findings().iter().all(|finding| finding.evidence == Evidence::Rule), "{out}");
        let whole = body.to_string();
        assert_eq!(out.matches(word).count() + found as usize, whole.matches(word).count(), "{out}");
    }
}
