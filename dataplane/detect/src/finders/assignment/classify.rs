//! Whether an assigned value is a secret: placeholders, code, names, paths and words are not; what looks random is.
//!
//! A name says how much a value must show for itself. What stands as a real literal in a password's place but could be
//! a word is reported with low confidence, never with more.

use super::ampersand::{self, Around};
use super::code::is_code;
use super::name::AssignedName;
use super::place;
use super::place::LineForm;
use super::settings::settings;
use super::written::{Operator, Value};
use crate::bytes::HEX;
use crate::checks::{Check, CheckResult};
use crate::finding::Confidence;
use crate::plausibility::shape::{
    changes_at_random, count_turns, is_constant, is_dotted_name, is_encoding_name, is_hex_key, is_no_name,
    is_number, is_path, is_random, is_scrambled, is_selector, is_template, is_uuid, is_version, looks_random,
    odd_signs,
};
use crate::plausibility::value::{
    has_label_word, has_sequence, is_ciphertext, is_label, is_masked, is_mixed, is_owned_password,
    is_placeholder, is_secret_name,
};
use crate::plausibility::words::{FORMS, STUBS, WEAK};
use crate::rule::Strength;

/// The shortest password, secret and key that an assignment can hold.
const MIN_PASSWORD: usize = 4;
const MIN_SECRET: usize = 8;
const MIN_KEY: usize = 16;
/// So many kinds of punctuation are in no word, path or name; and so many in none of this length of which the characters
/// take turns as at random.
const WILD: usize = 7;
const WILD_AT_RANDOM: usize = 3;
const MIN_WILD: usize = 12;
/// Words run together: no word of a language is that long where a name could stand.
const PHRASE: usize = 16;
/// What looks random has so many blanks and other characters at the most, and a word of it so many at the least.
const MAX_BLANKS_IN_NOISE: usize = 4;
const MAX_NOISE: usize = 128;
const MIN_NOISY_WORD: usize = 6;

/// Whether the value is too short, or an expression of a program whatever else it looks like. Most assignments are of
/// that kind: what the cheapest test recognises need not take the others.
pub(super) fn is_too_poor(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    let least = match name.strength {
        Strength::Password => MIN_PASSWORD,
        Strength::Secret | Strength::Service => MIN_SECRET,
        Strength::Weak => MIN_KEY,
    };
    if value.end - value.start < least {
        return true;
    }
    let bare = !value.quoted && value.spaced && !matches!(value.operator, Operator::Tag | Operator::Space);
    bare && !is_chosen_secret(text, name, value)
        && name.strength != Strength::Password
        && is_code(&text[value.start..value.end], value)
}

