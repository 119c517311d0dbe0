//! TLS towards gateways. The coordinator's certificate is its own authority's, made anew long before it ends; gateways
//! prove themselves by the certificates of the same authority, but for the one call by which they get theirs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::authority::{Authority, AuthorityError};

/// How long a coordinator's certificate holds.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// How often it is made anew.
pub(super) const RENEWED_EVERY: Duration = Duration::from_secs(86_400);

/// The configuration that new connections get.
#[derive(Debug, Clone)]
pub(super) struct ServerTls {
    authority: Arc<Authority>,
    names: Arc<[String]>,
    current: Arc<ArcSwap<ServerConfig>>,
}

impl ServerTls {
    /// Makes a certificate for these names.
    pub(super) fn new(authority: Arc<Authority>, names: &[String]) -> Result<Self, AuthorityError> {
        let current = Arc::new(ArcSwap::from_pointee(config(&authority, names)?));
        Ok(ServerTls { authority, names: names.into(), current })
    }

    /// Makes the certificate anew.
    pub(super) fn renew(&self) -> Result<(), AuthorityError> {
        self.current.store(Arc::new(config(&self.authority, &self.names)?));
        Ok(())
    }

    /// What a connection is accepted with.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

fn config(authority: &Authority, names: &[String]) -> Result<ServerConfig, AuthorityError> {
    let unusable = |error: &dyn std::fmt::Display| AuthorityError::Authority(error.to_string());
    let (certificate, key) = authority.certify_coordinator(names, SystemTime::now(), LIFETIME)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).map_err(|error| unusable(&error))?;
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        // Who enrols has none yet. Every other call asks for it.
        .allow_unauthenticated()
        .build()
        .map_err(|error| unusable(&error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| unusable(&error))?
        .with_client_cert_verifier(clients)
        // The authority goes with it: a gateway that enrols knows only its hash.
        .with_single_cert(vec![certificate, authority.certificate().clone()], key)
        .map_err(|error| unusable(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
