//! TLS with an upstream that does not come about: each cause is counted, logged once, and named in the reply to the client.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aegis_wire::head::Method;
use aegis_wire::tls::{
    ClientCertificates, ClientOptions, Identity, Pem, Roots, ServerConfigBuilder, TlsFailure, client_config,
};
use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::harness::{GatewaySetup, MockUpstream, on_both_drivers, read_request, wait_for};
use crate::config::settings::{BeyondHold, Driver};
use crate::events::LogEvent;
use crate::snapshot::{Addresses, Snapshot};

/// A certificate for `name` that is valid between the two years, signed by itself.
fn certificate(name: &str, (from, to): (i32, i32)) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    let signing_key = KeyPair::generate().unwrap();
    CertifiedKey { cert: params.self_signed(&signing_key).unwrap(), signing_key }
}

/// One that is valid now.
fn valid(name: &str) -> CertifiedKey<KeyPair> {
    certificate(name, (2020, 2120))
}

fn pem<'a>(name: &'a str, text: &'a str) -> Pem<'a> {
    Pem { name, text: text.as_bytes() }
}

fn config(made: &CertifiedKey<KeyPair>, clients: ClientCertificates<'_>) -> Arc<ServerConfig> {
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pem(pem("cert", &cert), pem("key", &key)).unwrap();
    ServerConfigBuilder::new().identity(identity).client_certificates(clients).build().unwrap()
}

/// A server with this certificate.
fn serve(config: Arc<ServerConfig>) -> SocketAddr {
    listen(move |stream| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(tls, stream);
        if read_request(&mut stream, &mut Vec::new(), 0).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    })
}