/// Checks a generic assignment.
pub(super) fn classify(text: &[u8], name: &AssignedName, value: &Value) -> Option<Confidence> {
    let bytes = &text[value.start..value.end];
    if bytes.iter().any(|b| *b < b' ' || *b == 0x7f) || is_template(bytes) || is_ciphertext(bytes) {
        return None;
    }
    let is_password = name.strength == Strength::Password;
    if is_password && place::is_connection_string(text, name, value) {
        return ((!bytes.contains(&b'*') || is_no_name(bytes))
            && !is_masked(bytes)
            && !is_word_for_secret(bytes)
            && !bytes.ends_with(b"("))
        .then_some(Confidence::Medium);
    }
    if bytes.contains(&b' ') {
        return is_noise_with_blanks(name, value, bytes)
            .then_some(Confidence::Medium)
            .or_else(|| phrase(text, name, value));
    }
    let setting =
        is_password && is_lower_case(bytes) && settings(text, name, value, is_joined(bytes)).is_some();
    let line = is_password && place::line(text, name, value).is_some_and(|l| of_line(bytes, l).is_some());
    let literal = value.quoted
        || setting
        || line
        || matches!(value.operator, Operator::Tag | Operator::Space)
        || ampersand::around(text, name, false) != Around::Other
        || (is_password
            && digits(bytes) > 1
            && settings(text, name, value, false) == Some(Confidence::Medium))
        || (odd_signs(bytes) > 2 && digits(bytes) > 2 && place::is_environment(text, name, value));
    let literal = literal || is_chosen_secret(text, name, value);
    if (!literal && is_code(bytes, value)) || (!value.quoted && (is_constant(bytes) || is_number(bytes))) {
        return None;
    }
    if is_password && (is_keyword_repeated(text, name, bytes) || place::is_anonymous(text, name, value)) {
        return None;
    }
    let pin = is_password && is_pin(name, bytes, value);
    if is_path(bytes)
        || is_selector(bytes)
        || (is_version(bytes) && !pin)
        || is_dotted_name(bytes)
        || is_encoding_name(bytes)
    {
        return None;
    }
    let verdict = match name.strength {
        Strength::Password if is_uuid(bytes) => {
            (is_spelled_out(name) && name.end == name.keyword.end).then_some(Confidence::Medium)
        }
        Strength::Password if pin => Some(if bytes.len() < 6 { Confidence::Low } else { Confidence::Medium }),
        Strength::Password => password(bytes, value)
            .or_else(|| passphrase(name, bytes, value))
            .or_else(|| word(text, name, value))
            .or_else(|| place::line(text, name, value).and_then(|line| of_line(bytes, line))),
        Strength::Secret if place::is_public(text, name, value) => None,
        Strength::Secret if is_uuid(bytes) => name.is_explicit(text).then_some(Confidence::Medium),
        Strength::Secret => secret(text, name, value),
        // Judged elsewhere.
        Strength::Service => None,
        Strength::Weak if is_basic_credentials(text, name, bytes) => Some(Confidence::Medium),
        Strength::Weak => {
            let exact = value.quoted || !value.spaced || (value.alone && is_long_and_mixed(bytes));
            (exact && is_random(bytes, MIN_KEY, 3) && !is_uuid(bytes) && !is_of_one_family(text, name, bytes))
                .then_some(Confidence::Medium)
        }
    };
    // The dearest test is for what passed all others.
    match verdict? {
        found if !is_placeholder(bytes) && !has_sequence(bytes) => Some(found),
        _ if is_password && WEAK.contains(&bytes.to_ascii_lowercase().as_slice()) => Some(Confidence::Low),
        _ if is_password && STUBS.contains(&bytes.to_ascii_lowercase().as_slice()) => Some(Confidence::Low),
        _ if is_password && place::is_credentials_block(text, name, value) && !is_masked(bytes) => {
            Some(Confidence::Low)
        }
        _ => None,
    }
}

/// `_auth = dXNlcjpwYXNz`: a user and a password in base64 behind a name that ends with `auth`.
fn is_basic_credentials(text: &[u8], name: &AssignedName, value: &[u8]) -> bool {
    let ends =
        name.end == name.keyword.end && text[name.keyword.start..name.end].eq_ignore_ascii_case(b"auth");
    ends && value.len() >= 8
        && value.len().is_multiple_of(4)
        && Check::Basic.validate(value, value) == CheckResult::Valid
}

/// `credentials: user:x`, `user/password: user/x`: the password behind the user's name.
pub(super) fn behind_user(text: &[u8], name: &mut AssignedName, value: &mut Value) {
    let keyword = &text[name.keyword];
    let before = &text[..name.start];
    let ends = |word: &&[u8]| {
        before.len().checked_sub(word.len()).is_some_and(|at| before[at..].eq_ignore_ascii_case(word))
    };
    let separator = if [&b"creds"[..], b"credential"].iter().any(|w| keyword.eq_ignore_ascii_case(w)) {
        b':'
    } else if before.last() == Some(&b'/') && [&b"user/"[..], b"username/", b"login/"].iter().any(ends) {
        b'/'
    } else {
        return;
    };
    let bytes = &text[value.start..value.end];
    let user = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    let place = memchr::memchr(separator, bytes);
    if let Some(at) = place.filter(|at| (1..40).contains(at) && bytes[..*at].iter().all(user)) {
        value.start += at + 1;
        name.strength = Strength::Password;
    }
}

