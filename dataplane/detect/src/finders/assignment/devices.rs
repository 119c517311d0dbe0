//! Settings of network devices, which are commands: `tacacs-server key 7 x`, `snmp-server user u g v3 auth sha x`.

use super::password_source::PasswordSource::{self, Behind, First, Option as Opt};
use super::password_source::WordPart::Whole;

/// Words that say how a secret is written, or what it is for, and stand between its name and itself.
const KINDS: [&[u8]; 22] = [
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
    ("radius-server", &[Behind(&["key"])]),
    ("snmp-server", &[Behind(&["community", "auth", "priv"])]),
    ("snmp community", &[First]),
    ("rocommunity", &[First]),
    ("rwcommunity", &[First]),
    ("createuser", &[Behind(&["sha", "md5", "aes", "des"])]),
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
    ("password 7", &[First]),
    ("secret 0", &[First]),
    ("password enc", &[First]),
    ("password cipher", &[First]),
    ("psksecret", &[First]),
    ("phash", &[First]),
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
