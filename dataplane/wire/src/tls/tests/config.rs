//! Configurations: names, client certificates, trust, and what is said of bad files.

use std::sync::Arc;

use rustls::{CertificateError, Error, ServerConfig};

use super::super::{
    ClientCertificates, ClientOptions, Identity, PemError, Roots, ServerConfigBuilder, TlsConfigError,
    TlsError, TlsFailure, client_config, server_name,
};
use super::{Authority, End, connected, exchange, pem};

#[test]
fn the_name_picks_the_certificate() {
    let authority = Authority::new("ca");
    let identities = [
        &["default.test"][..],
        &["a.test", "b.test"],
        &["*.wild.test"],
        &["exact.wild.test"],
        &["127.0.0.1"],
    ]
    .map(|names| authority.identity(names));
    let builder = identities.iter().fold(ServerConfigBuilder::new(), |b, i| b.identity(i.clone()));
    let server_config = builder.build().expect("a configuration");
    let served = |name: &str| {
        let (mut client, mut server) = (End::client(&authority.client(), name), End::server(&server_config));
        exchange(&mut client, &mut server, usize::MAX).map(|()| {
            let own = &client.stream.peer_certificates().expect("certificates")[0];
            let same = |i: &Identity| &i.certified_key().cert[0] == own;
            identities.iter().position(same)
        })
    };
    for (name, expected) in
        [("default.test", 0), ("a.test", 1), ("B.Test", 1), ("any.wild.test", 2), ("exact.wild.test", 3)]
    {
        assert_eq!(served(name), Ok(Some(expected)), "{name}");
    }
    for name in ["unknown.test", "deep.any.wild.test", "wild.test"] {
        assert!(matches!(served(name), Err(TlsError::Protocol(Error::InvalidCertificate(_)))), "{name}");
    }
}

#[test]
fn an_address_is_served_by_the_default() {
    let authority = Authority::new("ca");
    connected(&authority.client(), &authority.server(&["127.0.0.1"]), "127.0.0.1");
    connected(&authority.client(), &authority.server(&["::1"]), "[::1]");
}

fn server_with(authority: &Authority, clients: ClientCertificates<'_>) -> Arc<ServerConfig> {
    let builder = ServerConfigBuilder::new().identity(authority.identity(&["a.test"]));
    builder.client_certificates(clients).build().expect("a configuration")
}

/// Whether a client with this identity gets through, and whether the server has seen a certificate.
fn admitted(authority: &Authority, server: &Arc<ServerConfig>, identity: Option<&Identity>) -> Option<bool> {
    let ca = authority.pem();
    let options = ClientOptions { roots: Roots::Pem(pem("ca.pem", &ca)), identity, alpn: &[] };
    let mut client = End::client(&client_config(&options).expect("a configuration"), "a.test");
    let mut server = End::server(server);
    exchange(&mut client, &mut server, usize::MAX).ok()?;
    Some(server.stream.peer_certificates().is_some())
}

#[test]
fn client_certificates_are_asked_for_as_configured() {
    let (authority, clients, strangers) =
        (Authority::new("ca"), Authority::new("clients"), Authority::new("strangers"));
    let (good, bad) = (clients.identity(&["tool.test"]), strangers.identity(&["tool.test"]));
    let ca = clients.pem();
    let none = server_with(&authority, ClientCertificates::None);
    let optional = server_with(&authority, ClientCertificates::Optional(pem("clients.pem", &ca)));
    let required = server_with(&authority, ClientCertificates::Required(pem("clients.pem", &ca)));
    for (server, identity, expected) in [
        (&none, None, Some(false)),
        (&none, Some(&good), Some(false)),
        (&optional, None, Some(false)),
        (&optional, Some(&good), Some(true)),
        (&optional, Some(&bad), None),
        (&required, None, None),
        (&required, Some(&good), Some(true)),
        (&required, Some(&bad), None),
    ] {
        assert_eq!(admitted(&authority, server, identity), expected);
    }
}

#[test]
fn a_server_must_be_signed_by_whom_is_trusted_and_have_the_name() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let refusal = |client: &Authority, name: &str| {
        let (mut client, mut server) =
            (End::client(&client.client(), name), End::server(&authority.server(&["a.test"])));
        server.receive_from(&mut client, usize::MAX).expect("the hello");
        client.receive_from(&mut server, usize::MAX).expect_err("a refusal")
    };
    let unknown = TlsError::Protocol(Error::InvalidCertificate(CertificateError::UnknownIssuer));
    assert_eq!(refusal(&stranger, "a.test"), unknown);
    assert!(refusal(&authority, "b.test").to_string().contains("b.test"));
}

