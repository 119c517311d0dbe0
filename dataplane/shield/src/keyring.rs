//! The keys of one organisation, which mint its tokens and recognise them.
//!
//! Nothing here implements `Debug` over a key.

use crate::token::{CHECK_CHARS, DIGEST_CHARS, EPOCHS, Token, base32};
use aegis_detect::Category;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

/// Why a [`Keyring`] could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// An epoch is [`EPOCHS`] or more.
    #[error("key epoch {0} is not below {EPOCHS}")]
    Epoch(u8),
    /// The same epoch was given twice.
    #[error("key epoch {0} is given twice")]
    Twice(u8),
    /// More than [`MAX_OLDER_EPOCHS`] older epochs.
    #[error("more than {MAX_OLDER_EPOCHS} older key epochs")]
    TooMany,
}

/// Older epochs that a keyring may hold beside the current one.
pub const MAX_OLDER_EPOCHS: usize = 3;

/// The salts under which K and Kc are derived: what one of them is used for says nothing about the other.
const DIGEST_SALT: &[u8] = b"aegis token key v1";

const CHECK_SALT: &[u8] = b"aegis token check v1";

/// One epoch's keys, held as the states of HMACs that have absorbed them. The hash crates wipe them on drop.
struct EpochKey {
    epoch: u8,
    digest: Hmac<Sha256>,
    check: Hmac<Sha256>,
}

impl EpochKey {
    fn derive(master: &[u8; 32], organisation: &str, epoch: u8) -> Self {
        let keyed = |salt| derive(salt, master, organisation, epoch);
        Self { epoch, digest: keyed(DIGEST_SALT), check: keyed(CHECK_SALT) }
    }

    fn mint(&self, category: Category, secret: &[u8]) -> Token {
        let mut mac = self.digest.clone();
        mac.update(category.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(secret);
        let mut token = Token::unchecked(category, self.epoch, &mac.finalize().into_bytes());
        let code = usize::from(token.len) - DIGEST_CHARS - 1;
        let check = self.check_of(category.as_str().as_bytes(), &token.as_bytes()[code..]);
        token.append(&check);
        token
    }

    /// The check of a category and an epoch with its digest, both as they are written.
    fn check_of(&self, category: &[u8], code: &[u8]) -> [u8; CHECK_CHARS] {
        let mut mac = self.check.clone();
        mac.update(category);
        mac.update(code);
        base32(&mac.finalize().into_bytes())
    }

    /// Whether the token's check is right. The four characters are compared as one number, so that the time says
    /// nothing.
    fn has_minted(&self, token: &Token) -> bool {
        let (category, code, check) = token.parts();
        let expected = u32::from_be_bytes(self.check_of(category, code));
        check.try_into().is_ok_and(|check| u32::from_be_bytes(check) ^ expected == 0)
    }
}

/// `HKDF-SHA256(salt, master, organisation || 0 || epoch)`, 32 bytes, as the key of an HMAC.
fn derive(salt: &[u8], master: &[u8; 32], organisation: &str, epoch: u8) -> Hmac<Sha256> {
    let mut key = Zeroizing::new([0u8; 32]);
    let info: [&[u8]; 3] = [organisation.as_bytes(), &[0], &[epoch]];
    // Both calls can fail only on lengths, and these are fixed: 32 bytes out, a key of 32 bytes in.
    Hkdf::<Sha256>::new(Some(salt), master)
        .expand_multi_info(&info, key.as_mut_slice())
        .expect("32 bytes are within HKDF's limit");
    Hmac::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length")
}

/// The keys of one organisation: the current epoch mints, older ones still resolve. Immutable and shared.
pub struct Keyring {
    current: EpochKey,
    older: Vec<EpochKey>,
}

impl Keyring {
    /// Derives the keys of `organisation` from the `master` key, two for each epoch: `HKDF-SHA256(salt, master,
    /// organisation || 0 || epoch)`. `current` is the epoch that mints, `older` those whose tokens may still come back.
    pub fn new(
        master: &[u8; 32],
        organisation: &str,
        current: u8,
        older: &[u8],
    ) -> Result<Self, KeyringError> {
        if older.len() > MAX_OLDER_EPOCHS {
            return Err(KeyringError::TooMany);
        }
        let mut seen = 0u32;
        for &epoch in older.iter().chain([&current]) {
            if epoch >= EPOCHS {
                return Err(KeyringError::Epoch(epoch));
            }
            if seen & 1 << epoch != 0 {
                return Err(KeyringError::Twice(epoch));
            }
            seen |= 1 << epoch;
        }
        let derive = |epoch| EpochKey::derive(master, organisation, epoch);
        Ok(Self { current: derive(current), older: older.iter().map(|&epoch| derive(epoch)).collect() })
    }

    /// The token of `secret` in the current epoch.
    pub fn mint(&self, category: Category, secret: &[u8]) -> Token {
        self.current.mint(category, secret)
    }

