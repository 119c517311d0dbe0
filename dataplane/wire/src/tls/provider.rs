//! The cryptography that both ends and the reading of keys use, chosen in one place.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The one cryptography provider that is used.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
