use serde_json::{Value, json};

use crate::format::Format;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{AWS, PAT, run, run_pieces, shield};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};

/// Runs `body` whole and in pieces.
fn json_run(body: &str) -> (Value, TokenizeOutcome) {
    let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
    for size in [5003, WINDOW, WINDOW + 1] {
        let mut pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
        pieces.push(b"");
        let (cut, _) = run_pieces(Tokenizer::new(shield(), Format::Json), &pieces).unwrap();
        assert!(cut == out, "cuts matter");
    }
    (serde_json::from_slice(&out).unwrap(), outcome)
}

fn parts(texts: &[&str]) -> String {
    let parts: Vec<Value> = texts.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    json!({ "messages": [{ "content": parts }], "end": 1 }).to_string()
}

fn texts(document: &Value) -> Vec<&str> {
    let parts = document["messages"][0]["content"].as_array().unwrap();
    parts.iter().map(|part| part["text"].as_str().unwrap()).collect()
}

#[test]
fn a_secret_across_a_part_boundary_is_one_token() {
    // With a wrong check value a token is as sure as its beginning alone.
    let unchecked = PAT.replace("gm", "mg");
    for secret in [AWS, PAT, &unchecked] {
        for cut in 1..secret.len() {
            let (head, tail) = secret.split_at(cut);
            let body = parts(&["before", &format!("a\nkey {head}"), &format!("{tail} \"z\""), "after"]);
            let (document, outcome) = json_run(&body);
            assert_eq!(outcome.vault.len(), 1, "{cut}");
            let token = outcome.vault.tokens().next().unwrap();
            assert_eq!(outcome.vault.resolve(token), Some(secret.as_bytes()));
            let expected = format!("a\nkey {token}");
            assert_eq!(texts(&document), ["before", expected.as_str(), " \"z\"", "after"]);
            assert_eq!(outcome.report.findings()[0].place, "messages[0].content[2].text");
        }
    }
}

#[test]
fn a_secret_that_is_whole_is_not_joined_to_what_follows() {
    let body = parts(&["DB_PASSWORD=Vq82-kLmPz9", "Please look at it"]);
    let (document, outcome) = json_run(&body);
    let token = outcome.vault.tokens().next().unwrap();
    assert_eq!(outcome.vault.resolve(token), Some(&b"Vq82-kLmPz9"[..]));
    assert_eq!(texts(&document)[1], "Please look at it");
}

#[test]
fn part_boundaries_at_every_offset_of_a_window() {
    let (head, tail) = AWS.split_at(9);
    for offset in (WINDOW - 1400..WINDOW + 100).step_by(13) {
        let filler = "x ".repeat(offset / 2) + &"y".repeat(offset % 2);
        let body = parts(&[&format!("{filler}\n{head}"), tail, &"z ".repeat(3000)]);
        let (document, outcome) = json_run(&body);
        assert_eq!(outcome.vault.len(), 1, "{offset}");
        assert_eq!(texts(&document)[1], "");
    }
}

#[test]
fn many_small_parts_are_joined_in_pairs() {
    let (head, tail) = AWS.split_at(5);
    let mut list = vec!["ab"; 3000];
    list.extend([head, tail]);
    list.extend(vec!["cd"; 3000]);
    let (document, outcome) = json_run(&parts(&list));
    assert_eq!(outcome.vault.len(), 1);
    assert_eq!(texts(&document)[3001], "");
}

#[test]
fn what_is_no_part_boundary_is_not_joined() {
    let (head, tail) = AWS.split_at(9);
    let part = |text: &str| json!({ "type": "text", "text": text });
    for content in [
        json!([part(head), { "type": "image" }, part(tail)]),
        json!([[part(head)], [part(tail)]]),
        json!([part(head), { "content": [part(tail)] }]),
        json!([{ "content": [part(head)] }, part(tail)]),
        json!([part(&format!("{head} ")), part(tail)]),
        json!([part(head), { "a": "x".repeat(600), "text": tail }]),
        json!({ "text": head, "x": { "text": tail } }),
    ] {
        let (_, outcome) = json_run(&json!({ "messages": [{ "content": content }] }).to_string());
        assert!(outcome.vault.is_empty(), "{content}");
    }
}

#[test]
fn a_secret_of_its_own_beside_a_part_boundary_stays_one() {
    let body = parts(&[&format!("key {AWS}"), "and words"]);
    let (document, outcome) = json_run(&body);
    let token = outcome.vault.tokens().next().unwrap();
    assert_eq!(texts(&document), [format!("key {token}").as_str(), "and words"]);
}