fn listen(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

/// `openssl s_server`, which ends with the test.
struct Openssl(Child, SocketAddr, #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir);

impl Openssl {
    fn start(made: &CertifiedKey<KeyPair>, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-accept", &address.to_string(), "-cert"])
            .arg(cert)
            .arg("-key")
            .arg(key)
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        wait_for(|| TcpStream::connect(address).is_ok());
        Self(child, address, folder)
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A gateway before `address`, where `trusted` is trusted for `localhost`.
fn trusting(driver: Driver, address: SocketAddr, trusted: &CertifiedKey<KeyPair>) -> GatewaySetup {
    let mut upstream = MockUpstream::new(|_| vec![]);
    upstream.address = address;
    let mut setup = GatewaySetup::new(driver, &upstream);
    let ca = trusted.cert.pem();
    let options = ClientOptions { roots: Roots::Pem(pem("ca", &ca)), ..ClientOptions::default() };
    let tls = client_config(&options).unwrap();
    setup.change = Box::new(|snapshot| {
        let upstream = Arc::get_mut(&mut snapshot.upstreams[0]).unwrap();
        upstream.host = "localhost".into();
        upstream.tls = Some(tls);
    });
    setup
}

/// Sends two requests to `address`, where `trusted` is trusted for `localhost`, and expects both to fail by `cause`.
fn expect(driver: Driver, address: SocketAddr, trusted: &CertifiedKey<KeyPair>, cause: TlsFailure) {
    let request = "GET /up/v1/x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    expect_of(trusting(driver, address, trusted), cause, request);
}

/// The same for two requests that are `request`.
fn expect_of(setup: GatewaySetup, cause: TlsFailure, request: &str) {
    let mut gateway = setup.start();
    for _ in 0..2 {
        let mut client = gateway.client();
        client.send(request);
        let reply = client.reply_to(Method::Get);
        let text = reply.text();
        assert_eq!(reply.status, 502, "{cause:?}: {text}");
        assert!(text.contains(cause.explain()) && !text.contains("127.0.0.1"), "{cause:?}: {text}");
    }
    let count = |cause: TlsFailure| gateway.metrics.upstreams[0].tls_failures[cause as usize].get();
    assert_eq!(
        TlsFailure::ALL.map(count),
        TlsFailure::ALL.map(|other| 2 * u64::from(other == cause)),
        "{cause:?}"
    );
    let said: Vec<LogEvent> = gateway.remarks(2);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].detail.starts_with(&format!("up: {}: localhost: ", cause.as_str())), "{said:?}");
}

#[test]
fn each_cause_is_counted_and_said_once() {
    let own = valid("localhost");
    let nobody = ClientCertificates::None;
    for (made, cause) in [
        (certificate("localhost", (2000, 2001)), TlsFailure::Expired),
        (certificate("localhost", (2100, 2101)), TlsFailure::NotYetValid),
        (valid("elsewhere.example"), TlsFailure::WrongName),
    ] {
        expect(Driver::Epoll, serve(config(&made, nobody)), &made, cause);
    }
    expect(Driver::Epoll, serve(config(&valid("localhost"), nobody)), &own, TlsFailure::UnknownIssuer);
    let plain = listen(|mut stream| drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")));
    expect(Driver::Epoll, plain, &own, TlsFailure::NotTls);
}

/// With TLS 1.3 the handshake is over for the client before the server has looked at its certificate.
#[test]
fn a_server_that_wants_a_client_certificate_is_known_behind_the_handshake() {
    on_both_drivers(|driver| {
        let (own, authority) = (valid("localhost"), valid("clients"));
        let ca = authority.cert.pem();
        let server = config(&own, ClientCertificates::Required(pem("clients", &ca)));
        expect(driver, serve(server), &own, TlsFailure::ClientCertificate);
    });
}

/// An upstream that reads the handshake and no more: it refuses after `pause`, and leaves the connection as it is.
fn refuse_and_stand_still(config: Arc<ServerConfig>, pause: Duration) -> SocketAddr {
    let held = Mutex::new(Vec::new());
    listen(move |mut stream| {
        setsockopt(&stream, RcvBuf, &(64 << 10)).unwrap();
        let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        loop {
            while tls.wants_write() {
                tls.write_tls(&mut stream).unwrap();
            }
            assert!(tls.read_tls(&mut stream).unwrap() > 0);
            if tls.process_new_packets().is_err() {
                break;
            }
        }
        thread::sleep(pause);
        while tls.wants_write() {
            tls.write_tls(&mut stream).unwrap();
        }
        held.lock().unwrap().push(stream);
    })
}

/// Expects each of `servers` to refuse over a body that no socket has room for, held or streamed.
fn expect_over_a_body(driver: Driver, own: &CertifiedKey<KeyPair>, servers: impl Fn() -> SocketAddr) {
    let (length, head) = (8 << 20, "POST /up/v1/x HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: text/plain");
    let request = format!("{head}\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length));
    for hold in [2 * length, length / 8] {
        let mut setup = trusting(driver, servers(), own);
        let trust = setup.change;
        setup.change = Box::new(move |snapshot| {
            trust(snapshot);
            snapshot.limits.hold = hold as u64;
            snapshot.limits.beyond_hold = BeyondHold::Stream;
        });
        expect_of(setup, TlsFailure::ClientCertificate, &request);
    }
}

/// It is heard while a body is being written, and the write fails, too.
#[test]
fn a_refusal_behind_the_handshake_is_heard_over_a_body_that_is_being_written() {
    on_both_drivers(|driver| {
        let (own, authority) = (valid("localhost"), valid("clients"));
        let ca = authority.cert.pem();
        let asking = || config(&own, ClientCertificates::Required(pem("clients", &ca)));
        expect_over_a_body(driver, &own, || serve(asking()));
    });
}

/// Who refuses need not close, nor take the rest of the body: that is no reason to wait for either.
#[test]
fn a_refusal_is_heard_from_who_then_neither_reads_nor_closes() {
    on_both_drivers(|driver| {
        let (own, authority) = (valid("localhost"), valid("clients"));
        let ca = authority.cert.pem();
        let asking = || config(&own, ClientCertificates::Required(pem("clients", &ca)));
        for pause in [Duration::ZERO, Duration::from_millis(200)] {
            expect_over_a_body(driver, &own, || refuse_and_stand_still(asking(), pause));
        }
    });
}

#[test]
fn other_servers_are_understood() {
    let own = valid("localhost");
    let old = Openssl::start(&own, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    expect(Driver::Epoll, old.1, &own, TlsFailure::ProtocolVersion);
    let asking = Openssl::start(&own, &["-tls1_3", "-Verify", "1"]);
    expect(Driver::Epoll, asking.1, &own, TlsFailure::ClientCertificate);
    // TLS 1.2 has no word for a certificate that is missing.
    let asking = Openssl::start(&own, &["-tls1_2", "-Verify", "1"]);
    expect(Driver::Epoll, asking.1, &own, TlsFailure::Refused);
}

/// The shard's pause between remarks must not cost the only line of another upstream.
#[test]
fn what_is_said_once_is_said_beside_an_upstream_that_is_down() {
    let own = valid("localhost");
    let (server, calls) = (config(&own, ClientCertificates::None), AtomicUsize::new(0));
    // No TLS at first.
    let address = listen(move |mut stream| {
        if calls.fetch_add(1, Relaxed) == 0 {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            return;
        }
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&server)).unwrap(), stream);
        if read_request(&mut stream, &mut Vec::new(), 0).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut setup = trusting(Driver::Epoll, address, &own);
    let mut down = setup.upstream("down", 1);
    (down.port, down.addresses) = (nobody.port(), Arc::new(Addresses::fixed(nobody)));
    let trust = setup.change;
    setup.change = Box::new(|snapshot| {
        trust(snapshot);
        let upstreams = vec![Arc::clone(&snapshot.upstreams[0]), Arc::new(down)];
        *snapshot = Snapshot::for_tests(upstreams, Arc::clone(&snapshot.shield));
    });
    let mut gateway = setup.start();
    let mut said = Vec::new();
    for (name, status) in [("down", 502), ("up", 502), ("down", 502), ("up", 200)] {
        let mut client = gateway.client();
        client.send(format!("GET /{name}/v1/x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"));
        assert_eq!(client.reply_to(Method::Get).status, status, "{name}");
        said.extend(gateway.remarks(1).into_iter().map(|remark| remark.what));
    }
    assert_eq!(said[0], "cannot reach upstream");
    // On a slow machine that may be said again.
    said.retain(|what| *what != "cannot reach upstream");
    assert_eq!(said, ["no TLS with an upstream", "TLS with an upstream works again"]);
}
