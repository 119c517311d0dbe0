//! Whether a value is a secret: placeholders, code, names, paths and words are not; what looks random is.

use super::bigrams::SURPRISE;
use super::name::{Name, Strength};
use super::parse::{Operator, Value};
use crate::byteset::{ALNUM, BASE64, HEX};
use crate::entropy::shannon;
use crate::rule::Confidence;

/// Letter pairs of words average about four bits of surprise, random ones six and more; this is five, in sixteenths.
const RANDOM: u32 = 80;

/// What stands in for a secret in examples and templates. Lower case; looked for anywhere in a value.
const STAND_INS: &[&[u8]] = &[
    b"example",
    b"changeme",
    b"change_me",
    b"change-me",
    b"placeholder",
    b"your-",
    b"your_",
    b"yourpass",
    b"yourkey",
    b"yoursecret",
    b"yourtoken",
    b"your ",
    b"insert",
    b"replace",
    b"redacted",
    b"dummy",
    b"xxxx",
    b"****",
    b"....",
    b"<your",
    b"todo",
    b"fixme",
    b"undefined",
    b"not-set",
    b"notset",
    b"not_set",
    b"sample",
    b"-here",
    b"_here",
    b"aegis-",
    b"fake",
    b"mock",
    b"####",
    b"----",
    b"____",
    b"key_goes",
];

/// Sequences that nobody is given as a secret, but that stand in for one. Only where no vendor's shape speaks for it.
const SEQUENCES: &[&[u8]] = &[b"1234567890", b"abcdefgh", b"0000000"];

/// Values that are words of code or of forms. Lower case, compared whole.
const WORDS: &[&[u8]] = &[
    b"true",
    b"false",
    b"null",
    b"none",
    b"nil",
    b"undefined",
    b"string",
    b"str",
    b"int",
    b"bool",
    b"boolean",
    b"bytes",
    b"object",
    b"password",
    b"passwd",
    b"pass",
    b"pwd",
    b"secret",
    b"token",
    b"key",
    b"required",
    b"optional",
    b"default",
    b"test",
    b"user",
    b"username",
    b"admin",
    b"root",
    b"text",
    b"hidden",
    b"prompt",
    b"incorrect",
    b"invalid",
    b"empty",
    b"value",
    b"input",
    b"self",
    b"this",
    b"any",
    b"unknown",
    b"n/a",
    b"yes",
    b"no",
    b"off",
    b"on",
    b"guest",
    b"public",
    b"private",
    b"basic",
    b"bearer",
];

/// Judges a generic assignment.
pub(super) fn judge(text: &[u8], name: &Name, value: &Value) -> Option<Confidence> {
    let bytes = &text[value.start..value.end];
    if bytes.len() < 4 || bytes.iter().any(|b| *b <= b' ' || *b == 0x7f) || template(bytes) {
        return None;
    }
    if name.strength == Strength::Password && connection_string(text, name, value) {
        return (!bytes.contains(&b'*')).then_some(Confidence::Medium);
    }
    let expression = !value.quoted && !matches!(value.operator, Operator::Tag | Operator::Space);
    if (expression && code(bytes, value)) || (!value.quoted && (constant(bytes) || number(bytes))) {
        return None;
    }
    if echoes(text, name, bytes) && name.strength == Strength::Password {
        return None;
    }
    if path(bytes) || selector(bytes) || uuid(bytes) || version(bytes) || dotted(bytes) {
        return None;
    }
    let verdict = match name.strength {
        Strength::Password => password(bytes, value).or_else(|| environment(text, name, value)),
        Strength::Secret => {
            ((random(bytes, 10, 2) || hexish(bytes)) && !named(bytes)).then_some(Confidence::Medium)
        }
        // Judged elsewhere.
        Strength::Service => None,
        Strength::Weak => {
            let exact = value.quoted || !value.spaced;
            (exact && random(bytes, 16, 3)).then_some(Confidence::Medium)
        }
    };
    // The dearest test is for what passed all others.
    verdict.filter(|_| !placeholder(bytes) && !sequence(bytes))
}

/// `Server=h;User Id=u;Password=p;`: between its neighbours any value is the password.
fn connection_string(text: &[u8], name: &Name, value: &Value) -> bool {
    const NEIGHBOURS: [&[u8]; 10] = [
        b"server=",
        b"host=",
        b"source=",
        b"user id=",
        b"uid=",
        b"userid=",
        b"database=",
        b"catalog=",
        b"endpoint=",
        b"username=",
    ];
    if value.quoted || value.spaced || value.operator != Operator::Equals {
        return false;
    }
    let before = &text[name.start.saturating_sub(128)..name.start];
    if memchr::memchr(b';', before).is_none() {
        return false;
    }
    let before = before.to_ascii_lowercase();
    NEIGHBOURS.iter().any(|n| memchr::memmem::find(&before, n).is_some())
}

