//! Beginning and end: snapshots, budgets, drain.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use aegis_shield::Action;
use sha2::{Digest, Sha256};

use super::harness::{
    Client, Gateway, GatewaySetup, MockUpstream, SECRET, ScriptStep, ok, on_both_drivers, shield, wait_for,
    write,
};
use crate::config::settings::{Driver, FailMode};
use crate::events::Ending;
use crate::lifecycle::Phase;
use crate::shard::net::deadline::TICK;
use crate::snapshot::{Auth, GatewayKeys, HashedKey, Snapshot};

#[test]
fn drain_lets_running_exchanges_end() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| {
            let mut steps = vec![write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")];
            for _ in 0..10 {
                steps.extend([ScriptStep::Sleep(40), write("1\r\nx\r\n")]);
            }
            steps.push(write("0\r\n\r\n"));
            steps
        });
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut idle = gateway.client();
        let mut busy = gateway.client();
        busy.post("/up/x", "a");
        wait_for(|| {
            gateway.metrics.requests_in_flight.get() == 1 && gateway.metrics.connections_open.get() == 2
        });
        let reader = thread::spawn(move || {
            let reply = busy.reply();
            assert!(reply.complete);
            assert_eq!(reply.text(), "xxxxxxxxxx");
            assert!(busy.is_closed());
        });
        gateway.drain();
        assert!(idle.is_closed());
        reader.join().unwrap();
    });
}

#[test]
fn replies_during_drain_say_that_the_connection_ends() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ScriptStep::Sleep(300), ok("late")]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        wait_for(|| gateway.metrics.requests_in_flight.get() == 1);
        gateway.drain();
        let reply = client.reply();
        assert_eq!((reply.text(), reply.keep_alive), ("late", false));
    });
}

/// A gateway that has come to `phase`, and a client that was served before and is idle.
fn start_and_advance(driver: Driver, upstream: &MockUpstream, phase: Phase) -> (Gateway, Client) {
    let gateway = GatewaySetup::new(driver, upstream).start();
    let mut idle = gateway.client();
    idle.post("/up/x", "a");
    assert!(idle.reply().keep_alive);
    gateway.lifecycle.advance(phase);
    thread::sleep(3 * TICK);
    (gateway, idle)
}

#[test]
fn a_lame_duck_accepts_and_says_that_each_reply_is_the_last() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let (mut gateway, idle) = start_and_advance(driver, &upstream, Phase::LameDuck);
        for mut client in [idle, gateway.client()] {
            client.post("/up/x", "a");
            let reply = client.reply();
            assert_eq!((reply.text(), reply.keep_alive), ("fine", false));
            assert!(client.is_closed());
        }
        gateway.drain();
        assert_eq!(gateway.metrics.connections_total.get(), 2);
    });
}

#[test]
fn whose_place_was_taken_serves_what_it_has_and_leaves_the_queue_to_the_other() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let (mut gateway, mut idle) = start_and_advance(driver, &upstream, Phase::HandedOver);
        // The other process has the same socket.
        let other = TcpStream::connect(gateway.address).unwrap();
        idle.post("/up/x", "a");
        let reply = idle.reply();
        assert_eq!((reply.text(), reply.keep_alive), ("fine", false));
        assert!(idle.is_closed());
        gateway.finish();
        assert_eq!(gateway.metrics.connections_total.get(), 1);
        let (_, peer) = gateway.listener.accept().unwrap();
        assert_eq!(peer, other.local_addr().unwrap());
    });
}

#[test]
fn a_failed_connect_asks_for_the_name_to_be_looked_up() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine"), ScriptStep::Close]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let addresses = Arc::clone(&gateway.snapshots.load().upstreams[0].addresses);
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 200);
        assert!(!addresses.is_lookup_requested());
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        addresses.set(vec![nobody]);
        // The upstream has closed the connection, and the shard has noticed.
        thread::sleep(2 * TICK);
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 502);
        assert!(addresses.is_lookup_requested());
    });
}

#[test]
fn stopping_cuts_what_is_left_and_says_so() {
    on_both_drivers(|driver| {
        let begun = || write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
        let upstream = MockUpstream::new(move |_| vec![begun(), ScriptStep::Sleep(3_000), ScriptStep::Close]);
        let silent = MockUpstream::new(|_| vec![ScriptStep::Sleep(3_000), ok("too late")]);
        let half_a_body = "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-length: 10\r\n\r\nhello";
        for (upstream, request, status) in [
            (&silent, "GET /up/x HTTP/1.1\r\nhost: g\r\n\r\n", 0),
            (&upstream, "GET /up/x HTTP/1.1\r\nhost: g\r\n\r\n", 200),
            // A client that still sends can be answered.
            (&upstream, half_a_body, 408),
            (&upstream, "GET /up/x HTTP/1.1\r\nho", 408),
        ] {
            let mut gateway = GatewaySetup::new(driver, upstream).start();
            let mut client = gateway.client();
            client.send(request);
            let mut seen = Vec::new();
            while status == 200 && !seen.ends_with(b"hello") {
                let mut piece = [0; 512];
                let count = client.stream.read(&mut piece).unwrap();
                seen.extend_from_slice(&piece[..count]);
            }
            wait_for(|| gateway.metrics.connections_open.get() == 1);
            thread::sleep(Duration::from_millis(100));
            gateway.lifecycle.advance(Phase::Stopping);
            let record = gateway.record();
            assert_eq!((record.ended, record.status), (Ending::Shutdown, status), "{request}");
        }
    });
}

