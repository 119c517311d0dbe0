//! Many at once: a thousand streams with secrets of their own, slow readers, clients and providers that break off,
//! a drain and a reload in the middle of it. Everything is bounded and stays on loopback.

mod crowd;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aegis_tests::client::post_with;
use aegis_tests::oracle::{leak, tokens_in};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, GatewayBuilder, Mock, Script, Upstream, sse, wait_until};
use nix::sys::signal::Signal;

use crate::crowd::{Outcome, Visitor, raise_descriptor_limit, run_all, runtime};

/// Streams open at the same time.
const STREAMS: usize = 1_000;
/// Idle provider connections and their time are small, so that counts come back to where they were.
const POOL: &str = "[limits]\nidle_per_upstream = 4\n[timeouts]\nidle_pooled = \"500ms\"";
/// What an allocator may keep after the first round without anything leaking.
const SLACK_KIB: u64 = 24 * 1024;

fn setup(shape: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> (Gateway, Mock) {
    raise_descriptor_limit();
    let mock = Mock::start();
    let gateway = shape(Gateway::builder().all_upstreams(&mock.url()).config(POOL)).start();
    (gateway, mock)
}

/// Waits until the gateway holds no more descriptors than `base`.
fn assert_descriptors_return(gateway: &Gateway, base: usize) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while gateway.process.descriptors() > base && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let now = gateway.process.descriptors();
    assert!(now <= base, "{now} descriptors are open, {base} were");
}

#[test]
fn a_thousand_streams_never_cross() {
    let (gateway, mock) = setup(|builder| builder.shards(2));
    let base = gateway.process.descriptors();
    let crowd: Vec<Visitor> =
        (0..STREAMS).map(|number| Visitor::new(number, "chunk=4,delay_ms=20,first_delay_ms=300")).collect();
    let outcomes = runtime().block_on(run_all(gateway.address, crowd.clone()));
    for (visitor, outcome) in crowd.iter().zip(&outcomes) {
        let said = outcome.said();
        assert_eq!(said, visitor.prompt(), "stream {}", visitor.number);
        assert!(outcome.is_whole(), "stream {}", visitor.number);
    }
    let records = mock.records(None);
    let prompts = records.iter().filter(|record| record.target.contains("completions")).count();
    assert_eq!(prompts, STREAMS);
    // Every secret against every record would be a million searches; all of them against all bytes is one each.
    let everything: Vec<u8> =
        records.iter().flat_map(|record| [&record.head[..], &record.payload[..]].concat()).collect();
    for visitor in crowd.iter().step_by(37) {
        assert_eq!(leak(&everything, &visitor.secret), None, "secret of stream {}", visitor.number);
    }
    assert_descriptors_return(&gateway, base);
}

#[test]
fn rounds_of_streams_leave_nothing_behind() {
    let (gateway, _mock) = setup(|builder| builder);
    let base = gateway.process.descriptors();
    let round = |seed: usize| {
        let whole = (0..200).map(|n| Visitor::new(seed + n, "chunk=3"));
        let leaving = (200..300).map(|n| Visitor::new(seed + n, "chunk=1,delay_ms=5").leaving_after(400));
        let reset = (300..400).map(|n| Visitor::new(seed + n, "chunk=2,reset_at=900"));
        let closed = (400..450).map(|n| Visitor::new(seed + n, "chunk=2,close_at=700"));
        let crowd: Vec<Visitor> = whole.chain(leaving).chain(reset).chain(closed).collect();
        let outcomes = runtime().block_on(run_all(gateway.address, crowd.clone()));
        for (visitor, outcome) in crowd.iter().zip(&outcomes).take(200) {
            assert_eq!(outcome.said(), visitor.prompt());
        }
        for (visitor, outcome) in crowd.iter().zip(&outcomes).skip(300) {
            assert!(!outcome.is_whole(), "a stream the provider broke off is not passed off as whole");
            let said = outcome.said();
            let words = said.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
            assert!(visitor.prompt().starts_with(words), "{said}");
        }
    };
    round(10_000);
    assert_descriptors_return(&gateway, base);
    let after_first = gateway.process.resident_kib();
    for number in 2..6 {
        round(number * 10_000);
    }
    assert_descriptors_return(&gateway, base);
    let after_all = gateway.process.resident_kib();
    assert!(after_all <= after_first + SLACK_KIB, "memory grew from {after_first} KiB to {after_all} KiB");
}

