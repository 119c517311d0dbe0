//! Why a configuration of either end could not be made.

use crate::tls::pem::PemError;

/// Why a configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// A certificate or key is not usable.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A server needs a certificate.
    #[error("no certificate is configured")]
    NoCertificate,
    /// The system has no root certificates, or they cannot be read.
    #[error("no root certificates of the system can be used: {0}")]
    NoSystemRoots(String),
    /// A name that is neither a host name nor an address.
    #[error("\"{0}\" is neither a host name nor an IP address")]
    Name(String),
    /// rustls does not accept the combination.
    #[error("TLS configuration: {0}")]
    Rustls(#[from] rustls::Error),
    /// The list of certificate authorities for client certificates is not usable.
    #[error("verification of client certificates: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}
