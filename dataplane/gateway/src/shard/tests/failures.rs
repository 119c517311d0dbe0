//! Peers that are slow, gone or wrong.

use std::net::Shutdown;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use super::harness::{
    GatewaySetup, MockUpstream, SECRET, ScriptStep, ok, on_both_drivers, server_tls, wait_for, write,
};
use crate::config::settings::Driver;
use crate::events::Ending;

const SOON: Duration = Duration::from_millis(150);

#[test]
fn a_closed_idle_connection_leaves_the_pool() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("x"), ScriptStep::Sleep(100), ScriptStep::Close]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "again");
        assert_eq!(client.reply().status, 200);
        wait_for(|| gateway.metrics.upstreams[0].pool_idle.get() == 1);
        wait_for(|| gateway.metrics.upstreams[0].pool_idle.get() == 0);
    });
}

#[test]
fn an_upstream_that_only_closes_is_a_bad_gateway() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ScriptStep::Close]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        let reply = client.reply();
        assert_eq!((reply.status, reply.keep_alive), (502, true));
        assert!(reply.text().contains("upstream_error"));
        assert_eq!(gateway.record().error, Some("upstream_error"));
        assert_eq!(upstream.seen().len(), 1, "a fresh connection is not tried twice");
    });
}

#[test]
fn an_upstream_that_cannot_be_reached_is_a_bad_gateway() {
    on_both_drivers(|driver| {
        let mut upstream = MockUpstream::new(|_| vec![]);
        upstream.address.set_port(1);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 502);
        assert_eq!(gateway.metrics.upstreams[0].connect_failures.get(), 1);
    });
}

#[test]
fn a_name_without_an_address_is_reported_to_the_client() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("x")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.upstreams[0].addresses.set(Vec::new()));
        let gateway = setup.start();
        let host = gateway.snapshots.load().upstreams[0].host.clone();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        let reply = client.reply();
        assert_eq!((reply.status, reply.keep_alive), (502, true));
        assert!(reply.text().contains(&format!("cannot resolve {host}")), "{}", reply.text());
        assert!(upstream.seen().is_empty());
    });
}

#[test]
fn a_reply_that_breaks_off_is_not_passed_on_as_whole() {
    on_both_drivers(|driver| {
        for head in ["content-length: 100", "transfer-encoding: chunked"] {
            let upstream = MockUpstream::new(move |_| {
                vec![
                    write(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nabc")),
                    ScriptStep::Sleep(30),
                    ScriptStep::Close,
                ]
            });
            let mut gateway = GatewaySetup::new(driver, &upstream).start();
            let mut client = gateway.client();
            client.post("/up/x", "a");
            let reply = client.reply();
            assert_eq!((reply.status, reply.complete), (200, false));
            assert!(reply.text().ends_with("abc"));
            assert!(client.is_closed());
            assert_eq!(gateway.record().ended, Ending::UpstreamAborted);
        }
    });
}

#[test]
fn nonsense_from_the_upstream_is_a_bad_gateway() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![write("SSH-2.0-OpenSSH_9.2\r\n"), ScriptStep::Sleep(500)]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 502);
    });
}

#[test]
fn a_client_that_goes_takes_its_upstream_connection_along() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| {
            let mut steps = vec![write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")];
            for _ in 0..200 {
                steps.extend([ScriptStep::Sleep(20), write("1\r\nx\r\n")]);
            }
            steps
        });
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        thread::sleep(Duration::from_millis(60));
        client.stream.shutdown(Shutdown::Both).unwrap();
        assert_eq!(gateway.record().ended, Ending::ClientAborted);
        wait_for(|| gateway.metrics.connections_open.get() == 0);
        assert_eq!(gateway.metrics.upstreams[0].pool_idle.get(), 0);
    });
}

/// One whose upstream answers behind the first bytes of the body, and then stays a while or closes over what it did not
/// read.
fn early_reply(driver: Driver, stays: bool) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut upstream = MockUpstream::new(|_| vec![]);
    upstream.address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut part = [0; 1000];
        let _ = std::io::Read::read(&mut stream, &mut part);
        let reply = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nslow";
        std::io::Write::write_all(&mut stream, reply).unwrap();
        if stays {
            thread::sleep(Duration::from_millis(300));
        }
    });
    let gateway = GatewaySetup::new(driver, &upstream).start();
    let mut client = gateway.client();
    client.send("POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-length: 30000000\r\n\r\n");
    let mut half = client.stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        let part = vec![b'x'; 100_000];
        for _ in 0..300 {
            if std::io::Write::write_all(&mut half, &part).is_err() {
                break;
            }
        }
    });
    let reply = client.reply();
    // The client's whole body was held, so that its next request may follow.
    assert_eq!((reply.status, reply.text(), reply.keep_alive), (429, "slow", true), "{stays}");
    server.join().unwrap();
    drop(client);
    sender.join().unwrap();
}

#[test]
fn an_early_reply_is_delivered() {
    on_both_drivers(|driver| {
        early_reply(driver, true);
        for _ in 0..5 {
            early_reply(driver, false);
        }
    });
}