#[test]
fn a_slow_reader_costs_no_memory_and_holds_nobody_up() {
    const REPLY: usize = 48 << 20;
    let (gateway, _mock) = setup(|builder| builder);
    let mut slow: Vec<_> = (0..4).map(|_| gateway.connect()).collect();
    for (number, client) in slow.iter_mut().enumerate() {
        let visitor = Visitor::new(50_000 + number, &format!("size={REPLY},chunk=4000"));
        client.send(&visitor.request()).expect("sent");
        client.read_some(1_000).expect("the first bytes");
    }
    let before = gateway.process.resident_kib();
    for _ in 0..30 {
        for client in &mut slow {
            client.read_some(2_000).expect("more bytes");
        }
        let quick = Visitor::new(60_000, "chunk=8");
        let asked = Instant::now();
        let outcomes = runtime().block_on(run_all(gateway.address, vec![quick.clone()]));
        assert_eq!(outcomes[0].said(), quick.prompt());
        assert!(asked.elapsed() < Duration::from_secs(3), "held up for {:?}", asked.elapsed());
    }
    let after = gateway.process.resident_kib();
    assert!(
        after < before + SLACK_KIB,
        "memory grew from {before} KiB to {after} KiB for {REPLY} unread bytes"
    );
}

/// A reply that names `token` many times.
struct Multiplied {
    name: &'static str,
    kind: &'static str,
    body: fn(&str) -> String,
}

/// A text; many events; one event that is collected, of almost the largest size; one that is not, since it is larger.
const MULTIPLIED: [Multiplied; 4] = [
    Multiplied { name: "a text", kind: "text/plain", body: |token| format!("{token} ").repeat(1_000) },
    Multiplied {
        name: "many events",
        kind: "text/event-stream",
        body: |token| sse::chat_text(0, &format!("{token} ")).repeat(1_000),
    },
    Multiplied {
        name: "a large event",
        kind: "text/event-stream",
        body: |token| sse::chat_text(0, &format!("{token} ").repeat(60_000 / (token.len() + 1))),
    },
    Multiplied {
        name: "a larger event",
        kind: "text/event-stream",
        body: |token| sse::chat_text(0, &format!("{token} ").repeat(120_000 / (token.len() + 1))),
    },
];

#[test]
fn replies_that_multiply_in_size_cost_no_memory_while_nobody_reads_them() {
    const READERS: usize = 30;
    raise_descriptor_limit();
    for Multiplied { name, kind, body } in MULTIPLIED {
        let upstream = Upstream::start(move |request, _| {
            let text = request.text();
            Script::reply(kind, body(tokens_in(&text)[0]).as_bytes())
        });
        let gateway = Gateway::builder().all_upstreams(&upstream.url()).config(POOL).start();
        let secret = Seeded::new(7).claims(12 * 1024);
        let request = post_with("/v1/chat/completions", "text/plain", &[], secret.as_bytes());
        let reply = gateway.exchange(&request);
        let said = match kind {
            "text/plain" => reply.text(),
            _ => sse::joined(&reply.body, "/choices/0/delta/content"),
        };
        let times = said.matches(&secret).count();
        assert!(times >= 1_000, "{name}: {times}");
        assert!(said == format!("{secret} ").repeat(times), "{name}: other words");
        let before = gateway.process.resident_kib();
        let mut readers: Vec<_> = (0..READERS).map(|_| gateway.connect()).collect();
        for reader in &mut readers {
            reader.send(&request).expect("sent");
            reader.read_some(1_000).expect("the first bytes");
        }
        std::thread::sleep(Duration::from_millis(500));
        let after = gateway.process.resident_kib();
        let unread = (READERS * said.len()) >> 10;
        assert!(
            after < before + SLACK_KIB,
            "{name}: memory grew from {before} KiB to {after} KiB for {unread} KiB unread"
        );
    }
}

#[test]
fn large_bodies_pass_in_bounded_memory() {
    let (gateway, _mock) = setup(|builder| builder);
    let ask = |size: usize, seed: u64| {
        let secret = Seeded::new(seed).github();
        let filler = "fn main() { println!(\"hello\"); }\n".repeat(size / 33);
        let body =
            serde_json::json!({"messages": [{"role": "user", "content": format!("{filler} use {secret}")}]})
                .to_string();
        let scenario = [("x-mock-scenario", "reply_tokens=1"), ("x-mock-id", "large")];
        let reply = gateway.exchange(&post_with(
            "/v1/chat/completions",
            "application/json",
            &scenario,
            body.as_bytes(),
        ));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert!(reply.text().contains(&secret), "{}", reply.text());
    };
    ask(1 << 20, 1);
    let before = gateway.process.resident_kib();
    for seed in 2..6 {
        ask(28 << 20, seed);
    }
    let after = gateway.process.resident_kib();
    assert!(after < before + SLACK_KIB, "memory grew from {before} KiB to {after} KiB");
}

