//! What bytes are: media, paper and archives by their first bytes, and text by the lack of anything else.
//!
//! A magic number alone proves little: `RIFF notes`, `GIF89a is a format` and `%PDF-` are also the first words of
//! texts. So what stands behind it has to fit the format, and must not go on like text.

use crate::report::OpaqueKind;

/// Bytes of a body or of a decoded value that are looked at to tell its kind.
pub(crate) const LOOK: usize = 768;
/// Bytes behind a frame of sound whose next frame is not there to be seen, and of which one in so many must be a
/// control byte: compressed sound has four times as many, text next to none.
const MIN_FRAME_LOOK: usize = 256;
const FRAME_CONTROLS: usize = 32;
/// Bytes beyond ASCII that a PDF's second line begins with, which distinguish it from text (ISO 32000-1, section
/// 7.5.2).
const PDF_MARK: usize = 4;
/// Bytes without a control byte from which on they are text in an encoding of one byte a character: one run of
/// random bytes in two thousand has none.
const MIN_EIGHT_BIT: usize = 64;

/// The kind of a file that is not text, by its first bytes; `None` for text and for what is not known.
///
/// Text is also what is in an encoding of one byte a character, where no letter is invalid: all but a PDF has a
/// control byte among its first [`LOOK`] bytes.
pub(crate) fn kind_of(bytes: &[u8]) -> Option<OpaqueKind> {
    let look = &bytes[..bytes.len().min(LOOK)];
    if has_no_control(look) {
        return (is_pdf(look) && !looks_like_text(look)).then_some(OpaqueKind::Pdf);
    }
    image(look).or_else(|| sound_or_film(look, bytes)).or_else(|| paper_or_archive(look))
}

/// Whether bytes can be text in an encoding of one byte a character, and are too many to be so by chance.
pub(crate) fn is_eight_bit_text(bytes: &[u8]) -> bool {
    bytes.len() >= MIN_EIGHT_BIT && has_no_control(bytes)
}

