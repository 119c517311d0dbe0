//! Secrets of random values, and the places where a rule finds them: by their shape, or by a name.

use crate::random::Random;

/// How far a value is to be hidden, as the way it was made decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    /// Wherever it stands, and remembered.
    Strong,
    /// As a whole word, in this request.
    Middling,
    /// Only where a rule finds it.
    Weak,
}

#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) value: String,
    pub(crate) strength: Strength,
    /// Whether a rule knows its shape, so that it is found wherever it stands as a word.
    pub(crate) has_shape: bool,
    pub(crate) name: &'static str,
}

const ALNUM: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALPHABETS: [&str; 6] = [
    ALNUM,
    "0123456789abcdef",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!@#%^*-_=+.~",
    "23456789ABCDEFGHJKMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz!@#$%&*?;:,.<>()[]{}|'\"\\/",
];

/// Names as people write them, of what a rule takes for a secret.
pub(crate) const NAMES: [&str; 30] = [
    "DB_PASSWORD",
    "PASSWORD",
    "password",
    "db_password",
    "dbPassword",
    "POSTGRES_PASSWORD",
    "MYSQL_ROOT_PASSWORD",
    "REDIS_PASSWORD",
    "SMTP_PASSWORD",
    "admin_password",
    "passwd",
    "API_KEY",
    "api_key",
    "apiKey",
    "X-API-Key",
    "SECRET_KEY",
    "secret_key",
    "SECRET",
    "client_secret",
    "clientSecret",
    "CLIENT_SECRET",
    "JWT_SECRET",
    "APP_SECRET",
    "WEBHOOK_SECRET",
    "ACCESS_TOKEN",
    "access_token",
    "accessToken",
    "AUTH_TOKEN",
    "auth_token",
    "refresh_token",
];

/// Values that people write for other ends.
const ORDINARY: [&str; 8] = [
    "postgres",
    "checkout-service",
    "2024-01-15",
    "/etc/passwd",
    "function_call",
    "claude-3-5-sonnet",
    "20240115",
    "com.example.thing",
];

impl Secret {
    pub(crate) fn new(random: &mut Random) -> Secret {
        let name = random.of(&NAMES);
        let secret = |value: String, strength| Secret { value, strength, has_shape: false, name };
        match random.below(12) {
            0 => Secret { has_shape: true, ..secret(github(random), Strength::Strong) },
            1 => {
                let key = format!("AKIA{}", random.word("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16));
                Secret { has_shape: true, ..secret(key, Strength::Strong) }
            }
            2 => Secret {
                name: random.of(&NAMES[..10]),
                ..secret(random.of(&ORDINARY).to_owned(), Strength::Weak)
            },
            3 => {
                // With no sign but these a short one could be the name of something.
                let mut value = random_value(random, ALPHABETS[4], (8, 11));
                while value.chars().all(|sign| sign.is_ascii_alphanumeric() || "._-".contains(sign)) {
                    value = random_value(random, ALPHABETS[4], (8, 11));
                }
                Secret { name: random.of(&NAMES[..10]), ..secret(value, Strength::Middling) }
            }
            _ => {
                let alphabet = random.of(&ALPHABETS);
                let least = if NAMES[..10].contains(&name) && alphabet.len() > 16 { 14 } else { 24 };
                secret(random_value(random, alphabet, (least, 48)), Strength::Strong)
            }
        }
    }
}

/// A value that begins and ends like one, and holds a letter in each case and a digit, as far as its alphabet has them.
fn random_value(random: &mut Random, alphabet: &str, (least, most): (usize, usize)) -> String {
    let (length, mixed) = (random.between(least, most), alphabet.len() > 16);
    let edge = if mixed { ALNUM } else { alphabet };
    loop {
        let inside = random.word(alphabet, length - 2);
        let value = format!("{}{inside}{}", random.word(edge, 1), random.word(edge, 1));
        let has = |test: fn(&u8) -> bool| value.bytes().filter(test).count() >= 2;
        let is_mixed =
            has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && (!mixed || has(u8::is_ascii_uppercase));
        if is_mixed && bits(&value) >= 3.0 {
            return value;
        }
    }
}

/// The entropy of a byte, in bits.
fn bits(value: &str) -> f64 {
    let count = |byte: u8| value.bytes().filter(|other| *other == byte).count() as f64 / value.len() as f64;
    let mut seen: Vec<u8> = value.bytes().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.into_iter().map(count).map(|share| -share * share.log2()).sum()
}

/// A token of GitHub's, with the check value that its rule demands.
fn github(random: &mut Random) -> String {
    let body = random.word(ALNUM, 30);
    let mut crc = !0u32;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut rest = !crc;
    let mut check = String::new();
    for _ in 0..6 {
        check.insert(0, char::from(ALNUM_BASE62[(rest % 62) as usize]));
        rest /= 62;
    }
    format!("ghp_{body}{check}")
}

const ALNUM_BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
