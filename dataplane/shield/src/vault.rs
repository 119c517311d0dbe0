//! The vault: which token stands for which secret, in one request or one named session.
//!
//! It lives in memory only. It is never logged, never serialised, never shown by `Debug`; its secrets are wiped
//! when it is dropped.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;

use zeroize::Zeroizing;

use crate::json::unescaped;
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

/// Opens secrets that stay sealed until a reply holds their tokens.
pub trait Unsealer: Send + Sync {
    /// The secret that `token` stands for, and how it stood; `None` if it cannot be opened.
    fn open(&self, token: &Token) -> Option<(Zeroizing<Vec<u8>>, Spelling)>;
}

/// How the text stood that a token was minted for: as it is, or as it was spelled in a document, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelling {
    /// Of how many strings inside each other it has the escapes; 0 if it stood in no document.
    pub layers: u8,
    /// It stood outside of documents, where its escapes are what they look like.
    pub is_literal: bool,
}

impl Spelling {
    /// Of a text that is what it looks like.
    pub const LITERAL: Self = Self { layers: 0, is_literal: true };

    /// Of a text with the escapes of so many strings.
    pub fn in_document(layers: u8) -> Self {
        Self { layers, is_literal: layers == 0 }
    }

    /// Whether a text that stood so needs to be told nothing more of one that stood as `other` says.
    pub fn covers(self, other: Self) -> bool {
        self.with(other) == self
    }

    /// Of a text that stood in both ways.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let layers = self.layers.max(other.layers);
        Self { layers, is_literal: self.is_literal || other.is_literal }
    }
}

/// What one token stands for.
struct Secret {
    /// What the token was minted for.
    text: Zeroizing<Box<[u8]>>,
    spelling: Spelling,
    /// `text` without the escapes that it has.
    plain: Option<Zeroizing<Box<[u8]>>>,
}

impl Secret {
    fn new(text: &[u8], spelling: Spelling) -> Self {
        let mut secret = Self { text: Zeroizing::new(text.into()), spelling, plain: None };
        secret.take_escapes_off();
        secret
    }

    fn take_escapes_off(&mut self) {
        self.plain = None;
        for _ in 0..self.spelling.layers {
            let before = self.plain.as_ref().unwrap_or(&self.text);
            let Some(plain) = unescaped(before).map(Zeroizing::new) else { break };
            self.plain = Some(Zeroizing::new(plain.as_slice().into()));
        }
    }

    /// It stood so, too.
    fn add(&mut self, spelling: Spelling) {
        let before = self.spelling;
        self.spelling = before.with(spelling);
        if before.layers != self.spelling.layers {
            self.take_escapes_off();
        }
    }

    fn value(&self) -> &[u8] {
        let plain = self.plain.as_ref().filter(|_| !self.spelling.is_literal);
        plain.unwrap_or(&self.text)
    }
}

/// Tokens of sealed secrets, and what opens them.
struct Sealed {
    tokens: HashSet<Token>,
    unsealer: Box<dyn Unsealer>,
}

