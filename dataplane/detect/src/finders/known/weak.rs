//! Values that are better not listed: text would be spoiled wherever they are met by chance.

use super::error::KnownRefusal;
use super::limits::{MAX_KNOWN_LEN, MIN_DIGITS, MIN_DISTINCT, MIN_KNOWN_LEN};
use crate::plausibility::value;

/// Letters alone, as many as this, are no single word of any language.
const MAX_WORD: usize = 20;

/// Passwords that everybody knows, and that texts about passwords are full of. Compared whole, in any case.
const COMMON: &[&[u8]] = &[
    b"password1",
    b"password12",
    b"password123",
    b"password!",
    b"passw0rd",
    b"p@ssw0rd",
    b"p@ssword",
    b"admin123",
    b"administrator",
    b"qwertyuiop",
    b"qwerty123",
    b"letmein1",
    b"welcome1",
    b"changeit",
    b"test1234",
    b"abcd1234",
    b"iloveyou",
    b"secret123",
    b"changeme",
    b"changeme1",
    b"change_me",
    b"change-me",
    b"changeme!",
    b"placeholder",
    b"your-password",
    b"your_password",
    b"my-password",
    b"my_password",
    b"example-password",
    b"test-password",
    b"not-a-secret",
    b"redacted!",
    b"<password>",
    b"[redacted]",
    b"supersecret1",
    b"user@example.com",
];

/// Says why a value should not be listed, if so.
pub(super) fn check(value: &[u8]) -> Result<(), KnownRefusal> {
    let length = value.len();
    if length < MIN_KNOWN_LEN {
        return Err(KnownRefusal::Short(length));
    }
    if length > MAX_KNOWN_LEN {
        return Err(KnownRefusal::Long(length));
    }
    if value.first().is_some_and(u8::is_ascii_whitespace) || value.last().is_some_and(u8::is_ascii_whitespace)
    {
        return Err(KnownRefusal::Space);
    }
    let distinct = distinct(value);
    if distinct < MIN_DISTINCT {
        return Err(KnownRefusal::Monotonous(distinct));
    }
    if length < MIN_DIGITS && value.iter().all(u8::is_ascii_digit) {
        return Err(KnownRefusal::Digits(length));
    }
    if COMMON.iter().any(|common| common.eq_ignore_ascii_case(value)) {
        return Err(KnownRefusal::Placeholder);
    }
    let one_case = value[1..].iter().all(u8::is_ascii_lowercase) || value.iter().all(u8::is_ascii_uppercase);
    if one_case && value[0].is_ascii_alphabetic() && length < MAX_WORD && value::is_wordy(value) {
        return Err(KnownRefusal::Word);
    }
    Ok(())
}

/// How many different bytes there are.
pub(super) fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|s| **s).count()
}
