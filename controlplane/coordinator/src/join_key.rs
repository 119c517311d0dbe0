//! Join keys: what a new gateway is given, and all it needs to know.
//!
//! A join key carries the hash of the authority's certificate, so that the gateway enrols with the coordinator it was
//! meant for and with no other; and a check value, so that a slip is named before anybody is asked.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// What every join key begins with.
const PREFIX: &str = "aegis_join_";
/// Random bytes.
const RANDOM_BYTES: usize = 24;
/// Bytes of the authority's hash. Half of SHA-256: what counts is that no second certificate can be made to fit.
const HASH_BYTES: usize = 16;
/// Bytes of the check value.
const CHECK_BYTES: usize = 4;
/// Bytes behind the prefix.
const BODY_BYTES: usize = RANDOM_BYTES + HASH_BYTES + CHECK_BYTES;
/// Characters that are shown of it, to tell it from others.
const SHOWN: usize = PREFIX.len() + 6;

/// A join key. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinKey {
    text: Zeroizing<String>,
    authority: [u8; HASH_BYTES],
}

/// What is wrong with a join key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinKeyError {
    /// It is something else.
    #[error("no join key: it would begin with `{PREFIX}`")]
    Prefix,
    /// It was cut or mistyped.
    #[error("not whole: a letter is missing, or another one")]
    Check,
}

impl fmt::Debug for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinKey([hidden])")
    }
}

impl JoinKey {
    /// Makes one for gateways of the authority whose certificate has this SHA-256.
    pub fn generate(authority: &[u8; 32]) -> JoinKey {
        let mut body = Zeroizing::new([0; BODY_BYTES]);
        let (random, rest) = body.split_at_mut(RANDOM_BYTES);
        getrandom::fill(random).expect("the system gives random bytes");
        rest[..HASH_BYTES].copy_from_slice(&authority[..HASH_BYTES]);
        let check = check_value(&body[..RANDOM_BYTES + HASH_BYTES]);
        body[RANDOM_BYTES + HASH_BYTES..].copy_from_slice(&check);
        let text = Zeroizing::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&*body)));
        JoinKey { text, authority: authority[..HASH_BYTES].try_into().expect("a part of it") }
    }

    /// Reads one, spaces around it aside.
    pub fn parse(text: &str) -> Result<JoinKey, JoinKeyError> {
        let text = text.trim();
        let body = text.strip_prefix(PREFIX).ok_or(JoinKeyError::Prefix)?;
        let body =
            BASE64URL_NOPAD.decode(body.as_bytes()).map(Zeroizing::new).map_err(|_| JoinKeyError::Check)?;
        let (covered, check) = body
            .split_at_checked(RANDOM_BYTES + HASH_BYTES)
            .filter(|_| body.len() == BODY_BYTES)
            .ok_or(JoinKeyError::Check)?;
        if check_value(covered) != check {
            return Err(JoinKeyError::Check);
        }
        let authority = covered[RANDOM_BYTES..].try_into().map_err(|_| JoinKeyError::Check)?;
        Ok(JoinKey { text: Zeroizing::new(text.to_owned()), authority })
    }

    /// The key itself: to show it once, or to hash it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its beginning, which tells it from others and opens nothing.
    pub fn shown(&self) -> &str {
        &self.text[..SHOWN]
    }

    /// Whether it is for gateways of the authority with this certificate (DER).
    pub fn is_for(&self, certificate: &[u8]) -> bool {
        Sha256::digest(certificate)[..HASH_BYTES] == self.authority
    }

    /// The authority it is for, in hexadecimal digits, for messages.
    pub fn authority(&self) -> String {
        HEXLOWER.encode(&self.authority)
    }
}

fn check_value(covered: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update(PREFIX);
    hash.update(covered);
    *hash.finalize().first_chunk().expect("a hash is longer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_knows_its_authority() {
        let certificate = b"a certificate";
        let key = JoinKey::generate(&Sha256::digest(certificate).into());
        let read = JoinKey::parse(&format!(" {}\n", key.text())).expect("it is right");
        assert_eq!(read, key);
        assert!(read.is_for(certificate) && !read.is_for(b"another certificate"));
        assert_eq!(key.shown().len(), PREFIX.len() + 6);
        assert!(!format!("{key:?}").contains(&key.text()[PREFIX.len()..]));
    }

    #[test]
    fn every_slip_is_noticed() {
        let key = JoinKey::generate(&[7; 32]);
        let text = key.text();
        assert_eq!(JoinKey::parse("sk-something"), Err(JoinKeyError::Prefix));
        for at in PREFIX.len()..text.len() {
            let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            let wrong = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert_eq!(JoinKey::parse(&wrong), Err(JoinKeyError::Check), "{at}");
            assert_eq!(JoinKey::parse(&text[..at]), Err(JoinKeyError::Check), "{at}");
        }
        assert_eq!(JoinKey::parse(&format!("{text}A")), Err(JoinKeyError::Check));
    }
}
