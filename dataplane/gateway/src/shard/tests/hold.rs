//! A body is held back until all of it is scanned: nothing of it is sent before, at every border of what is held, and
//! within the budget.

use std::io::{Read, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use aegis_wire::h1;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::exchange_buffers::USUAL;
use super::super::net::buffers::{LARGE, SMALL_RESERVATION};
use super::buffer_boundaries::page;
use super::harness::{
    Client, Gateway, GatewaySetup, MockUpstream, SECRET, ScriptStep, ok, on_both_drivers, token, wait_for,
};
use crate::config::settings::{BeyondHold, Driver, Provider, RESERVED_PART};
use crate::events::Ending;

const LIMIT: usize = 128 * 1024;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A request with this body in a framing and coding by name.
fn request(path: &str, how: &str, body: &str) -> Vec<u8> {
    let coded = if how.contains("gzip") { gzip(body.as_bytes()) } else { body.as_bytes().to_vec() };
    let coding = if how.contains("gzip") { "content-encoding: gzip\r\n" } else { "" };
    let head = format!("POST {path} HTTP/1.1\r\nhost: g\r\ncontent-type: text/plain\r\n{coding}");
    if how.contains("chunked") {
        let mut out = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
        coded.chunks(10_007).for_each(|part| h1::write_chunk(part, &mut out));
        out.extend_from_slice(h1::LAST_CHUNK);
        out
    } else {
        [format!("{head}content-length: {}\r\n\r\n", coded.len()).as_bytes(), &coded].concat()
    }
}

const WAYS: [&str; 4] = ["length", "chunked", "length gzip", "chunked gzip"];

/// Sends from a thread of its own: the gateway may answer before it has taken everything.
fn send_aside(client: &Client, message: Vec<u8>) -> thread::JoinHandle<()> {
    let mut stream = client.stream.try_clone().unwrap();
    thread::spawn(move || {
        let _ = stream.write_all(&message);
    })
}

fn start(driver: Driver, upstream: &MockUpstream, beyond: BeyondHold) -> Gateway {
    let mut setup = GatewaySetup::new(driver, upstream);
    setup.provider = Provider::Anthropic;
    setup.change = Box::new(move |snapshot| {
        snapshot.limits.hold = LIMIT as u64;
        snapshot.limits.max_decode_ratio = u32::MAX;
        snapshot.limits.beyond_hold = beyond;
    });
    setup.start()
}

#[test]
fn nothing_leaves_before_the_last_byte_has_come() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.max_decode_ratio = u32::MAX);
        let mut gateway = setup.start();
        let body = page(3_000_000, SECRET, 40).unwrap();
        for how in WAYS {
            upstream.seen.lock().unwrap().clear();
            let before = upstream.connections.load(SeqCst);
            let mut client = gateway.client();
            let message = request("/up/x", how, &body);
            client.send(&message[..message.len() - 1]);
            thread::sleep(Duration::from_millis(150));
            assert_eq!(upstream.connections.load(SeqCst), before, "{how}");
            assert!(upstream.seen().is_empty(), "{how}");
            client.send(&message[message.len() - 1..]);
            assert_eq!(client.reply().status, 200, "{how}");
            let seen = upstream.seen().pop().unwrap();
            assert!(!seen.chunked && seen.body == body.replace(SECRET, &token(&seen)).as_bytes(), "{how}");
            let record = gateway.record();
            assert_eq!((record.findings_total, record.streamed), (40, false), "{how}");
        }
        assert_eq!(gateway.metrics.streamed.get(), 0);
    });
}

#[test]
fn bodies_meet_the_limit_to_the_byte() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.body.len().to_string())]);
        for beyond in [BeyondHold::Refuse, BeyondHold::Stream] {
            let mut gateway = start(driver, &upstream, beyond);
            for path in ["/up/v1/messages", "/up/v1/files"] {
                let streams = beyond == BeyondHold::Stream || path.ends_with("files");
                for (how, length) in
                    WAYS.into_iter().flat_map(|how| (LIMIT - 1..=LIMIT + 2).map(move |length| (how, length)))
                {
                    let case = format!("{length} bytes to {path}, {how}, {beyond:?}");
                    upstream.seen.lock().unwrap().clear();
                    let body = page(length, SECRET, 9).unwrap();
                    let mut client = gateway.client();
                    let sender = send_aside(&client, request(path, how, &body));
                    let reply = client.reply();
                    let is_beyond = length > LIMIT;
                    let record = gateway.record();
                    assert_eq!(record.streamed, is_beyond && streams, "{case}");
                    if is_beyond && !streams {
                        assert_eq!((reply.status, record.status), (413, 413), "{case}");
                        let error: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
                        assert_eq!(
                            (&error["type"], &error["error"]["type"]),
                            (&"error".into(), &"payload_too_large".into())
                        );
                        assert!(upstream.seen().is_empty(), "{case}");
                    } else {
                        assert_eq!(reply.status, 200, "{case}");
                        let seen = upstream.seen().pop().unwrap();
                        assert!(seen.body == body.replace(SECRET, &token(&seen)).as_bytes(), "{case}");
                        assert_eq!((seen.chunked, record.findings_total), (is_beyond, 9), "{case}");
                        assert_eq!(record.sent_bytes, seen.body.len() as u64, "{case}");
                    }
                    drop(client);
                    sender.join().unwrap();
                }
            }
            let streamed = if beyond == BeyondHold::Stream { 16 } else { 8 };
            assert_eq!(gateway.metrics.streamed.get(), streamed);
        }
    });
}

