//! A request and the reply to it together: where citations point in the documents that the client has.

use serde_json::{Value, json};

use crate::format::Format;
use crate::policy::{Action, Policy};
use crate::reply::{Rehydrator, ReplyFormat};
use crate::request::body::json::document_tracker::CharacterCount;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{
    AWS, OTHER_PAT, PAT, PEM, lines, run_pieces, shield, shield_with, shield_with_account_numbers,
};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};

/// Sentences before, with and behind secrets, some shorter than their tokens and some longer, with characters of one
/// to four bytes and with all that JSON escapes.
fn sentences() -> Vec<String> {
    vec![
        "Caf\u{e9} \u{1F511} opens.\n".to_owned(),
        format!("{AWS} is the id.\n"),
        "A \"quoted\" \\ path\t\u{1}\u{20ac}.\n".to_owned(),
        format!("Use {PAT}.\n"),
        "\u{1F511}\u{1F511} between.\n".to_owned(),
        format!("Now {OTHER_PAT} and {AWS} too.\n"),
        format!("{PEM}\n"),
        "The end \u{e9}.".to_owned(),
    ]
}

/// `text` as JSON writes it, with all but ASCII escaped if that is wanted.
fn quoted(text: &str, ascii: bool) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    if !ascii {
        return quoted;
    }
    quoted.encode_utf16().fold(String::new(), |out, unit| match u8::try_from(unit) {
        Ok(byte @ ..0x80) => out + &char::from(byte).to_string(),
        _ => out + &format!("\\u{unit:04x}"),
    })
}

fn document(text: &str) -> Value {
    json!({"type": "document", "title": "t", "citations": {"enabled": true},
        "source": {"type": "text", "media_type": "text/plain", "data": text}})
}

fn request(blocks: &[Value]) -> String {
    json!({"model": "m", "messages": [{"role": "user", "content": blocks}]}).to_string()
}

fn send(body: &str) -> (Value, TokenizeOutcome) {
    send_as(Tokenizer::new(shield(), Format::Json), body, body.len())
}

/// What the provider gets, if the body comes in pieces of this size.
fn send_as(tokenizer: Tokenizer, body: &str, size: usize) -> (Value, TokenizeOutcome) {
    let pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
    let (sent, outcome) = run_pieces(tokenizer, &pieces).map_err(|(refusal, _)| refusal).unwrap();
    (serde_json::from_slice(&sent).unwrap(), outcome)
}

fn slice(text: &str, start: u64, end: u64) -> String {
    text.chars().skip(start as usize).take((end - start) as usize).collect()
}

/// Citations of every run of lines of `seen`, which is document `number` as the provider got it.
fn cite(number: usize, seen: &str) -> Vec<Value> {
    let ends: Vec<u64> = std::iter::once(0)
        .chain(seen.split_inclusive('\n').scan(0, |end, line| {
            *end += line.chars().count() as u64;
            Some(*end)
        }))
        .collect();
    let mut citations = Vec::new();
    for (first, &start) in ends.iter().enumerate() {
        for &end in &ends[first + 1..] {
            citations.push(json!({"type": "char_location", "cited_text": slice(seen, start, end),
                "document_index": number, "document_title": null, "start_char_index": start,
                "end_char_index": end}));
        }
    }
    citations
}

fn receive(outcome: TokenizeOutcome, format: ReplyFormat, reply: &str, cuts: &[usize]) -> String {
    let mut rehydrator = Rehydrator::new(outcome.vault, format).with_documents(outcome.documents);
    let (mut out, mut start) = (Vec::new(), 0);
    for &cut in cuts.iter().chain([&reply.len()]) {
        rehydrator.push(&reply.as_bytes()[start..cut], &mut out);
        start = cut;
    }
    rehydrator.finish(&mut out);
    String::from_utf8(out).unwrap()
}

fn whole(citations: &[Value]) -> String {
    json!({"type": "message", "content": [{"type": "text", "text": "x"},
        {"type": "text", "text": "y", "citations": citations}]})
    .to_string()
}

/// Every citation covers in what the client sent what the provider says it covers, its secrets restored.
fn assert_points<'a>(citations: impl IntoIterator<Item = &'a Value>, original: &str) {
    for citation in citations {
        let [start, end] = ["start_char_index", "end_char_index"].map(|key| citation[key].as_u64().unwrap());
        assert_eq!(slice(original, start, end), citation["cited_text"].as_str().unwrap(), "{start}..{end}");
    }
}

