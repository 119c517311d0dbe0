//! TLS on both sides: bodies that meet the border of a record or a buffer arrive whole.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use aegis_shield::WINDOW;
use aegis_shield::reply::MAX_EVENT;
use aegis_wire::h1;
use aegis_wire::head::Method;
use aegis_wire::tls::{Identity, Pem, ServerConfigBuilder};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::super::net::buffers::{LARGE, SMALL};
use super::buffer_boundaries::page;
use super::harness::{
    GatewaySetup, MockUpstream, SECRET, long_secret, on_both_drivers, read_reply, read_request,
};

/// The most plaintext in one record (RFC 8446 section 5.1).
const RECORD: usize = 16 * 1024;

const BORDERS: [usize; 6] = [SMALL, RECORD, WINDOW, LARGE, MAX_EVENT, 2 * LARGE];

/// Returns both sides' configuration, with a certificate that is made for this test.
fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pem(
        Pem { name: "cert", text: cert.as_bytes() },
        Pem { name: "key", text: key.as_bytes() },
    );
    let server = ServerConfigBuilder::new().identity(identity.unwrap()).build().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, Arc::new(client))
}

/// An upstream that answers with what it was sent.
fn echo(config: &Arc<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::clone(config);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || {
                let (mut stream, mut buffer) = (StreamOwned::new(tls, stream), Vec::new());
                while let Some(seen) = read_request(&mut stream, &mut buffer, 0) {
                    for secret in [SECRET, &long_secret(20)] {
                        let found = memchr::memmem::find(&seen.body, secret.as_bytes());
                        assert_eq!(found, None, "a secret reached the upstream");
                    }
                    let length = seen.body.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n"
                    );
                    stream.write_all(&[head.as_bytes(), &seen.body].concat()).unwrap();
                }
            });
        }
    });
    address
}

#[test]
fn bodies_of_every_size_arrive_whole() {
    on_both_drivers(|driver| {
        let (server, client) = configs();
        let mut upstream = MockUpstream::new(|_| vec![]);
        upstream.address = echo(&server);
        let mut setup = GatewaySetup::new(driver, &upstream);
        let towards_upstream = Arc::clone(&client);
        setup.change = Box::new(|snapshot| {
            snapshot.audit = false;
            snapshot.server_tls = Some(server);
            let upstream = Arc::get_mut(&mut snapshot.upstreams[0]).unwrap();
            upstream.host = "localhost".into();
            upstream.tls = Some(towards_upstream);
        });
        let gateway = setup.start();
        let name = "localhost".try_into().unwrap();
        let tls = ClientConnection::new(client, name).unwrap();
        let (mut stream, mut buffer) = (StreamOwned::new(tls, gateway.client().stream), Vec::new());
        for secret in [SECRET.to_owned(), long_secret(20)] {
            for length in BORDERS.into_iter().flat_map(|border| border - 2..=border + 2) {
                for (chunked, count) in [(false, 1), (false, 36), (true, 1), (true, 36)] {
                    let Some(sent) = page(length, &secret, count) else { continue };
                    stream.write_all(&request(chunked, &sent)).unwrap();
                    let reply = read_reply(&mut stream, &mut buffer, Method::Post);
                    let case = format!("{length} {chunked} {count} of {}", secret.len());
                    assert!(reply.complete && reply.status == 200, "{case}");
                    assert!(reply.body == sent.as_bytes(), "{case}: other bytes");
                }
            }
        }
    });
}

/// A request with this body.
fn request(chunked: bool, body: &str) -> Vec<u8> {
    let mut request = b"POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-type: text/plain\r\n".to_vec();
    if chunked {
        request.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        body.as_bytes().chunks(9_999).for_each(|part| h1::write_chunk(part, &mut request));
        request.extend_from_slice(h1::LAST_CHUNK);
    } else {
        request.extend_from_slice(format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }
    request
}
