//! Settings of network devices, which are commands: `tacacs-server key 7 x`, `snmp-server user u g v3 auth sha x`.

use super::password_source::PasswordSource::{self, Behind, First, Option as Opt};
use super::password_source::WordPart::Whole;
use super::table;
use crate::bytes::{ALNUM, DIGIT};

/// Words that say how a secret is written, or what it is for, and stand between its name and itself.
const KINDS: [&[u8]; 28] = [
    b"local",
    b"remote",
    b"plaintext",
    b"sha256",
    b"sha512",
    b"scrypt",
    b"0",
    b"5",
    b"6",
    b"7",
    b"8",
    b"9",
    b"128",
    b"192",
    b"256",
    b"ascii",
    b"ascii-text",
    b"hex",
    b"hexadecimal",
    b"clear",
    b"encrypted",
    b"cipher",
    b"enc",
    b"key",
    b"sha",
    b"md5",
    b"aes",
    b"des",
];

/// Settings and how they take secrets. Lower case.
pub(super) const SETTINGS: &[(&str, &[PasswordSource])] = &[
    ("tacacs-server", &[Behind(&["key"])]),
    ("radius-server", &[Behind(&["key", "secret"])]),
    ("snmp-server", &[Behind(&["community", "auth", "priv"])]),
    ("rocommunity", &[First]),
    ("rwcommunity", &[First]),
    ("snmpwalk", &[Opt(&["-c", "-A", "-X"], Whole)]),
    ("snmpbulkwalk", &[Opt(&["-c", "-A", "-X"], Whole)]),
    ("snmpget", &[Opt(&["-c", "-A", "-X"], Whole)]),
    ("snmpset", &[Opt(&["-c", "-A", "-X"], Whole)]),
    ("crypto isakmp", &[Behind(&["key"])]),
    ("neighbor ", &[Behind(&["password"])]),
    ("message-digest-key", &[Behind(&["md5"])]),
    ("pre-shared-key", &[First]),
    ("ppp chap password", &[First]),
    ("ppp pap sent-username", &[Behind(&["password"])]),
    ("wpa-psk ascii", &[First]),
    ("password 0", &[First]),
    ("secret 0", &[First]),
    ("password enc", &[First]),
    ("passwd enc", &[First]),
    ("mgt-config users", &[Behind(&["password", "phash"])]),
    ("algorithm-type", &[Behind(&["secret"])]),
    ("password cipher", &[First]),
    ("psksecret", &[First]),
    ("authentication psk", &[Behind(&["secret"])]),
    ("insecure-password", &[First]),
    (": psk", &[First]),
    (": eap", &[First]),
    (": xauth", &[First]),
];

/// Whether a word says how the secret behind it is written.
pub(super) fn is_kind(word: &[u8]) -> bool {
    KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(word))
}

/// How far left of a setting its line may begin; less than a window's context.
const MAX_BEFORE: usize = 128;

/// Words that lines begin with in which a setting stands; in front of them only what listings put before lines.
const HEADS: [&[u8]; 12] = [
    b"set ",
    b"username ",
    b"local-user ",
    b"user ",
    b"ip ospf ",
    b"ikev1 ",
    b"ikev2 ",
    b"enable ",
    b"ppp ",
    b"dot11 ",
    b"sudo ",
    b"no ",
];

/// Whether the setting at `at` begins its line, what is quoted, or what is behind a sign; there it may stand behind words
/// that lines of settings begin with.
pub(super) fn begins_line(text: &[u8], at: usize) -> bool {
    // Who shares the key stands before it.
    if text[at..].starts_with(b": ") {
        return true;
    }
    let start = table::line_start(text, at).unwrap_or(0).max(at.saturating_sub(MAX_BEFORE));
    let before = text[start..at].trim_ascii_end();
    let Some(last) = before.last() else { return true };
    if !ALNUM.has(*last) && !matches!(last, b',' | b'.' | b';' | b'(') {
        return true;
    }
    let sign = |byte: &u8| b"\"'`:>$#|+/".contains(byte) || *byte >= 0x80;
    let words = before.iter().rposition(sign).map_or(before, |sign| &before[sign + 1..]);
    let lead = words.iter().take_while(|byte| DIGIT.has(**byte) || b" \t-)".contains(byte)).count();
    let words = &words[lead..];
    let is_head = |head: &&[u8]| words.len() >= head.len() && words[..head.len()].eq_ignore_ascii_case(head);
    words.is_empty() || HEADS.iter().any(|head| is_head(&head.trim_ascii_end()))
}

/// Whether a value could be a word of a sentence or a name, or a number.
pub(super) fn is_plain(value: &[u8]) -> bool {
    let is_word = |word: &[u8]| {
        word.iter().all(u8::is_ascii_alphabetic)
            && (!word.iter().skip(1).any(u8::is_ascii_uppercase) || word.iter().all(u8::is_ascii_uppercase))
    };
    value.split(|byte| b"-_.".contains(byte)).all(is_word)
        || (value.len() < 6 && value.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_begin_lines() {
        let begins = |text: &str| begins_line(text.as_bytes(), text.find('@').unwrap());
        for text in [
            "@",
            "a b\n  @",
            "  12 | @",
            "+@",
            "$ @",
            "set x y @",
            "9: ip ospf @",
            "{\"k\": \"@",
            "{\"k\":\"a\\nset b @",
            "`@",
            "look: @",
        ] {
            assert!(begins(text), "{text:?}");
        }
        for text in ["the @", "a word, @", "see (@", "some set @"] {
            assert!(!begins(text), "{text:?}");
        }
    }

    #[test]
    fn words_and_numbers_are_plain() {
        for value in ["letters", "Cisco-IOS", "shared_key", "12345", "Default"] {
            assert!(is_plain(value.as_bytes()), "{value}");
        }
        for value in ["lantern52", "n0cR3ad", "otterLanternRiver", "482913"] {
            assert!(!is_plain(value.as_bytes()), "{value}");
        }
    }
}
