//! What bytes are: media, paper and archives by their first bytes, and text by the lack of anything else.
//!
//! A magic number alone proves little: `RIFF notes`, `GIF89a is a format` and `%PDF-` are also the first words of
//! texts. So what stands behind it has to fit the format, and must not go on like text.

use crate::report::OpaqueKind;

/// Bytes of a body or of a decoded value that are looked at for a judgement.
pub(super) const LOOK: usize = 768;

/// The kind of a file that is not text, by its first bytes; `None` for text and for what is not known.
pub(super) fn kind_of(bytes: &[u8]) -> Option<OpaqueKind> {
    let look = &bytes[..bytes.len().min(LOOK)];
    let kind = image(look).or_else(|| sound_or_film(look)).or_else(|| paper_or_archive(look))?;
    (!looks_like_text(look)).then_some(kind)
}

fn image(bytes: &[u8]) -> Option<OpaqueKind> {
    let starts = |head: &[u8]| bytes.starts_with(head);
    let known = starts(b"\x89PNG\r\n\x1a\n")
        || starts(b"\xff\xd8\xff")
        || ((starts(b"GIF87a") || starts(b"GIF89a")) && has_control(bytes, 6..13))
        || starts(b"II*\0")
        || starts(b"MM\0*")
        || starts(b"\0\0\x01\0")
        || (starts(b"BM") && bytes.get(6..10) == Some(&[0; 4]))
        || form(bytes) == Some(b"WEBP")
        || brand(bytes).is_some_and(|brand| matches!(brand, b"heic" | b"heix" | b"mif1" | b"avif" | b"avis"));
    known.then_some(OpaqueKind::Image)
}

fn sound_or_film(bytes: &[u8]) -> Option<OpaqueKind> {
    let starts = |head: &[u8]| bytes.starts_with(head);
    // An ID3 tag: version, revision and flags, and a length of four bytes below 0x80.
    let id3 =
        starts(b"ID3") && bytes.get(3).is_some_and(|v| (2..=4).contains(v)) && bytes.get(4) != Some(&0xff);
    let frame = matches!(bytes, [0xff, second, third, ..] if second & 0xe6 == 0xe2 && third >> 4 != 15);
    let adts = matches!(bytes, [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, ..]);
    let audio = id3
        || frame
        || adts
        || (starts(b"OggS\0") && bytes.get(5).is_some_and(|flags| *flags < 8))
        || (starts(b"fLaC") && has_control(bytes, 4..8))
        || matches!(form(bytes), Some(b"WAVE"))
        || brand(bytes).is_some_and(|brand| matches!(brand, b"M4A " | b"M4B "))
        || (starts(b"FORM") && matches!(bytes.get(8..12), Some(b"AIFF" | b"AIFC")));
    if audio {
        return Some(OpaqueKind::Audio);
    }
    let video = starts(b"\x1a\x45\xdf\xa3")
        || matches!(form(bytes), Some(b"AVI "))
        || starts(b"FLV\x01")
        || starts(b"\0\0\x01\xba")
        || starts(b"\0\0\x01\xb3")
        || brand(bytes).is_some();
    video.then_some(OpaqueKind::Video)
}

fn paper_or_archive(bytes: &[u8]) -> Option<OpaqueKind> {
    let starts = |head: &[u8]| bytes.starts_with(head);
    if starts(b"%PDF-") && bytes.get(5).is_some_and(u8::is_ascii_digit) && bytes.get(6) == Some(&b'.') {
        return Some(OpaqueKind::Pdf);
    }
    if starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Some(OpaqueKind::Office);
    }
    if starts(b"PK\x03\x04") {
        let names: [&[u8]; 6] = [
            b"[Content_Types].xml",
            b"_rels/.rels",
            b"word/",
            b"xl/",
            b"ppt/",
            b"mimetypeapplication/vnd.oasis.opendocument",
        ];
        let first = bytes.get(30..).unwrap_or_default();
        let office = names.iter().any(|name| first.starts_with(name));
        return Some(if office { OpaqueKind::Office } else { OpaqueKind::Archive });
    }
    let archive = starts(b"PK\x05\x06")
        || starts(b"\x1f\x8b\x08")
        || starts(b"BZh") && bytes.get(4..10) == Some(b"1AY&SY")
        || starts(b"\xfd7zXZ\0")
        || starts(b"7z\xbc\xaf\x27\x1c")
        || starts(b"Rar!\x1a\x07")
        || starts(b"\x28\xb5\x2f\xfd");
    archive.then_some(OpaqueKind::Archive)
}

/// The form type of a RIFF file.
fn form(bytes: &[u8]) -> Option<&[u8; 4]> {
    bytes.starts_with(b"RIFF").then(|| bytes.get(8..12)?.try_into().ok()).flatten()
}

/// The brand of an ISO base media file; its first box is small.
fn brand(bytes: &[u8]) -> Option<&[u8; 4]> {
    let small = bytes.get(..2) == Some(&[0, 0]) && bytes.get(4..8) == Some(b"ftyp");
    small.then(|| bytes.get(8..12)?.try_into().ok()).flatten()
}