#[test]
fn bodies_far_beyond_the_limit_are_streamed_whole() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.body.len().to_string())]);
        let gateway = start(driver, &upstream, BeyondHold::Stream);
        let mut client = gateway.client();
        let body = page(2_500_000, SECRET, 100).unwrap();
        for how in WAYS {
            let sender = send_aside(&client, request("/up/v1/messages", how, &body));
            assert_eq!(client.reply().status, 200, "{how}");
            sender.join().unwrap();
            let seen = upstream.seen().pop().unwrap();
            assert!(seen.chunked && seen.body == body.replace(SECRET, &token(&seen)).as_bytes(), "{how}");
        }
        drop(client);
        wait_for(|| gateway.metrics.buffer_bytes.get() == 0);
    });
}

/// Begins a request with a body of this length and sends nothing of it.
fn stalled(gateway: &Gateway, length: usize) -> Client {
    let mut client = gateway.client();
    client.send(format!(
        "POST /up/x HTTP/1.1\r\nhost: g\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    ));
    client
}

/// Whether a stalled client was asked for its body, for which there is then room.
fn is_asked(client: &mut Client) -> bool {
    let mut start = [0; h1::CONTINUE.len()];
    client.stream.read_exact(&mut start).unwrap();
    if start != h1::CONTINUE {
        client.buffer.extend_from_slice(&start);
    }
    start == h1::CONTINUE
}

#[test]
fn room_is_taken_before_the_first_byte_and_to_the_byte() {
    const BUDGET: usize = 4 << 20;
    const OPEN: usize = BUDGET - BUDGET / RESERVED_PART;
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.buffers_per_shard = BUDGET as u64);
        let gateway = setup.start();
        // Every exchange takes its usual share besides the body.
        for (length, fits) in [(OPEN - USUAL, true), (OPEN - USUAL + 1, false)] {
            let mut client = stalled(&gateway, length);
            assert_eq!(is_asked(&mut client), fits, "{length}");
            if !fits {
                let reply = client.reply();
                assert_eq!((reply.status, reply.field("retry-after"), reply.keep_alive), (503, "1", false));
            }
            drop(client);
            wait_for(|| gateway.metrics.buffer_bytes.get() == 0);
        }
        let mut first = stalled(&gateway, OPEN / 2);
        let mut second = stalled(&gateway, OPEN / 2 - 2 * USUAL);
        assert!(is_asked(&mut first) && is_asked(&mut second));
        let mut third = stalled(&gateway, SMALL_RESERVATION + 1);
        assert!(!is_asked(&mut third), "large ones have no room left");
        assert_eq!(third.reply().status, 503);
        // What is not large has, as long as anything is left.
        for size in [100, LARGE, SMALL_RESERVATION] {
            let mut client = gateway.client();
            client.post("/up/x", &page(size, SECRET, 1).unwrap());
            assert_eq!(client.reply().status, 200, "{size}");
        }
        drop((first, second));
        let mut again = gateway.client();
        wait_for(|| gateway.metrics.buffer_bytes.get() < LARGE as u64);
        again.post("/up/x", &"words ".repeat(300_000));
        assert_eq!(again.reply().status, 200);
    });
}

#[test]
fn a_budget_full_of_stalled_clients_lets_a_small_request_pass() {
    const BUDGET: usize = 8 << 20;
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.buffers_per_shard = BUDGET as u64);
        let gateway = setup.start();
        // What is reserved is added up here: the metric is set at each tick only.
        let (mut held, mut reserved) = (Vec::new(), 0);
        for length in [1 << 20, 100_000, SMALL_RESERVATION, LARGE] {
            let more = USUAL + length;
            while reserved + more <= BUDGET / 100 * 99 {
                let mut client = stalled(&gateway, length);
                if !is_asked(&mut client) {
                    assert!(length > SMALL_RESERVATION, "{length}");
                    assert_eq!(client.reply().status, 503);
                    break;
                }
                held.push(client);
                reserved += more;
            }
        }
        assert!(reserved > BUDGET / 100 * 97, "{reserved} of {BUDGET} bytes are reserved");
        let mut client = gateway.client();
        client.post("/up/x", &format!("a small request with {SECRET}"));
        assert_eq!(client.reply().status, 200);
    });
}

