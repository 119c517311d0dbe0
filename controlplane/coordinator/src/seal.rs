//! Secrets at rest: what stands in the database is of no use without keys that do not.
//!
//! Each purpose has a key of its own, derived from the sealing key, and what is sealed is bound to the record it belongs
//! to: it does not open in another's place.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;
/// Longest id of a key.
const MAX_KEY_ID: usize = 32;
/// Permissions by which others than the owner could read the file.
const OTHERS_READ: u32 = 0o077;

/// What something is sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The key of the gateways' certificate authority.
    Authority,
    /// Keys that sign clients' tokens.
    SigningKey,
    /// Credentials for providers.
    ProviderCredential,
    /// Secrets of webhooks and other receivers.
    Sink,
    /// Names behind pseudonyms.
    Pseudonym,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Purpose::Authority => "authority",
            Purpose::SigningKey => "signing key",
            Purpose::ProviderCredential => "provider credential",
            Purpose::Sink => "sink",
            Purpose::Pseudonym => "pseudonym",
        }
    }
}

/// Something sealed, with the id of the key that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Id of the key.
    pub key_id: String,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file of the keys cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is not among those of the file.
    #[error("it was sealed under the key `{0}`, which is not in the file of sealing keys")]
    UnknownKey(String),
    /// It was altered, belongs to another record, or the key of that id is another one.
    #[error("it does not open: it was altered, or the key `{0}` is not the one it was sealed under")]
    Altered(String),
}

struct SealingKey {
    id: String,
    key: Zeroizing<[u8; KEY_BYTES]>,
}

/// The keys that seal and open.
pub struct Sealer {
    /// The first one seals; all open.
    keys: Vec<SealingKey>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Sealer {
    /// Reads the keys of a file; makes it, with one key, when it is not there and `may_make`.
    pub fn open(path: &Path, may_make: bool) -> Result<Sealer, SealError> {
        let failed = |reason: String| SealError::File { path: path.display().to_string(), reason };
        match fs::metadata(path) {
            Ok(file) if file.permissions().mode() & OTHERS_READ != 0 => {
                Err(failed("others may read it: chmod 600".to_owned()))
            }
            Ok(_) => {
                let text = fs::read_to_string(path)
                    .map(Zeroizing::new)
                    .map_err(|error| failed(error.to_string()))?;
                Sealer::parse(&text).map_err(failed)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
                let text = make(path).map_err(|error| failed(error.to_string()))?;
                Sealer::parse(&text).map_err(failed)
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Takes the lines of a file of keys.
    fn parse(text: &str) -> Result<Sealer, String> {
        let mut keys: Vec<SealingKey> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what: &str| Err(format!("line {}: {what}", number + 1));
            let Some((id, digits)) = line.trim().split_once(':') else {
                return wrong("not an id, a colon, and 64 hexadecimal digits");
            };
            let is_id = |id: &str| {
                !id.is_empty()
                    && id.len() <= MAX_KEY_ID
                    && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if !is_id(id) {
                return wrong("an id is letters, digits and -, at most 32");
            }
            if keys.iter().any(|key| key.id == id) {
                return wrong("its id stands there twice");
            }
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            let digits = digits.trim().as_bytes();
            // The decoder wants room for exactly what it is given.
            let is_key = digits.len() == 2 * KEY_BYTES
                && data_encoding::HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *key).is_ok();
            if !is_key {
                return wrong("not 64 hexadecimal digits behind the colon");
            }
            keys.push(SealingKey { id: id.to_owned(), key });
        }
        if keys.is_empty() { Err("there is no key in it".to_owned()) } else { Ok(Sealer { keys }) }
    }

    /// Id of the key that seals now.
    pub fn key_id(&self) -> &str {
        &self.keys[0].id
    }

    /// Seals `secret` for the record `record`.
    pub fn seal(&self, purpose: Purpose, record: &str, secret: &[u8]) -> Sealed {
        let key = &self.keys[0];
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let payload = Payload { msg: secret, aad: record.as_bytes() };
        let mut bytes = nonce.to_vec();
        let sealed = cipher(key, purpose).encrypt(&XNonce::from(nonce), payload);
        bytes.extend(sealed.expect("a secret is far shorter than the cipher's limit"));
        Sealed { key_id: key.id.clone(), bytes }
    }

    /// Opens what was sealed for the record `record`.
    pub fn open_sealed(
        &self,
        purpose: Purpose,
        record: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = self.keys.iter().find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| SealError::UnknownKey(sealed.key_id.clone()))?;
        let altered = || SealError::Altered(sealed.key_id.clone());
        let (nonce, sealed) = sealed.bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(altered)?;
        let payload = Payload { msg: sealed, aad: record.as_bytes() };
        cipher(key, purpose)
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| altered())
    }
}

/// The cipher of one purpose.
fn cipher(key: &SealingKey, purpose: Purpose) -> XChaCha20Poly1305 {
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    let expanded = Hkdf::<Sha256>::new(Some(b"aegis-coordinator seal 1"), &*key.key)
        .expand(purpose.label().as_bytes(), &mut *derived);
    expanded.expect("32 bytes are within HKDF's limit");
    XChaCha20Poly1305::new((&*derived).into())
}

/// Writes a file with one new key, for its owner only; gives what is there if another process was first.
fn make(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut *key).expect("the system gives random bytes");
    let id = &data_encoding::HEXLOWER.encode(&{
        let mut id = [0; 4];
        getrandom::fill(&mut id).expect("the system gives random bytes");
        id
    });
    let line = Zeroizing::new(format!("{id}:{}\n", data_encoding::HEXLOWER.encode(&*key)));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(line.as_bytes())?;
            file.sync_all()?;
            Ok(line)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read_to_string(path).map(Zeroizing::new)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(lines: &[&str]) -> Sealer {
        Sealer::parse(&lines.join("\n")).expect("keys")
    }