/// `APP_PASS=word`: in an environment file a plain word is a password too.
fn environment(text: &[u8], name: &Name, value: &Value) -> Option<Confidence> {
    let word = &text[name.start..name.end];
    let upper = word.contains(&b'_')
        && word.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    let bytes = &text[value.start..value.end];
    let exact = !value.quoted && !value.spaced && value.operator == Operator::Equals;
    (exact && upper && bytes.len() >= 6 && !label(bytes) && bytes.iter().all(u8::is_ascii_alphanumeric))
        .then_some(Confidence::Medium)
}

/// Whether a value can be a secret where its place says that one stands.
pub(crate) fn literal(value: &[u8]) -> bool {
    !value.is_empty()
        && !placeholder(value)
        && !template(value)
        && value.iter().all(|b| *b > b' ' && *b != 0x7f)
}

pub(super) fn sequence(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    SEQUENCES.iter().any(|s| stands_in(&lower, value, s))
}

/// Whether a value says of itself that it is none.
pub(crate) fn placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let distinct = {
        let mut seen = [false; 256];
        for byte in value {
            seen[usize::from(*byte)] = true;
        }
        seen.iter().filter(|s| **s).count()
    };
    distinct < 3 || WORDS.contains(&lower.as_slice()) || STAND_INS.iter().any(|s| stands_in(&lower, value, s))
}

/// By chance a long random value holds any short word; such words count only in short or wordy values.
fn stands_in(lower: &[u8], value: &[u8], word: &[u8]) -> bool {
    let most = if word.len() < 6 && word.iter().all(u8::is_ascii_alphabetic) { 20 } else { 64 };
    memchr::memmem::find(lower, word).is_some() && (value.len() <= most || !looks_random(value))
}

/// Whether a bearer's credential looks like one: not a word, a placeholder or a template.
pub(crate) fn opaque(value: &[u8]) -> bool {
    !placeholder(value) && !template(value) && (random(value, 12, 2) || hexish(value))
}

/// Whether letters and digits are mixed as nobody would write them.
pub(crate) fn mixed(value: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|b| test(b)).count();
    let cases = count(u8::is_ascii_uppercase) > 1 && count(u8::is_ascii_lowercase) > 1;
    cases && (count(u8::is_ascii_digit) > 1 || looks_random(value))
}

/// Whether something in the value is not of a word or an identifier.
pub(crate) fn noisy(value: &[u8]) -> bool {
    value.len() < 8 || value.iter().filter(|b| b.is_ascii_digit()).count() > 1 || looks_random(value)
}

/// Letters alone that spell words: an identifier, not a key.
pub(crate) fn wordy(value: &[u8]) -> bool {
    !value.iter().any(u8::is_ascii_digit)
        && !value.iter().all(|b| HEX.has(*b) || *b == b':')
        && !looks_random(value)
}

fn hexish(value: &[u8]) -> bool {
    value.iter().all(|b| HEX.has(*b))
        && value.len() >= 16
        && value.iter().filter(|b| b.is_ascii_digit()).count() >= 3
        && shannon(value) > 2.8
}

/// `${X}`, `{{ x }}`, `<x>`, `%s`, `$VAR`, `[x]`: somebody else's to fill in.
fn template(value: &[u8]) -> bool {
    let quote = |b: &u8| matches!(b, b'\'' | b'"' | b'`');
    let from = value.iter().position(|b| !quote(b)).unwrap_or(0);
    let to = value.iter().rposition(|b| !quote(b)).map_or(value.len(), |i| i + 1);
    let value = &value[from..to];
    let first = value[0];
    let last = value[value.len() - 1];
    let second = value.get(1).copied().unwrap_or(0);
    let inside = |needle: &[u8]| memchr::memmem::find(value, needle).is_some();
    let braced = match first {
        b'$' => ALNUM.has(second) && !second.is_ascii_digit() || matches!(second, b'{' | b'(' | b'_'),
        b'*' if second == b'_' => true,
        b'<' | b'{' | b'[' => matches!(last, b'>' | b'}' | b']'),
        b'%' => last == b'%' || matches!(second, b's' | b'(' | b'd' | b'{'),
        b'@' | b'#' => matches!(second, b'{' | b'('),
        b'*' | b'&' | b'!' => {
            let word = |b: &u8| ALNUM.has(*b) || matches!(b, b'_' | b'*');
            second.is_ascii_alphabetic() && value[1..].iter().all(word)
        }
        _ => false,
    };
    if braced || !value.iter().any(|b| matches!(b, b'$' | b'{' | b'#' | b'<' | b'%' | b':')) {
        return braced;
    }
    inside(b"${")
        || inside(b"{{")
        || inside(b"#{")
        || opens(value, b"$(")
        || inside(b"<%")
        || opens(value, b"%(")
        || inside(b"://")
}

