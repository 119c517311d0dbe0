//! What kind of text a stream is: UTF-8 and its kin pass as they are, UTF-16 is turned into UTF-8, binary is refused.
//!
//! Positions are always those of the original: see [`TextEncoding::width`].

use std::io::{self, Cursor, Read};

use zeroize::Zeroizing;

/// Bytes that are looked at to distinguish text from binary.
const PROBE: usize = 8 << 10;
/// Bytes of UTF-16 that are turned into UTF-8 at once.
const CHUNK: usize = 16 << 10;
/// Without a byte order mark, this share (in percent) of the units must be ASCII for the text to pass as UTF-16.
const MIN_ASCII_PERCENT: usize = 60;
/// Without a byte order mark, shorter texts are not guessed at.
const MIN_GUESS: usize = 8;

/// How the characters of a text are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEncoding {
    /// UTF-8, ASCII, or any other in which no byte is zero.
    Bytes,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}

impl TextEncoding {
    /// The length in the original of what is `text` in UTF-8.
    pub(super) fn width(self, text: &[u8]) -> u64 {
        if self == TextEncoding::Bytes {
            return text.len() as u64;
        }
        // Every byte but a continuation byte begins a character; four bytes of UTF-8 are a surrogate pair.
        let characters = text.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let pairs = text.iter().filter(|byte| **byte >= 0xF0).count();
        2 * (characters + pairs) as u64
    }

    fn unit(self, pair: [u8; 2]) -> u16 {
        if self == TextEncoding::Utf16Be { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    }
}

/// A text, however it is written.
pub(super) struct Opened<'s> {
    /// How it is written.
    pub encoding: TextEncoding,
    /// The length of its byte order mark.
    pub mark: usize,
    /// What is behind the mark, in UTF-8 or as it is.
    pub text: Box<dyn Read + 's>,
}

/// Opens a stream as text; `None` for what is not text.
pub(super) fn open<'s>(source: &'s mut dyn Read) -> io::Result<Option<Opened<'s>>> {
    let mut probe = Zeroizing::new(Vec::with_capacity(PROBE + 1));
    source.take(PROBE as u64).read_to_end(&mut probe)?;
    let Some((encoding, mark)) = detect(&probe) else { return Ok(None) };
    let mut start = Cursor::new(probe);
    start.set_position(mark as u64);
    let whole = start.chain(source);
    let text: Box<dyn Read + 's> = match encoding {
        TextEncoding::Bytes => Box::new(whole),
        _ => Box::new(Transcoder::new(whole, encoding)),
    };
    Ok(Some(Opened { encoding, mark, text }))
}

/// The encoding that the first bytes show and the length of their byte order mark; `None` for what is not text.
fn detect(start: &[u8]) -> Option<(TextEncoding, usize)> {
    match start {
        [0xEF, 0xBB, 0xBF, ..] => Some((TextEncoding::Bytes, 3)),
        // The mark of UTF-32 begins like that of UTF-16; text has no zero behind it.
        [0xFF, 0xFE, 0, 0, ..] => None,
        [0xFF, 0xFE, ..] => Some((TextEncoding::Utf16Le, 2)),
        [0xFE, 0xFF, ..] => Some((TextEncoding::Utf16Be, 2)),
        _ if !start.contains(&0) => Some((TextEncoding::Bytes, 0)),
        _ => [TextEncoding::Utf16Le, TextEncoding::Utf16Be]
            .into_iter()
            .find(|encoding| is_text_in(*encoding, start))
            .map(|encoding| (encoding, 0)),
    }
}

/// Whether bytes without a mark are text in this encoding: no control characters, whole pairs, mostly ASCII.
fn is_text_in(encoding: TextEncoding, start: &[u8]) -> bool {
    let (pairs, _) = start.as_chunks::<2>();
    let units = pairs.iter().map(|pair| encoding.unit(*pair));
    let (mut ascii, mut all, mut broken) = (0, 0, 0);
    for character in char::decode_utf16(units) {
        all += 1;
        match character {
            Ok('\t' | '\n' | '\r' | ' '..='~') => ascii += 1,
            Ok(other) if other.is_control() || matches!(other, '\u{FFFE}' | '\u{FFFF}') => return false,
            Ok(_) => {}
            Err(_) => broken += 1,
        }
    }
    // The last pair of surrogates may be cut.
    broken <= 1 && all * 2 >= MIN_GUESS && ascii * 100 >= all * MIN_ASCII_PERCENT
}

