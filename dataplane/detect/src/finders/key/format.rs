//! What the formats of private keys look like: their labels, their fields, and how all keys of a format begin.

use crate::rule::Finder;
use crate::text::Span;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

/// The formats that differ in what stands in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyFormat {
    /// PKCS#1, PKCS#8 and the like: DER under base64.
    Der,
    OpenSsh,
    Pgp,
    /// The format of ssh.com.
    Ssh2,
    Putty,
}

/// What a field of a key's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyField {
    /// Its value is hidden.
    Hidden(Span),
    /// It says nothing of the key.
    Plain,
    /// Public lines follow.
    PublicLines,
    /// So many private lines follow, if their number can be read.
    PrivateLines(Option<u16>),
    /// Its value is hidden, and the key ends.
    Last(Span),
}

/// What the engine looks for: what ends the lines that begin and end keys.
pub(crate) fn marks(finder: Finder) -> &'static [&'static str] {
    match finder {
        Finder::Pem => &["PRIVATE KEY(?: BLOCK)?-----", "SSH2 ENCRYPTED PRIVATE KEY ----"],
        Finder::Putty => {
            &["PuTTY-User-Key-File-[1-9]: ", "Private-Lines: ", "Private-MAC: ", "Private-Hash: "]
        }
        _ => &[],
    }
}

/// The tag of what all keys in DER are.
const SEQUENCE: u8 = 0x30;
/// The bit that every packet of an `OpenPGP` key begins with.
const PACKET: u8 = 0x80;
/// How the formats begin under base64.
const OPENSSH: &[u8] = b"b3BlbnNzaC1rZXktdj";
const SSH2: &[u8] = b"P2/56w";
const SSH_BLOB: &[u8] = b"AAAA";

/// Fields before the body of PEM, `OpenPGP` and SSH2 keys.
const HEADERS: [&[u8]; 8] = [
    b"Proc-Type:",
    b"DEK-Info:",
    b"Version:",
    b"Comment:",
    b"Hash:",
    b"MessageID:",
    b"Charset:",
    b"Subject:",
];
/// Fields of `PuTTY` keys by what they are.
const PUTTY_HIDDEN: [&[u8]; 2] = [b"Comment:", b"Argon2-Salt:"];
const PUTTY_PLAIN: [&[u8]; 5] =
    [b"Encryption:", b"Key-Derivation:", b"Argon2-Memory:", b"Argon2-Passes:", b"Argon2-Parallelism:"];
const PUTTY_LAST: [&[u8]; 2] = [b"Private-MAC:", b"Private-Hash:"];
const PUTTY_PUBLIC: &[u8] = b"Public-Lines:";
const PUTTY_PRIVATE: &[u8] = b"Private-Lines:";

/// How many characters all keys have in common whose first line holds this: the fixed beginnings of DER, up to what is
/// the key's own.
const FIXED_DER: [(&[u8], u32); 8] = [
    (b"ADANBgkqhkiG9w0BAQEFAASC", 52),
    (b"BgkqhkiG9w0BBQ0w", 50),
    (b"BMGByqGSM49AgEGCCqGSM49AwEHB", 48),
    (b"AgEAMBAGByqGSM49AgEGBSuBBAA", 46),
    (b"CAQAwBQYDK2VwBCIEI", 21),
    (b"CAQAwBQYDK2VuBCIEI", 21),
    (b"CAQAwBQYDK2VxBDsEO", 21),
    (b"MHcCAQEEI", 9),
];

impl KeyFormat {
    /// The format that the label of a block names (`RSA PRIVATE KEY`).
    pub(super) fn of_label(label: &[u8]) -> KeyFormat {
        let holds = |word: &[u8]| memmem::find(label, word).is_some();
        match () {
            () if holds(b"OPENSSH") => KeyFormat::OpenSsh,
            () if holds(b"PGP") => KeyFormat::Pgp,
            () if holds(b"SSH2") => KeyFormat::Ssh2,
            () => KeyFormat::Der,
        }
    }

    /// The field that a line holds whose content begins at `at`.
    pub(super) fn field(self, text: &[u8], at: usize, end: usize) -> Option<KeyField> {
        let content = &text[at..end];
        let named = |name: &&[u8]| content.starts_with(name);
        let value = |name: &[u8]| value(text, at + name.len(), end);
        if self != KeyFormat::Putty {
            return HEADERS.iter().find(|name| named(name)).map(|name| KeyField::Hidden(value(name)));
        }
        let hidden = PUTTY_HIDDEN.iter().find(|name| named(name)).map(|name| KeyField::Hidden(value(name)));
        let last = || PUTTY_LAST.iter().find(|name| named(name)).map(|name| KeyField::Last(value(name)));
        let plain = || PUTTY_PLAIN.iter().find(|name| named(name)).map(|_| KeyField::Plain);
        let public = || named(&PUTTY_PUBLIC).then_some(KeyField::PublicLines);
        let private = || {
            named(&PUTTY_PRIVATE)
                .then(|| KeyField::PrivateLines(line_count(&text[value(PUTTY_PRIVATE).range()])))
        };
        hidden.or_else(last).or_else(plain).or_else(public).or_else(private)
    }

