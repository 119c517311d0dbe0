//! Request bodies in every framing and cut, and replies that stream.

use std::thread;
use std::time::Duration;

use aegis_wire::h1;

use super::harness::{GatewaySetup, MockUpstream, SECRET, ScriptStep, ok, on_both_drivers, write};

/// Text of `length` bytes with the made-up secret in the middle.
fn text(length: usize) -> String {
    let filler = "the quick brown fox jumps over the lazy dog\n";
    let half = filler.repeat(length / filler.len() / 2 + 1);
    format!("{} {SECRET} {}", &half[..length / 2 - 11], &half[..length - length / 2 - 11])
}

fn clean(body: &[u8], original: &str) {
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(!body.contains(SECRET));
    let (before, after) = original.split_once(SECRET).unwrap();
    assert!(body.starts_with(before) && body.ends_with(after), "bytes outside of tokens are as they were");
}

#[test]
fn bodies_of_all_sizes_arrive_whole() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.body.len().to_string())]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        for size in [100, 4_000, 4_096, 5_000, 32_000, 32_768, 32_769, 36_864, 40_000, 100_000, 9_000_000] {
            let text = text(size);
            client.post("/up/x", &text);
            assert_eq!(client.reply().status, 200);
            let seen = upstream.seen().pop().unwrap();
            clean(&seen.body, &text);
            assert!(!seen.chunked, "{size}");
        }
    });
}

#[test]
fn chunked_uploads_may_be_cut_anywhere() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.body.len().to_string())]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        for (size, chunk, cut) in [(300, 1, 1), (300, 7, 13), (9_000, 100, 997), (70_000, 5_000, 3_333)] {
            let text = text(size);
            let mut message =
                b"POST /up/x HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for part in text.as_bytes().chunks(chunk) {
                h1::write_chunk(part, &mut message);
            }
            message.extend_from_slice(h1::LAST_CHUNK);
            let mut client = gateway.client();
            for part in message.chunks(cut) {
                client.send(part);
                if cut < 20 {
                    thread::yield_now();
                }
            }
            assert_eq!(client.reply().status, 200, "{size} {chunk} {cut}");
            clean(&upstream.seen().pop().unwrap().body, &text);
        }
    });
}

#[test]
fn the_gateway_answers_the_expectation_itself() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(std::str::from_utf8(&seen.body).unwrap())]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.send("POST /up/x HTTP/1.1\r\nhost: g\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
        let mut interim = [0; h1::CONTINUE.len()];
        std::io::Read::read_exact(&mut client.stream, &mut interim).unwrap();
        assert_eq!(interim, h1::CONTINUE);
        client.send("body");
        assert_eq!(client.reply().text(), "body");
        assert!(!upstream.seen()[0].head.fields.contains(b"expect"));
        // One that sends its body anyway needs no interim reply.
        client
            .send("POST /up/x HTTP/1.1\r\nhost: g\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\nmore");
        assert_eq!(client.reply().text(), "more");
    });
}

#[test]
fn a_body_over_the_limit_is_refused() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.max_body = 1000);
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", &"x".repeat(1000));
        assert_eq!(client.reply().status, 200);
        client.post("/up/x", &"x".repeat(1001));
        let reply = client.reply();
        assert_eq!((reply.status, reply.keep_alive), (413, false));
        assert!(reply.text().contains("payload_too_large"));
        let mut client = gateway.client();
        client.send("POST /up/x HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n");
        client.send(format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001)));
        assert_eq!(client.reply().status, 413);
        assert_eq!(upstream.seen().len(), 1);
    });
}

#[test]
fn events_are_passed_on_as_they_come() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut steps = vec![write(head)];
            for index in 0..3 {
                steps.push(ScriptStep::Sleep(60));
                steps.push(write(&format!("9\r\ndata: {index}\n\n\r\n")));
            }
            steps.push(write("0\r\n\r\n"));
            steps
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "stream");
        // Each event must be readable before the next one was sent.
        let mut raw = Vec::new();
        let mut part = [0; 4096];
        let mut reads = 0;
        while !raw.ends_with(b"0\r\n\r\n") {
            let count = std::io::Read::read(&mut client.stream, &mut part).unwrap();
            assert!(count > 0);
            raw.extend_from_slice(&part[..count]);
            reads += 1;
        }
        assert!(reads >= 4, "{reads}");
        let text = String::from_utf8(raw).unwrap();
        assert!(text.contains("data: 0\n\n") && text.contains("data: 2\n\n"));
    });
}

#[test]
fn large_replies_arrive_whole_in_every_framing() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            let body = text(300_000);
            let head = "HTTP/1.1 200 OK\r\n";
            match seen.head.path.as_str() {
                "/length" => vec![write(&format!("{head}content-length: {}\r\n\r\n{body}", body.len()))],
                "/close" => vec![write(&format!("{head}\r\n{body}")), ScriptStep::Close],
                _ => {
                    let mut out = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
                    for part in body.as_bytes().chunks(7_777) {
                        h1::write_chunk(part, &mut out);
                    }
                    out.extend_from_slice(h1::LAST_CHUNK);
                    vec![ScriptStep::Write(out)]
                }
            }
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        for path in ["length", "chunked", "close", "length"] {
            client.post(&format!("/up/{path}"), "x");
            let reply = client.reply();
            assert!(reply.complete && reply.text() == text(300_000), "{path}");
        }
    });
}

#[test]
fn a_client_that_reads_slowly_slows_only_itself() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok(&"y".repeat(3_000_000))]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut slow = gateway.client();
        slow.post("/up/x", "x");
        thread::sleep(Duration::from_millis(50));
        let mut quick = gateway.client();
        quick.post("/up/x", "x");
        assert_eq!(quick.reply().body.len(), 3_000_000);
        assert!(gateway.metrics.buffer_bytes.get() < 1 << 20);
        assert_eq!(slow.reply().body.len(), 3_000_000);
    });
}
