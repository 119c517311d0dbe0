//! No request is acted on twice, and none fails that could safely be sent again.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::harness::{
    Client, GatewaySetup, MockUpstream, SECRET, ScriptStep, ok, on_both_drivers, token, wait_for,
};
use crate::config::settings::Driver;

/// An upstream that takes the second request of its first connection whole, and then closes in good order.
fn takes_and_closes() -> MockUpstream {
    MockUpstream::new(|seen| {
        let again = seen.head.path == "/second" && seen.connection == 0;
        if again { vec![ScriptStep::Close] } else { vec![ok(&seen.connection.to_string())] }
    })
}

fn send(client: &mut Client, method: &str, path: &str, fields: &str, body: &str) {
    client.send(format!(
        "{method} {path} HTTP/1.1\r\nhost: g\r\n{fields}content-length: {}\r\n\r\n{body}",
        body.len()
    ));
}

#[test]
fn a_post_that_was_taken_is_not_sent_again() {
    on_both_drivers(|driver| {
        for body in ["b".to_owned(), "words and words ".repeat(2_000), "words and words ".repeat(10_000)] {
            let upstream = takes_and_closes();
            let gateway = GatewaySetup::new(driver, &upstream).start();
            let mut client = gateway.client();
            client.post("/up/first", "a");
            assert_eq!(client.reply().text(), "0");
            client.post("/up/second", &body);
            let reply = client.reply();
            assert_eq!((reply.status, reply.keep_alive), (502, true));
            assert!(reply.text().contains("upstream_error"));
            assert_eq!(upstream.seen().iter().filter(|seen| seen.head.path == "/second").count(), 1);
            assert_eq!(upstream.connections.load(SeqCst), 1, "nothing went anywhere else");
        }
    });
}

#[test]
fn an_idempotent_request_is_sent_again_once() {
    on_both_drivers(|driver| {
        for (method, again) in [
            ("GET", true),
            ("PUT", true),
            ("DELETE", true),
            ("OPTIONS", true),
            ("PATCH", false),
            ("BREW", false),
        ] {
            let upstream = takes_and_closes();
            let gateway = GatewaySetup::new(driver, &upstream).start();
            let mut client = gateway.client();
            client.post("/up/first", "a");
            assert_eq!(client.reply().text(), "0");
            send(&mut client, method, "/up/second", "", "");
            let reply = client.reply();
            assert_eq!(
                (reply.status, upstream.connections.load(SeqCst)),
                if again { (200, 2) } else { (502, 1) }
            );
        }
    });
}

#[test]
fn a_large_request_is_sent_again_whole() {
    on_both_drivers(|driver| {
        let body = super::buffer_boundaries::page(2_000_000, SECRET, 50).unwrap();
        for (method, fields) in [("PUT", ""), ("POST", "Idempotency-Key: 7\r\n")] {
            let upstream = takes_and_closes();
            let mut setup = GatewaySetup::new(driver, &upstream);
            setup.idempotency_header = Some("idempotency-key".into());
            let gateway = setup.start();
            let mut client = gateway.client();
            client.post("/up/first", "a");
            assert_eq!(client.reply().text(), "0");
            send(&mut client, method, "/up/second", fields, &body);
            assert_eq!(client.reply().status, 200, "{method}");
            let seen = upstream.seen();
            let expected = body.replace(SECRET, &token(&seen[1]));
            let bodies = seen[1..].iter().map(|seen| seen.body == expected.as_bytes()).collect::<Vec<_>>();
            assert_eq!(bodies, [true, true], "{method}");
        }
    });
}

#[test]
fn a_post_that_its_upstream_can_recognise_is_sent_again() {
    on_both_drivers(|driver| {
        for (configured, fields, status) in [
            (Some("idempotency-key"), "Idempotency-Key: 7\r\n", 200),
            (Some("idempotency-key"), "", 502),
            (None, "Idempotency-Key: 7\r\n", 502),
        ] {
            let upstream = takes_and_closes();
            let mut setup = GatewaySetup::new(driver, &upstream);
            setup.idempotency_header = configured.map(Into::into);
            let gateway = setup.start();
            let mut client = gateway.client();
            client.post("/up/first", "a");
            assert_eq!(client.reply().text(), "0");
            send(&mut client, "POST", "/up/second", fields, "b");
            assert_eq!(client.reply().status, status, "{configured:?} {fields:?}");
        }
    });
}

#[test]
fn an_upstream_that_closes_idle_connections_acts_on_each_request_once() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&seen.connection.to_string()), ScriptStep::Close]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        for index in 0..30 {
            // One that was on its way while the upstream closed may fail, and is then sent again by its client.
            for _ in 0..5 {
                client.post("/up/x", &format!("request {index}"));
                if client.reply().status == 200 {
                    break;
                }
            }
        }
        let mut seen = HashMap::new();
        for request in upstream.seen() {
            *seen.entry(request.body).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 30);
        assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    });
}

