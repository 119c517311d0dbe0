//! The reply side: what one server-sent event costs on its way back, passed on by an empty vault, watched by one that
//! has secrets, and with a token restored in it; one event a push, as they arrive. `guarded` is the same as `watched`,
//! and `allowed` as `restored`, with a policy that has the addresses in the text followed, as the gateway does.

use aegis_bench::corpus::SECRETS;
use aegis_bench::mock::answer::{Asked, answer};
use aegis_bench::mock::prompt::Api;
use aegis_bench::mock::reply::Body;
use aegis_bench::mock::scenario::Scenario;
use aegis_detect::Category;
use aegis_shield::reply::{Rehydrator, ReplyFormat, RestorePolicy};
use aegis_shield::{Keyring, Vault};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const EVENTS: usize = 200;

/// A vault with `secrets`.
fn vault(keyring: &Keyring, secrets: &[&str]) -> Vault {
    let mut vault = Vault::new();
    for secret in secrets {
        let token = keyring.mint(Category::Secret, secret.as_bytes());
        vault.insert(token, secret.as_bytes()).expect("room in the vault");
    }
    vault
}

/// The events of a streamed reply that says `text` in [`EVENTS`] deltas.
fn events(target: &str, text: &str) -> Vec<Vec<u8>> {
    let scenario = Scenario { reply: Some(text.to_owned()), events: Some(EVENTS), ..Scenario::default() };
    let api = Api::of("POST", target);
    let asked = Asked { api, target, anthropic_headers: false, content_type: "", body: b"{\"stream\":true}" };
    let reply = answer(asked, &scenario);
    match reply.body {
        Body::Stream(events) => events,
        Body::Whole(_) => unreachable!("a stream was asked for"),
    }
}

/// One whole reply; gives the number of tokens restored.
fn restore(vault: Vault, policy: Option<&Arc<RestorePolicy>>, events: &[Vec<u8>], out: &mut Vec<u8>) -> u64 {
    let mut rehydrator = Rehydrator::new(vault, ReplyFormat::Sse);
    if let Some(policy) = policy {
        rehydrator = rehydrator.with_policy(Arc::clone(policy));
    }
    for event in events {
        out.clear();
        rehydrator.push(event, out);
        black_box(&out);
    }
    rehydrator.finish(out);
    rehydrator.stats().restored
}

fn replies(c: &mut Criterion) {
    let keyring = Keyring::new(&[7; 32], "bench", 0, &[]).expect("one epoch is allowed");
    let minted = keyring.mint(Category::Secret, SECRETS[0].as_bytes());
    let token = minted.as_str();
    let plain = "The build is green again. ".repeat(EVENTS);
    let tokens = format!("{token} ").repeat(EVENTS);
    let split = format!("{token} and some more ").repeat(EVENTS / 6);
    let policy = Arc::new(RestorePolicy::default());
    let mut group = c.benchmark_group("rehydrate");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for (api, target) in
        [("anthropic", "/v1/messages"), ("chat", "/v1/chat/completions"), ("responses", "/v1/responses")]
    {
        for (kind, secrets, text, policy) in [
            ("passed", &[][..], &plain, None),
            ("watched", &SECRETS[..], &plain, None),
            ("guarded", &SECRETS[..], &plain, Some(&policy)),
            ("restored", &SECRETS[..], &tokens, None),
            ("allowed", &SECRETS[..], &tokens, Some(&policy)),
            ("split", &SECRETS[..], &split, None),
        ] {
            let events = events(target, text);
            let mut out = Vec::new();
            let restored = restore(vault(&keyring, secrets), policy, &events, &mut out);
            println!("{api}/{kind}: {} events, {restored} tokens restored", events.len());
            group.throughput(Throughput::Elements(events.len() as u64));
            group.bench_function(format!("{api}/{kind}"), |b| {
                b.iter_batched(
                    || vault(&keyring, secrets),
                    |vault| restore(vault, policy, black_box(&events), &mut out),
                    criterion::BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

/// A whole document, watched for tokens that it does not hold: megabytes a second.
fn documents(c: &mut Criterion) {
    let keyring = Keyring::new(&[7; 32], "bench", 0, &[]).expect("one epoch is allowed");
    let line = "A line of ordinary text, \\\"quoted\\\".\\n".repeat(30_000);
    let document = format!("{{\"choices\":[{{\"message\":{{\"content\":\"{line}\"}}}}]}}");
    let mut group = c.benchmark_group("rehydrate");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Bytes(document.len() as u64));
    let mut out = Vec::new();
    for (kind, policy) in [("watched", None), ("guarded", Some(Arc::new(RestorePolicy::default())))] {
        let rehydrator = || {
            let rehydrator = Rehydrator::new(vault(&keyring, &SECRETS[..]), ReplyFormat::Json);
            match &policy {
                Some(policy) => rehydrator.with_policy(Arc::clone(policy)),
                None => rehydrator,
            }
        };
        group.bench_function(format!("document/{kind}"), |b| {
            b.iter_batched(
                rehydrator,
                |mut rehydrator| {
                    out.clear();
                    rehydrator.push(black_box(document.as_bytes()), &mut out);
                    rehydrator.finish(&mut out);
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, replies, documents);
criterion_main!(benches);