/// The reply to a request cites all of its document `number`, which is `original` to the client.
fn check(outcome: TokenizeOutcome, number: usize, seen: &str, original: &str) {
    assert!(!seen.contains(PAT));
    let reply = receive(outcome, ReplyFormat::Json, &whole(&cite(number, seen)), &[]);
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_points(reply["content"][1]["citations"].as_array().unwrap(), original);
}

#[test]
fn characters_are_counted_across_every_cut() {
    let text = sentences().concat();
    for ascii in [false, true] {
        let raw = quoted(&text, ascii);
        let raw = &raw.as_bytes()[1..raw.len() - 1];
        assert_eq!(CharacterCount::of(raw), text.chars().count() as u64);
        for cut in 0..=raw.len() {
            let mut characters = CharacterCount::default();
            characters.pass(&raw[..cut]);
            characters.pass(&raw[cut..]);
            assert_eq!(characters.count, text.chars().count() as u64, "{cut}");
        }
    }
}

#[test]
fn citations_point_at_the_same_words() {
    let text = sentences().concat();
    for ascii in [false, true] {
        let body = request(&[document("@"), json!({"type": "text", "text": "What?"})]);
        let body = body.replace("\"@\"", &quoted(&text, ascii));
        let (sent, outcome) = send(&body);
        let seen = sent["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
        assert_ne!(seen.chars().count(), text.chars().count());
        check(outcome, 0, seen, &text);
    }
}

#[test]
fn streamed_citations_do_so_at_every_cut() {
    let text = sentences().concat();
    let body = request(&[document(&text)]);
    let (sent, _) = send(&body);
    let seen = sent["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
    let citations = cite(0, seen);
    let event = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let mut stream = event(json!({"type": "content_block_start", "index": 0,
        "content_block": {"type": "text", "text": "", "citations": []}}));
    for citation in citations.iter().step_by(7) {
        stream += &event(json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "citations_delta", "citation": citation}}));
    }
    stream += &event(json!({"type": "content_block_stop", "index": 0}));
    let outcome = || send(&body).1;
    let expected = receive(outcome(), ReplyFormat::Sse, &stream, &[]);
    let found: Vec<Value> = expected
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["delta"]["citation"].clone())
        .filter(|citation| !citation.is_null())
        .collect();
    assert_eq!(found.len(), citations.len().div_ceil(7));
    assert_points(&found, &text);
    for cut in 1..stream.len() {
        assert_eq!(receive(outcome(), ReplyFormat::Sse, &stream, &[cut]), expected, "{cut}");
    }
}

