//! TLS on both sides, from the certificates and keys that settings name.

use std::path::Path;
use std::sync::Arc;

use aegis_settings::Problem;
use aegis_wire::tls::{
    self, ClientCertificates, Identity, Pem, PemError, Resumption, ServerConfigBuilder, Validity,
};
use zeroize::Zeroizing;

use super::TrustIdentity;
use super::certificates::OwnCertificate;
use super::files::read_bytes;
use crate::config::settings::{self, ClientAuth, Settings, TrustedRoots};
use crate::config::upstream_url::UpstreamUrl;

/// TLS towards clients; none without certificates. `sessions` holds the TLS sessions of clients with the certificates
/// they were begun with, and is renewed when those change.
/// The certificates are added to `certificates`.
pub(super) fn server_tls(
    settings: &Settings,
    sessions: &mut Option<(TrustIdentity, Resumption)>,
    certificates: &mut Vec<OwnCertificate>,
) -> Result<Option<Arc<rustls::ServerConfig>>, Vec<Problem>> {
    let tls = &settings.server.tls;
    if tls.certificates.is_empty() {
        return Ok(None);
    }
    let refuse = |error: &dyn std::fmt::Display| {
        let help = "the file must be PEM, the key must be that of the first certificate";
        vec![Problem::error("server.tls", error.to_string(), help)]
    };
    let mut problems = Vec::new();
    // Old clients offer the old protocol alone; without an answer to it the handshake would fail.
    let mut builder = ServerConfigBuilder::new().alpn(b"http/1.1").alpn(b"http/1.0");
    let mut trust = Vec::new();
    for (i, certificate) in tls.certificates.iter().enumerate() {
        let key = format!("server.tls.certificates[{i}]");
        match identity(&key, &certificate.cert, &certificate.key, &mut trust) {
            Ok(identity) => {
                certificates.push(OwnCertificate { key: key.into(), validity: identity.validity() });
                builder = builder.identity(identity);
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut note = |problem| problems.push(problem);
    let authority = tls.client_ca.as_deref().and_then(|path| {
        let text = read_bytes("server.tls.client_ca", path).map_err(&mut note).ok()?;
        Some((path, text))
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let name = authority.as_ref().map(|(path, _)| path.display().to_string()).unwrap_or_default();
    if let Some((_, text)) = &authority {
        let pem = Pem { name: &name, text };
        builder = match tls.client_auth {
            ClientAuth::Off => builder,
            ClientAuth::Optional => builder.client_certificates(ClientCertificates::Optional(pem)),
            ClientAuth::Required => builder.client_certificates(ClientCertificates::Required(pem)),
        };
    }
    // A resumed session shows no certificate: with new certificates on either side, sessions begin anew.
    let client = authority.as_ref().map(|(_, text)| text.as_slice()).unwrap_or_default();
    let asked = [tls.client_auth as u8];
    let parts = trust.iter().map(|part| part.as_slice()).chain([client, &asked[..]]);
    let certificates = TrustIdentity::of(parts);
    let resumption = match &*sessions {
        Some((same, resumption)) if *same == certificates => resumption.clone(),
        _ => Resumption::new().map_err(|error| refuse(&error))?,
    };
    *sessions = Some((certificates, resumption.clone()));
    builder.resumption(&resumption).build().map(Some).map_err(|error| refuse(&error))
}

/// The TLS configuration for an upstream, None for plain HTTP; and the validity of the client certificate, None without one.
pub(super) type ClientTls = (Option<Arc<rustls::ClientConfig>>, Option<Validity>);

/// What TLS towards an upstream is made of, as read from the files.
pub(super) struct TlsMaterial<'a> {
    upstream: &'a settings::Upstream,
    authorities: Option<Vec<u8>>,
    certificate: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

impl<'a> TlsMaterial<'a> {
    /// Reads the files; the problems of all that cannot be read.
    pub(super) fn read(
        key: &str,
        upstream: &'a settings::Upstream,
        url: &UpstreamUrl,
    ) -> Result<Self, Vec<Problem>> {
        let mut material = TlsMaterial { upstream, authorities: None, certificate: None };
        let mut problems = Vec::new();
        if url.tls {
            let mut read = |name: &str, path: &Path| {
                read_bytes(&format!("{key}.{name}"), path).map_err(|problem| problems.push(problem)).ok()
            };
            material.authorities = upstream.ca.as_deref().and_then(|path| read("ca", path));
            if let (Some(cert), Some(secret)) = (&upstream.client_cert, &upstream.client_key) {
                let (cert, secret) = (read("client_cert", cert), read("client_key", secret));
                material.certificate = cert.zip(secret.map(Zeroizing::new));
            }
        }
        if problems.is_empty() { Ok(material) } else { Err(problems) }
    }

    /// Equal for two upstreams whose connections can stand in for each other.
    pub(super) fn identity(&self, url: &UpstreamUrl) -> TrustIdentity {
        let (port, roots) = (url.port.to_be_bytes(), [u8::from(url.tls), self.upstream.roots as u8]);
        let mut parts = vec![&roots[..], url.host.as_bytes(), &port];
        // The number of parts distinguishes which of them are there.
        parts.extend(self.authorities.as_deref());
        parts.extend(self.certificate.iter().flat_map(|(cert, key)| [cert.as_slice(), key.as_slice()]));
        TrustIdentity::of(parts)
    }

    /// Returns the TLS configuration for the upstream, and the validity of the client certificate that it sends.
    pub(super) fn config(&self, key: &str, url: &UpstreamUrl) -> Result<ClientTls, Problem> {
        if !url.tls {
            return Ok((None, None));
        }
        let refuse = |error: &dyn std::fmt::Display| Problem::error(key, error.to_string(), "");
        tls::server_name(&url.host).map_err(|error| refuse(&error))?;
        let shown = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
        };
        let (ca, cert, secret) =
            (shown(&self.upstream.ca), shown(&self.upstream.client_cert), shown(&self.upstream.client_key));
        let identity = self
            .certificate
            .as_ref()
            .map(|(chain, private)| {
                Identity::from_pem(Pem { name: &cert, text: chain }, Pem { name: &secret, text: private })
            })
            .transpose()
            .map_err(|error| refuse(&error))?;
        let roots = match (self.upstream.roots, &self.authorities) {
            (TrustedRoots::Webpki, _) => tls::Roots::Webpki,
            (TrustedRoots::System, _) => tls::Roots::System,
            (TrustedRoots::File, text) => {
                tls::Roots::Pem(Pem { name: &ca, text: text.as_deref().unwrap_or_default() })
            }
        };
        let options = tls::ClientOptions { roots, identity: identity.as_ref(), alpn: &[b"http/1.1"] };
        let config = tls::client_config(&options).map_err(|error| refuse(&error))?;
        Ok((Some(config), identity.as_ref().map(Identity::validity)))
    }
}

/// What to do about a certificate or key that cannot be used.
fn pem_help(error: &PemError) -> &'static str {
    match error {
        PemError::Malformed { .. } | PemError::BadCertificate { .. } => {
            "write it again from where it came: `openssl x509 -in FILE -noout` must read a certificate"
        }
        PemError::NoCertificate { .. } => "the file begins with the server's own certificate, in PEM",
        PemError::NoKey { .. } | PemError::SeveralKeys { .. } => {
            "the file holds one private key, not encrypted, in PEM; `openssl pkey -in FILE -noout` must read it"
        }
        PemError::UnsupportedKey { .. } => "make one of a supported kind, and have it certified",
        PemError::Mismatch { .. } => "the key must be that of the first certificate",
    }
}

/// Reads a certificate chain and its key; both are added to `trust`, so that a change of either is noticed.
fn identity(
    key: &str,
    cert: &Path,
    private: &Path,
    trust: &mut Vec<Zeroizing<Vec<u8>>>,
) -> Result<Identity, Vec<Problem>> {
    let read = |name: &str, path: &Path| read_bytes(&format!("{key}.{name}"), path);
    let secret = read("key", private).map(Zeroizing::new);
    let (chain, secret) = match (read("cert", cert), secret) {
        (Ok(chain), Ok(secret)) => (chain, secret),
        (chain, secret) => return Err([chain.err(), secret.err()].into_iter().flatten().collect()),
    };
    trust.extend([Zeroizing::new(chain.clone()), secret.clone()]);
    let (cert, private) = (cert.display().to_string(), private.display().to_string());
    Identity::from_pem(Pem { name: &cert, text: &chain }, Pem { name: &private, text: &secret })
        .map_err(|error| vec![Problem::error(key, error.to_string(), pem_help(&error))])
}
