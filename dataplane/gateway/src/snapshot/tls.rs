//! TLS on both sides, from the certificates and keys that settings name.

use std::path::Path;
use std::sync::Arc;

use aegis_settings::Problem;
use aegis_wire::tls::{
    self, ClientCertificates, Identity, Resumption, ServerConfigBuilder, TlsConfigError, Validity,
};

use super::TrustIdentity;
use super::certificates::OwnCertificate;
use super::pem_files::PemFile;
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
    let mut problems = Vec::new();
    // Old clients offer the old protocol alone; without an answer to it the handshake would fail.
    let mut builder = ServerConfigBuilder::new().alpn(b"http/1.1").alpn(b"http/1.0");
    let mut files = Vec::new();
    for (i, certificate) in tls.certificates.iter().enumerate() {
        let key = format!("server.tls.certificates[{i}]");
        let (cert, private) = (format!("{key}.cert"), format!("{key}.key"));
        match read_pair((cert, &certificate.cert), (private, &certificate.key)) {
            Ok((cert, private)) => {
                match cert.identity(&private) {
                    Ok(identity) => {
                        let validity = identity.validity();
                        certificates.push(OwnCertificate { key: key.into(), validity });
                        builder = builder.identity(identity);
                    }
                    Err(found) => problems.push(found),
                }
                files.extend([cert, private]);
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut note = |problem| problems.push(problem);
    let clients = tls.client_ca.as_deref();
    let clients = clients
        .and_then(|path| PemFile::read("server.tls.client_ca".to_owned(), path).map_err(&mut note).ok());
    let authorities = clients.as_ref().and_then(|file| file.authorities().map_err(&mut note).ok());
    if !problems.is_empty() {
        return Err(problems);
    }
    builder = match (authorities, tls.client_auth) {
        (None, _) | (_, ClientAuth::Off) => builder,
        (Some(pem), ClientAuth::Optional) => builder.client_certificates(ClientCertificates::Optional(pem)),
        (Some(pem), ClientAuth::Required) => builder.client_certificates(ClientCertificates::Required(pem)),
    };
    // A resumed session shows no certificate: with new certificates on either side, sessions begin anew.
    let client = clients.as_ref().map(PemFile::text).unwrap_or_default();
    let asked = [tls.client_auth as u8];
    let certificates = TrustIdentity::of(files.iter().map(PemFile::text).chain([client, &asked[..]]));
    let refuse = |error: TlsConfigError| vec![Problem::error("server.tls", error.to_string(), "")];
    let resumption = match &*sessions {
        Some((same, resumption)) if *same == certificates => resumption.clone(),
        _ => Resumption::new().map_err(refuse)?,
    };
    *sessions = Some((certificates, resumption.clone()));
    builder.resumption(&resumption).build().map(Some).map_err(refuse)
}

/// Reads the files of a certificate and of its private key; the problems of both.
fn read_pair(cert: (String, &Path), private: (String, &Path)) -> Result<(PemFile, PemFile), Vec<Problem>> {
    match (PemFile::read(cert.0, cert.1), PemFile::read(private.0, private.1)) {
        (Ok(cert), Ok(private)) => Ok((cert, private)),
        (cert, private) => Err([cert.err(), private.err()].into_iter().flatten().collect()),
    }
}

/// The TLS configuration for an upstream, None for plain HTTP; and the validity of the client certificate, None without one.
pub(super) type ClientTls = (Option<Arc<rustls::ClientConfig>>, Option<Validity>);

/// What TLS towards an upstream is made of, as read from the files.
pub(super) struct TlsMaterial<'a> {
    upstream: &'a settings::Upstream,
    authorities: Option<PemFile>,
    certificate: Option<(PemFile, PemFile)>,
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
            let setting = |name: &str| format!("{key}.{name}");
            if let Some(path) = &upstream.ca {
                let read = PemFile::read(setting("ca"), path);
                material.authorities = read.map_err(|problem| problems.push(problem)).ok();
            }
            if let (Some(cert), Some(private)) = (&upstream.client_cert, &upstream.client_key) {
                let read = read_pair((setting("client_cert"), cert), (setting("client_key"), private));
                material.certificate = read.map_err(|found| problems.extend(found)).ok();
            }
        }
        if problems.is_empty() { Ok(material) } else { Err(problems) }
    }

    /// Equal for two upstreams whose connections can stand in for each other.
    pub(super) fn identity(&self, url: &UpstreamUrl) -> TrustIdentity {
        let (port, roots) = (url.port.to_be_bytes(), [u8::from(url.tls), self.upstream.roots as u8]);
        let mut parts = vec![&roots[..], url.host.as_bytes(), &port];
        // The number of parts distinguishes which of them are there.
        parts.extend(self.authorities.as_ref().map(PemFile::text));
        parts.extend(self.certificate.iter().flat_map(|(cert, private)| [cert.text(), private.text()]));
        TrustIdentity::of(parts)
    }

    /// Returns the TLS configuration for the upstream, and the validity of the client certificate that it sends.
    pub(super) fn config(&self, key: &str, url: &UpstreamUrl) -> Result<ClientTls, Vec<Problem>> {
        if !url.tls {
            return Ok((None, None));
        }
        let mut problems = Vec::new();
        if let Err(error) = tls::server_name(&url.host) {
            let help = "a certificate is made out to a host name or an address";
            problems.push(Problem::error(format!("{key}.url"), error.to_string(), help));
        }
        let identity = self.certificate.as_ref().and_then(|(cert, private)| {
            cert.identity(private).map_err(|problem| problems.push(problem)).ok()
        });
        let roots = match (self.upstream.roots, &self.authorities) {
            (TrustedRoots::Webpki, _) => Some(tls::Roots::Webpki),
            (TrustedRoots::System, _) => Some(tls::Roots::System),
            // That it is missing was said by the checks.
            (TrustedRoots::File, None) => None,
            (TrustedRoots::File, Some(file)) => {
                file.authorities().map_err(|problem| problems.push(problem)).ok().map(tls::Roots::Pem)
            }
        };
        let config = roots.and_then(|roots| {
            let options = tls::ClientOptions { roots, identity: identity.as_ref(), alpn: &[b"http/1.1"] };
            tls::client_config(&options).map_err(|error| problems.push(unusable(key, &error))).ok()
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok((config, identity.as_ref().map(Identity::validity)))
    }
}

/// What keeps TLS towards the upstream `key` from working, whatever its files hold.
fn unusable(key: &str, error: &TlsConfigError) -> Problem {
    let (setting, help) = match error {
        TlsConfigError::NoSystemRoots(_) => (
            format!("{key}.roots"),
            "install the system's certificates (on Debian `apt-get install ca-certificates`), or set roots = \"webpki\"",
        ),
        _ => (key.to_owned(), ""),
    };
    Problem::error(setting, error.to_string(), help)
}