#[test]
fn a_body_without_length_never_waits_for_room() {
    const BUDGET: usize = 2 << 20;
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| {
            snapshot.limits.buffers_per_shard = BUDGET as u64;
            snapshot.limits.max_decode_ratio = u32::MAX;
        });
        let gateway = setup.start();
        for (how, length, status) in [
            ("chunked", 800_000, 200),
            ("chunked", 1_900_000, 503),
            ("chunked gzip", 800_000, 200),
            ("chunked gzip", 1_900_000, 503),
            ("length", 1_900_000, 200),
        ] {
            let mut client = gateway.client();
            let sender = send_aside(&client, request("/up/x", how, &"words ".repeat(length / 6)));
            let reply = client.reply();
            assert_eq!(reply.status, status, "{how} {length}");
            drop(client);
            sender.join().unwrap();
            wait_for(|| gateway.metrics.buffer_bytes.get() == 0);
        }
    });
}

#[test]
fn others_are_served_while_a_body_is_scanned_a_second_time() {
    on_both_drivers(|driver| {
        // A body is scanned a second time only if what it holds is new to the client's memory. Where the small request comes
        // too late, because this thread has to wait for its turn, another body is sent.
        let is_served = (b'A'..=b'E').any(|last| {
            let upstream = MockUpstream::new(|_| vec![ok("fine")]);
            let gateway = GatewaySetup::new(driver, &upstream).start();
            let secret = format!(
                "AKIAQ3EGV7ZKLM2XT{}{}",
                if driver == Driver::Epoll { "2C" } else { "3D" },
                char::from(last)
            );
            let body = page(8 << 20, &secret, 2).unwrap();
            let message = request("/up/large", "length", &body);
            let (mut large, mut small) = (gateway.client(), gateway.client());
            large.send(&message[..message.len() - 1]);
            // The first scan is over but for its end; if it is not, others have their turn in that one.
            thread::sleep(Duration::from_millis(300));
            large.send(&message[message.len() - 1..]);
            small.post("/up/small", "words");
            assert_eq!((large.reply().status, small.reply().status), (200, 200));
            // Served in between, it connects before the large one does, which may then have its connection.
            let seen = upstream.seen();
            seen[0].head.path == "/small" && seen[0].connection <= seen[1].connection
        });
        assert!(is_served, "{driver:?}: nobody was served in between");
    });
}

#[test]
fn what_was_found_in_a_body_that_broke_off_is_recorded() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("never")]);
        for (path, length) in [("/up/x", 400_000), ("/up/v1/files", 900_000)] {
            let mut gateway = start_with_hold(driver, &upstream, 500_000);
            let mut client = gateway.client();
            let half = page(200_000, SECRET, 3).unwrap();
            client.send(format!(
                "POST {path} HTTP/1.1\r\nhost: g\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n{half}"
            ));
            thread::sleep(Duration::from_millis(100));
            drop(client);
            let record = gateway.record();
            assert_eq!((record.ended, record.findings_total), (Ending::ClientAborted, 3), "{path}");
            assert!(upstream.seen().is_empty(), "{path}");
            assert!(record.request_bytes >= 200_000);
        }
    });
}

fn start_with_hold(driver: Driver, upstream: &MockUpstream, hold: u64) -> Gateway {
    let mut setup = GatewaySetup::new(driver, upstream);
    setup.change = Box::new(move |snapshot| snapshot.limits.hold = hold);
    setup.start()
}

#[test]
fn the_memory_of_a_body_is_given_back_before_its_reply_begins() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ScriptStep::Sleep(600), ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        // On a new connection, and on one that was used before.
        for _ in 0..2 {
            let mut client = gateway.client();
            let body = page(1_000_000, SECRET, 5).unwrap();
            client.send(&request("/up/x", "length", &body)[..500_000]);
            wait_for(|| gateway.metrics.buffer_bytes.get() > 1_000_000);
            client.send(&request("/up/x", "length", &body)[500_000..]);
            wait_for(|| gateway.metrics.buffer_bytes.get() < 100_000);
            assert_eq!(gateway.metrics.requests_in_flight.get(), 1, "the reply has not begun");
            assert_eq!(client.reply().status, 200);
        }
    });
}

#[test]
fn large_bodies_stand_one_behind_the_other() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.body.len().to_string())]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let client = gateway.client();
        let bodies: Vec<String> =
            (0..6).map(|index| page(60_000 + 7 * index, SECRET, index + 1).unwrap()).collect();
        let messages: Vec<u8> = bodies
            .iter()
            .enumerate()
            .flat_map(|(index, body)| request("/up/x", WAYS[index % WAYS.len()], body))
            .collect();
        let sender = send_aside(&client, messages);
        let mut client = client;
        for (index, body) in bodies.iter().enumerate() {
            assert_eq!(client.reply().status, 200);
            // The next one may have come already.
            let seen = upstream.seen().swap_remove(index);
            assert!(seen.body == body.replace(SECRET, &token(&seen)).as_bytes());
        }
        sender.join().unwrap();
        assert_eq!(gateway.metrics.connections_total.get(), 1);
    });
}
