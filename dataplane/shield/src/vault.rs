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

/// How a text stood that a token took the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelling {
    /// Of how many strings inside each other it has the escapes; 0 if of none.
    pub layers: u8,
    /// It stood in a string of a document, so that this is how documents spell it.
    pub is_in_document: bool,
    /// Outside of documents its escapes are what they look like.
    pub is_literal: bool,
}

impl Spelling {
    /// Of a value that stood outside of documents, which says nothing of how they spell it.
    pub const VALUE: Self = Self { layers: 0, is_in_document: false, is_literal: true };

    /// Of a text with the escapes of so many strings; of none if it stood as it would be written here.
    pub fn in_document(layers: u8) -> Self {
        Self { layers, is_in_document: true, is_literal: layers == 0 }
    }

    /// The same of a text that is written so outside of documents, too.
    pub fn in_part_of_document(layers: u8) -> Self {
        Self { layers, is_in_document: true, is_literal: true }
    }

    /// The value of a text that stood so.
    pub(crate) fn value_of(self, text: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut value = Zeroizing::new(text.to_vec());
        for _ in 0..if self.is_literal { 0 } else { self.layers } {
            let Some(plain) = unescaped(&value) else { break };
            value = Zeroizing::new(plain);
        }
        value
    }
}

/// What one token stands for.
struct Secret {
    /// How documents spell it; if that is not known, the value.
    text: Zeroizing<Box<[u8]>>,
    spelling: Spelling,
    /// The value, if it is another text.
    value: Option<Zeroizing<Box<[u8]>>>,
}

impl Secret {
    fn new(text: &[u8], spelling: Spelling) -> Self {
        let value = spelling.value_of(text);
        let value = (value[..] != *text).then(|| Zeroizing::new(value.as_slice().into()));
        Self { text: Zeroizing::new(text.into()), spelling, value }
    }

    fn value(&self) -> &[u8] {
        self.value.as_ref().unwrap_or(&self.text)
    }

    /// How many bytes it takes.
    fn len(&self) -> usize {
        self.text.len() + self.value.as_ref().map_or(0, |value| value.len())
    }

    /// Whether nothing of `text`, which stood so, is news.
    fn covers(&self, text: &[u8], spelling: Spelling) -> bool {
        !spelling.is_in_document || (self.spelling == spelling && **self.text == *text)
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
    /// The first token of each value, by a randomly keyed hash of the value.
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
        self.insert_spelled(token, secret, Spelling::VALUE)
    }

    /// Remembers the same of a text that stood so. What it stands for is the text without its escapes, and in documents the
    /// text. If it was another text in documents so far, it is this one from now on.
    pub fn insert_spelled(
        &mut self,
        token: Token,
        text: &[u8],
        spelling: Spelling,
    ) -> Result<bool, VaultError> {
        let new = self.insert_alias(token, text, spelling)?;
        if new && let Some(secret) = self.secrets.get(&token) {
            self.first.entry(self.hasher.hash_one(secret.value())).or_insert(token);
        }
        Ok(new)
    }

    /// The token that the value `secret` was first given here, whatever category it had then.
    pub fn token_of(&self, secret: &[u8]) -> Option<Token> {
        if self.first.is_empty() {
            return None;
        }
        let token = *self.first.get(&self.hasher.hash_one(secret))?;
        self.secrets.get(&token).is_some_and(|known| *known.value() == *secret).then_some(token)
    }

    /// Remembers one more token of a text, which [`Self::token_of`] never gives.
    pub fn insert_alias(
        &mut self,
        token: Token,
        text: &[u8],
        spelling: Spelling,
    ) -> Result<bool, VaultError> {
        let secret = Secret::new(text, spelling);
        let is_full = |bytes: usize| bytes > Self::MAX_BYTES;
        let has_room = self.secrets.len() < Self::MAX_ENTRIES;
        match self.secrets.entry(token) {
            Entry::Occupied(known) if *known.get().value() != *secret.value() => Err(VaultError::Collision),
            Entry::Occupied(known) if known.get().covers(text, spelling) => Ok(false),
            Entry::Occupied(mut known) => {
                let bytes = self.bytes - known.get().len() + secret.len();
                if is_full(bytes) {
                    return Err(VaultError::Full);
                }
                (self.bytes, *known.get_mut()) = (bytes, secret);
                Ok(false)
            }
            Entry::Vacant(_) if !has_room || is_full(self.bytes + secret.len()) => Err(VaultError::Full),
            Entry::Vacant(free) => {
                self.bytes += secret.len();
                free.insert(secret);
                Ok(true)
            }
        }
    }

