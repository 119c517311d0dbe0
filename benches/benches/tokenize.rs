//! The request side: JSON chat prompts of real code through the tokenizer, as the gateway pushes them, and the bytes
//! of the result gathered. Beside it a bare copy of the same bytes: what passing them on unread would cost.

use aegis_bench::{corpus, machine};
use aegis_detect::{KnownKey, Rules};
use aegis_shield::{Format, Keyring, Policy, RequestLimits, ShardScratch, Shield, Splice, Tokenizer};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const SIZES: [(&str, usize); 4] = [("1KB", 1 << 10), ("64KB", 64 << 10), ("1MB", 1 << 20), ("8MB", 8 << 20)];

fn shield() -> Arc<Shield> {
    let keyring = Keyring::new(&[7; 32], "bench", 0, &[]).expect("one epoch is allowed");
    Arc::new(Shield {
        rules: Rules::builtin().expect("the built-in rules compile"),
        policy: Policy::default(),
        keyring: Arc::new(keyring),
        search_key: KnownKey::new(&[9; 32]),
        limits: RequestLimits::default(),
    })
}

/// One whole body; gives the number of secrets replaced.
fn tokenize(
    shield: &Arc<Shield>,
    scratch: &mut ShardScratch,
    splice: &mut Splice,
    out: &mut Vec<u8>,
    body: &[u8],
) -> usize {
    let mut tokenizer = Tokenizer::new(Arc::clone(shield), Format::Json);
    out.clear();
    let mut rest = body;
    loop {
        splice.clear();
        let used = tokenizer.push(scratch, rest, true, splice).expect("a sound body");
        splice.write_to(rest, out);
        rest = &rest[used..];
        if rest.is_empty() {
            return tokenizer.finish().vault.len();
        }
    }
}

fn prompts(c: &mut Criterion) {
    let shield = shield();
    let mut scratch = ShardScratch::new(&shield.rules).expect("memory for the scanner");
    let (mut splice, mut out) = (Splice::new(), Vec::new());
    let found = machine::text(10 << 20);
    println!("real code: {}", found.source);
    let text = |size: usize, seed: usize| machine::slice(&found.text, size, seed).to_owned();
    let mut group = c.benchmark_group("tokenize");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for (name, size) in SIZES {
        for (kind, secrets) in [("", false), ("+secrets", true)] {
            let body = corpus::chat_of(&text, size, true, secrets, 1);
            let count = tokenize(&shield, &mut scratch, &mut splice, &mut out, &body);
            println!("{name}{kind}: {} bytes, {count} secrets", body.len());
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(format!("{name}{kind}"), |b| {
                b.iter(|| tokenize(&shield, &mut scratch, &mut splice, &mut out, black_box(&body)));
            });
        }
        let body = corpus::chat_of(&text, size, true, false, 1);
        group.bench_function(format!("{name}/copy"), |b| {
            b.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&body));
                out.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, prompts);
criterion_main!(benches);