#[test]
fn slow_clients_get_408() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.timeouts.request_head = SOON;
        setup.timeouts.request_body_gap = SOON;
        let mut gateway = setup.start();
        let mut client = gateway.client();
        client.send("POST /up/x HT");
        let reply = client.reply();
        assert_eq!((reply.status, reply.keep_alive), (408, false));
        let mut client = gateway.client();
        client.send("POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-length: 10\r\n\r\nhalf");
        let reply = client.reply();
        assert_eq!((reply.status, reply.keep_alive), (408, false));
        assert!(client.is_closed());
        assert_eq!(gateway.record().ended, Ending::TimedOut);
        assert!(upstream.seen().is_empty());
    });
}

#[test]
fn a_body_that_drips_is_too_slow() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.timeouts.request_body_gap = SOON;
        setup.timeouts.request_body_min_rate = 100_000;
        let gateway = setup.start();
        let mut client = gateway.client();
        client.send("POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-length: 1000\r\n\r\n");
        let mut half = client.stream.try_clone().unwrap();
        let sender = thread::spawn(move || {
            for _ in 0..100 {
                thread::sleep(Duration::from_millis(20));
                if std::io::Write::write_all(&mut half, b"x").is_err() {
                    break;
                }
            }
        });
        assert_eq!(client.reply().status, 408);
        drop(client);
        sender.join().unwrap();
    });
}

#[test]
fn idle_connections_are_closed_without_a_word() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.timeouts.keep_alive = SOON;
        let gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/x", "a");
        assert_eq!(client.reply().status, 200);
        assert!(client.is_closed());
        assert!(client.buffer.is_empty());
    });
}

#[test]
fn slow_upstreams_time_out() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| match seen.head.path.as_str() {
            "/silent" => vec![ScriptStep::Sleep(600)],
            _ => vec![write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), ScriptStep::Sleep(600)],
        });
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.timeouts.first_byte = SOON;
        setup.timeouts.upstream_read_gap = SOON;
        let mut gateway = setup.start();
        let mut client = gateway.client();
        client.post("/up/silent", "a");
        let reply = client.reply();
        assert_eq!((reply.status, reply.keep_alive), (504, true));
        assert!(reply.text().contains("upstream_timeout"));
        assert_eq!(gateway.record().ended, Ending::TimedOut);
        client.post("/up/stuck", "a");
        let reply = client.reply();
        assert_eq!((reply.status, reply.complete, reply.text()), (200, false, "half"));
        assert_eq!(gateway.record().ended, Ending::TimedOut);
    });
}

#[test]
fn a_block_at_the_end_of_a_body_reaches_no_upstream() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("never")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.action = aegis_shield::Action::Block;
        let gateway = setup.start();
        let mut client = gateway.client();
        let body = format!("{} {SECRET}", "harmless words ".repeat(10_000));
        client.post("/up/x", &body);
        assert_eq!(client.reply().status, 403);
        assert_eq!(upstream.connections.load(SeqCst), 0, "nothing of it was sent");
    });
}

#[test]
fn malformed_requests_are_refused_and_the_connection_ends() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("never")]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        for (request, status) in [
            ("GET / HTTP/1.1\nhost: g\n\n", 400),
            (
                "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
                400,
            ),
            ("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n", 405),
            ("GET /up/x HTTP/1.1\r\n\r\n", 400),
            ("GET /up/x HTTP/3.0\r\nhost: g\r\n\r\n", 505),
        ] {
            let mut client = gateway.client();
            client.send(request);
            let reply = client.reply();
            assert_eq!((reply.status, reply.keep_alive), (status, false), "{request:?}");
            assert!(client.is_closed());
            let record = gateway.record();
            assert_eq!(reply.field("x-aegis-request-id"), record.id.to_string());
            assert_eq!((record.status, record.error), (status, Some("invalid_request")), "{request:?}");
            assert!(record.method.is_none() && record.upstream.is_none() && record.path.is_empty());
        }
        assert_eq!(gateway.metrics.local_requests[4].get() + gateway.metrics.local_requests[5].get(), 5);
        let mut client = gateway.client();
        client.send("GET /up/x HTTP/1.1\r\nhost: g\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
        assert_eq!(client.reply().status, 426);
        assert!(upstream.seen().is_empty());
    });
}

#[test]
fn a_handshake_that_drips_is_cut() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("never")]);
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.timeouts.tls_handshake = SOON;
        setup.change = Box::new(|snapshot| snapshot.server_tls = Some(server_tls()));
        let gateway = setup.start();
        let mut client = gateway.client();
        let mut half = client.stream.try_clone().unwrap();
        let sender = thread::spawn(move || {
            // The beginning of a record that is never complete.
            for byte in [22, 3, 1, 2, 0].into_iter().chain([1; 200]) {
                thread::sleep(Duration::from_millis(20));
                if std::io::Write::write_all(&mut half, &[byte]).is_err() {
                    break;
                }
            }
        });
        assert!(client.is_closed());
        wait_for(|| gateway.metrics.tls_failures.get() == 1);
        drop(client);
        sender.join().unwrap();
    });
}