/// Tokens and keys must look random; what is called a secret may be a passphrase, if no name looks like it.
fn secret(text: &[u8], name: &AssignedName, value: &Value) -> Option<Confidence> {
    let bytes = &text[value.start..value.end];
    if is_secret_name(bytes) {
        return None;
    }
    let is_prose = matches!(value.operator, Operator::Prose) && !value.quoted;
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if is_prose && (bytes.len() < 12 || digits < 2) {
        return None;
    }
    let literal = value.quoted || value.operator == Operator::Tag;
    let wild = literal && name.is_explicit(text) && is_wild(bytes);
    if is_random(bytes, 10, 2) || is_hex_key(bytes) || wild || is_scrambled(bytes) {
        return Some(Confidence::Medium);
    }
    let keyword = &text[name.keyword];
    let letters = bytes.iter().any(u8::is_ascii_alphabetic);
    if keyword.eq_ignore_ascii_case(b"secret")
        && place::is_environment(text, name, value)
        && bytes.len() >= 8
        && letters
        && digits > 1
    {
        return Some(Confidence::Medium);
    }
    let plain = keyword.eq_ignore_ascii_case(b"secret") && name.end == name.keyword.end;
    // `secret = QuiverGranite6843` among settings, and between quotes anywhere: a name has no such digits.
    if plain && is_chosen(bytes) && (value.quoted || (value.alone && value.operator == Operator::Equals)) {
        return Some(Confidence::Medium);
    }
    if !value.quoted || bytes.len() < 8 || bytes.contains(&b'/') {
        return None;
    }
    let signs = bytes.iter().any(|b| b"!@#$%^&*+=?~".contains(b));
    let begun = bytes[0].is_ascii_alphanumeric() && !bytes.contains(&b'=');
    match value.operator {
        _ if plain && letters && signs => Some(Confidence::Medium),
        // In a key a sign and a digit are of no name, and of no address without its slashes.
        _ if name.is_explicit(text) && bytes.len() >= 16 && letters && signs && digits > 0 && begun => {
            Some(Confidence::Medium)
        }
        Operator::Compare if plain && letters => Some(Confidence::Low),
        Operator::Equals | Operator::Colon
            if plain && letters && digits > 0 && bytes.iter().all(u8::is_ascii_alphanumeric) =>
        {
            Some(Confidence::Low)
        }
        _ => None,
    }
}

/// `secret = QuiverGranite6843`, alone in its line.
fn is_chosen_secret(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    value.alone
        && value.operator == Operator::Equals
        && text[name.start..name.end].eq_ignore_ascii_case(b"secret")
        && is_chosen(&text[value.start..value.end])
}

