//! What kind of body a request has, by its content type.

#![expect(clippy::cast_possible_truncation, reason = "a boundary has at most `MAX_BOUNDARY` bytes")]

use std::ops::Range;

/// Bytes of the longest boundary that RFC 2046 allows.
pub const MAX_BOUNDARY: usize = 70;

/// What separates the parts of a multipart body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    len: u8,
    bytes: [u8; MAX_BOUNDARY],
}

impl Boundary {
    /// A boundary, if it is not empty, not too long, and made of characters that RFC 2046 allows.
    pub fn new(text: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
        if text.is_empty() || text.len() > MAX_BOUNDARY || !text.iter().all(allowed) || text.ends_with(b" ") {
            return None;
        }
        let mut bytes = [0; MAX_BOUNDARY];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self { len: text.len() as u8, bytes })
    }

    /// The boundary without its hyphens.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A declared encoding of text with units of more than one byte. All others that clients use extend ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    /// UTF-32, not UTF-16.
    pub four_bytes: bool,
    /// The order of bytes, if the name says it.
    pub big_endian: Option<bool>,
}

impl Charset {
    /// The wide encoding among the parameters of a media type. The bytes have the last word, so one of several counts.
    pub(crate) fn declared(parameters: &[u8]) -> Option<Self> {
        let mut found = None;
        each_parameter(parameters, |key, value| {
            if key.eq_ignore_ascii_case(b"charset") {
                found = found.or_else(|| Self::of(&value));
            }
        });
        found
    }

    /// The encoding of that name, if it is a wide one (RFC 2781, and the Encoding Standard's labels).
    fn of(name: &[u8]) -> Option<Self> {
        let wide = |four_bytes, big_endian| Some(Self { four_bytes, big_endian });
        match name.to_ascii_lowercase().as_slice() {
            b"utf-16" | b"utf16" | b"utf_16" | b"unicode" | b"csunicode" | b"ucs-2" | b"iso-10646-ucs-2" => {
                wide(false, None)
            }
            b"utf-16le" | b"utf16le" | b"utf_16_le" | b"unicodefeff" => wide(false, Some(false)),
            b"utf-16be" | b"utf16be" | b"utf_16_be" | b"unicodefffe" => wide(false, Some(true)),
            b"utf-32" | b"utf32" | b"utf_32" | b"ucs-4" | b"iso-10646-ucs-4" => wide(true, None),
            b"utf-32le" | b"utf32le" | b"utf_32_le" => wide(true, Some(false)),
            b"utf-32be" | b"utf32be" | b"utf_32_be" => wide(true, Some(true)),
            _ => None,
        }
    }
}