/// Token to secret. An empty vault owns no memory.
#[derive(Default)]
pub struct Vault {
    secrets: HashMap<Token, Secret>,
    /// The first token of each secret, by a randomly keyed hash of the secret.
    first: HashMap<u64, Token>,
    hasher: RandomState,
    bytes: usize,
    sealed: Option<Box<Sealed>>,
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
        self.insert_spelled(token, secret, Spelling::LITERAL)
    }

    /// Remembers the same of a text that stood there in this way. What it stands for is the text without the escapes that
    /// it has, unless it stood somewhere as it is as well.
    pub fn insert_spelled(
        &mut self,
        token: Token,
        text: &[u8],
        spelling: Spelling,
    ) -> Result<bool, VaultError> {
        let new = self.insert_alias(token, text, spelling)?;
        if new {
            self.first.entry(self.hasher.hash_one(text)).or_insert(token);
        }
        Ok(new)
    }

    /// The token that `secret` was first given here, whatever category it had then.
    pub fn token_of(&self, secret: &[u8]) -> Option<Token> {
        if self.first.is_empty() {
            return None;
        }
        let token = *self.first.get(&self.hasher.hash_one(secret))?;
        self.secrets.get(&token).is_some_and(|known| **known.text == *secret).then_some(token)
    }

    /// Remembers one more token of a text, which [`Self::token_of`] never gives.
    pub fn insert_alias(
        &mut self,
        token: Token,
        text: &[u8],
        spelling: Spelling,
    ) -> Result<bool, VaultError> {
        // A text with escapes is kept without them as well.
        let copies = if spelling.layers > 0 { 2 } else { 1 };
        let full =
            self.secrets.len() >= Self::MAX_ENTRIES || self.bytes + copies * text.len() > Self::MAX_BYTES;
        match self.secrets.entry(token) {
            Entry::Occupied(mut known) if **known.get().text == *text => {
                known.get_mut().add(spelling);
                Ok(false)
            }
            Entry::Occupied(_) => Err(VaultError::Collision),
            Entry::Vacant(_) if full => Err(VaultError::Full),
            Entry::Vacant(free) => {
                free.insert(Secret::new(text, spelling));
                self.bytes += copies * text.len();
                Ok(true)
            }
        }
    }

    /// The secret that `token` stands for in this vault.
    pub fn resolve(&self, token: &Token) -> Option<&[u8]> {
        self.secrets.get(token).map(Secret::value)
    }

    /// The text that `token` was minted for, and how it stood.
    pub fn spelling(&self, token: &Token) -> Option<(&[u8], Spelling)> {
        self.secrets.get(token).map(|secret| (&**secret.text, secret.spelling))
    }

    /// Takes `tokens` as those of secrets that `unsealer` opens when a reply holds them, but for the tokens that are here.
    /// Returns how many these are.
    pub fn add_sealed(&mut self, tokens: impl Iterator<Item = Token>, unsealer: Box<dyn Unsealer>) -> usize {
        let tokens: HashSet<Token> = tokens.filter(|token| !self.secrets.contains_key(token)).collect();
        let count = tokens.len();
        self.sealed = (count > 0).then(|| Box::new(Sealed { tokens, unsealer }));
        count
    }

    /// Opens the secret of `token`, if it is sealed. Returns whether it was opened, and is resolved from now on; one for
    /// which there is no room is not.
    pub fn unseal(&mut self, token: &Token) -> bool {
        let Some(sealed) = &mut self.sealed else { return false };
        if !sealed.tokens.remove(token) {
            return false;
        }
        let opened = sealed.unsealer.open(token);
        opened.is_some_and(|(text, spelling)| self.insert_alias(*token, &text, spelling) == Ok(true))
    }

    /// Whether `token` stands for a secret of this vault, sealed or not.
    pub fn knows(&self, token: &Token) -> bool {
        self.secrets.contains_key(token)
            || self.sealed.as_ref().is_some_and(|sealed| sealed.tokens.contains(token))
    }

    /// The tokens of sealed secrets, in no particular order.
    pub(crate) fn sealed_tokens(&self) -> impl Iterator<Item = &Token> {
        self.sealed.iter().flat_map(|sealed| &sealed.tokens)
    }

    /// All tokens of secrets that are not sealed, in no particular order.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.secrets.keys()
    }

    /// Whether there is nothing to restore.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.sealed.is_none()
    }

    /// Number of tokens of secrets that are not sealed.
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
        vault.insert_alias(token(b"older"), b"a", Spelling::LITERAL).unwrap();
        assert_eq!(vault.token_of(b"a"), None);
        vault.insert(token(b"a"), b"a").unwrap();
        vault.insert(token(b"other category"), b"a").unwrap();
        assert_eq!(vault.token_of(b"a"), Some(token(b"a")));
        assert_eq!(vault.token_of(b"b"), None);
        assert_eq!(vault.len(), 3);
    }

    struct Reverse;

    impl Unsealer for Reverse {
        fn open(&self, token: &Token) -> Option<(Zeroizing<Vec<u8>>, Spelling)> {
            let opened = || (Zeroizing::new(b"opened".to_vec()), Spelling::LITERAL);
            (*token != self::token(b"closed")).then(opened)
        }
    }

    #[test]
    fn sealed_secrets_are_opened_one_by_one() {
        let mut vault = Vault::new();
        vault.insert(token(b"here"), b"here").unwrap();
        let tokens = [token(b"here"), token(b"sealed"), token(b"other"), token(b"closed")];
        assert_eq!(vault.add_sealed(tokens.into_iter(), Box::new(Reverse)), 3);
        assert!(tokens.iter().all(|token| vault.knows(token)) && !vault.knows(&token(b"none")));
        assert_eq!(vault.resolve(&token(b"sealed")), None);
        assert_eq!((vault.unseal(&token(b"here")), vault.unseal(&token(b"sealed"))), (false, true));
        assert!(!vault.unseal(&token(b"closed")) && !vault.unseal(&token(b"none")));
        assert_eq!(vault.resolve(&token(b"sealed")), Some(&b"opened"[..]));
        assert_eq!(vault.resolve(&token(b"here")), Some(&b"here"[..]));
        assert_eq!((vault.len(), vault.sealed_tokens().count()), (2, 1));
        let mut only_sealed = Vault::new();
        assert_eq!(only_sealed.add_sealed(std::iter::empty(), Box::new(Reverse)), 0);
        assert!(only_sealed.is_empty());
        only_sealed.add_sealed([token(b"sealed")].into_iter(), Box::new(Reverse));
        assert!(!only_sealed.is_empty());
    }

    #[test]
    fn a_spelling_is_kept_beside_what_it_stands_for() {
        let mut vault = Vault::new();
        let text = br"a\\u0026\\/b";
        let written = token(text);
        for (spelling, value) in [
            (Spelling::in_document(1), &br"a\u0026\/b"[..]),
            (Spelling::in_document(2), b"a&/b"),
            (Spelling::in_document(1), b"a&/b"),
            (Spelling::LITERAL, text),
        ] {
            vault.insert_spelled(written, text, spelling).unwrap();
            assert_eq!(vault.resolve(&written), Some(value), "{spelling:?}");
        }
        let both = Spelling { layers: 2, is_literal: true };
        assert_eq!(vault.spelling(&written), Some((&text[..], both)));
        assert_eq!((vault.token_of(text), vault.token_of(b"a&/b")), (Some(written), None));
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