#[test]
fn a_new_snapshot_serves_the_next_request() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", SECRET);
        assert_eq!(client.reply().status, 200);
        let old = gateway.snapshots.load();
        let mut next = Snapshot::for_tests(old.upstreams.clone(), shield(Action::Block));
        next.generation = 2;
        gateway.snapshots.publish(Arc::new(next));
        client.post("/up/x", SECRET);
        assert_eq!(client.reply().status, 403);
    });
}

#[test]
fn without_room_requests_are_refused_not_queued() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.buffers_per_shard = 20_000);
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", "small");
        assert_eq!(client.reply().status, 200);
        client.post("/up/x", &"large ".repeat(5_000));
        let reply = client.reply();
        assert_eq!((reply.status, reply.field("retry-after")), (503, "1"));
        assert!(reply.text().contains("overloaded"));
        drop(client);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.buffers_per_shard = 10);
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", "small");
        let reply = client.reply();
        assert_eq!((reply.status, reply.complete), (503, true));
        assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok());
    });
}

#[test]
fn a_request_whose_record_might_be_lost_is_refused() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        gateway.lifecycle.set_audit_failed(true);
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 503);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.fail_mode = FailMode::Open);
        let gateway = setup.start();
        gateway.lifecycle.set_audit_failed(true);
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 200);
    });
}

#[test]
fn keys_are_asked_for() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.auth = Auth::Keys(GatewayKeys::default()));
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        let reply = client.reply();
        assert_eq!((reply.status, reply.keep_alive), (401, true));
        assert!(reply.text().contains("unauthorized"));
        // The upstream has no key of its own: this one would have gone to the provider.
        let key = crate::auth::format_key(&[1; 32]);
        client.send(format!(
            "POST /up/x HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
            *key
        ));
        let reply = client.reply();
        assert_eq!(reply.status, 401);
        assert!(reply.text().contains("send the gateway key in the x-aegis-key header"), "{}", reply.text());
        assert!(upstream.seen().is_empty());
    });
}

#[test]
fn connections_over_the_limit_are_closed() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.limits.requests_per_connection = 2);
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert!(client.reply().keep_alive);
        client.post("/up/x", "a");
        assert!(!client.reply().keep_alive);
        assert!(client.is_closed());
        thread::sleep(Duration::from_millis(1));
    });
}

#[test]
fn what_cannot_be_scanned_passes_only_where_that_is_configured() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.body.len().to_string())]);
        for (mode, status) in [(FailMode::Closed, 400), (FailMode::Open, 200)] {
            let mut setup = GatewaySetup::new(driver, &upstream);
            setup.change = Box::new(move |snapshot| snapshot.fail_mode = mode);
            let gateway = setup.start();
            let mut client = gateway.client();
            let broken = "{\"a\": [1, 2";
            client.send(format!(
                "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{broken}",
                broken.len()
            ));
            assert_eq!(client.reply().status, status);
            client.send(
                "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-encoding: lzma\r\ncontent-length: 2\r\n\r\nab",
            );
            assert_eq!(client.reply().status, if mode == FailMode::Open { 200 } else { 415 });
            wait_for(|| gateway.metrics.failed_open.get() == if mode == FailMode::Open { 2 } else { 0 });
        }
        let seen = upstream.seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1].head.fields.get(b"content-encoding"), Some(&b"lzma"[..]));
    });
}

#[test]
fn keys_open_what_they_may() {
    let key = |id: &str, upstreams: &[&str], disabled| HashedKey {
        id: id.into(),
        organisation: Some("acme".into()),
        user: None,
        sha256: Sha256::digest(id).into(),
        upstreams: upstreams.iter().map(|name| Arc::from(*name)).collect(),
        recall: true,
        disabled,
    };
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        let keys = vec![
            key("all", &[], false),
            key("here", &["up"], false),
            key("there", &["x"], false),
            key("old", &[], true),
        ];
        setup.change = Box::new(|snapshot| snapshot.auth = Auth::Keys(GatewayKeys::new(keys)));
        let mut gateway = setup.start();
        let mut client = gateway.client();
        for (name, status, error) in [
            ("all", 200, None),
            ("here", 200, None),
            ("there", 403, Some("forbidden")),
            ("old", 401, Some("token_revoked")),
            ("none", 401, Some("unauthorized")),
        ] {
            client.send(format!("GET /up/x HTTP/1.1\r\nhost: g\r\nx-aegis-key: {name}\r\n\r\n"));
            assert_eq!(client.reply().status, status, "{name}");
            let record = gateway.record();
            assert_eq!((record.error, record.key.as_deref()), (error, error.is_none().then_some(name)));
        }
        assert_eq!(upstream.seen().len(), 2);
        assert!(upstream.seen().iter().all(|seen| !seen.head.fields.contains(b"x-aegis-key")));
    });
}
