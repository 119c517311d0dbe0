//! TLS on both sides: certificates by name, reloads, client certificates, and which authorities the gateway trusts.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use aegis_tests::authority::Certificate;
use aegis_tests::client::{READ_LIMIT, get, post};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Authority, Gateway, Message, Mock};
use nix::sys::signal::Signal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A client that trusts the authority in `dir`, and shows a certificate if it has one.
fn client_config(dir: &std::path::Path, own: Option<&Certificate>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(dir.join("ca.pem")).expect("a certificate"))
        .expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = builder.with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let cert = CertificateDer::from_pem_file(&own.cert).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(&own.key).expect("a key");
            builder.with_client_auth_cert(vec![cert], key).expect("they fit")
        }
    })
}

fn connect(gateway: &Gateway, config: &Arc<ClientConfig>, name: &'static str) -> TlsStream {
    let socket = TcpStream::connect(gateway.address).expect("a connection");
    socket.set_read_timeout(Some(READ_LIMIT)).expect("a read timeout");
    socket.set_nodelay(true).expect("TCP_NODELAY");
    let name = ServerName::try_from(name).expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a client"), socket)
}

fn exchange(stream: &mut TlsStream, request: &[u8]) -> std::io::Result<Message> {
    stream.write_all(request)?;
    Message::read_reply(stream, false)
}

/// The first certificate the gateway showed.
fn shown(stream: &TlsStream) -> Vec<u8> {
    stream.conn.peer_certificates().expect("certificates after the handshake")[0].to_vec()
}

fn der(certificate: &Certificate) -> Vec<u8> {
    CertificateDer::from_pem_file(&certificate.cert).expect("a certificate").to_vec()
}

fn certificates(list: &[&Certificate]) -> String {
    let entries: Vec<String> = list
        .iter()
        .map(|one| format!("{{ cert = \"{}\", key = \"{}\" }}", one.cert.display(), one.key.display()))
        .collect();
    format!("[server.tls]\ncertificates = [{}]\n", entries.join(", "))
}

struct Scene {
    dir: tempfile::TempDir,
    authority: Authority,
    mock: Mock,
}

impl Scene {
    fn new() -> Scene {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::new(dir.path(), "ca");
        Scene { authority, mock: Mock::start(), dir }
    }

    fn gateway(&self, config: &str) -> Gateway {
        Gateway::builder().all_upstreams(&self.mock.url()).config(config).start()
    }
}

#[test]
fn certificates_are_chosen_by_name_and_sessions_are_resumed() {
    let scene = Scene::new();
    let one = scene.authority.sign("one", &["one.test"]);
    let two = scene.authority.sign("two", &["two.test", "also.two.test"]);
    let gateway = scene.gateway(&certificates(&[&one, &two]));
    let config = client_config(scene.dir.path(), None);
    for (name, certificate) in [("one.test", &one), ("two.test", &two), ("also.two.test", &two)] {
        let mut stream = connect(&gateway, &config, name);
        assert_eq!(exchange(&mut stream, &get("/v1/models")).expect("a reply").status(), 200);
        assert_eq!(shown(&stream), der(certificate), "{name}");
        let mut again = connect(&gateway, &config, name);
        assert_eq!(exchange(&mut again, &get("/v1/models")).expect("a reply").status(), 200);
        assert_eq!(again.conn.handshake_kind(), Some(HandshakeKind::Resumed), "{name}");
    }
}

#[test]
fn records_of_every_size_carry_a_request() {
    let scene = Scene::new();
    let certificate = scene.authority.sign("one", &["one.test"]);
    let gateway = scene.gateway(&certificates(&[&certificate]));
    let config = client_config(scene.dir.path(), None);
    let secret = Seeded::new(1).github();
    let body = serde_json::json!({"messages": [{"role": "user", "content": format!("use {secret} {}", "x y ".repeat(2_000))}]});
    let request = post("/v1/chat/completions", "application/json", body.to_string().as_bytes());
    for size in [1, 7, 500, 16_384] {
        let mut stream = connect(&gateway, &config, "one.test");
        for piece in request.chunks(size) {
            stream.write_all(piece).expect("sent");
            stream.flush().expect("flushed");
        }
        let reply = Message::read_reply(&mut stream, false).expect("a reply");
        assert!(reply.text().contains(&secret), "records of {size}: {}", reply.start);
    }
}

