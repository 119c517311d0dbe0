//! TLS without I/O: rustls 0.23 behind an interface of byte slices, for both ends.
//!
//! The adapter stands on rustls' unbuffered connections. A buffered one copies the ciphertext into a buffer of its own,
//! which stays allocated with every idle connection, and hands the plaintext out through a second copy; the unbuffered one
//! decrypts in the buffer that the socket was read into, and an idle connection holds no buffer at all. In time they
//! differ little, because both spend it on the cipher: 1 MiB through both ends takes 272 us here and 280 us with the
//! buffered one (`cargo bench -p aegis-wire`). The price is that the caller of rustls must step through its states and keep the bytes that a record still lacks; that is
//! all done in [`TlsStream`], and its tests feed it every cut.
//!
//! Nothing here reads files or verifies less than rustls does: certificates come as PEM text with a name, and
//! a mistake in one is an error that says which file and what is wrong with it.

mod client;
mod pem;
mod server;
mod stream;

pub use client::{ClientOptions, Roots, client_config, server_name};
pub use pem::{Identity, Pem, PemError};
pub use server::{ClientCertificates, Resumption, ServerConfigBuilder};
pub use stream::{TlsError, TlsStream};

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

/// The one cryptography provider that is used.
fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;
