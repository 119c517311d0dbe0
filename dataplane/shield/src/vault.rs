//! The vault: which token stands for which secret, in one request or one named session.
//!
//! It lives in memory only. It is never logged, never serialised, never shown by `Debug`; its secrets are wiped
//! when it is dropped.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::fmt;
use std::hash::BuildHasher;

use zeroize::Zeroizing;

use crate::token::Token;

/// Why a vault did not take a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Another secret already has this token: a collision of 80-bit digests, which takes about 2^40 secrets of one
    /// category. It is refused, since one of the two would come back as the other.
    #[error("two different secrets have the same token")]
    Collision,
    /// [`Vault::MAX_ENTRIES`] or [`Vault::MAX_BYTES`] is reached.
    #[error("too many secrets")]
    Full,
}

/// Token to secret. An empty vault owns no memory.
#[derive(Default)]
pub struct Vault {
    secrets: HashMap<Token, Zeroizing<Box<[u8]>>>,
    /// The first token of each secret, by a randomly keyed hash of the secret.
    first: HashMap<u64, Token>,
    hasher: RandomState,
    bytes: usize,
}

impl Vault {
    /// Tokens that one vault holds at most.
    pub const MAX_ENTRIES: usize = 65_536;
    /// Bytes of secrets that one vault holds at most.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers that `token` stands for `secret`. Says whether it is new. A vault that refuses is unchanged. The
    /// first token of a secret is the one that [`Self::token_of`] gives from then on.
    pub fn insert(&mut self, token: Token, secret: &[u8]) -> Result<bool, VaultError> {
        let new = self.insert_alias(token, secret)?;
        if new {
            self.first.entry(self.hasher.hash_one(secret)).or_insert(token);
        }
        Ok(new)
    }

    /// The token that `secret` was first given here, whatever category it had then.
    pub fn token_of(&self, secret: &[u8]) -> Option<Token> {
        if self.first.is_empty() {
            return None;
        }
        let token = *self.first.get(&self.hasher.hash_one(secret))?;
        (self.resolve(&token) == Some(secret)).then_some(token)
    }

    /// Remembers one more token of a secret, which [`Self::token_of`] never gives.
    pub fn insert_alias(&mut self, token: Token, secret: &[u8]) -> Result<bool, VaultError> {
        let full = self.secrets.len() >= Self::MAX_ENTRIES || self.bytes + secret.len() > Self::MAX_BYTES;
        match self.secrets.entry(token) {
            Entry::Occupied(known) if ***known.get() == *secret => Ok(false),
            Entry::Occupied(_) => Err(VaultError::Collision),
            Entry::Vacant(_) if full => Err(VaultError::Full),
            Entry::Vacant(free) => {
                free.insert(Zeroizing::new(secret.into()));
                self.bytes += secret.len();
                Ok(true)
            }
        }
    }

    /// The secret that `token` stands for in this vault.
    pub fn resolve(&self, token: &Token) -> Option<&[u8]> {
        self.secrets.get(token).map(|secret| &***secret)
    }

    /// All tokens, in no particular order.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.secrets.keys()
    }

    /// Whether there is nothing to restore.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aegis_detect::Category;

    use super::*;
    use crate::keyring::Keyring;

    fn token(secret: &[u8]) -> Token {
        Keyring::new(&[1; 32], "acme", 0, &[]).unwrap().mint(Category::Key, secret)
    }

    #[test]
    fn resolves_what_was_inserted_and_nothing_else() {
        let mut vault = Vault::new();
        assert!(vault.is_empty());
        assert_eq!(vault.insert(token(b"a"), b"a"), Ok(true));
        assert_eq!(vault.insert(token(b"a"), b"a"), Ok(false));
        assert_eq!(vault.resolve(&token(b"a")), Some(&b"a"[..]));
        assert_eq!(vault.resolve(&token(b"b")), None);
        assert_eq!((vault.len(), vault.bytes), (1, 1));
    }

    #[test]
    fn the_first_token_of_a_secret_is_its_token() {
        let mut vault = Vault::new();
        assert_eq!(vault.token_of(b"a"), None);
        vault.insert_alias(token(b"older"), b"a").unwrap();
        assert_eq!(vault.token_of(b"a"), None);
        vault.insert(token(b"a"), b"a").unwrap();
        vault.insert(token(b"other category"), b"a").unwrap();
        assert_eq!(vault.token_of(b"a"), Some(token(b"a")));
        assert_eq!(vault.token_of(b"b"), None);
        assert_eq!(vault.len(), 3);
    }

    #[test]
    fn a_collision_is_refused() {
        let mut vault = Vault::new();
        vault.insert(token(b"a"), b"a").unwrap();
        assert_eq!(vault.insert(token(b"a"), b"b"), Err(VaultError::Collision));
        assert_eq!(vault.resolve(&token(b"a")), Some(&b"a"[..]));
    }

    #[test]
    fn bytes_are_limited() {
        let mut vault = Vault::new();
        let big = vec![0u8; Vault::MAX_BYTES];
        vault.insert(token(b"big"), &big).unwrap();
        assert_eq!(vault.insert(token(b"one more"), b"x"), Err(VaultError::Full));
        assert_eq!(vault.insert(token(b"big"), &big), Ok(false), "what is known stays known");
    }

    #[test]
    fn entries_are_limited() {
        let mut vault = Vault::new();
        for index in 0..Vault::MAX_ENTRIES {
            vault.insert(token(&index.to_le_bytes()), b"").unwrap();
        }
        assert_eq!(vault.insert(token(b"one more"), b""), Err(VaultError::Full));
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut vault = Vault::new();
        vault.insert(token(b"hunter2"), b"hunter2").unwrap();
        assert_eq!(format!("{vault:?}"), "Vault { len: 1, .. }");
    }
}
