//! What all tests of replies share: made-up secrets, cuts, and clients that read streams as SDKs do.

use std::collections::BTreeMap;
use std::sync::Arc;

use aegis_detect::Category;
use aegis_shield::reply::{Rehydrator, ReplyFormat, RestoreStats};
use aegis_shield::{Keyring, Token, Vault};
use serde_json::Value;

/// An organisation's keyring; every vault here is minted by it.
pub(crate) fn keyring() -> Keyring {
    Keyring::new(&[42; 32], "acme", 5, &[]).unwrap()
}

pub(crate) const PLAIN: &str = "hunter2-but-longer";
pub(crate) const QUOTED: &str = "p\"a\\s/s\tw\u{f6}rd\nline two \u{1F511} \u{1} end\\";
pub(crate) const PEM: &str =
    "-----BEGIN PRIVATE KEY-----\nMIIBmadeUp+/==\nQUJDREVG\n-----END PRIVATE KEY-----\n";
pub(crate) const FLAT_PEM: &str =
    "-----BEGIN PRIVATE KEY-----\\nMIIBmadeUp+/==\\n-----END PRIVATE KEY-----\\n";

/// All secrets with their categories. The last is one that another is a prefix of.
pub(crate) const SECRETS: [(Category, &str); 6] = [
    (Category::Key, PLAIN),
    (Category::Secret, QUOTED),
    (Category::Pkey, PEM),
    (Category::Pkey, FLAT_PEM),
    (Category::Pii, "a"),
    (Category::Secret, "hunter2-but-longer still"),
];

pub(crate) fn token_of(secret: &str) -> Token {
    let known = SECRETS.iter().find(|(_, known)| *known == secret).expect("a secret of the vault");
    keyring().mint(known.0, secret.as_bytes())
}

pub(crate) fn vault() -> Vault {
    let mut vault = Vault::new();
    for (category, secret) in SECRETS {
        vault.insert(keyring().mint(category, secret.as_bytes()), secret.as_bytes()).unwrap();
    }
    vault
}

/// A well-formed token that the vault does not know.
pub(crate) fn foreign() -> String {
    Keyring::new(&[43; 32], "other", 5, &[]).unwrap().mint(Category::Key, b"theirs").to_string()
}

/// `text` as the provider wrote it: each secret in `{{...}}` is its token.
pub(crate) fn masked(text: &str) -> String {
    fill(text, |secret| token_of(secret).to_string())
}

/// `text` as the client must see it.
pub(crate) fn clear(text: &str) -> String {
    fill(text, str::to_owned)
}

fn fill(text: &str, with: impl Fn(&str) -> String) -> String {
    let mut text = text.to_owned();
    for (name, secret) in [("plain", PLAIN), ("quoted", QUOTED), ("pem", PEM), ("flat", FLAT_PEM), ("a", "a")]
    {
        text = text.replace(&format!("<<{name}>>"), &with(secret));
    }
    text
}

/// Runs `input` through, cut into pieces that end at `cuts`.
pub(crate) fn run_cut(format: ReplyFormat, input: &[u8], cuts: &[usize]) -> (Vec<u8>, RestoreStats) {
    let mut rehydrator = Rehydrator::new(vault(), format).with_keyring(Arc::new(keyring()));
    let mut out = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&input.len()]) {
        rehydrator.push(&input[start..cut], &mut out);
        start = cut;
    }
    rehydrator.finish(&mut out);
    (out, rehydrator.stats())
}

/// Bytes that all cuts of one input may feed together: inputs of up to 4 KiB are cut at every byte, larger ones at
/// as many places as fit.
const ALL_CUTS: usize = 16 << 20;