fn has_control(bytes: &[u8], range: std::ops::Range<usize>) -> bool {
    bytes.get(range).is_some_and(|bytes| bytes.iter().any(|&byte| is_control(byte)))
}

/// Whether a byte has no place in text of any encoding that extends ASCII.
fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b) || byte == 0x7f
}

/// Whether bytes start like text: UTF-8, but for a character cut at the end, without control characters.
pub(super) fn looks_like_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && text_len(bytes) == bytes.len()
}

/// How many bytes from the start are such text; a character that the end cuts in two counts as one.
pub(super) fn text_len(bytes: &[u8]) -> usize {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    bytes[..valid].iter().position(|&byte| is_control(byte)).unwrap_or(valid)
}

/// Bytes of printable ASCII in a row that hardly any binary data has by chance: one place in ten million.
const TEXT_RUN: usize = 16;

/// Whether bytes that are no text as a whole may hold some: in an encoding that extends ASCII in another way than UTF-8,
/// or beside bytes of another kind.
pub(super) fn holds_text(bytes: &[u8]) -> bool {
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    let most = bytes.iter().filter(|byte| printable(byte)).count() * 4 >= bytes.len() * 3;
    most || bytes.split(|byte| !printable(byte)).any(|run| run.len() >= TEXT_RUN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(head: &[u8]) -> Vec<u8> {
        [head, b"\0\x01\x02\x03\xff\xfe some more"].concat()
    }

    #[test]
    fn files_are_known_by_their_bytes() {
        for (head, kind) in [
            (&b"\x89PNG\r\n\x1a\n"[..], OpaqueKind::Image),
            (b"\xff\xd8\xff\xe0", OpaqueKind::Image),
            (b"GIF89a\x01\0\x01\0\x80\0\0", OpaqueKind::Image),
            (b"RIFF\x24\0\0\0WEBPVP8 ", OpaqueKind::Image),
            (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0", OpaqueKind::Image),
            (b"\0\0\0\x18ftypheic", OpaqueKind::Image),
            (b"ID3\x04\0\0\0\0\x08\0", OpaqueKind::Audio),
            (b"\xff\xfb\x90\x64", OpaqueKind::Audio),
            (b"RIFF\x24\0\0\0WAVEfmt ", OpaqueKind::Audio),
            (b"OggS\0\x02", OpaqueKind::Audio),
            (b"fLaC\0\0\0\x22", OpaqueKind::Audio),
            (b"\0\0\0\x18ftypmp42", OpaqueKind::Video),
            (b"\x1a\x45\xdf\xa3", OpaqueKind::Video),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", OpaqueKind::Pdf),
            (
                b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0aaaabbbbcccc\x13\0\0\0[Content_Types].xml",
                OpaqueKind::Office,
            ),
            (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0aaaabbbbcccc\x05\0\0\0a.txt", OpaqueKind::Archive),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OpaqueKind::Office),
            (b"\x1f\x8b\x08\0", OpaqueKind::Archive),
            (b"7z\xbc\xaf\x27\x1c", OpaqueKind::Archive),
        ] {
            assert_eq!(kind_of(&file(head)), Some(kind), "{head:?}");
        }
    }

    #[test]
    fn texts_that_begin_with_a_magic_number_are_texts() {
        for text in [
            "RIFF notes: the WAVE header",
            "RIFFnotesWAVE and the rest of the words",
            "GIF89a is a format of images",
            "GIF89a",
            "ID3 tags",
            "%PDF-1.4 is what a PDF begins with",
            "%PDF-\n1 0 obj\n",
            "OggS and fLaC",
            "fLaC is lossless",
            "BM is short for",
            "0123ftypmp42",
            "PK\u{3}\u{4}",
            "",
        ] {
            assert!(kind_of(text.as_bytes()).is_none() || text.starts_with("PK"), "{text}");
        }
        assert_eq!(kind_of(&file(b"unknown")), None);
    }

    #[test]
    fn text_ends_where_it_stops_being_text() {
        for (bytes, len) in [
            (&b"plain\ttext\r\n\x1b[0m"[..], 16),
            ("\u{e9}\u{20ac}".as_bytes(), 5),
            (&"\u{20ac}".as_bytes()[..2], 2),
            (b"ab\xffcd", 2),
            (b"ab\0cd", 2),
            (b"ab\x7f", 2),
        ] {
            assert_eq!(text_len(bytes), len, "{bytes:?}");
        }
        assert!(!looks_like_text(b""));
    }

    #[test]
    fn bytes_around_text_do_not_hide_it() {
        let noise: Vec<u8> = (0..600u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(!holds_text(&noise));
        for (len, held) in [(TEXT_RUN - 1, false), (TEXT_RUN, true)] {
            let bytes = [&noise[..], &[0xff], &vec![b'x'; len], &[0xff], &noise].concat();
            assert_eq!(holds_text(&bytes), held, "{len}");
        }
        for (others, held) in [(1, true), (2, false)] {
            let bytes = [&b"abc"[..], &vec![0xe9; others]].concat();
            assert_eq!(holds_text(&bytes), held, "{others}");
        }
    }
}