    fn line(id: &str, byte: u8) -> String {
        format!("{id}:{}", data_encoding::HEXLOWER.encode(&[byte; KEY_BYTES]))
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_only() {
        let (old, new) = (line("old", 1), line("new", 2));
        let before = sealer(&[&old]);
        let sealed = before.seal(Purpose::ProviderCredential, "cred_1", b"sk-made-up");
        assert_eq!(sealed.key_id, "old");
        assert!(!sealed.bytes.windows(10).any(|part| part == b"sk-made-up"));
        // After the key was changed, too.
        let after = sealer(&[&new, &old]);
        assert_eq!(after.key_id(), "new");
        let opened = after.open_sealed(Purpose::ProviderCredential, "cred_1", &sealed);
        assert_eq!(&**opened.expect("it opens"), b"sk-made-up");
        for (purpose, record) in [(Purpose::ProviderCredential, "cred_2"), (Purpose::Sink, "cred_1")] {
            let error = after.open_sealed(purpose, record, &sealed).expect_err("another place");
            assert!(matches!(error, SealError::Altered(_)), "{error}");
        }
        for index in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[index] ^= 1;
            let altered = Sealed { bytes, ..sealed.clone() };
            after.open_sealed(Purpose::ProviderCredential, "cred_1", &altered).expect_err("altered");
        }
        let error =
            sealer(&[&new]).open_sealed(Purpose::ProviderCredential, "cred_1", &sealed).expect_err("no key");
        assert!(matches!(error, SealError::UnknownKey(_)), "{error}");
    }

    #[test]
    fn a_file_is_made_once_for_its_owner_and_refused_when_others_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seal.keys");
        assert!(Sealer::open(&path, false).is_err());
        let made = Sealer::open(&path, true).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(Sealer::open(&path, true).expect("read").key_id(), made.key_id());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");
        let error = Sealer::open(&path, true).expect_err("readable").to_string();
        assert!(error.ends_with("others may read it: chmod 600"), "{error}");
    }

    #[test]
    fn wrong_lines_are_named_and_never_quoted() {
        let good = line("a", 1);
        for (text, expected) in [
            (String::new(), "there is no key in it"),
            ("7d".repeat(32), "line 1: not an id, a colon, and 64 hexadecimal digits"),
            (format!("{good}\nb:{}", "7d".repeat(31)), "line 2: not 64 hexadecimal digits behind the colon"),
            (format!("{good}\n{good}"), "line 2: its id stands there twice"),
            (
                format!("{}:{}", "i".repeat(MAX_KEY_ID + 1), "7d".repeat(32)),
                "line 1: an id is letters, digits and -, at most 32",
            ),
        ] {
            assert_eq!(Sealer::parse(&text).err().as_deref(), Some(expected));
        }
        Sealer::parse(&format!("{}:{}", "i".repeat(MAX_KEY_ID), "7d".repeat(32))).expect("the longest id");
        assert!(!format!("{:?}", sealer(&[&good])).contains("0101"));
    }
}
