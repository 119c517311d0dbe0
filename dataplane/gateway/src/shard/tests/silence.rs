//! How long an upstream may be silent, by what its reply looks like, and how long it may refuse to read.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use aegis_wire::h1;

use super::harness::{GatewaySetup, MockUpstream, ScriptStep, on_both_drivers, write};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn replies_of_unknown_length_may_be_silent_as_streams_are() {
    on_both_drivers(|driver| {
        for (label, length, whole) in [
            ("application/json", false, true),
            ("application/x-ndjson", false, true),
            ("application/x-ndjson", true, true),
            ("text/plain", false, true),
            ("application/octet-stream", false, true),
            ("", false, true),
            ("text/event-stream", true, true),
            ("application/json", true, false),
            ("", true, false),
        ] {
            let upstream = MockUpstream::new(move |_| {
                let mut head = "HTTP/1.1 200 OK\r\n".to_owned();
                if !label.is_empty() {
                    head.extend(["content-type: ", label, "\r\n"]);
                }
                let framing =
                    if length { "content-length: 4\r\n\r\n" } else { "transfer-encoding: chunked\r\n\r\n" };
                let piece = |text: &str| {
                    let mut bytes = Vec::new();
                    if length {
                        bytes.extend_from_slice(text.as_bytes());
                    } else {
                        h1::write_chunk(text.as_bytes(), &mut bytes);
                    }
                    ScriptStep::Write(bytes)
                };
                let mut steps =
                    vec![write(&(head + framing)), piece("[1"), ScriptStep::Sleep(700), piece(",2")];
                if !length {
                    steps.push(ScriptStep::Write(h1::LAST_CHUNK.to_vec()));
                }
                steps
            });
            let mut setup = GatewaySetup::new(driver, &upstream);
            (setup.timeouts.upstream_read_gap, setup.timeouts.stream_read_gap) = (SHORT, LONG);
            let gateway = setup.start();
            let mut client = gateway.client();
            client.post("/up/x", "hi");
            let reply = client.reply();
            assert_eq!((reply.complete, reply.text() == "[1,2"), (whole, whole), "{label} {length}");
        }
    });
}

#[test]
fn an_upstream_that_does_not_read_is_given_up_after_the_write_gap() {
    on_both_drivers(|driver| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut upstream = MockUpstream::new(|_| Vec::new());
        upstream.address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let held: Vec<_> = listener.incoming().flatten().collect();
            drop(held);
        });
        let mut setup = GatewaySetup::new(driver, &upstream);
        (setup.timeouts.request_write_gap, setup.timeouts.response_write_gap) = (SHORT, LONG);
        (setup.timeouts.first_byte, setup.timeouts.request_body_gap) = (LONG, LONG);
        let gateway = setup.start();
        let mut client = gateway.client();
        let mut writer = client.stream.try_clone().unwrap();
        let sender = thread::spawn(move || {
            use std::io::Write;
            let length = 2_000_000 * 15;
            let head = format!(
                "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n"
            );
            // The gateway stops reading when it gives up.
            let _ = writer.write_all(head.as_bytes());
            let _ = writer.write_all(&b"word word word\n".repeat(length / 15));
        });
        let reply = client.reply();
        assert_eq!(reply.status, 504);
        assert!(reply.text().contains("took the request too slowly"), "{}", reply.text());
        drop(client);
        sender.join().unwrap();
    });
}
