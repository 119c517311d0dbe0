//! Decides on its own what must be hidden and what must stay, and whether what was sent and received is that.

use std::collections::{HashMap, HashSet};

use aegis_shield::TokenizeOutcome;
use aegis_shield::reply::ReplyFormat;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::conversation::{Conversation, Repeat, Request};
use crate::gateway::{Gateway, receive};
use crate::replies::strings;
use crate::secrets::{Secret, Strength};
use crate::writings::{Manner, escaped, hex, percent};

/// So many bytes of a strong value in a row are a leak.
const RUN: usize = 8;
/// What values of a shape have in common; a run must hold more of them.
const PUBLIC: [&str; 2] = ["ghp_", "AKIA"];
/// Strings are read as documents so many times.
const DEPTH: usize = 4;
/// A value takes up to so many bytes for each of its own.
const MOST_WRITTEN: usize = 16;

pub(crate) type Judged = Result<(), String>;

/// Judges all requests of a conversation.
pub(crate) fn judge(gateway: &mut Gateway, conversation: &Conversation) -> Judged {
    let (secrets, first, later) = (&conversation.secrets, &conversation.first, &conversation.later);
    judge_request(gateway, conversation, first.text())?;
    let (seen, outcome) = gateway.send(first.text(), None).map_err(|refusal| refusal.to_string())?;
    let memory = gateway.remember(&outcome);

    // The same client's next request.
    let (next_seen, next) = gateway.send(later.text(), memory).map_err(|refusal| refusal.to_string())?;
    let strong = secrets.iter().filter(|secret| secret.strength == Strength::Strong);
    let judged = no_run(strong, &next_seen)
        .and_then(|()| same_but_tokens(later.text(), &next_seen, &next))
        .and_then(|()| stays(secrets, later, &next_seen, |secret, _| secret.strength != Strength::Strong))
        .and_then(|()| comes_back(later.text(), &next_seen, next));
    judged.map_err(|what| told("the next request", &what, later.text(), &next_seen))?;

    // Another client's.
    let (other_seen, other) = gateway.send(later.text(), None).map_err(|refusal| refusal.to_string())?;
    let judged = same_but_tokens(later.text(), &other_seen, &other)
        .and_then(|()| stays(secrets, later, &other_seen, |secret, _| !secret.has_shape));
    judged.map_err(|what| told("another client's request", &what, later.text(), &other_seen))?;
    // It is sent the tokens of the first one.
    let foreign: Vec<String> = outcome
        .vault
        .tokens()
        .filter(|token| other.vault.resolve(token).is_none())
        .map(ToString::to_string)
        .collect();
    let received = receive(other.vault, ReplyFormat::Json, &[&seen]);
    match foreign.iter().find(|token| seen.contains(*token) && !received.contains(*token)) {
        Some(token) => Err(told("another client", &format!("{token} is restored"), &seen, &received)),
        None => Ok(()),
    }
}

/// Judges a request in which rules find the conversation's secrets.
pub(crate) fn judge_request(gateway: &mut Gateway, conversation: &Conversation, body: &str) -> Judged {
    let secrets = &conversation.secrets;
    let (seen, outcome) = gateway.send(body, None).map_err(|refusal| refusal.to_string())?;
    let strong = secrets.iter().filter(|secret| secret.strength == Strength::Strong);
    let judged = no_run(strong, &seen)
        .and_then(|()| no_word(secrets, &seen))
        .and_then(|()| same_but_tokens(body, &seen, &outcome))
        .and_then(|()| {
            stays(secrets, &conversation.first, &seen, |secret, repeat| match secret.strength {
                Strength::Strong => false,
                Strength::Middling => repeat.manner == Manner::Glued,
                Strength::Weak => true,
            })
        })
        .and_then(|()| comes_back(body, &seen, outcome));
    judged.map_err(|what| told("the request", &what, body, &seen))
}

pub(crate) fn told(whose: &str, what: &str, sent: &str, seen: &str) -> String {
    let (sent, seen) = (sent.trim_start(), seen.trim_start());
    format!("{whose}: {what}\n    sent {sent}\n    seen {seen}")
}

/// No run of a strong value is there, as it is or under an encoding.
fn no_run<'a>(secrets: impl Iterator<Item = &'a Secret>, seen: &str) -> Judged {
    let runs: HashSet<&[u8]> = seen.as_bytes().windows(RUN).collect();
    for secret in secrets {
        for sign in ["", "%"] {
            // Each byte takes several characters there, of which few are met by chance.
            let digits = hex(&secret.value, sign);
            let found = digits.as_bytes().windows(RUN * (2 + sign.len())).find(|run| {
                runs.contains(&run[..RUN]) && seen.as_bytes().windows(run.len()).any(|text| text == *run)
            });
            if let Some(run) = found {
                return Err(format!("{:?} of {secret:?} is there", String::from_utf8_lossy(run)));
            }
        }
        for form in forms(&secret.value) {
            let public = PUBLIC.iter().any(|public| form.starts_with(public));
            let says_something = |run: &&[u8]| run.iter().filter(|byte| **byte != b'\\').count() > RUN / 2;
            let found = form.as_bytes().windows(RUN).skip(usize::from(public)).filter(says_something);
            let found = found.into_iter().find(|run| runs.contains(run));
            if let Some(run) = found {
                return Err(format!("{:?} of {secret:?} is there", String::from_utf8_lossy(run)));
            }
        }
    }
    Ok(())
}

