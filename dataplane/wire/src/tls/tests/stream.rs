//! The stream: cuts, sizes, closing, failing.

#![expect(clippy::cast_possible_truncation, reason = "a remainder of 251 fits a byte")]

use std::sync::Arc;

use rustls::{AlertDescription, ClientConfig, Error, RootCertStore};

use super::super::{ClientOptions, Resumption, Roots, ServerConfigBuilder, TlsError, client_config};
use super::{Authority, End, connected, exchange, pem};
use crate::tls::provider::provider;

/// The ALPN name of HTTP/1.1.
const ALPN_HTTP11: &[u8] = b"http/1.1";
/// The ALPN name of HTTP/2.
const ALPN_HTTP2: &[u8] = b"h2";

const SIZES: [usize; 10] = [1, 2, 3, 5, 7, 100, 1000, 16_384, 65_536, usize::MAX];

/// A client that speaks TLS 1.2 only.
fn client_of_tls12(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

#[test]
fn handshake_and_data_survive_every_cut() {
    let authority = Authority::new("ca");
    let server_config = authority.server(&["a.test"]);
    for client_config in [authority.client(), client_of_tls12(&authority)] {
        for size in SIZES {
            let (mut client, mut server) =
                (End::client(&client_config, "a.test"), End::server(&server_config));
            exchange(&mut client, &mut server, size).expect("the handshake");
            client.send(b"from the client");
            server.send(b"from the server");
            server.send(&text(40_000));
            exchange(&mut client, &mut server, size).expect("the data");
            assert_eq!(server.plaintext, b"from the client", "pieces of {size}");
            assert_eq!(
                client.plaintext,
                [&b"from the server"[..], &text(40_000)].concat(),
                "pieces of {size}"
            );
        }
    }
}

#[test]
fn the_client_hello_may_come_with_any_one_cut() {
    let authority = Authority::new("ca");
    let (client_config, server_config) = (authority.client(), authority.server(&["a.test"]));
    let len = End::client(&client_config, "a.test").out.len();
    for cut in (0..=len).step_by(7) {
        let (mut client, mut server) = (End::client(&client_config, "a.test"), End::server(&server_config));
        let mut hello = std::mem::take(&mut client.out);
        let (first, second) = hello.split_at_mut(cut.min(len));
        for piece in [first, second] {
            server.stream.receive(piece, &mut server.plaintext, &mut server.out).expect("the hello");
        }
        exchange(&mut client, &mut server, usize::MAX).expect("the handshake");
        assert!(!client.stream.is_handshaking(), "cut at {cut}");
    }
}

#[test]
fn much_data_passes_both_ways() {
    let authority = Authority::new("ca");
    let (mut client, mut server) = connected(&authority.client(), &authority.server(&["a.test"]), "a.test");
    let data = text(3_000_000);
    let mut sizes = [1, 17, 4_096, 70_000, 16_384, 16_385, 250_001].into_iter().cycle();
    let mut rest = &data[..];
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        rest = more;
        client.send(piece);
        server.send(piece);
    }
    exchange(&mut client, &mut server, 9_001).expect("the data");
    assert!(client.plaintext == data && server.plaintext == data);
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let authority = Authority::new("ca");
    let (mut client, mut server) = connected(&authority.client(), &authority.server(&["a.test"]), "a.test");
    client.send(&text(100_000));
    exchange(&mut client, &mut server, 10_000).expect("the data");
    assert_eq!((client.stream.pending_bytes(), server.stream.pending_bytes()), (0, 0));
}

#[test]
fn sessions_are_resumed() {
    let authority = Authority::new("ca");
    let resumption = Resumption::new().expect("ticket keys");
    let identity = authority.identity(&["a.test"]);
    let config = || {
        let builder = ServerConfigBuilder::new().identity(identity.clone()).resumption(&resumption);
        builder.build().expect("a configuration")
    };
    let (before, after_reload) = (config(), config());
    for client_config in [authority.client(), client_of_tls12(&authority)] {
        let (client, server) = connected(&client_config, &before, "a.test");
        assert_eq!((client.stream.resumed(), server.stream.resumed()), (Some(false), Some(false)));
        let (client, server) = connected(&client_config, &before, "a.test");
        assert_eq!((client.stream.resumed(), server.stream.resumed()), (Some(true), Some(true)));
        let (client, _) = connected(&client_config, &after_reload, "a.test");
        assert_eq!(client.stream.resumed(), Some(true), "a reload forgets no session");
    }
    let (client, _) = connected(&authority.client(), &before, "a.test");
    assert_eq!(client.stream.resumed(), Some(false), "a new client has nothing to resume");
}

