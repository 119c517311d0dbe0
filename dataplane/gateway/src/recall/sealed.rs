//! Sealed values: what a client's requests held, readable only together with the client's next request.
//!
//! APIs that keep the history on their side (conversations, files, batches) answer with tokens of requests that are long
//! over. A hash cannot bring such a value back, so the value itself is kept: encrypted, under a key that the process
//! does not have. It is derived from the credential that the client shows, is there for as long as a request takes, and
//! comes back with the next request that shows the same credential.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aegis_detect::{Reach, reach_of};
use aegis_shield::{Keyring, Spelling, Token, Unsealer, Vault};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::lifetime::{has_expired, is_stale};
use super::random::random;
use crate::config::settings::Recall as Settings;
use crate::shared_table::{TableKey, now};

/// Bytes of sealed values of one client. When there are more, those go that no request held for the longest time.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
/// Bytes of one sealed value; a longer one is not kept, rather than many others.
const MAX_VALUE: usize = 64 * 1024;
/// A credential of a provider is checked by so many bytes at its end: a longer one begins with what is no secret.
const CHECKED_TAIL: usize = 128;
const NONCE: usize = 24;
const TAG: usize = 16;

/// What a client shows that nobody else knows. Kept as long as its request, and overwritten then.
pub(crate) struct Credentials {
    parts: Vec<Zeroizing<Vec<u8>>>,
    /// The gateway has compared it with its list, so that it need not look like a secret.
    is_checked: bool,
}

impl Credentials {
    /// A gateway key that was let in.
    pub(crate) fn of_gateway_key(key: Zeroizing<Vec<u8>>) -> Self {
        Self { parts: vec![key], is_checked: true }
    }

    /// Credentials of a provider, which nobody has looked at.
    pub(crate) fn of_provider<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { parts: parts.map(|part| Zeroizing::new(part.to_vec())).collect(), is_checked: false }
    }

    /// Those that are secrets: local servers are shown words like `ollama` or `sk-no-key-required`, by everybody.
    fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        let is_secret = |part: &[u8]| {
            let tail = &part[part.len().saturating_sub(CHECKED_TAIL)..];
            self.is_checked || reach_of(tail, false) == Reach::Everywhere
        };
        self.parts.iter().map(|part| &***part).filter(move |part| is_secret(part))
    }
}

/// What the values of one client are sealed under; overwritten when it is dropped.
pub(crate) struct SealKey {
    cipher: XChaCha20Poly1305,
    /// Says of values whether this key opens them.
    id: [u8; 16],
}

impl SealKey {
    /// The key of whoever shows these credentials, at its place in the memory; `None` if there is no secret among them.
    /// By HKDF-SHA256 (RFC 5869), with a secret of the process for salt.
    pub(crate) fn derive(credentials: &Credentials, place: TableKey) -> Option<Self> {
        static SALT: OnceLock<[u8; 32]> = OnceLock::new();
        let length: usize = credentials.secrets().map(|part| part.len() + 8).sum();
        if length == 0 {
            return None;
        }
        let mut secret = Zeroizing::new(Vec::with_capacity(length));
        for part in credentials.secrets() {
            secret.extend_from_slice(&(part.len() as u64).to_be_bytes());
            secret.extend_from_slice(part);
        }
        let hkdf = Hkdf::<Sha256>::new(Some(SALT.get_or_init(random)), &secret);
        let (mut key, mut id) = (Zeroizing::new([0; 32]), [0; 16]);
        hkdf.expand_multi_info(&[b"aegis sealed values: key", place.as_bytes()], &mut *key).ok()?;
        hkdf.expand_multi_info(&[b"aegis sealed values: id", place.as_bytes()], &mut id).ok()?;
        Some(Self { cipher: XChaCha20Poly1305::new((&*key).into()), id })
    }

    fn seal(
        &self,
        token: &Token,
        (value, spelling): (&[u8], Spelling),
        nonce: [u8; NONCE],
    ) -> Option<SealedValue> {
        // Of its final size from the start, so that no plain copy is left behind.
        let mut bytes = vec![0; value.len() + TAG].into_boxed_slice();
        let (text, tag) = bytes.split_at_mut(value.len());
        text.copy_from_slice(value);
        let sealed =
            self.cipher.encrypt_inout_detached(&XNonce::from(nonce), token.as_bytes(), text.into()).ok()?;
        tag.copy_from_slice(&sealed);
        Some(SealedValue { last: AtomicU64::new(now()), nonce, bytes, spelling })
    }

    fn open(&self, token: &Token, sealed: &SealedValue) -> Option<(Zeroizing<Vec<u8>>, Spelling)> {
        let (text, tag) = sealed.bytes.split_last_chunk::<TAG>()?;
        let mut value = Zeroizing::new(text.to_vec());
        let (nonce, tag) = (XNonce::from(sealed.nonce), Tag::from(*tag));
        self.cipher
            .decrypt_inout_detached(&nonce, token.as_bytes(), value.as_mut_slice().into(), &tag)
            .ok()?;
        Some((value, sealed.spelling))
    }
}