fn forms(value: &str) -> Vec<String> {
    let once = escaped(value);
    let mut forms = vec![value.to_owned(), escaped(&once), percent(value)];
    for skip in 0..3 {
        let bytes = &value.as_bytes()[skip..];
        forms.push(STANDARD.encode(&bytes[..bytes.len() / 3 * 3]));
    }
    forms.push(once);
    forms
}

/// No middling value stands there as a word.
fn no_word(secrets: &[Secret], seen: &str) -> Judged {
    for secret in secrets.iter().filter(|secret| secret.strength == Strength::Middling) {
        for text in texts(seen) {
            let is_word = |(at, _): (usize, &str)| {
                let beside = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
                let (before, behind) = (at.checked_sub(1), at + secret.value.len());
                !beside(before.and_then(|at| text.as_bytes().get(at))) && !beside(text.as_bytes().get(behind))
            };
            if text.match_indices(&secret.value).any(is_word) {
                return Err(format!("{secret:?} is there as a word"));
            }
        }
    }
    Ok(())
}

/// The copies of which `must` says so are there.
fn stays(
    secrets: &[Secret],
    request: &Request,
    seen: &str,
    must: impl Fn(&Secret, &Repeat) -> bool,
) -> Judged {
    let mut least: HashMap<usize, usize> = HashMap::new();
    for repeat in &request.repeats {
        let is_plain = repeat.manner != Manner::Encoded;
        if is_plain && must(&secrets[repeat.secret], repeat) {
            *least.entry(repeat.secret).or_default() += repeat.times;
        }
    }
    let texts = texts(seen);
    for (index, least) in least {
        let secret = &secrets[index];
        let count: usize = texts.iter().map(|text| text.matches(&secret.value).count()).sum();
        if count < least && !names_itself(&secret.value) {
            return Err(format!("{secret:?} is there {count} times, not {least}"));
        }
    }
    Ok(())
}

/// Whether a value reads like the assignment of a password, and so is found by itself: `x8PW:K!9u`. One with a percent sign
/// may be an escape, behind which it is a word.
fn names_itself(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_named = ["pw", "pass", "key", "pin"].iter().any(|name| lower.contains(name));
    value.contains('%') || (is_named && value.contains([':', '=']))
}

/// The strings of a document, those of documents in them as well.
pub(crate) fn texts(document: &str) -> Vec<String> {
    fn walk(value: &Value, depth: usize, out: &mut Vec<String>) {
        match value {
            Value::String(text) => match inner(text).filter(|_| depth > 0) {
                Some(inner) => walk(&inner, depth - 1, out),
                None => out.push(text.clone()),
            },
            Value::Array(items) => items.iter().for_each(|item| walk(item, depth, out)),
            Value::Object(members) => members.values().for_each(|item| walk(item, depth, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    if let Ok(value) = serde_json::from_str(document) {
        walk(&value, DEPTH, &mut out);
    }
    out
}

fn inner(text: &str) -> Option<Value> {
    text.starts_with(['{', '[']).then(|| serde_json::from_str(text).ok())?
}

/// Everything but what tokens stand for is as it was.
fn same_but_tokens(sent: &str, seen: &str, outcome: &TokenizeOutcome) -> Judged {
    let mut places: Vec<(usize, String, String)> = Vec::new();
    for token in outcome.vault.tokens() {
        let value = String::from_utf8_lossy(outcome.vault.resolve(token).unwrap_or_default()).into_owned();
        let token = token.to_string();
        places.extend(seen.match_indices(&token).map(|(at, _)| (at, token.clone(), value.clone())));
    }
    places.sort_unstable();
    let (mut rest, mut at) = (sent, 0);
    for (index, (place, token, value)) in places.iter().enumerate() {
        let Some(behind) = rest.strip_prefix(&seen[at..*place]) else {
            return Err(format!("other bytes than those of values changed before {token}"));
        };
        at = place + token.len();
        let next = places.get(index + 1).map_or(seen.len(), |(next, _, _)| *next);
        let literal = &seen[at..next];
        let most = behind.len().min(value.len() * MOST_WRITTEN);
        let length = (1..=most)
            .filter(|length| behind.is_char_boundary(*length))
            .find(|length| behind[*length..].starts_with(literal) && is_written(&behind[..*length], value));
        let Some(length) = length else {
            return Err(format!("{token} stands for something else than {value:?}"));
        };
        rest = &behind[length..];
    }
    if rest == &seen[at..] { Ok(()) } else { Err("the end changed".to_owned()) }
}

/// Whether `written` is `value` as it stands in a JSON string, at some depth.
fn is_written(written: &str, value: &str) -> bool {
    let mut text = written.to_owned();
    for _ in 0..DEPTH {
        if text == value {
            return true;
        }
        match serde_json::from_str(&format!("\"{text}\"")) {
            Ok(Value::String(inner)) => text = inner,
            _ => return false,
        }
    }
    text == value
}

/// A reply that says what was sent says what the client had sent.
fn comes_back(sent: &str, seen: &str, outcome: TokenizeOutcome) -> Judged {
    let received = receive(outcome.vault, ReplyFormat::Json, &[seen]);
    let (expected, got) = (strings(sent), strings(&received));
    match expected.iter().zip(&got).find(|(expected, got)| expected != got) {
        Some((expected, got)) => Err(format!("came back as\n{got}\n  instead of\n{expected}")),
        None if expected.len() == got.len() => Ok(()),
        None => Err(format!("came back as {received}")),
    }
}