#[test]
fn each_failure_has_its_kind() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let kind = |client: &Authority, identity: Identity| {
        let server = ServerConfigBuilder::new().identity(identity).build().expect("a configuration");
        let (mut client, mut server) = (End::client(&client.client(), "a.test"), End::server(&server));
        TlsFailure::of(&exchange(&mut client, &mut server, usize::MAX).expect_err("a refusal"))
    };
    let years = |from, to| authority.identity_of_years(&["a.test"], (from, to));
    assert_eq!(kind(&authority, years(2000, 2001)), TlsFailure::Expired);
    assert_eq!(kind(&authority, years(2100, 2101)), TlsFailure::NotYetValid);
    assert_eq!(kind(&authority, authority.identity(&["b.test"])), TlsFailure::WrongName);
    assert_eq!(kind(&stranger, authority.identity(&["a.test"])), TlsFailure::UnknownIssuer);
    let ca = stranger.pem();
    let server = server_with(&authority, ClientCertificates::Required(pem("clients.pem", &ca)));
    let (mut client, mut server) = (End::client(&authority.client(), "a.test"), End::server(&server));
    // With TLS 1.3 the client has finished before the server says that something is missing.
    while server.receive_from(&mut client, usize::MAX).is_ok() {
        client.receive_from(&mut server, usize::MAX).expect("the server's part");
    }
    let refused = client.receive_from(&mut server, usize::MAX).expect_err("a refusal");
    assert_eq!(TlsFailure::of(&refused), TlsFailure::ClientCertificate);
    let mut client = End::client(&authority.client(), "a.test");
    let answer = client.stream.receive(
        &mut b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        &mut Vec::new(),
        &mut Vec::new(),
    );
    assert_eq!(TlsFailure::of(&answer.expect_err("no TLS")), TlsFailure::NotTls);
}

#[test]
fn an_identity_says_when_it_is_valid() {
    let validity = Authority::new("ca").identity_of_years(&["a.test"], (2000, 2001)).validity();
    assert_eq!((validity.not_before, validity.not_after), (946_684_800, 978_307_200));
}

#[test]
fn the_usual_roots_make_a_configuration() {
    client_config(&ClientOptions::default()).expect("Mozilla's roots");
}

#[test]
fn server_names_are_hosts_or_addresses() {
    for good in ["api.example.com", "127.0.0.1", "::1", "[::1]", "localhost"] {
        assert!(server_name(good).is_ok(), "{good}");
    }
    for bad in ["", "a b", "a:443", "http://a", "-a", "[::1"] {
        assert!(matches!(server_name(bad), Err(TlsConfigError::Name(name)) if name == bad), "{bad}");
    }
}

#[test]
fn bad_files_are_named_with_what_is_wrong() {
    let authority = Authority::new("ca");
    let ((certificate, key), (_, other_key)) = (authority.issue(&["a.test"]), authority.issue(&["a.test"]));
    let broken = certificate.replace("-----END CERTIFICATE-----", "");
    let not_base64 = certificate.replacen("MII", "M!I", 1);
    let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let not_a_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let two_keys = format!("{key}{other_key}");
    let explain = |certificate: &str, key: &str| {
        let outcome = Identity::from_pem(pem("cert.pem", certificate), pem("key.pem", key));
        outcome.expect_err("a bad file").to_string()
    };
    for (found, expected) in [
        (explain("", &key), "cert.pem: there is no certificate in it"),
        (explain(&key, &key), "cert.pem: there is no certificate in it"),
        (explain(&broken, &key), "cert.pem: a section has no END line"),
        (explain(&not_base64, &key), "cert.pem: a section is not valid base64"),
        (
            explain(&certificate, ""),
            "key.pem: there is no private key in it (PKCS #8, PKCS #1 or SEC 1, not encrypted)",
        ),
        (explain(&certificate, &two_keys), "key.pem: there is more than one private key in it"),
        (
            explain(&certificate, &other_key),
            "key.pem: this is not the private key of the first certificate in cert.pem",
        ),
    ] {
        assert_eq!(found, expected);
    }
    assert!(explain(not_a_certificate, &key).starts_with("cert.pem: certificate 1 cannot be read: "));
    assert!(
        explain(&certificate, not_a_key).starts_with("key.pem: this kind of private key is not supported")
    );
    let error = ServerConfigBuilder::new()
        .identity(authority.identity(&["a.test"]))
        .client_certificates(ClientCertificates::Required(pem("clients.pem", "nonsense")))
        .build()
        .expect_err("no certificate authority");
    assert_eq!(error.to_string(), "clients.pem: there is no certificate in it");
    assert!(matches!(ServerConfigBuilder::new().build(), Err(TlsConfigError::NoCertificate)));
}

#[test]
fn certificate_and_key_may_be_one_file() {
    let (certificate, key) = Authority::new("ca").issue(&["a.test", "*.b.test"]);
    let both = format!("{key}{certificate}");
    let identity = Identity::from_pem(pem("all.pem", &both), pem("all.pem", &both)).expect("an identity");
    assert_eq!(identity.names(), ["a.test", "*.b.test"]);
}

#[test]
fn nothing_of_a_key_is_printed() {
    let (certificate, key) = Authority::new("ca").issue(&["a.test"]);
    let line = key.lines().nth(1).expect("a line of base64");
    let identity =
        Identity::from_pem(pem("cert.pem", &certificate), pem("key.pem", &key)).expect("an identity");
    let error =
        Identity::from_pem(pem("cert.pem", &certificate), pem("key.pem", &key.replace("END", "ENDE")))
            .expect_err("a broken key");
    assert!(matches!(error, PemError::Malformed { .. }));
    for printed in
        [format!("{identity:?}"), format!("{:?}", pem("key.pem", &key)), format!("{error:?} {error}")]
    {
        assert!(!printed.contains(line), "{printed}");
    }
}