/// Reads until a request has come whole that ends with these bytes.
fn read_request(stream: &mut TcpStream, body: &[u8]) {
    let mut seen = Vec::new();
    while !seen.ends_with(body) {
        let mut part = [0; 10_000];
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0);
        seen.extend_from_slice(&part[..count]);
    }
}

const FINE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

/// An upstream whose receive window is shut before the second request comes: it answers the first one, which is too
/// long for its buffer, without having read it. At a signal it ends the first connection as `end` does. A second one it
/// serves, if all of `body` comes.
fn shut_window(end: fn(TcpStream), body: Vec<u8>) -> (MockUpstream, Sender<()>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(8).unwrap();
    let listener = TcpListener::from(socket);
    let mut upstream = MockUpstream::new(|_| vec![]);
    upstream.address = listener.local_addr().unwrap();
    let (signal, signals): (Sender<()>, Receiver<()>) = channel();
    thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        thread::sleep(Duration::from_millis(100));
        first.write_all(FINE).unwrap();
        signals.recv().unwrap();
        end(first);
        let (mut second, _) = listener.accept().unwrap();
        read_request(&mut second, &body);
        second.write_all(FINE).unwrap();
    });
    (upstream, signal)
}

/// The status of a POST that is written to a connection whose peer takes nothing of it any more.
fn status_of_untaken(driver: Driver, body: &str, end: fn(TcpStream)) -> u16 {
    let (upstream, signal) = shut_window(end, format!("\r\n\r\n{body}").into_bytes());
    let gateway = GatewaySetup::new(driver, &upstream).start();
    let mut client = gateway.client();
    client.post("/up/x", &"words and words ".repeat(2_000));
    assert_eq!(client.reply().status, 200);
    client.post("/up/x", body);
    wait_for(|| gateway.metrics.requests_in_flight.get() == 1);
    thread::sleep(Duration::from_millis(50));
    signal.send(()).unwrap();
    client.reply().status
}

#[test]
fn a_post_that_was_not_taken_is_sent_again_after_a_graceful_end_only() {
    on_both_drivers(|driver| {
        let graceful = |first: TcpStream| {
            first.shutdown(Shutdown::Write).unwrap();
            thread::sleep(Duration::from_millis(500));
        };
        for body in ["ask".to_owned(), "ask about words\n".repeat(100_000)] {
            assert_eq!(status_of_untaken(driver, &body, graceful), 200, "{}", body.len());
            // With unread bytes a close is a reset, and that may overtake an acknowledgement.
            assert_eq!(status_of_untaken(driver, &body, drop), 502, "{}", body.len());
        }
    });
}

#[test]
fn one_failure_is_enough_for_all_that_was_idle_beside_it() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| match seen.head.path.as_str() {
            "/open" => vec![ScriptStep::Sleep(150), ok("x")],
            _ => vec![ScriptStep::Close],
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut clients: Vec<_> = (0..3).map(|_| gateway.client()).collect();
        for client in &mut clients {
            client.post("/up/open", "a");
        }
        for client in &mut clients {
            assert_eq!(client.reply().status, 200);
        }
        wait_for(|| gateway.metrics.upstreams[0].pool_idle.get() == 3);
        clients[0].post("/up/closes", "a");
        assert_eq!(clients[0].reply().status, 502);
        assert_eq!(gateway.metrics.upstreams[0].pool_idle.get(), 0);
        assert_eq!(upstream.connections.load(SeqCst), 3);
    });
}

#[test]
fn connections_of_an_upstream_that_a_reload_removed_are_closed() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("x")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 200);
        wait_for(|| gateway.metrics.upstreams[0].pool_idle.get() == 1);
        let old = gateway.snapshots.load();
        let mut next = crate::snapshot::Snapshot::for_tests(Vec::new(), std::sync::Arc::clone(&old.shield));
        next.generation = old.generation + 1;
        gateway.snapshots.publish(std::sync::Arc::new(next));
        wait_for(|| gateway.metrics.upstreams[0].pool_idle.get() == 0);
    });
}

#[test]
fn connecting_ends_when_the_time_for_all_addresses_is_over() {
    on_both_drivers(|driver| {
        // A listener whose queue is full lets further connects wait.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let _queued: Vec<_> = (0..8)
            .map(|_| {
                let client =
                    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
                client.set_nonblocking(true).unwrap();
                let _ = client.connect(&address.into());
                client
            })
            .collect();
        thread::sleep(Duration::from_millis(50));
        let upstream = MockUpstream::new(|_| vec![]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.timeouts.connect = Duration::from_millis(100);
        setup.timeouts.connect_total = Duration::from_millis(150);
        setup.change = Box::new(move |snapshot| snapshot.upstreams[0].addresses.set(vec![address; 6]));
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 504);
        let failures = gateway.metrics.upstreams[0].connect_failures.get();
        assert!((1..=2).contains(&failures), "{failures} of 6 addresses were tried");
    });
}
