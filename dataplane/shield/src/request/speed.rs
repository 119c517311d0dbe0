//! How fast requests pass, printed and never judged. Run it in release:
//! `cargo test --release -p aegis-shield speed -- --ignored --nocapture`

use std::sync::Arc;
use std::time::Instant;

use aegis_detect::{Scanner, Window};
use serde_json::json;

use super::json::JsonBody;
use super::testing::shield;
use super::{Gather, ShardScratch, Tokenizer, WINDOW};
use crate::format::Format;
use crate::json::{Lexeme, Nested, Sink};
use crate::places::Scope;
use crate::shield::Shield;

/// This crate's own sources, again and again, without what looks like a secret.
fn code(bytes: usize) -> String {
    let sources = [
        include_str!("json.rs"),
        include_str!("track.rs"),
        include_str!("view.rs"),
        include_str!("../json/lexer.rs"),
        include_str!("../vault.rs"),
    ];
    sources.concat().chars().cycle().take(bytes).collect()
}

/// Code in messages of `turn` bytes, of `bytes` in all.
fn prompt(bytes: usize, turn: usize) -> String {
    let message =
        |_| json!({ "role": "user", "content": [{ "type": "text", "text": code(turn.min(bytes)) }] });
    let messages: Vec<_> = (0..bytes.div_ceil(turn)).map(message).collect();
    json!({ "model": "some-model", "max_tokens": 1024, "messages": messages }).to_string()
}

/// Counts, so that nothing is optimised away.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn lexeme(&mut self, lexeme: Lexeme<'_>) {
        self.0 += u64::from(lexeme.is_plain());
    }
}

/// The best of several rounds, in GB/s.
fn rate(bytes: usize, mut round: impl FnMut()) -> f64 {
    let bytes = u32::try_from(bytes).unwrap();
    let rounds = (200_000_000 / bytes).clamp(20, 20_000);
    let mut best = f64::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for _ in 0..rounds / 10 {
            round();
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(rounds / 10));
    }
    f64::from(bytes) / best / 1e9
}

fn tokenize(
    shield: &Arc<Shield>,
    body: &[u8],
    format: Format,
    scratch: &mut ShardScratch,
    out: &mut Gather,
) -> u32 {
    let mut tokenizer = Tokenizer::new(Arc::clone(shield), format);
    let mut rest = body;
    out.clear();
    loop {
        let consumed = tokenizer.push(scratch, rest, true, out).unwrap();
        rest = &rest[consumed..];
        if consumed == 0 {
            return tokenizer.finish().report.total();
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let shield = shield();
    let mut scratch = ShardScratch::new(&shield.rules).unwrap();
    let mut scanner = Scanner::new(shield.rules.clone()).unwrap();
    let mut out = Gather::new();
    let plain = "words and words without any escape ".repeat(30_000);
    let bodies = [
        ("1 KB", prompt(1000, 1000), code(1000)),
        ("64 KB", prompt(64_000, 4000), code(64_000)),
        ("1 MB", prompt(1_000_000, 10_000), code(1_000_000)),
        ("8 MB", prompt(8_000_000, 50_000), code(8_000_000)),
        ("1 MB, short strings", prompt(1_000_000, 40), code(1_000_000)),
        ("1 MB, nested", json!({ "a": prompt(1_000_000, 10_000) }).to_string(), code(1_000_000)),
        ("1 MB, no escapes", json!({ "text": plain }).to_string(), plain),
    ];
    println!("GB/s; scan and bare are those of the decoded text alone");
    println!("{:>20} {:>8} {:>8} {:>8} {:>8} {:>8}  findings", "", "lex", "view", "scan", "bare", "all");
    for (name, body, text) in &bodies {
        let bytes = body.as_bytes();
        let lex = rate(bytes.len(), || {
            let mut count = Count::default();
            Nested::document().feed(bytes, &mut count).unwrap();
            assert!(count.0 > 0);
        });
        let view = rate(bytes.len(), || {
            let mut json = JsonBody::document(Scope::Body);
            let mut rest = bytes;
            while !rest.is_empty() {
                let window = &rest[..rest.len().min(WINDOW)];
                rest = &rest[json.view_only(&mut scratch, window, window.len() == rest.len())..];
            }
        });
        let scan = rate(text.len(), || {
            for text in text.as_bytes().chunks(WINDOW) {
                let _ = scanner.scan(Window { text, fresh: 0, last: true });
            }
        });
        let bare = rate(text.len(), || {
            for text in text.as_bytes().chunks(WINDOW) {
                scanner.bare_scan(text);
            }
        });
        let mut findings = 0;
        let all =
            rate(bytes.len(), || findings = tokenize(&shield, bytes, Format::Json, &mut scratch, &mut out));
        println!("{name:>20} {lex:>8.2} {view:>8.2} {scan:>8.2} {bare:>8.2} {all:>8.2}  {findings}");
    }
    let part = r#"{"type":"thinking","signature":"QUJDREVGR0hJSktMTU5P"},"#;
    let sealed = format!("{{\"messages\":[{{\"content\":[{}1]}}]}}", part.repeat(20_000));
    let seams = format!("{{\"content\":[{}1]}}", r#"{"text":"ab"},"#.repeat(60_000));
    let escapes = format!("[\"{}\"]", "\\u0041\\u00e9".repeat(80_000));
    for (name, body) in [("sealed values", sealed), ("seams", seams), ("escapes", escapes)] {
        let all = rate(body.len(), || {
            tokenize(&shield, body.as_bytes(), Format::Json, &mut scratch, &mut out);
        });
        println!("{:>20} {all:>44.2}", format!("1 MB of {name}"));
    }
}