/// `QuiverGranite6843`: words and digits run together, as people choose them.
fn is_chosen(value: &[u8]) -> bool {
    let cases = value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    value.len() >= 10
        && value.last().is_some_and(u8::is_ascii_digit)
        && cases
        && digits(value) > 2
        && value.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether no word, path or name has so much punctuation.
fn is_wild(value: &[u8]) -> bool {
    let kinds = odd_signs(value);
    kinds >= WILD || (kinds >= WILD_AT_RANDOM && value.len() >= MIN_WILD && changes_at_random(value))
}

fn digits(value: &[u8]) -> usize {
    value.iter().filter(|b| b.is_ascii_digit()).count()
}

/// `Password=PASSWORD`, `password=DBPASSWORD`: what only says that a password belongs there.
fn is_word_for_secret(value: &[u8]) -> bool {
    const HEADS: [&[u8]; 3] = [b"", b"db", b"db_"];
    const TAILS: [&[u8]; 4] = [b"password", b"passwd", b"pass", b"pwd"];
    let lower = value.to_ascii_lowercase();
    let tail = TAILS.iter().find_map(|t| lower.strip_suffix(*t));
    tail.is_some_and(|head| HEADS.contains(&head)) || lower.starts_with(b"placeholder")
}

/// A long value that repeats the keyword is a name, if not for its digits: `dhSinglePass-stdDH`.
fn is_keyword_repeated(text: &[u8], name: &AssignedName, value: &[u8]) -> bool {
    let keyword = text[name.keyword].to_ascii_lowercase();
    value.len() > 20
        && value.iter().filter(|b| b.is_ascii_digit()).count() < 3
        && memchr::memmem::find(&value.to_ascii_lowercase(), &keyword).is_some()
}

/// So long a run of mixed letters that no name or version is; public keys and certificates begin otherwise.
fn is_long_and_mixed(value: &[u8]) -> bool {
    value.len() >= 32 && is_mixed(value) && !value.starts_with(b"MII") && !value.starts_with(b"AAAA")
}

/// `krb5_lucid_key`, `krb5_rfc1964_keydata`: names of one family.
fn is_of_one_family(text: &[u8], name: &AssignedName, value: &[u8]) -> bool {
    let first = value.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    first > 2 && value.get(first) == Some(&b'_') && text[name.start..name.end].starts_with(&value[..=first])
}

/// A value without its `\u00f6`, which are letters of words.
fn without_escapes(value: &[u8]) -> Vec<u8> {
    let mut rest = value;
    let mut plain = Vec::with_capacity(value.len());
    while let Some((&byte, behind)) = rest.split_first() {
        let run = rest.iter().take_while(|b| **b == b'\\').count();
        let escape = run > 0 && rest.get(run) == Some(&b'u') && rest.len() >= run + 5;
        if escape && rest[run + 1..run + 5].iter().all(|b| HEX.has(*b)) {
            rest = &rest[run + 5..];
        } else {
            plain.push(byte);
            rest = behind;
        }
    }
    plain
}

fn password(value: &[u8], written: &Value) -> Option<Confidence> {
    if memchr::memmem::find(value, b"\\u").is_some() {
        let plain = without_escapes(value);
        if plain.len() < value.len() {
            return password(&plain, written);
        }
    }
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let (letter, digit) = (has(u8::is_ascii_alphabetic), has(u8::is_ascii_digit));
    let special = value.iter().any(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.'));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let enough = value.len() >= 5;
    let strong = enough && ((letter && digit) || (special && (letter || digit)) || looks_random(value));
    let firm =
        written.quoted || !written.spaced || matches!(written.operator, Operator::Space | Operator::Tag);
    // `read.password('Password:')`: what asks for one.
    let asks =
        matches!(value.last(), Some(b'=')) && value.iter().filter(|b| !b.is_ascii_alphabetic()).count() == 1;
    if (matches!(value.last(), Some(b':' | b'?')) && !digit) || (asks && !looks_random(value)) {
        return None;
    }
    match written.operator {
        Operator::Prose if written.quoted && value.len() >= 5 && !is_label(value) => Some(Confidence::Medium),
        Operator::Prose | Operator::Comma if !written.quoted => {
            let sign = value.iter().any(|b| b"!@#$%^&*+=?~".contains(b));
            (strong && (digit || sign)).then_some(Confidence::Medium)
        }
        Operator::Comma if is_label(value) && !digit => None,
        _ if strong && (firm || special || (digit && mixed)) => Some(Confidence::Medium),
        _ if strong && digit && value.len() >= 8 => Some(Confidence::Medium),
        _ => None,
    }
}

/// A plain word in a password's place: weak passwords are passwords too, prose, labels and identifiers are not. What
/// says of itself that it is a password, and what could be the name of one, is doubtful.
fn word(text: &[u8], name: &AssignedName, value: &Value) -> Option<Confidence> {
    let bytes = &text[value.start..value.end];
    let long = bytes.len() >= 6;
    let lower = bytes.iter().all(u8::is_ascii_lowercase);
    let assigned = value.quoted && matches!(value.operator, Operator::Equals | Operator::Compare);
    let environment = place::is_environment(text, name, value);
    let plain = bytes.iter().all(u8::is_ascii_alphanumeric);
    if long && !is_label(bytes) && (assigned || (environment && plain)) {
        return Some(Confidence::Medium);
    }
    let place =
        if environment { Some(Confidence::Medium) } else { settings(text, name, value, is_joined(bytes)) };
    let plainly = !bytes.iter().any(u8::is_ascii_uppercase)
        && (is_owned_password(bytes) || !is_label(bytes) || is_joined(bytes) || is_lower_case(bytes));
    let entry = value.operator == Operator::Colon
        && value.quoted
        && (is_spelled_out(name) || place::is_quoted_name(text, name) || bytes.len() >= PHRASE);
    let passed = value.quoted && value.operator == Operator::Comma && is_spelled_out(name);
    let weak = (assigned || entry || passed) && WEAK.contains(&bytes.to_ascii_lowercase().as_slice());
    let short = assigned && is_spelled_out(name) && lower;
    let element = value.operator == Operator::Tag && is_spelled_out(name);
    let entry = (entry || element) && long && (lower || has_hump(bytes)) && !is_label(bytes);
    let clear_text = value.quoted
        && (is_owned_password(bytes) || is_clear_text_name(&text[name.start..name.end]))
        && !matches!(value.operator, Operator::Comma | Operator::Prose);
    let block = place::is_credentials_block(text, name, value);
    let doubtful = has_label_word(&bytes.to_ascii_lowercase()) || is_owned_password(bytes);
    match place.filter(|_| long && plainly) {
        Some(sure) if !doubtful => Some(sure),
        found => {
            (found.is_some() || weak || short || entry || clear_text || block).then_some(Confidence::Low)
        }
    }
}

/// `password`, `passphrase`: with shorter keywords other things are called, too.
fn is_spelled_out(name: &AssignedName) -> bool {
    name.keyword.len() >= 6
}

/// Letters with a capital inside, as labels and sentences do not have them.
fn has_hump(value: &[u8]) -> bool {
    value.len() >= 8
        && value.iter().all(u8::is_ascii_alphabetic)
        && value.windows(2).any(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase())
}

/// A word, or words joined, in lower case.
fn is_lower_case(value: &[u8]) -> bool {
    is_joined(value) || value.iter().all(u8::is_ascii_lowercase) || is_three_words(value)
}

/// `password = "482913"`: nothing but digits, and a literal.
fn is_pin(name: &AssignedName, value: &[u8], written: &Value) -> bool {
    let assigned = matches!(written.operator, Operator::Equals | Operator::Colon | Operator::Compare);
    written.quoted
        && assigned
        && is_spelled_out(name)
        && (4..=16).contains(&value.len())
        && value.iter().all(u8::is_ascii_digit)
}

/// `correct-horse-battery`: three words or more, and no sentence or name of a form.
fn passphrase(name: &AssignedName, value: &[u8], written: &Value) -> Option<Confidence> {
    let literal = written.quoted || written.alone;
    let tied = !matches!(written.operator, Operator::Comma | Operator::Prose);
    // Behind a short name four words are needed.
    let words = value.iter().filter(|byte| matches!(byte, b'-' | b'_')).count();
    let named = is_spelled_out(name) || (words > 2 && name.keyword.len() > 2);
    (literal && tied && named && is_three_words(value)).then_some(Confidence::Medium)
}

/// Three words or more in lower case that one separator joins.
fn is_three_words(value: &[u8]) -> bool {
    let Some(separator) = value.iter().copied().find(|b| matches!(b, b'-' | b'_')) else { return false };
    let mut words = value.split(|b| *b == separator);
    value.split(|b| *b == separator).count() > 2
        && words.all(|w| {
            (3..=12).contains(&w.len()) && w.iter().all(u8::is_ascii_lowercase) && !FORMS.contains(&w)
        })
        && !has_label_word(value)
}

/// What stands alone behind a name in its line: a word with a digit is a weak password; a word alone could be anything
/// but where the line is one of settings.
fn of_line(value: &[u8], line: LineForm) -> Option<Confidence> {
    const TYPES: [&[u8]; 6] = [b"int", b"uint", b"float", b"char", b"varchar", b"string"];
    let lower = value.to_ascii_lowercase();
    let count = |test: fn(&u8) -> bool| value.iter().filter(|b| test(b)).count();
    let (letters, digits) = (count(u8::is_ascii_alphabetic), count(u8::is_ascii_digit));
    if WEAK.contains(&lower.as_slice()) {
        return Some(Confidence::Low);
    }
    let plain = value.len() >= 6 && letters > 2 && letters + digits == value.len();
    if !plain || is_label(value) || TYPES.iter().any(|t| lower.starts_with(t)) {
        return None;
    }
    match line {
        _ if digits > 0 => Some(Confidence::Medium),
        LineForm::Setting if count(u8::is_ascii_lowercase) > 0 => Some(Confidence::Low),
        _ => None,
    }
}

/// Names that say of themselves that a literal follows.
fn is_clear_text_name(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    [&b"cleartext"[..], b"plaintext"].iter().any(|w| memchr::memmem::find(&lower, w).is_some())
}

/// `open_sesame`: two or three words joined, none of them of labels and fields.
fn is_joined(value: &[u8]) -> bool {
    let separators = value.iter().filter(|b| matches!(b, b'_' | b'-')).count();
    (1..3).contains(&separators)
        && value.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'))
        && !has_label_word(&value.to_ascii_lowercase())
}

/// `gT5vLq8x Wz2RkPq1`: what looks random in a string, with a few blanks in it.
fn is_noise_with_blanks(name: &AssignedName, value: &Value, bytes: &[u8]) -> bool {
    let is_literal = (value.quoted && matches!(value.operator, Operator::Equals | Operator::Colon))
        || value.operator == Operator::Tag;
    let is_secret = matches!(name.strength, Strength::Password | Strength::Secret);
    let joined: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b' ').collect();
    let mut words = bytes.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let has = |word: &[u8], test: fn(&u8) -> bool| word.iter().any(test);
    let is_noise = |word: &[u8]| {
        let is_cased = has(word, u8::is_ascii_uppercase) && has(word, u8::is_ascii_lowercase);
        word.len() >= MIN_NOISY_WORD && has(word, u8::is_ascii_digit) && (is_cased || count_turns(word) > 2)
    };
    let is_mixed = |word: &[u8]| {
        has(word, u8::is_ascii_alphabetic)
            && (has(word, u8::is_ascii_digit) || (!is_capitalised(word) && looks_random(word)))
    };
    is_literal
        && is_secret
        && bytes.len() - joined.len() <= MAX_BLANKS_IN_NOISE
        && joined.len() <= MAX_NOISE
        && is_no_name(&joined)
        && (words.clone().any(is_noise) || words.all(is_mixed))
}

/// A word of letters with no capital behind the first, or of capitals.
fn is_capitalised(word: &[u8]) -> bool {
    !word[1..].iter().any(u8::is_ascii_uppercase) || !word.iter().any(u8::is_ascii_lowercase)
}

/// `open sesame`, `correct horse battery staple`: words with blanks between, where a user's name stands before.
fn phrase(text: &[u8], name: &AssignedName, value: &Value) -> Option<Confidence> {
    let bytes = &text[value.start..value.end];
    let words = bytes.split(|b| *b == b' ');
    let plain = words.clone().all(|w| !w.is_empty() && w.iter().all(u8::is_ascii_alphanumeric))
        && !bytes.iter().any(u8::is_ascii_uppercase);
    let keyword = &text[name.keyword];
    let passphrase = [&b"passphrase"[..], b"psk"].iter().any(|k| keyword.eq_ignore_ascii_case(k));
    let in_place = passphrase || (place::is_beside_user(text, name, value) && words.count() < 3);
    let assigned = value.quoted && matches!(value.operator, Operator::Equals | Operator::Colon);
    let is_phrase = name.strength == Strength::Password && assigned && plain && in_place;
    (is_phrase && (8..=64).contains(&bytes.len()) && !has_label_word(bytes) && !is_placeholder(bytes))
        .then_some(Confidence::Low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_words_are_distinguished_from_names() {
        assert!(is_joined(b"open_sesame") && !is_joined(b"user_password"));
    }
}
