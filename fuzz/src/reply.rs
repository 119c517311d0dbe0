//! The way back, in `aegis-shield`: what is restored does not depend on cuts, and nothing else is changed.

use std::sync::{Arc, OnceLock};

use aegis_detect::Category;
use aegis_shield::reply::{Rehydrator, ReplyFormat, RestoreStats};
use aegis_shield::{Keyring, Token, Vault};

/// Stands for a token of the vault in an input, so that mutations rarely break it.
const TOKEN_MARK: u8 = 1;
/// Stands for a token that is well-formed and nobody's.
const FOREIGN_MARK: u8 = 2;
const FOREIGN: &[u8] = b"AEGIS-KEY-0ABCDEFGHJKMNPQRSTVWX";

/// With everything that must be escaped.
const SECRET: &str = "s\"3\\cr\net \u{1F980}\u{e9}";

fn token() -> &'static Token {
    static TOKEN: OnceLock<Token> = OnceLock::new();
    TOKEN.get_or_init(|| {
        let keyring = Keyring::new(&[7; 32], "fuzz", 0, &[]).expect("one epoch");
        keyring.mint(Category::Key, SECRET.as_bytes())
    })
}

fn vault() -> Vault {
    let mut vault = Vault::new();
    vault.insert(*token(), SECRET.as_bytes()).expect("room for one");
    vault
}

/// The input with its marks replaced.
fn spell(data: &[u8]) -> Vec<u8> {
    let mut spelled = Vec::new();
    for &byte in data {
        match byte {
            TOKEN_MARK => spelled.extend_from_slice(token().as_bytes()),
            FOREIGN_MARK => spelled.extend_from_slice(FOREIGN),
            _ => spelled.push(byte),
        }
    }
    spelled
}

fn rehydrate(format: ReplyFormat, body: &[u8], size: usize, guarded: bool) -> (Vec<u8>, RestoreStats) {
    let mut rehydrator = Rehydrator::new(vault(), format);
    if guarded {
        rehydrator = rehydrator.with_policy(Arc::default());
    }
    let mut out = Vec::new();
    for piece in body.chunks(size.max(1)) {
        rehydrator.push(piece, &mut out);
    }
    rehydrator.finish(&mut out);
    (out, rehydrator.stats())
}

fn check(format: ReplyFormat, body: &[u8], size: usize) {
    for guarded in [false, true] {
        check_policy(format, body, size, guarded);
    }
}

fn check_policy(format: ReplyFormat, body: &[u8], size: usize, guarded: bool) {
    let (whole, tally) = rehydrate(format, body, body.len(), guarded);
    let (pieces, tally_of_pieces) = rehydrate(format, body, size, guarded);
    assert!(
        whole == pieces,
        "the reply depends on the cut: {} and {}",
        whole.escape_ascii(),
        pieces.escape_ascii()
    );
    assert_eq!(tally, tally_of_pieces, "the count depends on the cut");
    if tally.restored == 0 {
        let same = if matches!(format, ReplyFormat::Sse | ReplyFormat::Unknown | ReplyFormat::Json) {
            // Held text may move into an event or item of its own; no event may be lost.
            whole.len() >= body.len()
        } else {
            whole == body
        };
        assert!(same, "a reply without tokens is changed");
    }
}

/// Event streams as they come.
pub fn sse(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else { return };
    check(ReplyFormat::Sse, &spell(input), 1 + usize::from(choice) % 40);
}

/// Other replies, and a stream that says the input in pieces: it must say what a reply in one piece says.
pub fn rehydrator(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else { return };
    let size = 1 + usize::from(choice >> 2) % 40;
    let format = match choice % 4 {
        0 => ReplyFormat::Json,
        1 => ReplyFormat::JsonLines,
        2 => ReplyFormat::Unknown,
        _ => ReplyFormat::Text,
    };
    check(format, &spell(input), size);
    streamed_against_whole(&String::from_utf8_lossy(&spell(input)), size);
}

fn delta(text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}]}}\n\n")
}

/// Says `text` in deltas of `size` characters, ends the choice, and compares with a reply in one piece.
fn streamed_against_whole(text: &str, size: usize) {
    let characters: Vec<char> = text.chars().collect();
    let deltas = characters.chunks(size).map(|piece| delta(&piece.iter().collect::<String>()));
    let end =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let stream: String = deltas.chain([end.to_owned()]).collect();
    let (out, streamed) = rehydrate(ReplyFormat::Sse, stream.as_bytes(), 17, false);
    let out = String::from_utf8(out).expect("a stream of text stays text");
    assert!(out.ends_with(end), "the end of the stream is untouched");
    let said: String = out
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    let body = format!("{{\"choices\":[{{\"message\":{{\"content\":{}}}}}]}}", serde_json::Value::from(text));
    let (whole, at_once) = rehydrate(ReplyFormat::Json, body.as_bytes(), body.len(), false);
    let whole: serde_json::Value = serde_json::from_slice(&whole).expect("a document stays one");
    assert_eq!(
        whole["choices"][0]["message"]["content"].as_str(),
        Some(said.as_str()),
        "streamed and whole differ"
    );
    assert_eq!(streamed.restored, at_once.restored, "the counts differ");
}
