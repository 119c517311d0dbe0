//! Replies that multiply in size while nobody reads them: they cost their readers' pace, not the gateway's memory.

use std::thread;
use std::time::Duration;

use aegis_wire::h1;

use super::super::exchange_buffers::{RESTORING, USUAL};
use super::harness::{
    Client, Gateway, GatewaySetup, MockUpstream, SECRET, ScriptStep, long_secret, ok, on_both_drivers, token,
    wait_for,
};
use crate::config::settings::Driver;

const READERS: usize = 30;

/// Tokens in one reply.
const TOKENS: usize = 1_800;

/// What one exchange may hold whose reply is restored: both its buffers, and an event of the largest size with all that
/// is noted about it.
const EACH: usize = 640 * 1024;

/// An upstream whose replies name the token many times, in one event, in many, or in a text.
fn upstream() -> MockUpstream {
    MockUpstream::new(|seen| {
        let token = token(seen);
        let event = |text: &str| {
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
        };
        let (kind, body) = match seen.head.path.as_str() {
            "/event" => ("text/event-stream", event(&format!("{token} ").repeat(TOKENS))),
            "/events" => ("text/event-stream", event(&token).repeat(TOKENS)),
            _ => ("text/plain", format!("{token} ").repeat(TOKENS)),
        };
        let mut out =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")
                .into_bytes();
        h1::write_chunk(body.as_bytes(), &mut out);
        out.extend_from_slice(h1::LAST_CHUNK);
        vec![ScriptStep::Write(out)]
    })
}

fn start(driver: Driver, upstream: &MockUpstream) -> Gateway {
    let mut setup = GatewaySetup::new(driver, upstream);
    setup.change = Box::new(|snapshot| snapshot.audit = false);
    setup.start()
}

/// The bytes that buffers hold when all readers are waited for, and nothing moves any more.
fn settled(gateway: &Gateway) -> usize {
    let held = || usize::try_from(gateway.metrics.buffer_bytes.get()).unwrap();
    let mut last = 0;
    wait_for(|| {
        let before = std::mem::replace(&mut last, held());
        thread::sleep(Duration::from_millis(300));
        before == last && last > READERS * USUAL
    });
    last
}

#[test]
fn growing_replies_wait_for_their_readers() {
    on_both_drivers(|driver| {
        let secret = long_secret(700);
        assert!(secret.len() > 12 * 1024);
        let upstream = upstream();
        let gateway = start(driver, &upstream);
        for path in ["/up/text", "/up/event", "/up/events"] {
            let mut readers: Vec<Client> = (0..READERS).map(|_| gateway.client()).collect();
            for reader in &mut readers {
                reader.post(path, &secret);
            }
            wait_for(|| upstream.seen.lock().unwrap().len() == READERS);
            let held = settled(&gateway);
            assert!(held > READERS * USUAL && held < READERS * EACH, "{path}: {held} bytes are counted");
            let reply = readers[0].reply();
            let times = reply.body.windows(40).filter(|window| *window == &secret.as_bytes()[..40]).count();
            assert!(reply.complete && times == TOKENS, "{path}: {times}");
            assert!(reply.body.len() > TOKENS * secret.len());
            drop(readers);
            wait_for(|| gateway.metrics.buffer_bytes.get() == 0);
            upstream.seen.lock().unwrap().clear();
        }
    });
}

#[test]
fn room_to_restore_is_taken_before_the_upstream_has_the_request() {
    on_both_drivers(|driver| {
        for (budget, body, status) in [
            (RESTORING, SECRET, 200),
            (RESTORING - 1, SECRET, 503),
            (USUAL, "nothing in it", 200),
            (USUAL - 1, "nothing in it", 503),
        ] {
            let upstream = MockUpstream::new(|_| vec![ok("fine")]);
            let mut setup = GatewaySetup::new(driver, &upstream);
            setup.change = Box::new(move |snapshot| snapshot.limits.buffers_per_shard = budget as u64);
            let gateway = setup.start();
            let mut client = gateway.client();
            client.post("/up/x", body);
            assert_eq!(client.reply().status, status, "{budget} bytes for {body:?}");
            assert_eq!(upstream.seen().len(), usize::from(status == 200));
        }
    });
}