#[test]
fn a_new_certificate_is_taken_without_a_restart() {
    let scene = Scene::new();
    let old = scene.authority.sign("server", &["one.test"]);
    let old_der = der(&old);
    let gateway = scene.gateway(&certificates(&[&old]));
    let config = client_config(scene.dir.path(), None);
    let mut stays = connect(&gateway, &config, "one.test");
    assert_eq!(exchange(&mut stays, &get("/v1/models")).expect("a reply").status(), 200);

    let new = scene.authority.sign("server", &["one.test"]);
    assert_ne!(der(&new), old_der);
    gateway.process.signal(Signal::SIGHUP);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        // A configuration of its own: a resumed session would show the certificate of the one before.
        let mut stream = connect(&gateway, &client_config(scene.dir.path(), None), "one.test");
        assert_eq!(exchange(&mut stream, &get("/v1/models")).expect("a reply").status(), 200);
        if shown(&stream) == der(&new) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the new certificate is shown in time");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(
        exchange(&mut stays, &get("/v1/models")).expect("a reply").status(),
        200,
        "open connections stay"
    );

    // A broken file changes nothing.
    fs::write(&new.cert, "not a certificate").expect("a file");
    gateway.process.signal(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(500));
    let mut stream = connect(&gateway, &client_config(scene.dir.path(), None), "one.test");
    assert_eq!(exchange(&mut stream, &get("/v1/models")).expect("a reply").status(), 200);
}

#[test]
fn client_certificates() {
    let scene = Scene::new();
    let server = scene.authority.sign("server", &["one.test"]);
    let own = scene.authority.sign("client", &["client.test"]);
    let stranger = Authority::new(scene.dir.path(), "stranger").sign("stranger-client", &["client.test"]);
    for (mode, without) in [("required", false), ("optional", true)] {
        let more = format!(
            "client_auth = \"{mode}\"\nclient_ca = \"{}\"\n",
            scene.dir.path().join("ca.pem").display()
        );
        let gateway = scene.gateway(&(certificates(&[&server]) + &more));
        let ask = |own: Option<&Certificate>| {
            let config = client_config(scene.dir.path(), own);
            let mut stream = connect(&gateway, &config, "one.test");
            exchange(&mut stream, &get("/v1/models")).is_ok_and(|reply| reply.status() == 200)
        };
        assert!(ask(Some(&own)), "{mode}: the right certificate");
        assert_eq!(ask(None), without, "{mode}: no certificate");
        assert!(!ask(Some(&stranger)), "{mode}: a stranger's certificate");
    }
}

#[test]
fn plain_http_on_a_tls_port_and_noise_are_let_go() {
    let scene = Scene::new();
    let certificate = scene.authority.sign("one", &["one.test"]);
    let gateway = scene.gateway(&(certificates(&[&certificate]) + "[timeouts]\ntls_handshake = \"600ms\"\n"));
    for noise in [&get("/v1/models")[..], &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3], &[0; 600], b""] {
        let mut socket = TcpStream::connect(gateway.address).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a read timeout");
        let _ = socket.write_all(noise);
        let mut rest = Vec::new();
        let ended = socket.read_to_end(&mut rest);
        let timed_out = ended.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!timed_out, "{} bytes of noise keep a connection", noise.len());
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
    let mut stream = connect(&gateway, &client_config(scene.dir.path(), None), "one.test");
    assert_eq!(exchange(&mut stream, &get("/v1/models")).expect("a reply").status(), 200);
}

#[test]
fn an_upstream_is_trusted_only_by_its_authority_and_name() {
    let scene = Scene::new();
    let certificate = scene.authority.sign("upstream", &["localhost"]);
    let mock = Mock::start_tls(&certificate.cert, &certificate.key);
    let _ = Authority::new(scene.dir.path(), "other");
    let ask = |url: &str, trust: &str| {
        let config = format!("[upstreams.openai]\nurl = \"{url}\"\n{trust}\n");
        let gateway = Gateway::builder().config(&config).start();
        gateway.exchange(&post("/v1/chat/completions", "application/json", b"{\"messages\":[]}")).status()
    };
    let trust = |name: &str| format!("roots = \"file\"\nca = \"{}\"", scene.dir.path().join(name).display());
    let port = mock.address.port();
    assert_eq!(ask(&format!("https://localhost:{port}"), &trust("ca.pem")), 200);
    assert_eq!(ask(&format!("https://127.0.0.1:{port}"), &trust("ca.pem")), 502, "another name");
    assert_eq!(ask(&format!("https://localhost:{port}"), &trust("other.pem")), 502, "another authority");
    assert_eq!(ask(&format!("https://localhost:{port}"), ""), 502, "the public authorities");
    assert_eq!(
        ask(&format!("https://localhost:{}", scene.mock.address.port()), &trust("ca.pem")),
        502,
        "no TLS there"
    );
}