#[test]
fn a_drain_lets_every_stream_end() {
    let (mut gateway, _mock) = setup(|builder| builder.config("[server]\nshutdown_timeout = \"20s\""));
    let crowd: Vec<Visitor> = (0..60).map(|n| Visitor::new(70_000 + n, "chunk=3,delay_ms=40")).collect();
    let streams = {
        let (address, crowd) = (gateway.address, crowd.clone());
        std::thread::spawn(move || runtime().block_on(run_all(address, crowd)))
    };
    std::thread::sleep(Duration::from_millis(700));
    let mut idle = gateway.connect();
    gateway.terminate();
    std::thread::sleep(Duration::from_millis(300));
    assert!(gateway.process.is_running(), "it waits for the streams");
    let refused = std::net::TcpStream::connect(gateway.address).is_err();
    assert!(refused || idle.read_to_end().is_ok_and(|bytes| bytes.is_empty()), "nothing new is taken");
    for (visitor, outcome) in crowd.iter().zip(streams.join().expect("the crowd ends")) {
        assert_eq!(outcome.said(), visitor.prompt(), "stream {}", visitor.number);
        assert!(outcome.is_whole(), "stream {}", visitor.number);
    }
    let status = gateway.process.wait(Duration::from_secs(10)).expect("it ends soon after the last stream");
    assert!(status.success(), "{status}");
}

#[test]
fn a_drain_ends_in_time_even_if_a_stream_does_not() {
    let (mut gateway, _mock) =
        setup(|builder| builder.config("[server]\nshutdown_timeout = \"1s\"").config(""));
    let mut client = gateway.connect();
    client.send(&Visitor::new(80_000, "chunk=1,delay_ms=1000").request()).expect("sent");
    client.read_some(100).expect("the first bytes");
    gateway.terminate();
    let before = Instant::now();
    gateway.process.wait(Duration::from_secs(12)).expect("it ends");
    assert!(before.elapsed() < Duration::from_secs(9), "{:?}", before.elapsed());
}

#[test]
fn reloads_under_load_drop_no_request() {
    let (gateway, _mock) = setup(|builder| builder.shards(2));
    let config = fs::read_to_string(gateway.config_file()).expect("the configuration");
    let busy = Arc::new(AtomicBool::new(true));
    let crowd = {
        let (busy, address) = (Arc::clone(&busy), gateway.address);
        std::thread::spawn(move || {
            let mut outcomes: Vec<(Visitor, Outcome)> = Vec::new();
            let runtime = runtime();
            while busy.load(Ordering::Relaxed) && outcomes.len() < 20_000 {
                let start = 90_000 + outcomes.len();
                let crowd: Vec<Visitor> =
                    (0..32).map(|n| Visitor::new(start + n, "chunk=6,delay_ms=2")).collect();
                outcomes.extend(crowd.clone().into_iter().zip(runtime.block_on(run_all(address, crowd))));
            }
            outcomes
        })
    };
    for round in 0..8 {
        let findings = if round % 2 == 0 { "always" } else { "never" };
        let text = format!("{config}\n[policy]\nfindings_header = \"{findings}\"\n");
        fs::write(gateway.config_file(), text).expect("a new configuration");
        gateway.process.signal(Signal::SIGHUP);
        std::thread::sleep(Duration::from_millis(400));
    }
    // A wrong one changes nothing.
    fs::write(gateway.config_file(), "[policy]\nfindings_header = \"sometimes\"\n")
        .expect("a wrong configuration");
    gateway.process.signal(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(400));
    busy.store(false, Ordering::Relaxed);
    let outcomes = crowd.join().expect("the crowd ends");
    assert!(outcomes.len() > 100, "{} requests", outcomes.len());
    for (visitor, outcome) in outcomes {
        assert_eq!(outcome.said(), visitor.prompt(), "stream {}", visitor.number);
    }
    let reply = gateway.exchange(&Visitor::new(99_999, "chunk=9").request());
    assert!(
        reply.field("x-aegis-findings").is_none(),
        "the last good configuration says never: {:?}",
        reply.fields
    );
    wait_until("the log says what was wrong", || gateway.process.output().contains("sometimes"));
}