    /// Whether a body that begins with `first` is one of this format: OpenSSH's own mark, a packet of `OpenPGP`, the tag
    /// of a DER sequence.
    pub(super) fn begins(self, first: &[u8]) -> bool {
        match self {
            KeyFormat::OpenSsh => first.starts_with(OPENSSH),
            KeyFormat::Ssh2 => first.starts_with(SSH2),
            KeyFormat::Putty => first.starts_with(SSH_BLOB),
            KeyFormat::Pgp => decoded(first).is_some_and(|byte| byte & PACKET != 0),
            KeyFormat::Der => decoded(first) == Some(SEQUENCE),
        }
    }

    /// Whether a first line of so many characters is as long as programs write them.
    pub(super) fn is_full_line(self, len: usize) -> bool {
        match self {
            KeyFormat::OpenSsh | KeyFormat::Ssh2 => len == 70,
            KeyFormat::Der | KeyFormat::Pgp | KeyFormat::Putty => matches!(len, 64 | 76),
        }
    }

    /// How many characters at the beginning of a body whose first line is `first` say nothing of the key.
    pub(super) fn fixed(self, first: &[u8]) -> u32 {
        match self {
            // The names of cipher and curve.
            KeyFormat::OpenSsh if first.starts_with(OPENSSH) => 114,
            KeyFormat::Ssh2 if first.starts_with(SSH2) => 104,
            KeyFormat::Der => {
                let known = FIXED_DER.iter().find(|(part, _)| memmem::find(first, part).is_some());
                known.map_or(16, |(_, len)| *len)
            }
            _ => 12,
        }
    }
}

/// How many lines a field of a `PuTTY` key declares.
pub(super) fn line_count(value: &[u8]) -> Option<u16> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&value[..digits]).ok()?.parse().ok()
}

/// The first byte under the base64 of a line.
fn decoded(line: &[u8]) -> Option<u8> {
    STANDARD.decode(line.get(..4)?).ok()?.first().copied()
}

/// The value of a field: what stands in `text[start..end]`, up to the end of the string that it stands in, and without
/// what surrounds it.
fn value(text: &[u8], mut start: usize, mut end: usize) -> Span {
    let around = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b',' | b'|');
    while start < end && around(text[start]) {
        start += 1;
    }
    let closes = |byte: &u8| matches!(byte, b'"' | b'\\' | 0x1b);
    end = text[start..end].iter().position(closes).map_or(end, |step| start + step);
    while start < end && around(text[end - 1]) {
        end -= 1;
    }
    Span::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_must_begin_as_its_label_says() {
        let format = |label: &str| KeyFormat::of_label(label.as_bytes());
        let der = b"MIIEvQIBADANBgkqhkiG9w0BAQEF";
        assert!(format("PRIVATE KEY").begins(der) && format("RSA PRIVATE KEY").begins(der));
        assert!(!format("PRIVATE KEY").begins(b"QUJDREVGR0hJSktMTU5PUFFSU1RV"));
        assert!(!format("OPENSSH PRIVATE KEY").begins(der));
        assert!(format("OPENSSH PRIVATE KEY").begins(b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"));
        assert!(format("PGP PRIVATE KEY BLOCK").begins(b"lQOYBF0q2VwBCACx5uJ8mZ3k"));
        assert!(!format("PGP PRIVATE KEY BLOCK").begins(der));
        assert!(format("SSH2 ENCRYPTED PRIVATE KEY").begins(b"P2/56wAAAi4AAAA3"));
        assert!(!format("PRIVATE KEY").begins(b"..."));
    }

    #[test]
    fn fields_are_known_by_name() {
        let field = |format: KeyFormat, line: &str| format.field(line.as_bytes(), 0, line.len());
        assert_eq!(field(KeyFormat::Der, "DEK-Info: AES, \r"), Some(KeyField::Hidden(Span::new(10, 13))));
        assert_eq!(field(KeyFormat::Ssh2, "Comment: \"a b\"}"), Some(KeyField::Hidden(Span::new(10, 13))));
        assert_eq!(field(KeyFormat::Der, "MIIE"), None);
        assert_eq!(field(KeyFormat::Putty, "Private-MAC: 0a"), Some(KeyField::Last(Span::new(13, 15))));
        assert_eq!(field(KeyFormat::Putty, "Private-Lines: 14"), Some(KeyField::PrivateLines(Some(14))));
        assert_eq!(field(KeyFormat::Putty, "Encryption: none"), Some(KeyField::Plain));
    }
}
