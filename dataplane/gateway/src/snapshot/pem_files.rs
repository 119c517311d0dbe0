//! Certificates and private keys in files that settings name. What is wrong with one is said at its own setting, with what
//! belongs there: half of all mistakes are the right file at the wrong place.

use std::path::Path;

use aegis_settings::Problem;
use aegis_wire::tls::{self, Identity, Pem, PemError};
use zeroize::Zeroizing;

use super::files::read_bytes;

/// How the private key of an encrypted file is made readable.
const DECRYPT: &str = "it is encrypted: `openssl pkey -in FILE -out NEW` writes it as it is needed here";
/// How DER begins: a sequence whose length takes two more bytes.
const DER: &[u8] = &[0x30, 0x82];

/// What a PEM file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PemUse {
    Certificate,
    PrivateKey,
    Authorities,
}

/// A PEM file as it was read, with the setting that names it.
pub(super) struct PemFile {
    setting: String,
    /// Its path, as people see it.
    name: String,
    text: Zeroizing<Vec<u8>>,
}

impl PemFile {
    /// Reads the file that `setting` names.
    pub(super) fn read(setting: String, path: &Path) -> Result<Self, Problem> {
        let text = Zeroizing::new(read_bytes(&setting, path)?);
        Ok(PemFile { setting, name: path.display().to_string(), text })
    }

    /// What it holds.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The certificate chain in this file with the private key in `key`.
    pub(super) fn identity(&self, key: &PemFile) -> Result<Identity, Problem> {
        let made = Identity::from_pem(self.pem(), key.pem());
        made.map_err(|error| {
            let is_of_key = match &error {
                PemError::NoKey { .. }
                | PemError::SeveralKeys { .. }
                | PemError::UnsupportedKey { .. }
                | PemError::Mismatch { .. } => true,
                PemError::Malformed { file, .. } => *file != self.name,
                PemError::NoCertificate { .. } | PemError::BadCertificate { .. } => false,
            };
            if is_of_key {
                key.problem(&error, PemUse::PrivateKey)
            } else {
                self.problem(&error, PemUse::Certificate)
            }
        })
    }

    /// The certificates of authorities in this file, which are there and can be read.
    pub(super) fn authorities(&self) -> Result<Pem<'_>, Problem> {
        let checked = tls::check_authorities(self.pem());
        checked.map_err(|error| self.problem(&error, PemUse::Authorities))?;
        Ok(self.pem())
    }

    fn pem(&self) -> Pem<'_> {
        Pem { name: &self.name, text: &self.text }
    }

    fn problem(&self, error: &PemError, meant: PemUse) -> Problem {
        Problem::error(&*self.setting, error.to_string(), help(error, meant, &self.text))
    }
}

/// What to do about a file that does not hold what it is meant for.
fn help(error: &PemError, meant: PemUse, text: &[u8]) -> &'static str {
    let has = |mark: &str| text.windows(mark.len()).any(|window| window == mark.as_bytes());
    match (error, meant) {
        (PemError::NoCertificate { .. } | PemError::NoKey { .. }, _) if text.starts_with(DER) => {
            "it is DER: `openssl x509 -inform DER -in FILE` writes a certificate as PEM, `openssl pkey` a key"
        }
        (PemError::NoCertificate { .. }, _) if has("CERTIFICATE REQUEST-----") => {
            "it holds a request: the certificate is what the authority has made of it"
        }
        (PemError::NoCertificate { .. }, _) if has("PRIVATE KEY-----") => {
            "it holds a private key: name the file of the certificate here"
        }
        (PemError::NoKey { .. }, _) if has("BEGIN ENCRYPTED PRIVATE KEY-----") => DECRYPT,
        (PemError::NoKey { .. }, _) if has("BEGIN CERTIFICATE-----") => {
            "it holds a certificate: name the file of its private key here"
        }
        (PemError::UnsupportedKey { .. }, _) if has("Proc-Type: 4,ENCRYPTED") => DECRYPT,
        (_, PemUse::Authorities) => {
            "the file holds the certificates of the authorities, in PEM; `openssl x509 -in FILE -noout` reads the first"
        }
        (PemError::UnsupportedKey { .. }, _) => "make one of a supported kind, and have it certified",
        (PemError::Mismatch { .. }, _) => "the key must be that of the first certificate",
        (_, PemUse::PrivateKey) => {
            "the file holds one private key, not encrypted, in PEM; `openssl pkey -in FILE -noout` must read it"
        }
        (PemError::NoCertificate { .. }, PemUse::Certificate) => {
            "the file begins with the certificate itself, in PEM, and goes on with those that signed it"
        }
        (_, PemUse::Certificate) => {
            "write it again from where it came: `openssl x509 -in FILE -noout` must read a certificate"
        }
    }
}
