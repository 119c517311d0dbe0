//! The server's side of the configuration: which certificate answers to which name, client certificates, resumption.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{
    ClientHello, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache, StoresServerSessions,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;

use crate::tls::config::TlsConfigError;
use crate::tls::pem::{Identity, Pem, authorities};
use crate::tls::provider::provider;

/// Sessions that are remembered for clients that resume without a ticket.
const REMEMBERED_SESSIONS: usize = 4096;

/// What sessions are resumed by. Made once and given to each new configuration, so that a reload forgets none.
#[derive(Clone)]
pub struct Resumption {
    sessions: Arc<dyn StoresServerSessions>,
    tickets: Arc<dyn ProducesTickets>,
}

impl Resumption {
    /// A store of sessions and ticket keys (renewed by themselves) of this process.
    pub fn new() -> Result<Self, TlsConfigError> {
        Ok(Self {
            sessions: ServerSessionMemoryCache::new(REMEMBERED_SESSIONS),
            tickets: rustls::crypto::ring::Ticketer::new()?,
        })
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resumption")
    }
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, Default)]
pub enum ClientCertificates<'a> {
    /// They are not asked.
    #[default]
    None,
    /// They are asked; one that is shown must be signed by these authorities.
    Optional(Pem<'a>),
    /// One signed by these authorities is required.
    Required(Pem<'a>),
}

/// Collects what a server's configuration is made of. The result is immutable: a reload makes a new one and leaves
/// connections on the old.
#[derive(Debug, Default)]
pub struct ServerConfigBuilder<'a> {
    identities: Vec<Identity>,
    clients: ClientCertificates<'a>,
    alpn: Vec<Vec<u8>>,
    resumption: Option<Resumption>,
}

impl<'a> ServerConfigBuilder<'a> {
    /// Nothing configured yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a certificate for the names it has. The first one added also answers clients that ask for no name or for an
    /// unknown one. Several for one name (of different key types) are offered in this order.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Says whether clients must show a certificate.
    #[must_use]
    pub fn client_certificates(mut self, clients: ClientCertificates<'a>) -> Self {
        self.clients = clients;
        self
    }

    /// Adds a protocol to offer, the preferred one first.
    #[must_use]
    pub fn alpn(mut self, protocol: &[u8]) -> Self {
        self.alpn.push(protocol.to_vec());
        self
    }

    /// Shares sessions with other configurations. Ignored when client certificates are verified: a resumed session
    /// brings its client's identity along, and a new list of authorities must be able to end that.
    #[must_use]
    pub fn resumption(mut self, resumption: &Resumption) -> Self {
        self.resumption = Some(resumption.clone());
        self
    }

    /// Makes the configuration: TLS 1.2 and 1.3, resumption by tickets and by stored sessions, no early data.
    pub fn build(self) -> Result<Arc<ServerConfig>, TlsConfigError> {
        let resolver = Arc::new(ByName::new(&self.identities)?);
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let (authority, required) = match self.clients {
            ClientCertificates::None => (None, false),
            ClientCertificates::Optional(authority) => (Some(authority), false),
            ClientCertificates::Required(authority) => (Some(authority), true),
        };
        let mut config = if let Some(authority) = authority {
            let roots = Arc::new(authorities(authority)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build()?)
        } else {
            builder.with_no_client_auth()
        }
        .with_cert_resolver(resolver);
        let resumption = match self.resumption {
            Some(shared) if authority.is_none() => shared,
            _ => Resumption::new()?,
        };
        config.session_storage = resumption.sessions;
        config.ticketer = resumption.tickets;
        config.alpn_protocols = self.alpn;
        Ok(Arc::new(config))
    }
}

/// Certificates by the name that the client asks for.
#[derive(Debug)]
struct ByName {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By the part behind `*.`.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    default: Vec<Arc<CertifiedKey>>,
}

impl ByName {
    fn new(identities: &[Identity]) -> Result<Self, TlsConfigError> {
        let first = identities.first().ok_or(TlsConfigError::NoCertificate)?;
        let mut by_name = Self { exact: HashMap::new(), wildcard: HashMap::new(), default: Vec::new() };
        for identity in identities {
            for name in identity.names() {
                let (map, key) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut by_name.wildcard, parent),
                    None => (&mut by_name.exact, name.as_str()),
                };
                map.entry(key.to_owned()).or_default().push(Arc::clone(identity.certified_key()));
            }
        }
        // The first certificate's other key types, if there are any, are as good a default as itself.
        by_name.default.push(Arc::clone(first.certified_key()));
        let alike = identities.iter().skip(1).filter(|identity| identity.names() == first.names());
        by_name.default.extend(alike.map(|identity| Arc::clone(identity.certified_key())));
        Ok(by_name)
    }

    /// The certificates for a name: its own, then those of a wildcard for its parent, then the default.
    fn candidates(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let found = name.map(str::to_ascii_lowercase).and_then(|name| {
            let parent = name.split_once('.').map(|(_, parent)| parent);
            self.exact.get(&name).or_else(|| self.wildcard.get(parent?))
        });
        found.unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = self.candidates(hello.server_name());
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        candidates.iter().find(usable).or(candidates.first()).cloned()
    }
}