/// Reads UTF-16 as UTF-8. A unit that is no character becomes U+FFFD, which keeps its width of two bytes.
struct Transcoder<R> {
    source: R,
    encoding: TextEncoding,
    raw: Zeroizing<Vec<u8>>,
    text: Zeroizing<Vec<u8>>,
    given: usize,
}

impl<R: Read> Transcoder<R> {
    fn new(source: R, encoding: TextEncoding) -> Self {
        // Never moved while they grow: a moved buffer leaves its contents behind. A unit gives at most three bytes.
        let raw = Zeroizing::new(Vec::with_capacity(CHUNK));
        let text = Zeroizing::new(Vec::with_capacity(CHUNK * 2));
        Transcoder { source, encoding, raw, text, given: 0 }
    }

    /// Fills `text` with the next characters; it stays empty at the end only.
    fn advance(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        let missing = CHUNK - self.raw.len();
        let read = self.source.by_ref().take(missing as u64).read_to_end(&mut self.raw)?;
        let (pairs, odd) = self.raw.as_chunks::<2>();
        // A high surrogate waits for its other half.
        let waits = read == missing
            && pairs.last().is_some_and(|pair| (0xD800..0xDC00).contains(&self.encoding.unit(*pair)));
        let whole = pairs.len() - usize::from(waits);
        let units = pairs[..whole].iter().map(|pair| self.encoding.unit(*pair));
        for character in char::decode_utf16(units) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        if read < missing && !odd.is_empty() {
            self.text.extend_from_slice("\u{FFFD}".as_bytes());
            self.raw.clear();
        } else {
            self.raw.drain(..whole * 2);
        }
        Ok(())
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.advance()?;
        }
        let rest = &self.text[self.given..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let pair = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(pair).collect()
    }

    fn back(bytes: &[u8], encoding: TextEncoding) -> String {
        let mut text = String::new();
        Transcoder::new(bytes, encoding).read_to_string(&mut text).expect("UTF-8");
        text
    }

    #[test]
    fn marks_and_guesses_give_the_encoding() {
        let marked = |mark: &[u8], text: &[u8]| detect(&[mark, text].concat());
        assert_eq!(marked(b"\xEF\xBB\xBF", b"x"), Some((TextEncoding::Bytes, 3)));
        assert_eq!(marked(b"\xFF\xFE", &utf16("ж", false)), Some((TextEncoding::Utf16Le, 2)));
        assert_eq!(marked(b"\xFE\xFF", &utf16("ж", true)), Some((TextEncoding::Utf16Be, 2)));
        assert_eq!(marked(b"\xFF\xFE\0\0", b"x\0\0\0"), None);
        let text = "password = 'größer als 10 €'\r\n";
        assert_eq!(detect(&utf16(text, false)), Some((TextEncoding::Utf16Le, 0)));
        assert_eq!(detect(&utf16(text, true)), Some((TextEncoding::Utf16Be, 0)));
        assert_eq!(detect(text.as_bytes()), Some((TextEncoding::Bytes, 0)));
        assert_eq!(detect(b""), Some((TextEncoding::Bytes, 0)));
    }

    #[test]
    fn binaries_are_no_text() {
        for binary in [
            &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0"[..],
            b"PK\x03\x04\x14\0\0\0\x08\0abcdefgh",
            b"\0\0\0\x01\0\x02\0\x03",
            b"a\0b\0c\0\0\0d\0e\0f\0",
            b"text with\0a zero byte",
        ] {
            assert_eq!(detect(binary), None, "{binary:?}");
        }
    }

    #[test]
    fn utf16_comes_back_whole_across_chunks() {
        for shift in 0..3 {
            let text = "a".repeat(shift) + &"x€😀".repeat(CHUNK / 5);
            for (big, encoding) in [(false, TextEncoding::Utf16Le), (true, TextEncoding::Utf16Be)] {
                let bytes = utf16(&text, big);
                assert_eq!(back(&bytes, encoding), text);
                assert_eq!(encoding.width(text.as_bytes()), bytes.len() as u64);
            }
        }
    }

    #[test]
    fn what_is_no_character_keeps_its_width() {
        let lone = [0x61, 0, 0, 0xD8, 0x62, 0, 0, 0xDC];
        assert_eq!(back(&lone, TextEncoding::Utf16Le), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(TextEncoding::Utf16Le.width("a\u{FFFD}b\u{FFFD}".as_bytes()), lone.len() as u64);
        assert_eq!(back(&[0x61, 0, 0x62], TextEncoding::Utf16Le), "a\u{FFFD}");
        assert_eq!(back(&[0x61, 0, 0, 0xD8], TextEncoding::Utf16Le), "a\u{FFFD}");
    }
}
