//! Both ends of a connection in memory, fed in pieces of any size.

mod config;
mod stream;

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{ClientConfig, ServerConfig};

use super::{
    ClientOptions, Identity, Pem, Roots, ServerConfigBuilder, TlsError, TlsStream, client_config, server_name,
};

/// A certificate authority of a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key for these names, as PEM.
    fn issue(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// An identity that is valid between these years.
    fn identity_of_years(&self, names: &[&str], (from, to): (i32, i32)) -> Identity {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        Identity::from_pem(pem("cert.pem", &certificate), pem("key.pem", &key)).expect("an identity")
    }

    fn identity(&self, names: &[&str]) -> Identity {
        let (certificate, key) = self.issue(names);
        Identity::from_pem(pem("cert.pem", &certificate), pem("key.pem", &key)).expect("an identity")
    }

    /// A client that trusts this authority.
    fn client(&self) -> Arc<ClientConfig> {
        let ca = self.pem();
        let options = ClientOptions { roots: Roots::Pem(pem("ca.pem", &ca)), ..ClientOptions::default() };
        client_config(&options).expect("a configuration")
    }

    fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        ServerConfigBuilder::new().identity(self.identity(names)).build().expect("a configuration")
    }
}

fn pem<'a>(name: &'a str, text: &'a str) -> Pem<'a> {
    Pem { name, text: text.as_bytes() }
}

/// One end of a connection with what it has received and what it has yet to send.
struct End {
    stream: TlsStream,
    plaintext: Vec<u8>,
    out: Vec<u8>,
}

impl End {
    fn server(config: &Arc<ServerConfig>) -> Self {
        let stream = TlsStream::server(Arc::clone(config)).expect("a stream");
        Self { stream, plaintext: Vec::new(), out: Vec::new() }
    }

    fn client(config: &Arc<ClientConfig>, name: &str) -> Self {
        let mut out = Vec::new();
        let name = server_name(name).expect("a name");
        let stream = TlsStream::client(Arc::clone(config), name, &mut out).expect("a stream");
        Self { stream, plaintext: Vec::new(), out }
    }

    fn send(&mut self, plaintext: &[u8]) {
        self.stream.send(plaintext, &mut self.out).expect("sending");
    }

    /// Takes all that the other end has to send, in pieces of `size`.
    fn receive_from(&mut self, other: &mut Self, size: usize) -> Result<(), TlsError> {
        let mut ciphertext = std::mem::take(&mut other.out);
        ciphertext
            .chunks_mut(size)
            .try_for_each(|piece| self.stream.receive(piece, &mut self.plaintext, &mut self.out))
    }
}

/// Moves bytes both ways, in pieces of `size`, until neither has more to say.
fn exchange(client: &mut End, server: &mut End, size: usize) -> Result<(), TlsError> {
    while !client.out.is_empty() || !server.out.is_empty() {
        server.receive_from(client, size)?;
        client.receive_from(server, size)?;
    }
    Ok(())
}

/// A connection after its handshake.
fn connected(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, name: &str) -> (End, End) {
    let (mut client, mut server) = (End::client(client, name), End::server(server));
    exchange(&mut client, &mut server, usize::MAX).expect("the handshake");
    assert!(!client.stream.is_handshaking() && !server.stream.is_handshaking());
    (client, server)
}