/// Whether `mark` stands in the value before a letter, as it does where something is to be filled in.
fn opens(value: &[u8], mark: &[u8]) -> bool {
    memchr::memmem::find_iter(value, mark).any(|at| {
        value.get(at + mark.len()).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'$' | b' '))
    })
}

/// Without quotes, in code, a value is more often an expression.
fn code(value: &[u8], written: &Value) -> bool {
    let call = value.contains(&b'(') || value.contains(&b'[') || value.ends_with(b"{");
    let arrow = memchr::memmem::find(value, b"->").is_some() || memchr::memmem::find(value, b"::").is_some();
    let arrow =
        arrow || memchr::memmem::find(value, b"||").is_some() || memchr::memmem::find(value, b"&&").is_some();
    let identifier = value.iter().all(|b| ALNUM.has(*b) || matches!(b, b'_' | b'.' | b'$'))
        && !value[0].is_ascii_digit()
        && !looks_random(value)
        && !hexish(value);
    call || arrow || value == b"=>" || (identifier && written.spaced)
}

/// `SOME_PASSWORD`, `%NL80211_ATTR_IFINDEX`: the name of a constant.
fn constant(value: &[u8]) -> bool {
    value.contains(&b'_')
        && value
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'%' | b'$' | b'@'))
}

fn path(value: &[u8]) -> bool {
    let rooted = matches!(value[0], b'/' | b'~' | b'.')
        || (value.len() > 2 && value[1] == b':' && matches!(value[2], b'\\' | b'/'));
    let separators = value.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
    let base64 =
        value.iter().all(|b| BASE64.has(*b) || *b == b'=') && value.len() >= 20 && looks_random(value);
    separators > 0 && !base64 && (rooted || (separators >= 2 && !looks_random(value)))
}

/// `#add-password`, `.login-form`: selectors of pages.
fn selector(value: &[u8]) -> bool {
    matches!(value[0], b'#' | b'.')
        && value[1..].iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
}

fn uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { HEX.has(*b) })
}

fn version(value: &[u8]) -> bool {
    value
        .iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'+' | b'T' | b'Z' | b'_' | b','))
        || (value.len() > 2 && value[0] == b'0' && matches!(value[1], b'x' | b'X') && value.len() < 34)
}

/// `-2147215605i32`, `0x1fUL`, `10ms`: a number with what may follow one in code.
fn number(value: &[u8]) -> bool {
    const SUFFIXES: [&[u8]; 24] = [
        b"", b"u", b"l", b"ul", b"ll", b"ull", b"n", b"f", b"d", b"u8", b"i8", b"u16", b"i16", b"u32",
        b"i32", b"u64", b"i64", b"usize", b"isize", b"f32", b"f64", b"ms", b"px", b"em",
    ];
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits = value.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.')).count();
    digits > 0 && SUFFIXES.contains(&value[digits..].to_ascii_lowercase().as_slice())
}

/// `config.db.password`, `com.example.Thing`
fn dotted(value: &[u8]) -> bool {
    value.contains(&b'.')
        && value.split(|b| *b == b'.').all(|part| {
            let digits = part.iter().rev().take_while(|b| b.is_ascii_digit()).count();
            let stem = &part[..part.len() - digits];
            !stem.is_empty() && stem.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
        })
        && !looks_random(value)
}

/// A long value that repeats the keyword is a name: `dhSinglePass-stdDH`.
fn echoes(text: &[u8], name: &Name, value: &[u8]) -> bool {
    let keyword = text[name.keyword.0..name.keyword.1].to_ascii_lowercase();
    value.len() > 20 && memchr::memmem::find(&value.to_ascii_lowercase(), &keyword).is_some()
}

