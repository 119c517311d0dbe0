//! Certificates and keys from PEM text, with errors that a person can act on.
//!
//! No error quotes the text: a line of a key file must not reach a log.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::tls::provider::provider;
use crate::tls::validity::Validity;

/// PEM text and the name it has for the reader of an error, usually its file.
#[derive(Clone, Copy)]
pub struct Pem<'a> {
    /// What to call it.
    pub name: &'a str,
    /// The text.
    pub text: &'a [u8],
}

/// The name only: the text may be a private key.
impl fmt::Debug for Pem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pem").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is wrong with a certificate or key. `file` is the name that was given with the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The text is not well-formed PEM.
    #[error("{file}: {why}")]
    Malformed {
        /// Which text.
        file: String,
        /// In what way.
        why: &'static str,
    },
    /// There is no certificate in it.
    #[error("{file}: there is no certificate in it")]
    NoCertificate {
        /// Which text.
        file: String,
    },
    /// A certificate cannot be read.
    #[error("{file}: certificate {number} cannot be read: {why}")]
    BadCertificate {
        /// Which text.
        file: String,
        /// Which certificate in it, from 1.
        number: usize,
        /// What the parser says.
        why: String,
    },
    /// There is no private key in it.
    #[error("{file}: there is no private key in it (PKCS #8, PKCS #1 or SEC 1, not encrypted)")]
    NoKey {
        /// Which text.
        file: String,
    },
    /// There are several private keys, and it is not clear which is meant.
    #[error("{file}: there is more than one private key in it")]
    SeveralKeys {
        /// Which text.
        file: String,
    },
    /// The private key is of a kind that is not supported.
    #[error(
        "{file}: this kind of private key is not supported (RSA from 2048 bits, ECDSA P-256 or P-384, Ed25519)"
    )]
    UnsupportedKey {
        /// Which text.
        file: String,
    },
    /// The private key is not that of the certificate.
    #[error("{key}: this is not the private key of the first certificate in {certificate}")]
    Mismatch {
        /// The text with the key.
        key: String,
        /// The text with the certificate.
        certificate: String,
    },
}

/// A certificate chain with its private key, checked to belong together.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    validity: Validity,
}

impl Identity {
    /// Reads a chain, its own certificate first, and the key. Both may be the same text.
    pub fn from_pem(certificate: Pem<'_>, key: Pem<'_>) -> Result<Self, PemError> {
        let chain = certificates(certificate)?;
        let bad =
            |why: String| PemError::BadCertificate { file: certificate.name.to_owned(), number: 1, why };
        let own = webpki::EndEntityCert::try_from(&chain[0]).map_err(|error| bad(error.to_string()))?;
        let validity = Validity::of(&chain[0]).map_err(bad)?;
        let names = own.valid_dns_names().map(str::to_ascii_lowercase).collect();
        let signer = provider()
            .key_provider
            .load_private_key(private_key(key)?)
            .map_err(|_| PemError::UnsupportedKey { file: key.name.to_owned() })?;
        let certified = CertifiedKey::new(chain, signer);
        if let Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) =
            certified.keys_match()
        {
            return Err(PemError::Mismatch {
                key: key.name.to_owned(),
                certificate: certificate.name.to_owned(),
            });
        }
        Ok(Self { key: Arc::new(certified), names, validity })
    }

    /// The host names that the certificate is valid for, in lower case, wildcards (`*.example.com`) included.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When the certificate is valid; those that were given with it may be so for another time.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    pub(super) fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }
}

/// The names only.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Checks that `text` holds certificates of authorities, at least one, that can be trusted.
pub fn check_authorities(text: Pem<'_>) -> Result<(), PemError> {
    authorities(text).map(drop)
}

/// A store of the certificate authorities in `text`.
pub(super) fn authorities(text: Pem<'_>) -> Result<RootCertStore, PemError> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates(text)?.into_iter().enumerate() {
        store.add(certificate).map_err(|error| PemError::BadCertificate {
            file: text.name.to_owned(),
            number: index + 1,
            why: error.to_string(),
        })?;
    }
    Ok(store)
}

/// All certificates in `text`, at least one.
fn certificates(text: Pem<'_>) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(PemError::NoCertificate { file: text.name.to_owned() }),
        Ok(found) => Ok(found),
        Err(error) => Err(malformed(text, &error)),
    }
}

/// The one private key in `text`.
fn private_key(text: Pem<'_>) -> Result<PrivateKeyDer<'static>, PemError> {
    let mut keys = PrivateKeyDer::pem_slice_iter(text.text);
    let first = match keys.next() {
        None => return Err(PemError::NoKey { file: text.name.to_owned() }),
        Some(found) => found.map_err(|error| malformed(text, &error))?,
    };
    match keys.next() {
        None => Ok(first),
        Some(Ok(_)) => Err(PemError::SeveralKeys { file: text.name.to_owned() }),
        Some(Err(error)) => Err(malformed(text, &error)),
    }
}

/// The parser's error in words of ours, because its own quote the text.
fn malformed(text: Pem<'_>, error: &pem::Error) -> PemError {
    let why = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "a section is not valid base64",
        pem::Error::SectionTooLarge => "a section is too large",
        _ => "not readable as PEM",
    };
    PemError::Malformed { file: text.name.to_owned(), why }
}