    /// The tokens that older epochs gave to `secret`: a history kept by a provider may still hold them.
    pub fn mint_older(&self, category: Category, secret: &[u8]) -> impl Iterator<Item = Token> {
        self.older.iter().map(move |key| key.mint(category, secret))
    }

    /// Whether these keys could have minted `token`, in the current or an older epoch: its check is right. Costs one
    /// HMAC, and none for an epoch that is not held. A token of another organisation or master key, or one that is made
    /// up, passes once in 2^20 times; that it passes does not mean that a vault knows it.
    pub fn has_minted(&self, token: &Token) -> bool {
        let epoch = token.epoch();
        let mut held = self.older.iter().chain([&self.current]);
        held.find(|key| key.epoch == epoch).is_some_and(|key| key.has_minted(token))
    }

    /// The places of this keyring's tokens in `text`, in order and in any case; [`Self::has_minted`] says of each that it
    /// is one. Looks at nothing but places that begin like a token.
    pub(crate) fn tokens_in<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(step) = text.get(at..).and_then(|rest| memchr::memchr2(b'A', b'a', rest)) {
                let start = at + step;
                at = start + 1;
                if let Some(token) =
                    Token::find_at_start(&text[start..]).filter(|token| self.has_minted(token))
                {
                    at = start + token.as_bytes().len();
                    return Some(start..at);
                }
            }
            None
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::ALPHABET;
    use crate::token::{CODE_CHARS, MAX_TOKEN_LEN, MIN_TOKEN_LEN, epoch_number};

    const MASTER: [u8; 32] = [7; 32];

    fn ring(organisation: &str, epoch: u8) -> Keyring {
        Keyring::new(&MASTER, organisation, epoch, &[]).unwrap()
    }

    #[test]
    fn a_token_has_its_shape() {
        for category in Category::ALL {
            let token = ring("acme", 11).mint(category, b"made-up");
            let parts: Vec<_> = token.as_str().split('-').collect();
            assert_eq!(parts[0], "AEGIS");
            assert_eq!(parts[1], category.as_str());
            assert_eq!(parts[2].len(), 21);
            assert!(parts[2].starts_with('B'));
            assert_eq!(token.category(), category);
            assert_eq!(token.epoch(), 11);
            assert!((MIN_TOKEN_LEN..=MAX_TOKEN_LEN).contains(&token.as_bytes().len()));
        }
    }

    #[test]
    fn equal_inputs_give_equal_tokens_and_no_others_do() {
        let token = ring("acme", 0).mint(Category::Key, b"one");
        assert_eq!(token, ring("acme", 0).mint(Category::Key, b"one"));
        assert_ne!(token, ring("acme", 0).mint(Category::Key, b"two"));
        assert_ne!(token, ring("other", 0).mint(Category::Key, b"one"));
        assert_ne!(token.as_bytes()[11..27], ring("acme", 1).mint(Category::Key, b"one").as_bytes()[11..27]);
        let other = Keyring::new(&[8; 32], "acme", 0, &[]).unwrap();
        assert_ne!(token, other.mint(Category::Key, b"one"));
        let secret = ring("acme", 0).mint(Category::Secret, b"one");
        assert_ne!(token.as_bytes()[11..27], secret.as_bytes()[14..30]);
    }

    #[test]
    fn the_code_is_the_head_of_the_mac() {
        // The first bits of a digest that counts 0, 1, 2, ... in groups of five.
        let mut digest = [0u8; 32];
        for index in 0..20usize {
            for bit in 0..5 {
                if index >> (4 - bit) & 1 == 1 {
                    digest[(index * 5 + bit) / 8] |= 0x80 >> ((index * 5 + bit) % 8);
                }
            }
        }
        assert_eq!(base32(&digest), *b"0123456789ABCDEFGHJK");
        let token = Token::unchecked(Category::Pii, 31, &digest);
        assert_eq!(token.as_str(), "AEGIS-PII-Z0123456789ABCDEF");
    }

    #[test]
    fn parse_takes_any_case_and_nothing_else() {
        let token = ring("acme", 3).mint(Category::Secret, b"x");
        let lower = token.as_str().to_lowercase();
        assert_eq!(Token::parse(token.as_bytes()), Some(token));
        assert_eq!(Token::parse(lower.as_bytes()), Some(token));
        let text = token.as_str();
        assert_eq!(Token::parse(&text.as_bytes()[1..]), None);
        assert_eq!(Token::parse(&text.as_bytes()[..text.len() - 1]), None);
        assert_eq!(Token::parse(format!("{text}0").as_bytes()), None);
        assert_eq!(Token::find_at_start(format!("{text}0").as_bytes()), Some(token));
        assert_eq!(Token::parse(text.replace("SECRET", "SECRETS").as_bytes()), None);
        assert_eq!(Token::parse(b"AEGIS-KEY-0123456789ABCDEFGHJKU"), None, "U is not in the alphabet");
        assert_eq!(Token::parse(b""), None);
    }

