//! Replies that say what was sent, as a document and as a stream: however they are cut, the client gets what it had sent.

use aegis_shield::Vault;
use aegis_shield::reply::ReplyFormat;
use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::gateway::{Gateway, receive};
use crate::random::Random;
use crate::reference::{Judged, texts, told};

/// So many ways of cutting are tried for each reply.
const CUTTINGS: usize = 3;
/// Bytes of a piece, at most, of the ways of cutting in turn.
const LONGEST_PIECES: [usize; CUTTINGS] = [1, 12, 300];

/// Judges the replies to a conversation's first request.
pub(crate) fn judge(gateway: &mut Gateway, conversation: &Conversation, random: &mut Random) -> Judged {
    let sent = conversation.first.text();
    let (seen, outcome) = gateway.send(sent, None).map_err(|refusal| refusal.to_string())?;
    let whole = receive(copy(&outcome.vault), ReplyFormat::Json, &[&seen]);
    for longest in LONGEST_PIECES {
        let received = receive(copy(&outcome.vault), ReplyFormat::Json, &cut(random, &seen, longest));
        if received != whole {
            return Err(told("a reply in pieces", "it comes back otherwise", &whole, &received));
        }
    }
    let (sent_strings, seen_strings) = (strings(sent), strings(&seen));
    for longest in LONGEST_PIECES {
        let index = random.below(sent_strings.len());
        let events = events(random, &seen_strings[index], longest);
        let pieces = cut(random, &events, longest);
        let received = joined(&receive(copy(&outcome.vault), ReplyFormat::Sse, &pieces));
        if flat(&received) != flat(&sent_strings[index]) {
            let sent = &sent_strings[index];
            return Err(told(
                "a stream",
                "it comes back otherwise",
                sent,
                &format!("{received}\n  of {events}"),
            ));
        }
    }
    Ok(())
}

pub(crate) fn copy(vault: &Vault) -> Vault {
    let mut copy = Vault::new();
    for token in vault.tokens() {
        let (text, spelling) = vault.spelling(token).expect("a secret");
        copy.insert_spelled(*token, text, spelling).expect("room for a copy");
    }
    copy
}

/// `text` in pieces of random lengths.
pub(crate) fn cut<'a>(random: &mut Random, text: &'a str, longest: usize) -> Vec<&'a str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let length = random.between(1, longest).min(rest.len());
        let end = (length..=rest.len()).find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// The strings of a document's members, as they are; of what is JSON by contract, the strings in it.
pub(crate) fn strings(document: &str) -> Vec<String> {
    fn walk(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) => out.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
            Value::Object(members) => {
                for (name, item) in members {
                    let arguments = item.as_str().filter(|_| name == "arguments");
                    match arguments.and_then(|text| serde_json::from_str(text).ok()) {
                        Some(arguments) => walk(&arguments, out),
                        None => walk(item, out),
                    }
                }
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(&serde_json::from_str(document).unwrap_or_default(), &mut out);
    out
}

/// A text, or those of the documents that it is.
fn flat(text: &str) -> Vec<String> {
    texts(&Value::from(text).to_string())
}

/// A stream of events that say `text` in pieces of up to `longest` bytes.
fn events(random: &mut Random, text: &str, longest: usize) -> String {
    let event = |delta: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
        format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}))
    };
    let pieces = cut(random, text, longest).into_iter().map(|piece| event(json!({"content": piece})));
    let stop = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
    let end = json!({"id": "c", "object": "chat.completion.chunk", "choices": [stop]});
    pieces.chain([format!("data: {end}\n\ndata: [DONE]\n\n")]).collect()
}

/// What the events of a stream say together.
fn joined(events: &str) -> String {
    events
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect()
}