#[test]
fn whole_replies_do_so_at_every_cut() {
    let text = sentences().concat();
    let body = request(&[document(&text)]);
    let (sent, outcome) = send(&body);
    let seen = sent["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
    let reply = whole(&cite(0, seen).into_iter().step_by(9).collect::<Vec<_>>());
    let expected = receive(outcome, ReplyFormat::Json, &reply, &[]);
    let read: Value = serde_json::from_str(&expected).unwrap();
    assert_points(read["content"][1]["citations"].as_array().unwrap(), &text);
    for cut in 1..reply.len() {
        assert_eq!(receive(send(&body).1, ReplyFormat::Json, &reply, &[cut]), expected, "{cut}");
    }
}

#[test]
fn documents_are_counted_over_all_messages() {
    let text = sentences().concat();
    let pdf = json!({"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}});
    let list = json!({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": PAT}]}});
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}});
    let no_document = json!({"type": "other", "source": {"type": "text", "data": format!("x {PAT} y")}});
    let call = json!({"type": "tool_use", "id": "a", "name": "n", "input": {"content": [{"type": "document",
        "source": {"data": format!("x {PAT} y")}}]}});
    let result = json!({"type": "tool_result", "tool_use_id": "a", "content":
        [document(&text), {"type": "text", "text": PAT}, no_document, document(&format!("other {text}"))]});
    let page = json!({"type": "web_fetch_tool_result", "content":
        {"type": "web_fetch_result", "content": document(&format!("page {text}"))}});
    let body = json!({"system": [document("none")], "messages": [
        {"role": "user", "content": [pdf, list, image, document(&text), no_document, {"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [call, page]},
        {"role": "user", "content": [result, document("last")]},
        {"role": "user", "content": "just words"},
    ]});
    let (sent, _) = send(&body.to_string());
    for (number, place) in [
        (2, "/messages/0/content/3"),
        (3, "/messages/1/content/1/content/content"),
        (4, "/messages/2/content/0/content/0"),
        (5, "/messages/2/content/0/content/3"),
        (6, "/messages/2/content/1"),
    ] {
        let place = format!("{place}/source/data");
        let [seen, original] = [&sent, &body].map(|body| body.pointer(&place).unwrap().as_str().unwrap());
        let outcome = send(&body.to_string()).1;
        check(outcome, number, seen, original);
    }
}

#[test]
fn members_may_stand_in_any_order() {
    let text = sentences().concat();
    let quoted = quoted(&text, false);
    for (body, found) in [
        (r#"{"source":{"data":@,"type":"text"},"type":"document"}"#, true),
        (r#"{"type":"document","source":{"type":"text","data":@}}"#, true),
        (r#"{"source":{"data":"ghp_","d\u0061ta":@},"type":"document"}"#, true),
        (r#"{"source":{"data":@},"type":"image"},{"type":"document","source":{}}"#, false),
        (r#"{"source":{"data":@},"type":"document","citations":{}}"#, true),
        (r#"{"source":{"data":[@]},"type":"document"}"#, false),
        (r#"{"type":"document","source":{"url":@}}"#, false),
    ] {
        let body = format!("{{\"messages\":[{{\"content\":[{}]}}]}}", body.replace('@', &quoted));
        assert_eq!(send(&body).1.documents.is_empty(), !found, "{body}");
    }
}

#[test]
fn long_documents_are_counted_from_window_to_window() {
    let filler = lines("Caf\u{e9} \u{1F511} and so on", WINDOW / 10);
    let text = format!("{}{filler}{}{filler}{}", sentences()[1], sentences().concat(), sentences().concat());
    assert!(text.len() > 3 * WINDOW);
    for ascii in [false, true] {
        let body = request(&[document("@"), document("second")]).replace("\"@\"", &quoted(&text, ascii));
        for size in [1_000, WINDOW + 1, body.len()] {
            let (sent, outcome) = send_as(Tokenizer::new(shield(), Format::Json), &body, size);
            let seen = sent["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
            let count = seen.chars().count() as u64;
            // The last sentences, all of it, and what stands in the middle.
            let tail = sentences().last().unwrap().chars().count() as u64;
            let middle = seen[..seen.find("between").unwrap()].chars().count() as u64;
            let citations: Vec<Value> = [(count - tail, count), (0, count), (middle, middle + 7)]
                .map(|(start, end)| {
                    json!({"type": "char_location", "document_index": 0, "start_char_index": start, "end_char_index": end})
                })
                .to_vec();
            let reply = receive(outcome, ReplyFormat::Json, &whole(&citations), &[]);
            let reply: Value = serde_json::from_str(&reply).unwrap();
            let found = reply["content"][1]["citations"].as_array().unwrap();
            for (citation, words) in
                found.iter().zip([sentences().last().unwrap().as_str(), &text, "between"])
            {
                let at = |key: &str| citation[key].as_u64().unwrap();
                assert_eq!(slice(&text, at("start_char_index"), at("end_char_index")), words);
            }
        }
    }
}

#[test]
fn a_window_may_end_anywhere_in_a_document() {
    let text = sentences().concat();
    for ascii in [false, true] {
        let quoted = quoted(&text, ascii);
        let body = request(&[json!({"type": "text", "text": "%"}), document("@")]);
        let head = body.find("\"@\"").unwrap();
        for into in (0..quoted.len() + 700).step_by(3) {
            let filler = ". ".repeat(WINDOW)[..WINDOW.saturating_sub(head + into)].to_owned();
            let body = body.replace("\"@\"", &quoted).replace('%', &filler);
            let (sent, outcome) = send(&body);
            let seen = sent["messages"][0]["content"][1]["source"]["data"].as_str().unwrap();
            check(outcome, 0, seen, &text);
        }
    }
}

#[test]
fn documents_of_json_are_counted_as_they_are_written() {
    let text = json!({"id": 4_815_162_342_108_u64, "password": "p\"w\u{e9}\\x Zq9!mN4", "list": [PAT, "caf\u{e9}\n"]}).to_string();
    let text = format!("{text}\nThe \u{1F511} end.");
    let tokenizer = Tokenizer::new(shield_with_account_numbers(), Format::Json);
    let body = request(&[document(&text)]);
    let (sent, outcome) = send_as(tokenizer, &body, body.len());
    let seen = sent["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
    assert!(!seen.contains("4815162342108") && !seen.contains(PAT));
    let at = |text: &str, word: &str| text[..text.find(word).unwrap()].chars().count() as u64;
    let words = ["password", "list", "caf", "The \u{1F511} end."];
    let citations = words.map(|word| {
        let start = at(seen, word);
        json!({"type": "char_location", "document_index": 0, "start_char_index": start,
            "end_char_index": start + word.chars().count() as u64, "cited_text": word})
    });
    let reply = receive(outcome, ReplyFormat::Json, &whole(&citations), &[]);
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_points(reply["content"][1]["citations"].as_array().unwrap(), &text);
}

#[test]
fn what_is_redacted_moves_positions_too() {
    let text = sentences().concat();
    let tokenizer = Tokenizer::new(shield_with(Policy::new(Action::Redact)), Format::Json);
    let body = request(&[document(&text)]);
    let (sent, outcome) = send_as(tokenizer, &body, body.len());
    assert!(outcome.vault.is_empty());
    let seen = sent["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
    let clean = |citation: &&Value| !citation["cited_text"].as_str().unwrap().contains("REDACTED");
    let citations: Vec<Value> = cite(0, seen).iter().filter(clean).cloned().collect();
    assert!(citations.len() > 3);
    let reply = receive(outcome, ReplyFormat::Json, &whole(&citations), &[]);
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_points(reply["content"][1]["citations"].as_array().unwrap(), &text);
}

#[test]
fn positions_in_secrets_move_to_their_ends() {
    let text = format!("ab {PAT} cd");
    let (_, outcome) = send(&request(&[document(&text)]));
    let inside =
        json!({"type": "char_location", "document_index": 0, "start_char_index": 5, "end_char_index": 9});
    let reply = receive(outcome, ReplyFormat::Json, &whole(&[inside]), &[]);
    let reply: Value = serde_json::from_str(&reply).unwrap();
    let citation = &reply["content"][1]["citations"][0];
    assert_eq!(
        (citation["start_char_index"].as_u64(), citation["end_char_index"].as_u64()),
        (Some(3), Some(43))
    );
}

#[test]
fn other_numbers_stay() {
    let text = sentences().concat();
    let far = json!({"start_char_index": 300, "end_char_index": 310, "document_index": 0});
    let with = |kind: &str, key: &str, value: Value| {
        let mut citation = far.clone();
        citation["type"] = kind.into();
        citation[key] = value;
        citation
    };
    let citations = [
        with("page_location", "start_page_number", 1.into()),
        with("content_block_location", "start_block_index", 300.into()),
        with("search_result_location", "search_result_index", 0.into()),
        with("char_location", "document_index", 1.into()),
        with("char_location", "document_index", Value::Null),
    ];
    let reply = json!({"type": "message", "content": [
        {"type": "text", "text": "y", "citations": citations},
        {"type": "tool_use", "id": "a", "name": "n", "input":
            {"citations": [with("char_location", "document_index", 0.into())]}},
    ]})
    .to_string();
    let (_, outcome) = send(&request(&[document(&text), document("second")]));
    assert_eq!(receive(outcome, ReplyFormat::Json, &reply, &[]), reply);
}

#[test]
fn bodies_of_several_documents_or_parts_have_no_documents() {
    let body = request(&[document(&sentences().concat())]);
    let lines = format!("{body}\n{body}\n");
    let (_, outcome) =
        run_pieces(Tokenizer::new(shield(), Format::JsonLines), &[lines.as_bytes()]).ok().unwrap();
    assert!(outcome.documents.is_empty() && !outcome.vault.is_empty());
}

#[test]
fn base64_before_a_text_counts_as_what_it_is() {
    // Where a secret stands in the base64, what became of its letters is not counted.
    let plain = "dXNlcjogY2Fmw6kgYW5kIHNvbWUgbW9yZSB3b3JkcyBvZiBpdA==";
    let text = format!("data:text/plain;base64,{plain}\n{}", sentences().concat());
    let (sent, outcome) = send(&request(&[document(&text)]));
    let seen = sent["messages"][0]["content"][0]["source"]["data"].as_str().unwrap();
    check(outcome, 0, seen, &text);
    let secret = "dXNlcjogZ2hwX0t5OVBmMzRxWTZOYjN3V0QyNVJRNEY1WlIzcWE3eTNnbTFJTA==";
    let (sent, outcome) = send(&request(&[document(&text.replace(plain, secret))]));
    assert!(!sent.to_string().contains(secret));
    assert!(outcome.documents.is_empty());
}
