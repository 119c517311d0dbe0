//! The client's side of the configuration: whom to trust, as whom to appear.

use std::sync::Arc;

use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;

use crate::tls::config::TlsConfigError;
use crate::tls::pem::{Identity, Pem, authorities};
use crate::tls::provider::provider;

/// Servers whose sessions are remembered.
const REMEMBERED_SERVERS: usize = 256;

/// Which certificate authorities are trusted.
#[derive(Debug, Clone, Copy, Default)]
pub enum Roots<'a> {
    /// The list of Mozilla, as it was when this was built.
    #[default]
    Webpki,
    /// The system's list, read when the configuration is made.
    System,
    /// These and no others.
    Pem(Pem<'a>),
}

/// What may differ from one upstream to the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientOptions<'a> {
    /// Which certificate authorities are trusted.
    pub roots: Roots<'a>,
    /// The certificate to show if the server asks for one.
    pub identity: Option<&'a Identity>,
    /// The protocols to offer, the preferred one first.
    pub alpn: &'a [&'a [u8]],
}

/// Makes a client configuration: TLS 1.2 and 1.3, sessions remembered in it, so it is made once for each upstream and
/// shared.
pub fn client_config(options: &ClientOptions<'_>) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let roots = match options.roots {
        Roots::Webpki => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Roots::System => system_roots()?,
        Roots::Pem(text) => authorities(text)?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match options.identity {
        Some(identity) => {
            let key = Arc::clone(identity.certified_key());
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(REMEMBERED_SERVERS)));
    config.alpn_protocols = options.alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// The name to ask a server for and to check its certificate against: a host name or an IP address (IPv6 with or
/// without brackets), without a port.
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsConfigError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsConfigError::Name(host.to_owned()))
}

/// The system's authorities; single ones that cannot be used are passed over, as other programs do.
fn system_roots() -> Result<RootCertStore, TlsConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(TlsConfigError::NoSystemRoots(why));
    }
    Ok(roots)
}
