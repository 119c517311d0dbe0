//! Whether a value can be a secret by itself: placeholders, names and words are none, what looks random is.

use super::shape::{is_hex_key, is_path, is_random, is_template, looks_random};
use super::words::{SEQUENCES, STAND_INS, WEAK, WORDS};
use crate::bytes::HEX;
use crate::finding::Confidence;
use aho_corasick::AhoCorasick;

/// So many letters from `a` to `f` in a row are no word.
const MIN_HEX: usize = 16;
/// So many characters around a word may look random.
const MIN_NOISE: usize = 8;

/// Whether a value can be a secret where its place says that one stands.
pub(crate) fn is_literal(value: &[u8]) -> bool {
    !value.is_empty()
        && !is_placeholder(value)
        && !is_template(value)
        && value.iter().all(|b| *b > b' ' && *b != 0x7f)
}

/// How sure a password is that stands among settings of any kind, as in the data of a manifest; a word is doubtful.
pub(crate) fn confidence_among_settings(value: &[u8]) -> Option<Confidence> {
    let printable = value.iter().all(|b| *b >= b' ' && *b != 0x7f);
    if value.len() < 4 || !printable || is_template(value) || is_path(value) {
        return None;
    }
    let weak = WEAK.contains(&value.to_ascii_lowercase().as_slice());
    if !weak
        && (is_placeholder(value)
            || (is_label(value) && !value.iter().any(u8::is_ascii_digit) && is_secret_name(value)))
    {
        return None;
    }
    let wordlike = weak || value.iter().all(|b| b.is_ascii_lowercase() || b"_- ".contains(b));
    Some(if wordlike { Confidence::Low } else { Confidence::Medium })
}

/// How sure a password is that a command or a call takes at this place: only words for a password are doubtful.
pub(crate) fn confidence_in_command(value: &[u8]) -> Option<Confidence> {
    let lower = value.to_ascii_lowercase();
    let doubtful = WEAK.contains(&lower.as_slice()) || has_label_word(&lower) || is_owned_password(value);
    confidence_among_settings(value).map(|sure| if doubtful { sure } else { Confidence::Medium })
}

/// Whether a value says of itself that it is none.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let known = |list: &[&[u8]]| list.iter().any(|w| w.eq_ignore_ascii_case(value));
    is_masked(value) || is_shortened(value) || known(WORDS) || known(WEAK) || has_stand_in(value, &STAND_INS)
}

pub(crate) fn has_sequence(value: &[u8]) -> bool {
    has_stand_in(value, &SEQUENCES)
}

/// What is encrypted for somebody who has the key, and may be seen by others: `SealedSecret`, KMS, Vault's transit, SOPS,
/// dotenvx, Spring, Fernet; and `env:NAME`, which only says where a value is.
pub(crate) fn is_ciphertext(value: &[u8]) -> bool {
    const MARKS: [&[u8]; 5] = [b"encrypted:", b"ENC[", b"ENC(", b"vault:v", b"{cipher}"];
    const HEADS: [(&[u8], usize); 7] = [
        (b"AQICAH", 60),
        (b"AQECAH", 60),
        (b"CiQA", 60),
        (b"gAAAAAB", 80),
        (b"AgA", 200),
        (b"AgB", 200),
        (b"AgC", 200),
    ];
    let is_base64 = |value: &[u8]| value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(b));
    let is_name =
        |name: &[u8]| name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    MARKS.iter().any(|mark| value.starts_with(mark))
        || HEADS.iter().any(|(head, len)| value.len() >= *len && value.starts_with(head) && is_base64(value))
        || value.strip_prefix(b"env:").is_some_and(is_name)
}

/// `sk-...q7Zf`: what is left of a secret that was shortened.
fn is_shortened(value: &[u8]) -> bool {
    let place = memchr::memmem::find(value, b"...");
    place.is_some_and(|at| value.len() <= 24 && at <= 8 && value.len() - at <= 11)
}

/// Fewer than three different bytes: `xxxxxxxx`, `******`.
pub(crate) fn is_masked(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    let mut others = value.iter().filter(|b| *b != first);
    let second = others.next();
    others.all(|b| Some(b) == second)
}

/// Whether a value holds one of these words. By chance a long random value holds any short one; such words count only
/// in short or wordy values, and among letters where what stands around them is none.
pub(crate) fn has_stand_in(value: &[u8], words: &AhoCorasick) -> bool {
    words.find_overlapping_iter(value).any(|found| {
        let word = &value[found.range()];
        let is_short = word.len() < 6 && word.iter().all(u8::is_ascii_alphabetic);
        let most = if is_short { 20 } else { 64 };
        let by_chance = || is_short && is_among_noise(value, found.start(), found.end());
        (value.len() <= most || !looks_random(value)) && !by_chance()
    })
}

/// Whether letters or digits in both cases that look random stand right beside `value[start..end]`.
fn is_among_noise(value: &[u8], start: usize, end: usize) -> bool {
    let (before, behind) = (&value[..start], &value[end..]);
    let is_glued = before.last().is_none_or(u8::is_ascii_alphanumeric)
        && behind.first().is_none_or(u8::is_ascii_alphanumeric);
    is_glued && before.len() + behind.len() >= MIN_NOISE && is_mixed(&[before, behind].concat())
}