/// How a request body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document; anything else is refused.
    Json,
    /// JSON documents, one a line.
    JsonLines,
    /// Text as it is; UTF-16 or UTF-32 if its bytes say so.
    Text,
    /// Text that is declared to be UTF-16 or UTF-32. Its bytes have the last word.
    TextIn(Charset),
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/*`, each part by its own type.
    Multipart(Boundary),
    /// `multipart/related` at a place of uploads: what is said about a file, then the file, which has no name.
    Related(Boundary),
    /// Images, audio, video, PDF: passed as they are if their first bytes say so too.
    Binary,
    /// No type, or none that is known, or a file: JSON as long as it is JSON, known media, else text.
    Unknown,
    /// It can be read in more than one way: refused, for this reason.
    Ambiguous(&'static str),
}

impl Format {
    /// The format that a `Content-Type` field announces. A multipart type without a usable boundary is
    /// [`Format::Text`]: its parts are not separated, but nothing in it passes unscanned. One with two boundaries is
    /// refused.
    pub fn of_request(content_type: Option<&[u8]>) -> Self {
        let Some(field) = content_type else { return Self::Unknown };
        let (essence, parameters) = split_at_byte(field, b';');
        let essence = essence.trim_ascii().to_ascii_lowercase();
        let (kind, subtype) = split_at_byte(&essence, b'/');
        match (kind, subtype) {
            (_, b"jsonl" | b"x-jsonl" | b"x-ndjson" | b"ndjson" | b"jsonlines" | b"json-seq") => {
                Self::JsonLines
            }
            (_, b"json") => Self::Json,
            (_, subtype) if subtype.ends_with(b"+json") => Self::Json,
            (b"application", b"x-www-form-urlencoded") => Self::Form,
            (b"multipart", _) => {
                let Ok(boundary) = only_parameter(parameters, b"boundary") else {
                    return Self::Ambiguous("two boundaries");
                };
                boundary.as_deref().and_then(Boundary::new).map_or(Self::Text, Self::Multipart)
            }
            (b"text", _) | (b"application", b"xml" | b"yaml" | b"x-yaml" | b"toml" | b"javascript") => {
                match Charset::declared(parameters) {
                    Some(charset) => Self::TextIn(charset),
                    None => Self::Text,
                }
            }
            (b"image", b"svg+xml") => Self::Text,
            (b"image" | b"audio" | b"video", _) | (b"application", b"pdf") => Self::Binary,
            _ => Self::Unknown,
        }
    }
}

impl Format {
    /// The format of a file that is labelled so. Clients label whatever they send as JSON, or as a form, so these
    /// labels are not believed: a file is JSON as long as it is JSON, and text from where it is not.
    pub fn of_file(content_type: Option<&[u8]>) -> Self {
        match Self::of_request(content_type) {
            Self::Json | Self::JsonLines | Self::Form => Self::Unknown,
            Self::Multipart(boundary) if content_type.is_some_and(is_related) => Self::Related(boundary),
            other => other,
        }
    }
}

/// Where in a `Content-Type` field the boundary of a multipart body stands, with its quotes; `None` if its parts are not
/// separated by one.
pub fn boundary_span(content_type: &[u8]) -> Option<Range<usize>> {
    let Format::Multipart(_) = Format::of_request(Some(content_type)) else { return None };
    let (_, mut rest) = split_at_byte(content_type, b';');
    while !rest.trim_ascii_start().is_empty() {
        let (key, after) = split_parameter_name(rest);
        if key.eq_ignore_ascii_case(b"boundary") {
            let value = after.trim_ascii_start();
            let start = content_type.len() - value.len();
            return Some(start..start + raw_len(value));
        }
        rest = take_value(after).1;
    }
    None
}

/// Bytes of the value at the start of `text`, with its quotes.
fn raw_len(text: &[u8]) -> usize {
    if text.first() != Some(&b'"') {
        return split_at_byte(text, b';').0.trim_ascii_end().len();
    }
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Whether a media type is `multipart/related` (RFC 2387).
fn is_related(content_type: &[u8]) -> bool {
    split_at_byte(content_type, b';').0.trim_ascii().eq_ignore_ascii_case(b"multipart/related")
}

/// The value of a hexadecimal digit.
#[expect(clippy::cast_possible_truncation, reason = "a hexadecimal digit is below 16")]
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// What stands before and after the first `byte`, or all and nothing.
pub(crate) fn split_at_byte(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == byte) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// The value of a parameter of a header field, unquoted. Several that differ are an error. `name*` (RFC 8187) counts as
/// one that differs.
fn only_parameter(parameters: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>, ()> {
    let (mut found, mut several) = (None, false);
    each_parameter(parameters, |key, value| {
        let extended = key.split(|&byte| byte == b'*').next().is_some_and(|stem| stem.len() < key.len());
        if key.eq_ignore_ascii_case(name) {
            several |= found.as_ref().is_some_and(|before| *before != value);
            found = Some(value);
        } else if extended && key.get(..name.len()).is_some_and(|stem| stem.eq_ignore_ascii_case(name)) {
            several = true;
        }
    });
    if several { Err(()) } else { Ok(found) }
}

/// Calls `see` with name and value of each parameter of a header field, the value unquoted.
pub(crate) fn each_parameter(parameters: &[u8], mut see: impl FnMut(&[u8], Vec<u8>)) {
    let mut rest = parameters;
    while !rest.trim_ascii_start().is_empty() {
        let (key, after) = split_parameter_name(rest);
        let (value, next) = take_value(after);
        see(key, value);
        rest = next;
    }
}

/// The name before `=` (or before `;` if there is no value) and what follows it.
fn split_parameter_name(text: &[u8]) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&byte| byte == b'=' || byte == b';').unwrap_or(text.len());
    let after = if text.get(at) == Some(&b'=') { &text[at + 1..] } else { &text[at..] };
    (text[..at].trim_ascii(), after)
}

/// A value, quoted or not, and what follows the `;` behind it.
fn take_value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let text = text.trim_ascii_start();
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (value, rest) = split_at_byte(text, b';');
        return (value.trim_ascii().to_vec(), rest);
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => value.extend(bytes.next()),
            _ => value.push(byte),
        }
    }
    (value, split_at_byte(bytes.as_slice(), b';').1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Format {
        Format::of_request(Some(text.as_bytes()))
    }

    fn multipart(boundary: &[u8]) -> Format {
        Format::Multipart(Boundary::new(boundary).unwrap())
    }

    #[test]
    fn types_are_known() {
        assert_eq!(of("application/json"), Format::Json);
        assert_eq!(of(" Application/JSON ; charset=utf-8"), Format::Json);
        assert_eq!(of("application/vnd.api+json"), Format::Json);
        assert_eq!(of("application/x-ndjson"), Format::JsonLines);
        assert_eq!(of("application/jsonl"), Format::JsonLines);
        assert_eq!(of("text/plain; charset=latin1"), Format::Text);
        assert_eq!(of("application/x-www-form-urlencoded"), Format::Form);
        assert_eq!(of("image/png"), Format::Binary);
        assert_eq!(of("image/svg+xml"), Format::Text);
        assert_eq!(of("application/octet-stream"), Format::Unknown);
        assert_eq!(of(""), Format::Unknown);
        assert_eq!(Format::of_request(None), Format::Unknown);
    }

    #[test]
    fn wide_charsets_are_known() {
        let wide = |four_bytes, big_endian| Format::TextIn(Charset { four_bytes, big_endian });
        assert_eq!(of("text/plain; charset=UTF-16"), wide(false, None));
        assert_eq!(of("text/plain;charset=\"utf-16le\""), wide(false, Some(false)));
        assert_eq!(of("text/csv; header=present; Charset=utf-32BE"), wide(true, Some(true)));
        assert_eq!(of("application/xml; charset=utf-16be"), wide(false, Some(true)));
        assert_eq!(of("text/plain; charset=utf-8"), Format::Text);
        assert_eq!(of("text/plain; charset=utf-8; charset=utf-16"), wide(false, None));
        assert_eq!(
            of("application/json; charset=utf-16"),
            Format::Json,
            "JSON is UTF-8, and is read strictly"
        );
    }

    #[test]
    fn boundaries_are_read() {
        assert_eq!(of("multipart/form-data; boundary=abc"), multipart(b"abc"));
        assert_eq!(of("multipart/form-data;charset=x;BOUNDARY=\"a b;\\c\" ; q=1"), Format::Text, "';' in it");
        assert_eq!(of("multipart/mixed; x=\"boundary=no;\"; boundary=\"a b\\c\""), multipart(b"a bc"));
        assert_eq!(of("multipart/form-data"), Format::Text);
        assert_eq!(of("multipart/form-data; boundary="), Format::Text);
        assert_eq!(of("multipart/form-data; boundary"), Format::Text);
        assert_eq!(of("multipart/form-data; boundary=\"unclosed"), multipart(b"unclosed"));
    }

    #[test]
    fn the_boundary_s_place_is_reported() {
        let place = |text: &'static str| boundary_span(text.as_bytes()).map(|span| &text[span]);
        assert_eq!(place("multipart/form-data; boundary=abc"), Some("abc"));
        assert_eq!(place("multipart/form-data;x=y; Boundary= abc ; q=1"), Some("abc"));
        assert_eq!(
            place("multipart/mixed; x=\"boundary=no;\"; boundary=\"a b\\c\" d; e"),
            Some("\"a b\\c\"")
        );
        assert_eq!(place("multipart/form-data; boundary=\"unclosed"), Some("\"unclosed"));
        assert_eq!(place("multipart/form-data; boundary=\"unclosed\\"), Some("\"unclosed\\"));
        for none in ["multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=abc"] {
            assert_eq!(place(none), None, "{none}");
        }
    }

    #[test]
    fn two_boundaries_are_ambiguous() {
        let two = Format::Ambiguous("two boundaries");
        assert_eq!(of("multipart/form-data; boundary=a; boundary=b"), two);
        assert_eq!(of("multipart/form-data; boundary=a; boundary*=utf-8''b"), two);
        assert_eq!(of("multipart/form-data; boundary*0=a; boundary*1=b"), two);
        assert_eq!(of("multipart/form-data; boundary=a; BOUNDARY=\"a\""), multipart(b"a"));
        assert_eq!(of("multipart/form-data; boundaries=x; boundary=a"), multipart(b"a"));
    }

    #[test]
    fn labels_of_files_are_not_believed() {
        let file = |text: &str| Format::of_file(Some(text.as_bytes()));
        for label in ["application/json", "application/jsonl", "application/x-www-form-urlencoded", ""] {
            assert_eq!(file(label), Format::Unknown, "{label}");
        }
        assert_eq!(file("image/png"), Format::Binary);
        assert_eq!(file("text/plain"), Format::Text);
        assert_eq!(file("multipart/form-data; boundary=a"), multipart(b"a"));
        assert_eq!(file("multipart/mixed; boundary=a"), multipart(b"a"));
        let related = Format::Related(Boundary::new(b"a").unwrap());
        assert_eq!(file(" Multipart/Related ; type=\"x\"; boundary=a"), related);
        assert_eq!(of("multipart/related; boundary=a"), multipart(b"a"), "no upload");
    }

    #[test]
    fn boundaries_are_limited() {
        assert!(Boundary::new(&[b'x'; MAX_BOUNDARY]).is_some());
        assert!(Boundary::new(&[b'x'; MAX_BOUNDARY + 1]).is_none());
        assert!(Boundary::new(b"a\r\nb").is_none());
        assert!(Boundary::new(b"ends with space ").is_none());
    }
}
