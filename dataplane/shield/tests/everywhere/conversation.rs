//! A conversation: a request in which rules find secrets and which repeats them, and a later one that only repeats them.

use std::fmt::Write as _;

use crate::random::Random;
use crate::secrets::Secret;
use crate::writings::{Manner, copy, escaped, named};

/// Most secrets of one conversation.
const SECRETS_MAX: usize = 3;
/// Most texts of one request.
const TEXTS_MAX: usize = 7;

/// A copy of a secret at a place that no rule knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeat {
    pub(crate) secret: usize,
    pub(crate) manner: Manner,
    /// How often the value stands there as it is.
    pub(crate) times: usize,
}

/// One request, as a document of JSON.
pub(crate) struct Request {
    body: String,
    pub(crate) repeats: Vec<Repeat>,
}

pub(crate) struct Conversation {
    pub(crate) secrets: Vec<Secret>,
    /// Rules find the secrets in it.
    pub(crate) first: Request,
    /// Only repeats them.
    pub(crate) later: Request,
}

impl Request {
    pub(crate) fn text(&self) -> &str {
        &self.body
    }
}

impl Conversation {
    pub(crate) fn new(random: &mut Random) -> Conversation {
        let mut secrets: Vec<Secret> = Vec::new();
        for _ in 0..random.between(1, SECRETS_MAX) {
            let secret = Secret::new(random);
            // Which of two values is counted must be clear.
            if !secrets.iter().any(|other| other.value == secret.value) {
                secrets.push(secret);
            }
        }
        let first = request(random, &secrets, true);
        let later = request(random, &secrets, false);
        Conversation { secrets, first, later }
    }
}

/// The texts of a request: each holds pieces that name a secret or repeat one, with words between.
fn request(random: &mut Random, secrets: &[Secret], names: bool) -> Request {
    let mut texts = vec![String::new(); random.between(1, TEXTS_MAX)];
    let mut repeats = Vec::new();
    let mut pieces: Vec<(String, Option<Repeat>)> = Vec::new();
    for (index, secret) in secrets.iter().enumerate() {
        if names {
            pieces.push((named(random, secret), None));
        }
        for _ in 0..random.between(1, 4) {
            let (manner, text) = copy(random, &secret.value);
            let times = text.matches(&secret.value).count();
            pieces.push((text, Some(Repeat { secret: index, manner, times })));
        }
    }
    while !pieces.is_empty() {
        let (piece, repeat) = pieces.swap_remove(random.below(pieces.len()));
        repeats.extend(repeat);
        let at = random.below(texts.len());
        let text = &mut texts[at];
        if !text.is_empty() {
            text.push_str(random.of(&["\n", "\nand then:\n", "\n\n", "\n---\n"]));
        }
        text.push_str(&piece);
    }
    Request { body: body(random, &texts), repeats }
}

/// Texts as members of a request of some API.
fn body(random: &mut Random, texts: &[String]) -> String {
    let mut body = String::from("{\"model\":\"m\",\"max_tokens\": 1.0,");
    let mut texts = texts.iter();
    if random.one_in(3)
        && let Some(text) = texts.next()
    {
        let _ = write!(body, "\"system\":{},", string(random, text));
    }
    body.push_str("\"messages\":[");
    let mut comma = "";
    while let Some(text) = texts.next() {
        body.push_str(comma);
        comma = if random.one_in(2) { "," } else { ",\n  " };
        let text = string(random, text);
        let _ = match random.below(6) {
            0 => write!(body, "{{\"role\":\"user\",\"content\":{text}}}"),
            1 => write!(body, "{{\"role\":\"assistant\", \"content\" : {text} }}"),
            2 => {
                let mut parts = format!("{{\"type\":\"text\",\"text\":{text}}}");
                if let Some(next) = texts.next() {
                    let _ = write!(parts, ",{{\"type\":\"text\",\"text\":{}}}", string(random, next));
                }
                write!(body, "{{\"role\":\"user\",\"content\":[{parts}]}}")
            }
            3 => write!(
                body,
                "{{\"role\":\"user\",\"content\":[{{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":{text}}}]}}"
            ),
            4 => write!(
                body,
                "{{\"role\":\"assistant\",\"content\":[{{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"run\",\"input\":{{\"command\":{text}}}}}]}}"
            ),
            _ => {
                let arguments = escaped(&format!("{{\"command\": {text}}}"));
                write!(
                    body,
                    "{{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{{\"id\":\"t1\",\"type\":\"function\",\"function\":{{\"name\":\"run\",\"arguments\":\"{arguments}\"}}}}]}}"
                )
            }
        };
    }
    body.push_str("]}");
    body
}

/// A JSON string, with more escapes than it needs in some documents.
fn string(random: &mut Random, text: &str) -> String {
    let (slashes, units) = (random.one_in(4), random.one_in(4));
    let mut out = String::from("\"");
    for letter in text.chars() {
        if units && random.one_in(6) && letter.is_ascii() {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        } else if slashes && letter == '/' {
            out.push_str("\\/");
        } else {
            out.push_str(&escaped(&letter.to_string()));
        }
    }
    out.push('"');
    out
}