fn has_no_control(bytes: &[u8]) -> bool {
    !bytes.iter().any(|&byte| is_control(byte))
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

fn sound_or_film(bytes: &[u8], all: &[u8]) -> Option<OpaqueKind> {
    let starts = |head: &[u8]| bytes.starts_with(head);
    // An ID3 tag: version, revision and flags, and a length of four bytes below 0x80.
    let id3 = starts(b"ID3")
        && bytes.get(3).is_some_and(|v| (2..=4).contains(v))
        && bytes.get(4) != Some(&0xff)
        && bytes.get(6..10).is_some_and(<[u8]>::is_ascii);
    let audio = id3
        || is_framed(all, mpeg_frame)
        || is_framed(all, adts_frame)
        || (starts(b"OggS\0") && bytes.get(5).is_some_and(|flags| *flags < 8))
        || (starts(b"fLaC") && has_control(bytes, 4..8))
        || matches!(form(bytes), Some(b"WAVE"))
        || brand(bytes).is_some_and(|brand| matches!(brand, b"M4A " | b"M4B "))
        || (starts(b"FORM")
            && has_control(bytes, 4..8)
            && matches!(bytes.get(8..12), Some(b"AIFF" | b"AIFC")));
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
    if is_pdf(bytes) {
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

/// Whether a PDF begins here: its version and a line end, then the mark of a binary file or an object.
fn is_pdf(bytes: &[u8]) -> bool {
    let [b'%', b'P', b'D', b'F', b'-', b'0'..=b'9', b'.', b'0'..=b'9', b'\r' | b'\n', rest @ ..] = bytes
    else {
        return false;
    };
    let mut rest = rest.trim_ascii_start();
    let mark = rest.strip_prefix(b"%").and_then(|mark| mark.get(..PDF_MARK));
    let marked = mark.is_some_and(|mark| mark.iter().all(|&byte| byte >= 0x80)) && !has_no_control(bytes);
    while rest.first() == Some(&b'%') {
        let end = rest.iter().position(|&byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        rest = rest[end..].trim_ascii_start();
    }
    marked || is_object(rest)
}

/// Whether an object of a PDF begins here, as in `12 0 obj`.
fn is_object(bytes: &[u8]) -> bool {
    let mut words = bytes.splitn(3, |&byte| byte == b' ');
    let number =
        |word: Option<&[u8]>| word.is_some_and(|w| !w.is_empty() && w.iter().all(u8::is_ascii_digit));
    number(words.next()) && number(words.next()) && words.next().is_some_and(|word| word.starts_with(b"obj"))
}

/// The length of a frame, and which bits of its first four bytes the next one has too.
type Frame = (usize, [u8; 4]);

/// Whether a frame of sound begins here, and another one where it ends.
fn is_framed(bytes: &[u8], frame: fn(&[u8]) -> Option<Frame>) -> bool {
    let Some((len, same)) = frame(bytes) else { return false };
    if let Some(next) = bytes.get(len..len + same.len()) {
        return (0..same.len()).all(|at| (next[at] ^ bytes[at]) & same[at] == 0);
    }
    let look = &bytes[..bytes.len().min(LOOK)];
    let controls = look.iter().filter(|&&byte| is_control(byte)).count();
    look.len() >= MIN_FRAME_LOOK && controls * FRAME_CONTROLS >= look.len()
}

/// A frame of MPEG audio, layer III (ISO 11172-3 and 13818-3, section 2.4.1.3).
fn mpeg_frame(bytes: &[u8]) -> Option<Frame> {
    const FIRST: [usize; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const SECOND: [usize; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let &[0xff, second, third, ..] = bytes else { return None };
    let (factor, rates, divisor) = match second & 0xfe {
        0xfa => (144, &FIRST, 1),
        0xf2 => (72, &SECOND, 2),
        0xe2 => (72, &SECOND, 4),
        _ => return None,
    };
    let rate = rates.get(usize::from(third >> 4).checked_sub(1)?)?;
    let samples = [44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))? / divisor;
    let len = factor * 1000 * rate / samples + usize::from(third >> 1 & 1);
    Some((len, [0xff, 0xfe, 0x0c, 0]))
}

/// A frame of AAC in ADTS (ISO 13818-7, section 6.2).
fn adts_frame(bytes: &[u8]) -> Option<Frame> {
    let &[0xff, second, third, fourth, fifth, sixth, ..] = bytes else { return None };
    let head = if second & 1 == 1 { 7 } else { 9 };
    let len = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
    let valid = second & 0xf6 == 0xf0 && third >> 2 & 15 <= 12 && len > head;
    valid.then_some((len, [0xff, 0xff, 0xfd, 0xc0]))
}

/// The form type of a RIFF file. Its size is no text, but all ones where it was not known yet.
fn form(bytes: &[u8]) -> Option<&[u8; 4]> {
    let sized = has_control(bytes, 4..8) || bytes.get(4..8) == Some(&[0xff; 4]);
    (bytes.starts_with(b"RIFF") && sized).then(|| bytes.get(8..12)?.try_into().ok()).flatten()
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
pub(crate) fn looks_like_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && text_len(bytes) == bytes.len()
}

/// How many bytes from the start are such text; a character that the end cuts in two counts as one.
pub(crate) fn text_len(bytes: &[u8]) -> usize {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    bytes[..valid].iter().position(|&byte| is_control(byte)).unwrap_or(valid)
}

/// Bytes of printable ASCII in a row that hardly any binary data has by chance: one place in ten million.
const TEXT_RUN: usize = 16;

/// Whether bytes that are no text as a whole may hold some: in an encoding that extends ASCII in another way than
/// UTF-8, or beside bytes of another kind.
pub(crate) fn has_text_runs(bytes: &[u8]) -> bool {
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    let most = bytes.iter().filter(|byte| printable(byte)).count() * 4 >= bytes.len() * 3;
    most || bytes.split(|byte| !printable(byte)).any(|run| run.len() >= TEXT_RUN)
}

/// How texts in Windows-1251 and Latin-1 can begin.
#[cfg(test)]
pub(crate) const EIGHT_BIT: [&[u8]; 12] = [
    b"\xff\xf1\xed\xee",
    b"\xff\xf0\xeb\xfb\xea",
    b"\xff\xe2\xea\xe0",
    b"\xff\xea \xf6\xe5",
    b"\xff\xea\xb3\xf1\xf2\xfc",
    b"\xff\xeb",
    b"\xff\xd8\xff",
    b"%PDF-1.7 l\xe4uft nicht",
    b"%PDF-1.7\nl\xe4uft nicht",
    b"RIFFund WAVE f\xfcr T\xf6ne",
    b"FORMund AIFF f\xfcr",
    b"FORMund AIFC f\xfcr",
];

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "noise is made of the low bits")]
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

    /// Two frames of silence, as an encoder writes them.
    fn frames(head: &[u8], len: usize) -> Vec<u8> {
        [head, &vec![0; len - head.len()]].concat().repeat(2)
    }

    #[test]
    fn sound_is_known_by_two_frames() {
        let mp3 = frames(b"\xff\xfb\x90\x64", 417);
        let aac = frames(b"\xff\xf1\x50\x80\x17\x7f\xfc", 187);
        let others = [
            frames(b"\xff\xfb\x92\x64", 418),
            frames(b"\xff\xf3\x84\xc4", 192),
            frames(b"\xff\xe3\x10\xc4", 52),
            frames(b"\xff\xfb\xe4\x64", 960),
        ];
        for sound in others.iter().chain([&mp3, &aac]) {
            assert_eq!(kind_of(sound), Some(OpaqueKind::Audio), "{:x?}", &sound[..4]);
            let mut moved = sound.clone();
            moved.insert(sound.len() / 2, 0);
            assert_eq!(kind_of(&moved), None, "no frame where one must be");
        }
        for (bytes, known) in [(MIN_FRAME_LOOK, true), (MIN_FRAME_LOOK - 1, false)] {
            assert_eq!(kind_of(&mp3[..bytes]).is_some(), known, "{bytes}");
        }
        for (zeros, known) in
            [(MIN_FRAME_LOOK / FRAME_CONTROLS, true), (MIN_FRAME_LOOK / FRAME_CONTROLS - 1, false)]
        {
            let start = [b"\xff\xfb\x90\x64", &vec![0; zeros][..]].concat();
            let start = [&start[..], &vec![b'a'; MIN_FRAME_LOOK - start.len()]].concat();
            assert_eq!(kind_of(&start).is_some(), known, "{zeros}");
        }
        for head in [b"\xff\xfb\xf0\x64", b"\xff\xfb\x9c\x64", b"\xff\xfb\x00\x64", b"\xff\xeb\x90\x64"] {
            assert_eq!(kind_of(&frames(head, 417)), None, "{head:x?}");
        }
    }

    #[test]
    fn real_heads_are_known() {
        let object = &b"1 0 obj\n<</Type/Catalog>>\nendobj\n"[..];
        for (head, kind) in [
            (&b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0"[..], OpaqueKind::Audio),
            (b"FORM\0\x01\x20\x2eAIFFCOMM\0\0\0\x12\0\x01", OpaqueKind::Audio),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01", OpaqueKind::Image),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0", OpaqueKind::Image),
            (b"PK\x03\x04\x14\0\0\0\x08\0", OpaqueKind::Archive),
            (&[b"%PDF-1.4\r%\xe2\xe3\xcf\xd3\r\n", object].concat(), OpaqueKind::Pdf),
            (&[b"%PDF-1.4\n%\x93\x8c\x8b\x9e made by\n", object].concat(), OpaqueKind::Pdf),
            (&[b"%PDF-1.3\n", object, b"\xe9\n"].concat(), OpaqueKind::Pdf),
        ] {
            assert_eq!(kind_of(head), Some(kind), "{head:?}");
        }
    }

    #[test]
    fn text_of_one_byte_a_character_is_text() {
        for text in EIGHT_BIT {
            for behind in [&b""[..], b"\nkey=abc\n", &vec![b'\xe9'; 9 * LOOK]] {
                assert_eq!(kind_of(&[text, behind].concat()), None, "{text:x?}");
            }
        }
        // Nor does one control byte make media of the words that begin like sound.
        assert_eq!(kind_of(b"\xff\xf1\xed\xee\x01\nkey=abc\n"), None);
        for (len, text) in [(MIN_EIGHT_BIT, true), (MIN_EIGHT_BIT - 1, false)] {
            assert_eq!(is_eight_bit_text(&vec![0xe9; len]), text);
        }
        assert!(!is_eight_bit_text(&[&vec![0xe9; MIN_EIGHT_BIT][..], b"\0"].concat()));
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
        assert!(!has_text_runs(&noise));
        for (len, held) in [(TEXT_RUN - 1, false), (TEXT_RUN, true)] {
            let bytes = [&noise[..], &[0xff], &vec![b'x'; len], &[0xff], &noise].concat();
            assert_eq!(has_text_runs(&bytes), held, "{len}");
        }
        for (others, held) in [(1, true), (2, false)] {
            let bytes = [&b"abc"[..], &vec![0xe9; others]].concat();
            assert_eq!(has_text_runs(&bytes), held, "{others}");
        }
    }
}