    /// Whether nothing of a text for which `token` stands would be news.
    pub fn covers(&self, token: &Token, text: &[u8], spelling: Spelling) -> bool {
        self.secrets.get(token).is_some_and(|known| known.covers(text, spelling))
    }

    /// Whether `token`, which is that of the text's value, can stand for the text as well: if documents do not spell the value
    /// otherwise.
    pub(crate) fn fits(&self, token: &Token, text: &[u8], spelling: Spelling) -> bool {
        let known = self.secrets.get(token);
        known.is_none_or(|known| !known.spelling.is_in_document || known.covers(text, spelling))
    }

    /// Forgets how documents spell the values: a request is read again from its first byte.
    pub(crate) fn forget_spellings(&mut self) {
        for secret in self.secrets.values_mut() {
            let value = secret.value.take();
            self.bytes -= value.as_ref().map_or(0, |_| secret.text.len());
            secret.text = value.unwrap_or_else(|| std::mem::take(&mut secret.text));
            secret.spelling = Spelling::VALUE;
        }
    }

    /// The secret that `token` stands for in this vault.
    pub fn resolve(&self, token: &Token) -> Option<&[u8]> {
        self.secrets.get(token).map(Secret::value)
    }

    /// The text that documents have for `token`, and how it stands there; the value, if that is not known.
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
        vault.insert_alias(token(b"older"), b"a", Spelling::VALUE).unwrap();
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
            let opened = || (Zeroizing::new(b"opened".to_vec()), Spelling::VALUE);
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
    fn a_spelling_is_kept_beside_the_value() {
        let (value, text) = (&br"a&/b"[..], &br"a\u0026\/b"[..]);
        let token = token(value);
        let mut vault = Vault::new();
        let in_document = Spelling::in_document(1);
        for (text, spelling, expected) in [
            (value, Spelling::VALUE, (value, Spelling::VALUE)),
            (text, in_document, (text, in_document)),
            (value, Spelling::VALUE, (text, in_document)),
            (br"a\u0026/b", in_document, (br"a\u0026/b", in_document)),
            (value, Spelling::in_document(0), (value, Spelling::in_document(0))),
        ] {
            let fits = vault.fits(&token, text, spelling);
            let is_known = vault.spelling(&token).is_some_and(|(_, known)| known.is_in_document);
            assert_eq!(fits, !is_known || spelling == Spelling::VALUE, "{text:?}");
            vault.insert_spelled(token, text, spelling).unwrap();
            assert!(vault.covers(&token, text, spelling));
            assert_eq!((vault.resolve(&token), vault.spelling(&token)), (Some(value), Some(expected)));
            assert_eq!((vault.token_of(value), vault.token_of(br"a\u0026\/b")), (Some(token), None));
        }
        assert_eq!(vault.bytes, value.len());
        vault.insert_spelled(token, text, in_document).unwrap();
        assert_eq!(vault.bytes, value.len() + text.len());
        vault.forget_spellings();
        assert_eq!(vault.spelling(&token), Some((value, Spelling::VALUE)));
        assert_eq!((vault.resolve(&token), vault.bytes), (Some(value), value.len()));
    }

    #[test]
    fn escapes_that_are_what_they_look_like_are_of_the_value() {
        let text = br"a\u0026\$b";
        let mut vault = Vault::new();
        vault.insert_spelled(token(text), text, Spelling::in_part_of_document(2)).unwrap();
        assert_eq!(vault.resolve(&token(text)), Some(&text[..]));
        assert_eq!(vault.spelling(&token(text)), Some((&text[..], Spelling::in_part_of_document(2))));
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