/// Runs `input` through whole, in two pieces for every cut, and byte by byte; the result must be the same.
pub(crate) fn run(format: ReplyFormat, input: &str) -> (String, RestoreStats) {
    let input = input.as_bytes();
    let whole = run_cut(format, input, &[]);
    let bytewise: Vec<usize> = (1..input.len()).collect();
    let same = |(out, stats): (Vec<u8>, RestoreStats), what: &str| {
        if out != whole.0 {
            let (a, b) = (String::from_utf8_lossy(&whole.0), String::from_utf8_lossy(&out));
            panic!("{what} changes the result\n--- whole\n{a}\n--- cut\n{b}");
        }
        assert_eq!(stats, whole.1, "{what}");
    };
    same(run_cut(format, input, &bytewise), "feeding byte by byte");
    for cut in (1..input.len()).step_by(input.len() * input.len() / ALL_CUTS + 1) {
        same(run_cut(format, input, &[cut]), &format!("a cut at {cut}"));
    }
    for room in [1, 50] {
        same(run_within(format, input, room), &format!("room for {room} bytes"));
    }
    (String::from_utf8(whole.0).expect("valid UTF-8"), whole.1)
}

/// Runs `input` through in pieces of a hundred bytes, each of which comes out as far as there is room at a time.
fn run_within(format: ReplyFormat, input: &[u8], room: usize) -> (Vec<u8>, RestoreStats) {
    let mut rehydrator = Rehydrator::new(vault(), format);
    let (mut whole, mut out) = (Vec::new(), Vec::new());
    for piece in input.chunks(100).map(Some).chain([None]) {
        let mut all = match piece {
            Some(piece) => rehydrator.push_within(piece, &mut out, room),
            None => rehydrator.finish_within(&mut out, room),
        };
        while !all {
            whole.append(&mut out);
            all = rehydrator.resume(&mut out, room);
        }
        whole.append(&mut out);
    }
    (whole, rehydrator.stats())
}

/// As [`run`], for a stream of server-sent events.
pub(crate) fn run_sse(input: &str) -> (String, RestoreStats) {
    run(ReplyFormat::Sse, input)
}

/// An event as an SSE client dispatches it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SseEvent {
    pub(crate) name: String,
    pub(crate) data: String,
}

impl SseEvent {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}

/// Reads a stream as the standard says. An event without an empty line after it is dropped.
pub(crate) fn events(stream: &str) -> Vec<SseEvent> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let lines = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), Vec::new());
    for line in lines.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                if !data.is_empty() {
                    events.push(SseEvent { name: std::mem::take(&mut name), data: data.join("\n") });
                }
                data.clear();
                name.clear();
            }
            "data" => data.push(value.to_owned()),
            "event" => value.clone_into(&mut name),
            _ => {}
        }
    }
    events
}

/// The text of each channel, put together from the events by `pieces`.
pub(crate) fn channels(
    stream: &str,
    pieces: impl Fn(&Value) -> Vec<(String, String)>,
) -> BTreeMap<String, String> {
    let mut channels = BTreeMap::new();
    for event in events(stream).iter().filter(|event| event.data != "[DONE]") {
        for (channel, piece) in pieces(&event.json()) {
            *channels.entry(channel).or_insert_with(String::new) += &piece;
        }
    }
    channels
}

/// `text` in pieces of `size` characters.
pub(crate) fn pieces(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|piece| piece.iter().collect()).collect()
}

/// One event with the line end `eol`.
pub(crate) fn frame(name: &str, data: &str, eol: &str) -> String {
    let head = if name.is_empty() { String::new() } else { format!("event: {name}{eol}") };
    format!("{head}data: {data}{eol}{eol}")
}

/// Every frame of `input` for which `untouched` says so is in `output` as it is, in the same order.
pub(crate) fn assert_untouched(input: &str, output: &str, eol: &str, untouched: impl Fn(&str) -> bool) {
    let blank = format!("{eol}{eol}");
    let frames = |text: &str| -> Vec<String> {
        text.split_inclusive(&blank).filter(|frame| untouched(frame)).map(str::to_owned).collect()
    };
    assert_eq!(frames(input), frames(output));
}

/// `text` as the content of a JSON string.
pub(crate) fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
