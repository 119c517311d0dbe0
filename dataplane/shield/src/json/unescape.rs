//! What escapes in JSON strings stand for: at once where all of one is there, byte by byte where it is cut.

#![expect(clippy::cast_possible_truncation, reason = "an escape stands for a few bytes")]

/// Bytes of the longest escape: a surrogate pair, `\uD83D\uDE00`.
pub(super) const MAX_ESCAPE: usize = 12;

/// The bytes that an escape stands for: UTF-8 of one character. A surrogate without its partner is U+FFFD, and
/// drags along an escape that directly follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unescaped {
    bytes: [u8; 6],
    len: u8,
}

impl Unescaped {
    pub(super) fn of(character: char) -> Self {
        let mut decoded = Self { bytes: [0; 6], len: 0 };
        decoded.append(character);
        decoded
    }

    fn append(&mut self, character: char) {
        let at = usize::from(self.len);
        self.len += character.encode_utf8(&mut self.bytes[at..]).len() as u8;
    }

    /// The decoded bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// What the letter after a backslash stands for, `u` excepted; 0 for no escape.
const SIMPLE_ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    table[b'n' as usize] = b'\n';
    table[b't' as usize] = b'\t';
    table[b'r' as usize] = b'\r';
    table[b'b' as usize] = 0x08;
    table[b'f' as usize] = 0x0C;
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'/' as usize] = b'/';
    table
};

fn simple_escape(code: u8) -> Option<char> {
    let decoded = SIMPLE_ESCAPES[usize::from(code)];
    (decoded != 0).then(|| decoded.into())
}

/// What the simple escape at `pos` stands for, if one begins there and is all there, and its length.
#[inline]
pub(super) fn simple_escape_at(bytes: &[u8], pos: usize) -> Option<(u8, usize)> {
    match bytes.get(pos..pos + 2) {
        Some(&[b'\\', code]) => {
            let decoded = SIMPLE_ESCAPES[usize::from(code)];
            (decoded != 0).then_some((decoded, 2))
        }
        _ => None,
    }
}

/// The same for a simple escape of a string inside a string, such as `\\n` or `\\\"`.
#[inline]
pub(super) fn double_escape_at(bytes: &[u8], pos: usize) -> Option<(u8, usize)> {
    match bytes.get(pos..pos + 4) {
        Some(&[b'\\', b'\\', b'\\', code @ (b'"' | b'\\')]) => Some((code, 4)),
        Some(&[b'\\', b'\\', code @ (b'n' | b't' | b'r' | b'b' | b'f' | b'/'), _]) => {
            Some((SIMPLE_ESCAPES[usize::from(code)], 3))
        }
        _ => None,
    }
}

/// The same for `\u0041` and pairs of surrogates, with so many backslashes each; `None` for lone surrogates too.
#[inline]
pub(super) fn unicode_escape_at(bytes: &[u8], pos: usize, slashes: usize) -> Option<(Unescaped, usize)> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + slashes + 5)?.strip_prefix(&b"\\\\"[..slashes])?;
        let value = digits[1..].iter().fold(0, |value, &digit| value << 4 | HEX_DIGITS[usize::from(digit)]);
        (digits[0] == b'u' && value <= 0xFFFF).then_some(value)
    };
    let first = unit(pos)?;
    let len = slashes + 5;
    if let Some(character) = char::from_u32(first) {
        return Some((Unescaped::of(character), len));
    }
    let second = unit(pos + len).filter(|_| first < 0xDC00)?;
    Some((Unescaped::of(joined(first, second)?), 2 * len))
}

/// The inside of a string without its escapes; what is no escape stays as it is. `None` if there are none.
pub(crate) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut at = memchr::memchr(b'\\', text)?;
    let mut plain = text[..at].to_vec();
    while at < text.len() {
        if let Some((byte, width)) = simple_escape_at(text, at) {
            plain.push(byte);
            at += width;
        } else if let Some((character, width)) = unicode_escape_at(text, at, 1) {
            plain.extend_from_slice(character.as_bytes());
            at += width;
        } else {
            plain.push(text[at]);
            at += 1;
        }
    }
    (plain.len() < text.len()).then_some(plain)
}

/// The values of hexadecimal digits; far too large for other bytes.
const HEX_DIGITS: [u32; 256] = {
    let mut table = [0x1_0000; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        table[digit as usize] = value;
        table[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    table
};

/// The character of a surrogate pair, if `low` is the second half of one.
fn joined(high: u32, low: u32) -> Option<char> {
    let pair = (0xDC00..0xE000).contains(&low);
    pair.then(|| char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))).flatten()
}