#[test]
fn a_clean_close_is_distinguished_from_a_cut() {
    let authority = Authority::new("ca");
    let (mut client, mut server) = connected(&authority.client(), &authority.server(&["a.test"]), "a.test");
    client.send(b"all of it");
    exchange(&mut client, &mut server, 3).expect("the data");
    assert_eq!(server.stream.end_of_input(), Err(TlsError::Truncated));
    client.stream.close(&mut client.out);
    client.stream.close(&mut client.out);
    exchange(&mut client, &mut server, 3).expect("the close");
    assert!(server.stream.is_peer_closed());
    assert_eq!(server.stream.end_of_input(), Ok(()));
    assert_eq!(client.stream.end_of_input(), Err(TlsError::Truncated), "the server has not closed");
}

#[test]
fn a_cut_within_a_record_loses_it_and_is_reported() {
    let authority = Authority::new("ca");
    let (mut client, mut server) = connected(&authority.client(), &authority.server(&["a.test"]), "a.test");
    client.send(b"the first record");
    let whole = client.out.len();
    client.send(b"the second record");
    client.out.truncate(whole + 10);
    server.receive_from(&mut client, usize::MAX).expect("the first record");
    assert_eq!(server.plaintext, b"the first record");
    assert_eq!(server.stream.end_of_input(), Err(TlsError::Truncated));
}

#[test]
fn one_side_may_close_and_still_receive() {
    let authority = Authority::new("ca");
    let (mut client, mut server) = connected(&authority.client(), &authority.server(&["a.test"]), "a.test");
    client.stream.close(&mut client.out);
    assert_eq!(client.stream.send(b"more", &mut client.out), Err(TlsError::Closed));
    exchange(&mut client, &mut server, 1).expect("the close");
    server.send(b"an answer to a half-closed client");
    server.stream.close(&mut server.out);
    exchange(&mut client, &mut server, 1).expect("the answer");
    assert_eq!(client.plaintext, b"an answer to a half-closed client");
    assert_eq!(client.stream.end_of_input(), Ok(()));
    assert_eq!(server.stream.end_of_input(), Ok(()));
}

#[test]
fn what_follows_the_close_is_dropped() {
    let authority = Authority::new("ca");
    let (mut client, mut server) = connected(&authority.client(), &authority.server(&["a.test"]), "a.test");
    client.stream.close(&mut client.out);
    client.out.extend_from_slice(&[0x17; 1000]);
    server.receive_from(&mut client, 10).expect("the close");
    assert!(server.stream.is_peer_closed() && server.plaintext.is_empty());
    assert_eq!(server.stream.pending_bytes(), 0);
}

#[test]
fn nothing_is_sent_before_the_handshake_is_complete() {
    let authority = Authority::new("ca");
    let mut client = End::client(&authority.client(), "a.test");
    let hello = client.out.len();
    assert_eq!(client.stream.send(b"early", &mut client.out), Err(TlsError::Handshaking));
    assert_eq!(client.out.len(), hello);
    client.stream.close(&mut client.out);
    assert_eq!(client.out.len(), hello);
    assert_eq!(client.stream.send(b"", &mut client.out), Err(TlsError::Closed));
}

#[test]
fn an_altered_record_is_refused_with_an_alert() {
    let authority = Authority::new("ca");
    let (mut client, mut server) = connected(&authority.client(), &authority.server(&["a.test"]), "a.test");
    client.send(b"a record");
    let last = client.out.len() - 1;
    client.out[last] ^= 1;
    let error = server.receive_from(&mut client, usize::MAX).expect_err("an altered record");
    assert_eq!(error, TlsError::Protocol(Error::DecryptError));
    assert!(server.plaintext.is_empty());
    assert_eq!(server.stream.send(b"more", &mut server.out), Err(error.clone()));
    assert_eq!(server.stream.end_of_input(), Err(error));
    let alert = client.receive_from(&mut server, usize::MAX).expect_err("an alert");
    assert_eq!(alert, TlsError::Protocol(Error::AlertReceived(AlertDescription::BadRecordMac)));
}

