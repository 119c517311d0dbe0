//! TLS without I/O: rustls 0.23 behind an interface of byte slices, for both ends.
//!
//! The adapter stands on rustls' unbuffered connections. A buffered one copies the ciphertext into a buffer of its own,
//! which stays allocated with every idle connection, and hands the plaintext out through a second copy; the unbuffered
//! one decrypts in the buffer that the socket was read into, and an idle connection holds no buffer at all. In time
//! they differ little, because both spend it on the cipher: 1 MiB through both ends takes 272 us here and 280 us with
//! the buffered one (`cargo bench -p aegis-wire`). The price is that the caller of rustls must step through its states
//! and keep the bytes that a record still lacks; that is all done in [`TlsStream`], and its tests feed it every cut.
//!
//! Nothing here reads files or verifies less than rustls does: certificates come as PEM text with a name, and
//! a mistake in one is an error that says which file and what is wrong with it.

mod client;
mod config;
mod failure;
mod pem;
mod provider;
mod server;
mod stream;
mod validity;

pub use client::{ClientOptions, Roots, client_config, server_name};
pub use config::TlsConfigError;
pub use failure::TlsFailure;
pub use pem::{Identity, Pem, PemError, check_authorities};
pub use server::{ClientCertificates, Resumption, ServerConfigBuilder};
pub use stream::{TlsError, TlsStream};
pub use validity::Validity;

#[cfg(test)]
mod tests;