fn password(value: &[u8], written: &Value) -> Option<Confidence> {
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let (letter, digit) = (has(u8::is_ascii_alphabetic), has(u8::is_ascii_digit));
    let special = value.iter().any(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.'));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let enough = value.len() >= 5;
    let strong = enough && ((letter && digit) || (special && (letter || digit)) || looks_random(value));
    let firm =
        written.quoted || !written.spaced || matches!(written.operator, Operator::Space | Operator::Tag);
    match written.operator {
        Operator::Prose if written.quoted && value.len() >= 5 && !label(value) => Some(Confidence::Medium),
        Operator::Prose | Operator::Comma if !written.quoted => {
            (strong && (digit || special)).then_some(Confidence::Medium)
        }
        _ if strong && (firm || special || (digit && mixed)) => Some(Confidence::Medium),
        _ if strong && digit && value.len() >= 8 => Some(Confidence::Medium),
        // A plain word between quotes: weak passwords are passwords too, prose and labels are not.
        Operator::Equals | Operator::Compare if written.quoted && value.len() >= 6 && !label(value) => {
            Some(Confidence::Medium)
        }
        _ => None,
    }
}

/// `x-goog-api-key`, `access-token-v2`: names of secrets.
fn named(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let words = [&b"key"[..], b"token", b"secret", b"auth", b"header", b"bearer", b"passw"];
    value.len() <= 32
        && value.iter().filter(|b| b.is_ascii_digit()).count() < 3
        && words.iter().any(|w| memchr::memmem::find(&lower, w).is_some())
}

/// `Password`, `passwordField`, `new-password`: names of passwords, not passwords.
fn label(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let names =
        [&b"passw"[..], b"passphrase", b"secret", b"token", b"credential", b"_pass", b"user", b"field"];
    names.iter().any(|n| memchr::memmem::find(&lower, n).is_some())
        || value.iter().any(|b| matches!(b, b'_' | b'-' | b'.' | b':' | b'/' | b'#'))
}

/// Whether a value of at least `min` bytes is beyond names and words; `classes` of lower, upper, digit, punctuation.
fn random(value: &[u8], min: usize, classes: usize) -> bool {
    if value.len() < min {
        return false;
    }
    let has = |test: fn(&u8) -> bool| usize::from(value.iter().any(test));
    let found = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(u8::is_ascii_punctuation);
    let hex = value.iter().all(|b| HEX.has(*b)) && value.len() >= 24 && value.iter().any(u8::is_ascii_digit);
    let floor = if value.len() < 16 { 2.8 } else { 3.2 };
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let wild = value.len() >= 32 && shannon(value) >= 4.4 && digits > 2 && found > 2 && odd(value) > 3;
    hex && shannon(value) > 2.9
        || wild
        || (found >= classes && shannon(value) >= floor && looks_random(value))
        || (value.len() >= 24 && shannon(value) >= 3.7 && looks_random(value))
}

/// How many kinds of punctuation that words and paths do not have.
fn odd(value: &[u8]) -> usize {
    b"!@#$%^&*()+=<>?~{}[]|;".iter().filter(|b| value.contains(b)).count()
}

/// Whether the mean surprise of the characters is beyond that of written words.
fn looks_random(value: &[u8]) -> bool {
    let mut total = 0u32;
    let mut count = 0u32;
    let mut row = 0usize;
    let mut before = 0u8;
    for &byte in value {
        if byte.is_ascii_alphabetic() {
            let letter = usize::from(byte.to_ascii_lowercase() - b'a');
            let hump = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
            let start = hump || !before.is_ascii_alphabetic();
            total += u32::from(SURPRISE[if start { 0 } else { row }][letter]);
            total += if hump || (start && before.is_ascii_digit()) { 24 } else { 0 };
            row = letter + 1;
            count += 1;
        } else if byte.is_ascii_digit() {
            total += if before.is_ascii_digit() { 53 } else { 72 };
            count += 1;
        }
        before = byte;
    }
    count > 0 && total >= RANDOM * count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_not_random_and_random_is() {
        for value in ["password", "getUserPassword", "ACCESS_TOKEN_EXPIRED", "blooberry", "sha256"] {
            assert!(!looks_random(value.as_bytes()), "{value}");
        }
        for value in ["K2u6mFw8wJOsAf", "7ehjcu7nazg9syq98oc02v2e", "vzihlaquknriqlht", "aGVsbG8gd29ybGQ"] {
            assert!(looks_random(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn stand_ins_and_templates_pass() {
        for value in ["changeme", "xxxxxxxx", "<your-key>", "AEGIS-KEY-1ABCDEFGH", "aaaaaaaa", "Password"] {
            assert!(placeholder(value.as_bytes()), "{value}");
        }
        for value in ["${VAR}", "$VAR", "{{ secrets.X }}", "<token>", "%s", "#{x}", "[PASSWORD]"] {
            assert!(template(value.as_bytes()), "{value}");
        }
        assert!(!template(b"$2a$10$abc") && !placeholder(b"hunter2"));
    }
}