/// One value.
struct SealedValue {
    /// When a request held it last.
    last: AtomicU64,
    nonce: [u8; NONCE],
    /// As long as the value, and the tag behind it.
    bytes: Box<[u8]>,
    /// How the value stood.
    spelling: Spelling,
}

impl SealedValue {
    /// Whether a text that stood so need not be sealed in its place. Another text of the same length and spelling is not told
    /// from it: both are the same value.
    fn is_as_new_as(&self, text: &[u8], spelling: Spelling) -> bool {
        !spelling.is_in_document || (self.spelling == spelling && self.bytes.len() == text.len() + TAG)
    }

    fn has_expired(&self, ttl: Duration) -> bool {
        has_expired(self.last.load(Relaxed), ttl)
    }
}

/// Values under one key.
#[derive(Clone, Default)]
pub(crate) struct SealedValues {
    key_id: [u8; 16],
    values: HashMap<Token, Arc<SealedValue>>,
    bytes: usize,
}

impl fmt::Debug for SealedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedValues").field("len", &self.values.len()).finish_non_exhaustive()
    }
}

impl SealedValues {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Seals what is in the vault of a request and not yet here. What is here is as of now.
    pub(crate) fn seal_new(&self, key: &SealKey, vault: &Vault, settings: &Settings) -> Self {
        let mut added = Self { key_id: key.id, ..Self::default() };
        for token in vault.tokens() {
            let Some((text, spelling)) = vault.spelling(token) else { continue };
            let known = self.values.get(token).filter(|_| self.key_id == key.id);
            if let Some(known) = known.filter(|known| !known.has_expired(settings.ttl)) {
                if is_stale(known.last.load(Relaxed), settings.ttl) {
                    known.last.store(now(), Relaxed);
                }
                if known.is_as_new_as(text, spelling) {
                    continue;
                }
            }
            if text.len() + TAG <= MAX_VALUE
                && let Some(sealed) = key.seal(token, (text, spelling), random())
            {
                added.insert(*token, Arc::new(sealed));
            }
        }
        added
    }

    /// With these, and without what has expired or is too much. What another key sealed goes: nobody who comes to this
    /// place opens it any more.
    pub(crate) fn with(&self, added: &Self, settings: &Settings) -> Self {
        let mut after = Self { key_id: added.key_id, ..Self::default() };
        let kept = self.values.iter().filter(|_| self.key_id == added.key_id);
        for (token, value) in kept.filter(|(_, value)| !value.has_expired(settings.ttl)).chain(&added.values)
        {
            after.insert(*token, Arc::clone(value));
        }
        after.make_room(settings.max_values);
        after
    }

    fn insert(&mut self, token: Token, value: Arc<SealedValue>) {
        self.bytes += value.bytes.len();
        if let Some(before) = self.values.insert(token, value) {
            self.bytes -= before.bytes.len();
        }
    }

    /// Drops what no request held for the longest time, until there is no more than may be.
    fn make_room(&mut self, max_values: usize) {
        if self.values.len() <= max_values && self.bytes <= MAX_BYTES {
            return;
        }
        let mut order: Vec<_> =
            self.values.iter().map(|(token, value)| (value.last.load(Relaxed), *token)).collect();
        order.sort_unstable();
        for (_, token) in order {
            if self.values.len() <= max_values && self.bytes <= MAX_BYTES {
                return;
            }
            if let Some(value) = self.values.remove(&token) {
                self.bytes -= value.bytes.len();
            }
        }
    }

    /// Gives `vault` the tokens of what has not expired, and `unsealing` to open it; says how many tokens these are. A token
    /// that the vault has keeps its value.
    pub(crate) fn offer(values: &Arc<Self>, unsealing: Unsealing, vault: &mut Vault, ttl: Duration) -> usize {
        if values.key_id != unsealing.key.id {
            return 0;
        }
        let sealed = Arc::clone(values);
        let fresh = values.values.iter().filter(|(_, value)| !value.has_expired(ttl));
        vault.add_sealed(fresh.map(|(token, _)| *token), Box::new(SealedVault { sealed, unsealing }))
    }
}

/// What opens a client's sealed values; overwritten when it is dropped.
pub(crate) struct Unsealing {
    pub(crate) key: SealKey,
    /// Only tokens that it makes are opened.
    pub(crate) keyring: Arc<Keyring>,
}

/// The sealed values that the reply to one request may hold.
struct SealedVault {
    sealed: Arc<SealedValues>,
    unsealing: Unsealing,
}

impl Unsealer for SealedVault {
    fn open(&self, token: &Token) -> Option<(Zeroizing<Vec<u8>>, Spelling)> {
        let Unsealing { key, keyring } = &self.unsealing;
        let sealed = self.sealed.values.get(token).filter(|_| keyring.has_minted(token))?;
        key.open(token, sealed)
    }
}

#[cfg(test)]
#[path = "sealed_tests.rs"]
mod tests;