/// Whether a bearer's credential looks like one: not a word, a placeholder or a template.
pub(crate) fn is_opaque(value: &[u8]) -> bool {
    !is_placeholder(value) && !is_template(value) && (is_random(value, 12, 2) || is_hex_key(value))
}

/// Whether letters and digits are mixed as nobody would write them.
pub(crate) fn is_mixed(value: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|b| test(b)).count();
    let cases = count(u8::is_ascii_uppercase) > 1 && count(u8::is_ascii_lowercase) > 1;
    cases && (count(u8::is_ascii_digit) > 1 || looks_random(value))
}

/// Whether something in the value is not of words with a number among them: the letters, or more digits than names
/// have.
pub(crate) fn is_noisy(value: &[u8]) -> bool {
    // No words are made of so few letters; with a suffix behind a dash the shape speaks for itself.
    let hex = value.iter().take_while(|b| HEX.has(**b)).count();
    value.len() < 8
        || value.iter().filter(|b| b.is_ascii_digit()).count() * 5 > value.len()
        || hex >= MIN_HEX
        || looks_random(value)
}

/// Letters alone that spell words: an identifier, not a key.
pub(crate) fn is_wordy(value: &[u8]) -> bool {
    !value.iter().any(u8::is_ascii_digit)
        && !value.iter().all(|b| HEX.has(*b) || *b == b':')
        && !looks_random(value)
}

/// `x-goog-api-key`, `access-token-v2`: names of secrets.
pub(crate) fn is_secret_name(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let words = [&b"key"[..], b"token", b"secret", b"auth", b"header", b"bearer", b"passw"];
    value.len() <= 32
        && value.iter().filter(|b| b.is_ascii_digit()).count() < 3
        && words.iter().any(|w| memchr::memmem::find(&lower, w).is_some())
}

/// `Password`, `passwordField`, `new-password`: names of passwords, not passwords.
pub(crate) fn is_label(value: &[u8]) -> bool {
    has_label_word(&value.to_ascii_lowercase())
        || value.iter().any(|b| matches!(b, b'_' | b'-' | b'.' | b':' | b'/' | b'#'))
}

pub(crate) fn has_label_word(lower: &[u8]) -> bool {
    let names: [&[u8]; 9] =
        [b"passw", b"passphrase", b"secret", b"token", b"credential", b"_pass", b"user", b"field", b"enter "];
    names.iter().any(|n| memchr::memmem::find(lower, n).is_some())
}

/// `mypassword`, `rootpasswd`: whose password it is; labels say what it is for.
pub(crate) fn is_owned_password(value: &[u8]) -> bool {
    const OWNERS: [&[u8]; 12] = [
        b"my",
        b"our",
        b"thisismy",
        b"thisisa",
        b"root",
        b"super",
        b"strong",
        b"secure",
        b"weak",
        b"good",
        b"some",
        b"verysecret",
    ];
    const TAILS: [&[u8]; 6] = [b"password", b"passwd", b"pass", b"secret", b"pwd", b"pw"];
    let lower = value.to_ascii_lowercase();
    TAILS.iter().any(|t| lower.strip_suffix(*t).is_some_and(|head| OWNERS.contains(&head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_from_a_to_f_are_no_words() {
        assert!(is_noisy(b"accededadecadeed") && !is_noisy(b"accededadecadees"));
    }

    #[test]
    fn stand_ins_pass() {
        for value in ["changeme", "xxxxxxxx", "<your-key>", "aaaaaaaa", "Password"] {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
        assert!(!is_placeholder(b"hunter2") && !is_placeholder(b"AEGIS-hunter2Qx9"));
    }

    #[test]
    fn only_words_for_a_password_are_doubtful_where_one_is_taken() {
        assert_eq!(confidence_in_command(b"braksha"), Some(Confidence::Medium));
        assert_eq!(confidence_in_command(b"open-sesame"), Some(Confidence::Medium));
        for value in ["secret", "letmein", "mypassword", "usertoken"] {
            assert_ne!(confidence_in_command(value.as_bytes()), Some(Confidence::Medium), "{value}");
        }
        assert_eq!(confidence_in_command(b"$PASS"), None);
    }

    #[test]
    fn words_in_a_place_of_passwords_are_doubtful() {
        assert_eq!(confidence_among_settings(b"secret"), Some(Confidence::Low));
        assert_eq!(confidence_among_settings(b"braksha"), Some(Confidence::Low));
        assert_eq!(confidence_among_settings(b"Vq82kLm"), Some(Confidence::Medium));
        for value in ["password", "$PASS", "%PASS%", "<pw>", "xxxx", "abc", "/run/pw", "your_password"] {
            assert_eq!(confidence_among_settings(value.as_bytes()), None, "{value}");
        }
        assert!(
            is_owned_password(b"thisismypassword")
                && is_owned_password(b"rootpasswd")
                && !is_owned_password(b"userpassword")
        );
    }
}