/// What to do with the next byte of an escape.
pub(super) enum EscapeCheck {
    /// It belongs to the escape.
    Take,
    /// It is not there yet.
    Wait,
    /// It cannot stand there.
    Wrong,
    /// The escape was complete before it.
    Complete(Unescaped),
}

/// Checks the byte `next` after the bytes `seen` of an escape.
pub(super) fn check_escape(seen: &[u8], next: Option<u8>) -> EscapeCheck {
    match seen {
        [] | [b'\\'] | [b'\\', b'u', ..] if seen.len() < 6 => in_first_half(seen, next),
        [b'\\', b'u', rest @ ..] => {
            let first = hex_value(&rest[..4]);
            if !(0xD800..0xDC00).contains(&first) {
                return EscapeCheck::Complete(Unescaped::of(lone(first)));
            }
            in_second_half(first, &seen[6..], next)
        }
        [b'\\', code] => EscapeCheck::Complete(Unescaped::of(simple_escape(*code).unwrap_or('\u{FFFD}'))),
        _ => EscapeCheck::Wrong,
    }
}

fn in_first_half(seen: &[u8], next: Option<u8>) -> EscapeCheck {
    let Some(byte) = next else { return EscapeCheck::Wait };
    let fits = match seen.len() {
        0 => byte == b'\\',
        1 => byte == b'u' || simple_escape(byte).is_some(),
        _ => byte.is_ascii_hexdigit(),
    };
    if fits { EscapeCheck::Take } else { EscapeCheck::Wrong }
}

/// After a high surrogate: its partner, or whatever follows instead.
fn in_second_half(high: u32, seen: &[u8], next: Option<u8>) -> EscapeCheck {
    let mut decoded = Unescaped::of('\u{FFFD}');
    match (seen, next) {
        ([], Some(byte)) if byte != b'\\' => EscapeCheck::Complete(decoded),
        ([b'\\', b'u', digits @ ..], _) if digits.len() == 4 => {
            let low = hex_value(digits);
            if let Some(character) = joined(high, low) {
                return EscapeCheck::Complete(Unescaped::of(character));
            }
            decoded.append(lone(low));
            EscapeCheck::Complete(decoded)
        }
        ([b'\\', code], _) if *code != b'u' => {
            decoded.append(simple_escape(*code).unwrap_or('\u{FFFD}'));
            EscapeCheck::Complete(decoded)
        }
        _ => in_first_half(seen, next),
    }
}

/// The character of a code unit that has no partner.
fn lone(unit: u32) -> char {
    char::from_u32(unit).unwrap_or('\u{FFFD}')
}

fn hex_value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, &digit| value << 4 | char::from(digit).to_digit(16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unicode(text: &str, slashes: usize) -> Option<(String, usize)> {
        let (decoded, len) = unicode_escape_at(text.as_bytes(), 0, slashes)?;
        Some((String::from_utf8(decoded.as_bytes().to_vec()).unwrap(), len))
    }

    #[test]
    fn unicode_escapes_are_read_at_once_if_they_are_whole() {
        for (text, expected) in [
            (r"\u0041x", Some(("A", 6))),
            (r"\u00e9", Some(("\u{e9}", 6))),
            (r"\uFFFF", Some(("\u{ffff}", 6))),
            (r"\ud83d\uDE00", Some(("\u{1F600}", 12))),
            (r"\u000g", None),
            (r"\ug000", None),
            (r"\u004", None),
            (r"\x0041", None),
            (r"\ud83d", None),
            (r"\ud83d\u0041", None),
            (r"\ude00\ud83d", None),
            (r"\ud83d\ude0g", None),
        ] {
            let expected = expected.map(|(text, len): (&str, usize)| (text.to_owned(), len));
            assert_eq!(unicode(text, 1), expected, "{text}");
            let doubled = expected.map(|(text, len)| (text, len / 6 * 7));
            assert_eq!(unicode(&text.replace('\\', "\\\\"), 2), doubled, "{text} inside a string");
        }
    }

    #[test]
    fn both_ways_of_reading_agree() {
        for unit in (0..0x1_0000u32).step_by(7) {
            let text = format!("\\u{unit:04x}");
            let mut seen = 0;
            let slow = loop {
                match check_escape(&text.as_bytes()[..seen], text.as_bytes().get(seen).copied()) {
                    EscapeCheck::Take => seen += 1,
                    EscapeCheck::Complete(decoded) => break Some((decoded, 6)),
                    EscapeCheck::Wait => break None,
                    EscapeCheck::Wrong => panic!("{text}"),
                }
            };
            let lone = (0xDC00..0xE000).contains(&unit);
            assert_eq!(unicode_escape_at(text.as_bytes(), 0, 1), slow.filter(|_| !lone), "{text}");
        }
    }
}
