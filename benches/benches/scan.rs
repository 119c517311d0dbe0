//! Scanning alone: the whole scanner beside the bare engine on the same bytes and rules, window by window as the
//! gateway does it.

use aegis_bench::{corpus, machine};
use aegis_detect::{
    KnownKey, KnownList, KnownValues, LEFT_CONTEXT, LOOKAHEAD, Rules, Scanner, Selection, Window,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const TEXT: usize = 4 << 20;
const ENCODED: usize = 2 << 20;
const DENSE_TEXT: usize = 1 << 20;
const DENSE: &[&str] = &[
    "token=",
    "password=\"",
    "ghp_",
    "eyJhbGciOiJIUzI1NiJ9.eyJ",
    "://a:",
    "-----BEGIN PRIVATE KEY-----\n",
    "secret%3D",
    "%2573ecret%253D",
    "password&quot;",
    "\\u0022",
    "\\x22",
    "c2VjcmV0",
    "7365637265743d",
    "API_KEY ",
    "stripe key ",
    "kind: Secret\ndata:\n",
    "curl -u a:b ",
];
const WINDOW: usize = 32 * 1024;
/// A text with secrets has some every so many bytes.
const SECRET_EVERY: usize = 8 * 1024;

/// Scans a whole text in windows; gives the number of findings.
fn full(scanner: &mut Scanner, text: &[u8]) -> usize {
    let (mut fresh, mut found) = (0, 0);
    while fresh < text.len() {
        let left = fresh.min(LEFT_CONTEXT);
        let end = text.len().min(fresh - left + WINDOW);
        let window = Window { text: &text[fresh - left..end], fresh: left, last: end == text.len() };
        let scan = scanner.scan(window);
        found += scan.findings.len();
        fresh += scan.settled - left;
    }
    found
}

/// The same windows through the engine alone.
fn bare(scanner: &mut Scanner, text: &[u8]) -> usize {
    let (mut fresh, mut found) = (0, 0);
    while fresh < text.len() {
        let start = fresh - fresh.min(LEFT_CONTEXT);
        let end = text.len().min(start + WINDOW);
        found += scanner.bare_scan(&text[start..end]);
        fresh = if end == text.len() { end } else { end - LOOKAHEAD };
    }
    found
}

fn with_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut since = 0;
    for line in text.split_inclusive('\n') {
        out.push_str(line);
        since += line.len();
        if since > SECRET_EVERY {
            out.push_str(&corpus::secret_lines());
            since = 0;
        }
    }
    out
}

fn scan(c: &mut Criterion) {
    let rules = Rules::builtin().expect("the built-in rules compile");
    let mut scanner = Scanner::new(rules).expect("memory for the scanner");
    let found = machine::text(TEXT);
    println!("real code: {}", found.source);
    let texts = [
        ("own", corpus::text(TEXT, 0)),
        ("code", found.text.clone()),
        ("json", String::from_utf8_lossy(&json(&found.text)).into_owned()),
        ("secrets", with_secrets(&found.text)),
    ];
    let mut group = c.benchmark_group("scan");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for (name, text) in &texts {
        let text = text.as_bytes();
        let (hits, reports) = (full(&mut scanner, text), bare(&mut scanner, text));
        println!("{name}: {} bytes, {hits} findings, {reports} reports of the engine", text.len());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("{name}/bare"), |b| b.iter(|| bare(&mut scanner, black_box(text))));
        group.bench_function(format!("{name}/full"), |b| b.iter(|| full(&mut scanner, black_box(text))));
    }
    group.finish();
}

/// The text as a chat request, escapes and all.
fn json(text: &str) -> Vec<u8> {
    corpus::chat_of(&|size, seed| machine::slice(text, size, seed).to_owned(), TEXT, false, false, 1)
}

/// Bodies that are nothing but one encoding of a text, beside that text: decoding must not cost more than twice its
/// scan.
fn encoded(c: &mut Criterion) {
    let mut scanner = scanner(None);
    let plain = machine::text(ENCODED).text.into_bytes();
    let once = STANDARD.encode(&plain);
    let folded: Vec<String> =
        once.as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into_owned()).collect();
    let hex = plain.iter().fold(String::new(), |out, b| out + &format!("{b:02x}"));
    let texts = [
        ("base64 of base64", STANDARD.encode(&once)),
        ("folded base64", folded.join("\n")),
        ("hex", hex),
        ("base64", once),
        ("plain", String::from_utf8_lossy(&plain).into_owned()),
    ];
    let mut group = c.benchmark_group("encoded");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(*name, |b| b.iter(|| full(&mut scanner, black_box(text.as_bytes()))));
    }
    group.finish();
}

/// A mebibyte of nothing but candidates, for the shapes that cost most: slow, but linear.
fn dense(c: &mut Criterion) {
    let mut scanner = scanner(None);
    let mut group = c.benchmark_group("dense");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    for unit in DENSE {
        let text = unit.repeat(DENSE_TEXT.div_ceil(unit.len()));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(unit.escape_debug().to_string(), |b| {
            b.iter(|| full(&mut scanner, black_box(text.as_bytes())));
        });
    }
    group.finish();
}

/// What a list of known values adds.
fn known(c: &mut Criterion) {
    let text = machine::text(TEXT).text.into_bytes();
    let mut group = c.benchmark_group("known");
    group.sample_size(20).measurement_time(Duration::from_secs(3)).throughput(Throughput::Bytes(TEXT as u64));
    for count in [0, 100, 10_000] {
        let mut scanner = scanner((count > 0).then(|| Arc::new(KnownValues::new(&list(count)))).as_ref());
        group.bench_function(count.to_string(), |b| b.iter(|| full(&mut scanner, black_box(&text))));
    }
    group.finish();
}

fn scanner(known: Option<&Arc<KnownValues>>) -> Scanner {
    let rules =
        Rules::load(&Selection { known, ..Selection::default() }).expect("the built-in rules compile");
    Scanner::new(rules).expect("memory for the scanner")
}

/// Values like those that generators of passwords make, of 16 characters.
fn list(count: usize) -> KnownList {
    let mut list = KnownList::new(KnownKey::new(&[7; 32]));
    for n in 0..count as u64 {
        let noise = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let value = STANDARD.encode([noise, (!n).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes()].concat());
        list.insert(&value.as_bytes()[..16]).expect("a fit value");
    }
    list
}

criterion_group!(benches, scan, encoded, dense, known);
criterion_main!(benches);