    #[test]
    fn epochs_have_names() {
        assert_eq!(epoch_number('0'), Some(0));
        assert_eq!(epoch_number('z'), Some(EPOCHS - 1));
        assert_eq!(epoch_number('u'), None);
        assert_eq!(epoch_number('\u{130}'), None);
    }

    #[test]
    fn limits_of_the_keyring() {
        assert!(Keyring::new(&MASTER, "a", EPOCHS - 1, &[0, 1, 2]).is_ok());
        assert_eq!(Keyring::new(&MASTER, "a", EPOCHS, &[]).err(), Some(KeyringError::Epoch(EPOCHS)));
        assert_eq!(Keyring::new(&MASTER, "a", 1, &[1]).err(), Some(KeyringError::Twice(1)));
        assert_eq!(Keyring::new(&MASTER, "a", 9, &[0, 1, 2, 3]).err(), Some(KeyringError::TooMany));
    }

    #[test]
    fn older_epochs_give_what_they_gave_when_current() {
        let rotated = Keyring::new(&MASTER, "acme", 1, &[0]).unwrap();
        let old: Vec<_> = rotated.mint_older(Category::Key, b"s").collect();
        assert_eq!(old, [ring("acme", 0).mint(Category::Key, b"s")]);
    }

    /// The vectors of `testdata/tokens.tsv` were made by `testdata/tokens.py`, which shares no code with this module.
    #[test]
    fn an_independent_implementation_mints_the_same() {
        let mut lines = 0;
        for line in include_str!("../testdata/tokens.tsv").lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [master, organisation, epoch, category, secret, expected] = fields[..] else {
                panic!("{line}")
            };
            let hex = |text: &str| -> Vec<u8> {
                (0..text.len())
                    .step_by(2)
                    .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                    .collect()
            };
            let category = Category::ALL.into_iter().find(|known| known.as_str() == category).unwrap();
            let ring =
                Keyring::new(&hex(master).try_into().unwrap(), organisation, epoch.parse().unwrap(), &[])
                    .unwrap();
            let token = ring.mint(category, &hex(secret));
            assert_eq!(token.as_str(), expected);
            assert!(ring.has_minted(&Token::parse(expected.to_lowercase().as_bytes()).unwrap()));
            lines += 1;
        }
        assert_eq!(lines, 64);
    }

    #[test]
    fn one_changed_character_breaks_the_check() {
        let ring = ring("acme", 3);
        for category in Category::ALL {
            let token = ring.mint(category, b"made-up");
            assert!(ring.has_minted(&token));
            let (text, code) = (token.as_bytes(), token.as_bytes().len() - CODE_CHARS);
            for at in code..text.len() {
                for &other in ALPHABET.iter().filter(|&&other| other != text[at]) {
                    let mut changed = text.to_vec();
                    changed[at] = other;
                    let forged = Token::parse(&changed).unwrap();
                    // A changed digest gives the same check once in 2^20 times; these inputs are fixed.
                    assert!(!ring.has_minted(&forged), "{forged}");
                }
            }
            for other in Category::ALL.into_iter().filter(|&other| other != category) {
                let renamed = token.as_str().replacen(category.as_str(), other.as_str(), 1);
                assert!(!ring.has_minted(&Token::parse(renamed.as_bytes()).unwrap()), "{renamed}");
            }
        }
    }

    #[test]
    fn only_held_epochs_of_this_organisation_are_ours() {
        let old = ring("acme", 0).mint(Category::Key, b"s");
        let rotated = Keyring::new(&MASTER, "acme", 1, &[0]).unwrap();
        assert!(rotated.has_minted(&old) && rotated.has_minted(&rotated.mint(Category::Key, b"s")));
        assert!(!ring("acme", 1).has_minted(&old), "an epoch that is not held any more");
        assert!(!ring("other", 0).has_minted(&old));
        assert!(!Keyring::new(&[8; 32], "acme", 0, &[]).unwrap().has_minted(&old));
    }

    #[test]
    fn tokens_are_found_glued_and_in_any_case_and_forged_ones_are_not() {
        let ring = ring("acme", 0);
        let [one, two] = [&b"one"[..], b"two"].map(|secret| ring.mint(Category::Secret, secret));
        let foreign = Keyring::new(&[8; 32], "acme", 0, &[]).unwrap().mint(Category::Secret, b"one");
        let lower = two.as_str().to_lowercase();
        let text = format!("AEGIS-AEGIS-SECRET-{one}{lower} x{foreign}aAEGIS-KEY-{two}Z");
        let found: Vec<&str> = ring.tokens_in(text.as_bytes()).map(|place| &text[place]).collect();
        assert_eq!(found, [one.as_str(), &lower, two.as_str()]);
        assert_eq!(ring.tokens_in(b"AEGIS-hunter2Qx9 AEGIS-KEY-AKIAQ3EGV7ZKLM2XTN4D").count(), 0);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", ring("acme", 0)), "Keyring { .. }");
    }
}
