//! Tokens: the words that stand in for secrets on the way to a provider, and the keys that mint them.
//!
//! A token is `AEGIS-<CAT>-<e><20 characters>`. `CAT` is the category of the secret, so that a model still
//! knows what kind of value it handles; `e` names the key epoch; the 20 characters are Crockford base32:
//!
//! - 16 of the first 80 bits of `HMAC-SHA256(K, CAT || 0 || secret)`, the *digest*. The same secret therefore gives the
//!   same token on every turn, replica and restart, and no one without the key can confirm a guess. 80 bits make an
//!   accidental collision a matter of 2^40 secrets; the vault refuses one.
//! - four of the first 20 bits of `HMAC-SHA256(Kc, CAT || e || digest)`, the *check*, over the characters as they are
//!   written in upper case. It decides at once whether this gateway could have minted a word for this organisation. A
//!   word without the right check is text like any other, however much it looks like a token: one in 2^20 forged ones
//!   passes.
//!
//! K and Kc come by HKDF-SHA256 from the master key, the organisation and the epoch, under different salts.
//!
//! This module must never show a key or a secret: nothing here implements `Debug` over them, and a token says
//! nothing about its secret but the category.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a token has at most `MAX_TOKEN_LEN` bytes, a base32 character five bits"
)]

use std::fmt;

use aegis_detect::Category;

/// What every token starts with.
pub const TOKEN_PREFIX: &[u8; 6] = b"AEGIS-";
/// Characters of the secret's digest: 16 * 5 = 80 bits.
pub(crate) const DIGEST_CHARS: usize = 16;
/// Characters of the check: 4 * 5 = 20 bits.
pub(crate) const CHECK_CHARS: usize = 4;
/// Characters of the epoch, the digest and the check.
pub(crate) const CODE_CHARS: usize = 1 + DIGEST_CHARS + CHECK_CHARS;
/// Length of the shortest token in bytes (`AEGIS-KEY-` and 21 more).
pub const MIN_TOKEN_LEN: usize = TOKEN_PREFIX.len() + 3 + 1 + CODE_CHARS;
/// Length of the longest token in bytes (`AEGIS-SECRET-` and 21 more).
pub const MAX_TOKEN_LEN: usize = TOKEN_PREFIX.len() + 6 + 1 + CODE_CHARS;
/// Number of key epochs that an epoch character can name.
pub const EPOCHS: u8 = 32;
/// Crockford's base32: no I, L, O, U, so that nothing is read as something else. Written out here, since a token holds
/// the first 80 and 20 bits of two codes, of which 20 bits are no whole number of bytes, and is read one character at a
/// time in any case.
pub(crate) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A well-formed token, in upper case. It fits in 35 bytes and is copied freely; it is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    pub(crate) len: u8,
    bytes: [u8; MAX_TOKEN_LEN],
}

impl Token {
    /// The token without its check.
    pub(crate) fn unchecked(category: Category, epoch: u8, digest: &[u8]) -> Self {
        let mut token = Self { len: 0, bytes: [0; MAX_TOKEN_LEN] };
        token.append(TOKEN_PREFIX);
        token.append(category.as_str().as_bytes());
        token.append(b"-");
        token.append(&[ALPHABET[usize::from(epoch)]]);
        token.append(&base32::<DIGEST_CHARS>(digest));
        token
    }

    /// Category, epoch and digest as they are written, and the check.
    pub(crate) fn parts(&self) -> (&[u8], &[u8], &[u8]) {
        let (body, check) = self.as_bytes().split_at(usize::from(self.len) - CHECK_CHARS);
        let (head, code) = body.split_at(body.len() - DIGEST_CHARS - 1);
        (&head[TOKEN_PREFIX.len()..head.len() - 1], code, check)
    }

    pub(crate) fn append(&mut self, part: &[u8]) {
        let at = usize::from(self.len);
        self.bytes[at..at + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
    }

    /// The token as it is written: ASCII letters, digits and hyphens only, valid in JSON at every depth, in
    /// URLs and in headers without escaping.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The category written in the token.
    pub fn category(&self) -> Category {
        Category::ALL
            .into_iter()
            .find(|category| self.bytes[TOKEN_PREFIX.len()..].starts_with(category.as_str().as_bytes()))
            .unwrap_or(Category::Secret)
    }

    /// The number of the key epoch that minted the token, below [`EPOCHS`].
    pub fn epoch(&self) -> u8 {
        let at = usize::from(self.len) - CODE_CHARS;
        base32_value(self.bytes[at]).unwrap_or_default()
    }

    /// Reads `text` if it is exactly one token, in any mixture of case. The result is in upper case. That it is
    /// well-formed does not mean that any vault knows it, nor that it is one of ours:
    /// [`Keyring::has_minted`](crate::Keyring::has_minted) decides that.
    pub fn parse(text: &[u8]) -> Option<Self> {
        (Self::find_at_start(text)?.as_bytes().len() == text.len()).then(|| Self::upper(text))
    }

    /// Reads the well-formed token that `text` starts with, whatever follows it.
    pub fn find_at_start(text: &[u8]) -> Option<Self> {
        let rest = strip_prefix_any_case(text, TOKEN_PREFIX)?;
        for category in Category::ALL {
            let Some(tail) = strip_prefix_any_case(rest, category.as_str().as_bytes()) else { continue };
            let Some(tail) = tail.strip_prefix(b"-") else { continue };
            let Some(code) = tail.get(..CODE_CHARS) else { continue };
            if code.iter().all(|&byte| base32_value(byte).is_some()) {
                return Some(Self::upper(&text[..text.len() - tail.len() + code.len()]));
            }
        }
        None
    }

    fn upper(text: &[u8]) -> Self {
        let mut token = Self { len: 0, bytes: [0; MAX_TOKEN_LEN] };
        token.append(text);
        token.bytes.make_ascii_uppercase();
        token
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The number of the epoch that `name` stands for in configuration and in tokens: one base32 character.
pub fn epoch_number(name: char) -> Option<u8> {
    base32_value(u8::try_from(name).ok()?)
}

/// The first bits of `digest` as base32.
pub(crate) fn base32<const CHARS: usize>(digest: &[u8]) -> [u8; CHARS] {
    std::array::from_fn(|index| ALPHABET[usize::from(five_bits(digest, index))])
}

/// The `index`-th group of five bits of `digest`, most significant first.
fn five_bits(digest: &[u8], index: usize) -> u8 {
    let bit = index * 5;
    let pair = u16::from(digest[bit / 8]) << 8 | u16::from(digest.get(bit / 8 + 1).copied().unwrap_or(0));
    (pair >> (11 - bit % 8)) as u8 & 31
}

/// The value of a base32 character in either case.
fn base32_value(byte: u8) -> Option<u8> {
    let upper = byte.to_ascii_uppercase();
    ALPHABET.iter().position(|&known| known == upper).map(|at| at as u8)
}

fn strip_prefix_any_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
