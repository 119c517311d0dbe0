//! Scanning alone: the whole scanner beside the bare engine on the same bytes and rules, window by window as the
//! gateway does it.

use aegis_bench::{corpus, machine};
use aegis_detect::{LEFT_CONTEXT, LOOKAHEAD, Rules, Scanner, Window};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

const TEXT: usize = 4 << 20;
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

criterion_group!(benches, scan);
criterion_main!(benches);
