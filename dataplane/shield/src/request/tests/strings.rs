//! Strings of documents that are none, and of parts of documents: a value ends with its string and comes back as it stood.

use serde_json::{Value, json};

use crate::format::Format;
use crate::reply::{Rehydrator, ReplyFormat};
use crate::request::tests::support::run;
use crate::request::tokenizer::TokenizeOutcome;

/// What the model is sent of a message with this text.
fn seen(text: &str) -> (String, TokenizeOutcome) {
    let body = json!({"messages": [{"role": "user", "content": text}]}).to_string();
    let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
    let sent: Value = serde_json::from_slice(&out).unwrap();
    (sent["messages"][0]["content"].as_str().unwrap().to_owned(), outcome)
}

/// What the client gets if the model says `text`.
fn received(outcome: TokenizeOutcome, text: &str) -> String {
    let reply = json!({"choices": [{"index": 0, "message": {"content": text}}]}).to_string();
    let mut rehydrator = Rehydrator::new(outcome.vault, ReplyFormat::Json);
    let mut out = Vec::new();
    rehydrator.push(reply.as_bytes(), &mut out);
    rehydrator.finish(&mut out);
    let reply: Value = serde_json::from_slice(&out).unwrap();
    reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// The first token in a text.
fn token(text: &str) -> &str {
    let start = text.find("AEGIS-").expect("a token");
    let end = text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-').map(|end| start + end);
    &text[start..end.unwrap_or(text.len())]
}

#[test]
fn a_value_of_a_broken_document_ends_with_its_string() {
    for (text, value) in [
        (r#"{"password":"q8Zt4\$Lm2Xv7K"}"#, r"q8Zt4\$Lm2Xv7K"),
        (r#"{"password":"q8Zt4\$Lm2Xv7K","user":"x"} more "y""#, r"q8Zt4\$Lm2Xv7K"),
        (r#"{"a":"\d","password":"q8Zt4Lm2Xv7K", "b": "y"}"#, "q8Zt4Lm2Xv7K"),
        (r#"{"password":"q8\/Zt4\$Lm2Xv7K"}"#, r"q8\/Zt4\$Lm2Xv7K"),
    ] {
        let (shown, outcome) = seen(text);
        assert_eq!(shown.replace(token(&shown), value), text, "{shown}");
        assert_eq!(received(outcome, &shown), text);
    }
}

#[test]
fn a_value_of_a_part_of_a_document_is_written_into_whole_ones() {
    let nested = r#"log: {"msg":"{\"password\":\"zq3rcL\\u003EDY93xwnet6\"}"} end"#;
    for (text, said, expected) in [
        (
            "see it\n{\"password\":\"zq3rcL\\u003EDY93xwnet6\"}\nend",
            r#"{"password":"@"}"#,
            r#"{"password":"zq3rcL\u003EDY93xwnet6"}"#,
        ),
        (
            r#"  "password": "zq3rcL\/DY93\"xwnet6","#,
            r#"[{"password": "@"}]"#,
            r#"[{"password": "zq3rcL\/DY93\"xwnet6"}]"#,
        ),
        (
            nested,
            r#"{"msg":"{\"password\":\"@\"}"}"#,
            r#"{"msg":"{\"password\":\"zq3rcL\\u003EDY93xwnet6\"}"}"#,
        ),
        (nested, r#"so it is "password": "@""#, r#"so it is "password": "zq3rcL\u003EDY93xwnet6""#),
        (r#"x "password": "zq3rcL\u003EDY93xwnet6""#, "login -p @", "login -p zq3rcL>DY93xwnet6"),
    ] {
        let (shown, outcome) = seen(text);
        let token = token(&shown).to_owned();
        assert_eq!(received(outcome, &said.replace('@', &token)), expected, "{text}");
        let (shown, outcome) = seen(text);
        assert_eq!(received(outcome, &shown), text);
    }
}

/// A value has one token in documents, in parts of them and elsewhere, as long as documents spell it in one way.
#[test]
fn a_value_has_one_token_however_it_stands() {
    let spelled = r#""password": "zq3rcL\u003EDY93xwnet6""#;
    let nested = serde_json::to_string(&format!("{{{spelled}}}")).unwrap();
    let plain = "password = 'zq3rcL>DY93xwnet6'";
    let only = token(&seen(plain).0).to_owned();
    for text in [
        format!("{{{spelled}}}"),
        format!("see {{{spelled}}} and"),
        format!("see {{\"m\":{nested}}} and"),
        format!("{{\"m\":{nested}}}"),
        plain.to_owned(),
    ] {
        let (shown, _) = seen(&format!("{text}\nlogin with zq3rcL>DY93xwnet6 now"));
        assert_eq!(shown.matches(&only).count(), 2, "{shown}");
    }
    let two = format!("{{{spelled}}}\n{{\"password\": \"zq3rcL>DY93xwnet6\"}}");
    let (shown, outcome) = seen(&two);
    assert_eq!(outcome.vault.len(), 2, "{shown}");
    assert_eq!(received(outcome, &shown), two);
}