#[test]
fn plain_http_is_refused() {
    let authority = Authority::new("ca");
    let mut server = End::server(&authority.server(&["a.test"]));
    let mut request = *b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let outcome = server.stream.receive(&mut request, &mut server.plaintext, &mut server.out);
    assert!(matches!(outcome, Err(TlsError::Protocol(Error::InvalidMessage(_)))), "{outcome:?}");
    assert!(!server.out.is_empty(), "the client gets an alert");
}

#[test]
fn the_protocol_is_agreed_on() {
    let authority = Authority::new("ca");
    let builder = ServerConfigBuilder::new().identity(authority.identity(&["a.test"]));
    let server_config = builder.alpn(ALPN_HTTP2).alpn(ALPN_HTTP11).build().expect("a configuration");
    let ca = authority.pem();
    let offer = |alpn| {
        let options = ClientOptions { roots: Roots::Pem(pem("ca.pem", &ca)), alpn, identity: None };
        client_config(&options).expect("a configuration")
    };
    let (client, server) = connected(&offer(&[ALPN_HTTP11]), &server_config, "a.test");
    assert_eq!((client.stream.alpn(), server.stream.alpn()), (Some(ALPN_HTTP11), Some(ALPN_HTTP11)));
    let (client, _) = connected(&offer(&[ALPN_HTTP11, ALPN_HTTP2]), &server_config, "a.test");
    assert_eq!(client.stream.alpn(), Some(ALPN_HTTP2), "the server's preference");
    let (client, _) = connected(&offer(&[]), &server_config, "a.test");
    assert_eq!(client.stream.alpn(), None);
    let (mut client, mut server) = (End::client(&offer(&[b"spdy/3"]), "a.test"), End::server(&server_config));
    assert!(exchange(&mut client, &mut server, usize::MAX).is_err(), "nothing in common");
}

/// A whole conversation in which one direction is altered; what arrives must be a beginning of what was sent.
///
/// No side closes: rustls 0.23.46 has a debug assertion (not in release) that a connection which has closed meets no
/// bad record afterwards.
fn altered_conversation(alter: impl Fn(usize, &mut u8), of_server: bool, size: usize) {
    static AUTHORITY: std::sync::LazyLock<(Arc<ClientConfig>, Arc<rustls::ServerConfig>)> =
        std::sync::LazyLock::new(|| {
            let authority = Authority::new("ca");
            (authority.client(), authority.server(&["a.test"]))
        });
    let (client_config, server_config) = &*AUTHORITY;
    let (mut client, mut server) = (End::client(client_config, "a.test"), End::server(server_config));
    let data = text(2_000);
    let (mut client_spoke, mut server_spoke, mut passed) = (false, false, 0);
    for _ in 0..8 {
        for (end, spoke) in [(&mut client, &mut client_spoke), (&mut server, &mut server_spoke)] {
            if !*spoke && !end.stream.is_handshaking() {
                end.send(&data);
                *spoke = true;
            }
        }
        let altered = if of_server { &mut server.out } else { &mut client.out };
        for byte in altered.iter_mut() {
            alter(passed, byte);
            passed += 1;
        }
        if server.receive_from(&mut client, size).is_err() || client.receive_from(&mut server, size).is_err()
        {
            break;
        }
    }
    assert!(data.starts_with(&server.plaintext) && data.starts_with(&client.plaintext));
}

#[test]
fn altered_bytes_are_never_taken_for_data() {
    for of_server in [false, true] {
        for at in (0..5_000).step_by(29) {
            for (mask, size) in [(0x01, 1_000), (0xff, 7)] {
                let flip = |place: usize, byte: &mut u8| *byte ^= if place == at { mask } else { 0 };
                altered_conversation(flip, of_server, size);
            }
        }
        altered_conversation(|_, byte| *byte = byte.wrapping_add(1), of_server, 100);
    }
}
