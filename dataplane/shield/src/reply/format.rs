//! What kind of body a reply has: by its content type, and by its first bytes where that is missing or wrong.

use memchr::memchr;

/// The kind of a reply's body, as its `content-type` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyFormat {
    /// `application/json` and `*+json`.
    Json,
    /// `text/event-stream`.
    Sse,
    /// One JSON value a line (`application/x-ndjson` and its other names).
    JsonLines,
    /// Any other text.
    Text,
    /// Media, archives and binary encodings, by their names: passed as they are.
    Binary,
    /// No content type, or any other (`application/octet-stream`, a word that is no media type, a type that is not
    /// known): found out from the first bytes.
    Unknown,
}

/// Types of `application/` whose content is certainly no text. What is not here is looked at: its first byte that
/// stands in no text ends that.
const BINARY: [&[u8]; 36] = [
    b"pdf",
    b"zip",
    b"x-zip-compressed",
    b"gzip",
    b"x-gzip",
    b"x-bzip",
    b"x-bzip2",
    b"x-xz",
    b"zstd",
    b"x-tar",
    b"x-gtar",
    b"x-7z-compressed",
    b"vnd.rar",
    b"x-rar-compressed",
    b"java-archive",
    b"wasm",
    b"grpc",
    b"grpc-web",
    b"protobuf",
    b"x-protobuf",
    b"vnd.google.protobuf",
    b"msgpack",
    b"x-msgpack",
    b"vnd.msgpack",
    b"cbor",
    b"cbor-seq",
    b"vnd.amazon.eventstream",
    b"vnd.apache.parquet",
    b"vnd.apache.arrow.stream",
    b"vnd.apache.arrow.file",
    b"vnd.sqlite3",
    b"msword",
    b"vnd.ms-excel",
    b"vnd.ms-powerpoint",
    b"x-numpy",
    b"ogg",
];

/// Beginnings of types that are binary whatever follows.
const BINARY_KINDS: [&[u8]; 5] =
    [b"image/", b"audio/", b"video/", b"font/", b"application/vnd.openxmlformats-officedocument."];

/// Ends of types that say how these are encoded (RFC 6839).
const BINARY_SUFFIXES: [&[u8]; 6] = [b"+zip", b"+gzip", b"+cbor", b"+proto", b"+protobuf", b"+wbxml"];

fn is_binary_type(essence: &[u8]) -> bool {
    essence.strip_prefix(b"application/").is_some_and(|name| BINARY.contains(&name))
        || BINARY_KINDS.iter().any(|kind| essence.starts_with(kind))
        || BINARY_SUFFIXES.iter().any(|suffix| essence.ends_with(suffix))
}

impl ReplyFormat {
    /// The format that the value of a `content-type` header names. Parameters are ignored, as is case, and quotes
    /// around it, which some servers put there. A header that came twice counts if it says the same.
    pub fn of(content_type: Option<&[u8]>) -> Self {
        let Some(value) = content_type else { return Self::Unknown };
        let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let mut formats = essence.split(|&byte| byte == b',').map(Self::of_essence);
        let format = formats.next().unwrap_or(Self::Unknown);
        if formats.all(|other| other == format) { format } else { Self::Unknown }
    }

    fn of_essence(essence: &[u8]) -> Self {
        let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b' ' | b'\t');
        let start = essence.iter().take_while(|byte| is_quote(byte)).count();
        let quotes = essence[start..].iter().rev().take_while(|byte| is_quote(byte)).count();
        match essence[start..essence.len() - quotes].to_ascii_lowercase().as_slice() {
            b"text/event-stream" => Self::Sse,
            b"application/x-ndjson"
            | b"application/ndjson"
            | b"application/jsonl"
            | b"application/x-jsonl"
            | b"application/x-json-stream"
            | b"text/jsonl"
            | b"text/x-jsonl"
            | b"text/x-ndjson"
            | b"text/ndjson"
            | b"application/x-jsonlines"
            | b"application/x-json-lines"
            | b"application/x-ldjson"
            | b"application/ldjson"
            | b"application/json-lines"
            | b"application/jsonlines"
            | b"application/stream+json" => Self::JsonLines,
            b"application/json" | b"text/json" => Self::Json,
            b"application/xml"
            | b"application/javascript"
            | b"application/yaml"
            | b"application/x-yaml"
            | b"application/toml"
            | b"application/x-www-form-urlencoded" => Self::Text,
            other if other.ends_with(b"+json") => Self::Json,
            other if other.starts_with(b"text/") || other.ends_with(b"+xml") => Self::Text,
            other if is_binary_type(other) => Self::Binary,
            _ => Self::Unknown,
        }
    }
}

/// What the first bytes of a body say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sniffed {
    /// A field or comment of server-sent events.
    Sse,
    /// A line of which some stand before the first event, and which begins other text as well. Asked of what is
    /// declared to be text.
    Preamble,
    /// An object or array.
    Json,
    /// The same, with the first member of a chunk of a stream. Asked of what is declared to be text.
    Chunks,
    /// A file that begins like text and is none.
    Pdf,
    Other,
    /// More bytes are needed.
    Undecided,
}

/// First members of the chunks that chat completions, Ollama and Gemini stream.
const CHUNK_MEMBERS: [&[u8]; 9] =
    [b"candidates", b"choices", b"created", b"created_at", b"done", b"id", b"model", b"object", b"response"];
/// Bytes within which a text must show that it begins with a chunk.
const MAX_CHUNK_HEAD: usize = 64;

/// Whether text begins with a chunk of a stream, or an array of them. No more is waited for than the name of its first
/// member.
fn chunks(head: &[u8]) -> Sniffed {
    let skip = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut rest = head;
    for (byte, optional) in [(b'[', true), (b'{', false), (b'"', false)] {
        rest = match rest.split_first() {
            None if head.len() < MAX_CHUNK_HEAD => return Sniffed::Undecided,
            Some((&first, after)) if first == byte => &after[skip(after)..],
            Some(_) if optional => rest,
            _ => return Sniffed::Json,
        };
    }
    let Some(end) = memchr(b'"', rest) else {
        let begun = CHUNK_MEMBERS.iter().any(|name| name.starts_with(rest));
        return if begun { Sniffed::Undecided } else { Sniffed::Json };
    };
    if CHUNK_MEMBERS.contains(&&rest[..end]) { Sniffed::Chunks } else { Sniffed::Json }
}

/// How a PDF begins.
const PDF: &[u8] = b"%PDF-";

impl Sniffed {
    /// Looks at a body from its first byte that is neither white space nor part of a byte order mark.
    ///
    /// What is declared to be text must look more like events than other text does: `data:` begins many a
    /// YAML file.
    pub(crate) fn of(head: &[u8], declared: ReplyFormat) -> Self {
        if matches!(head.first(), Some(b'{' | b'[')) {
            return if declared == ReplyFormat::Text { chunks(head) } else { Self::Json };
        }
        if declared == ReplyFormat::Unknown
            && (head.starts_with(PDF) || PDF.starts_with(head))
            && !head.is_empty()
        {
            return if head.len() < PDF.len() { Self::Undecided } else { Self::Pdf };
        }
        let fields: &[&[u8]] = match declared {
            ReplyFormat::Text => &[b"event: ", b"data: {", b"data:{"],
            _ => &[b":", b"event:", b"data:", b"id:", b"retry:"],
        };
        let before: &[&[u8]] = if declared == ReplyFormat::Text { &[b":", b"id:", b"retry:"] } else { &[] };
        if fields.iter().any(|field| head.starts_with(field)) {
            Self::Sse
        } else if before.iter().any(|field| head.starts_with(field)) {
            Self::Preamble
        } else if fields.iter().chain(before).any(|field| field.starts_with(head)) {
            Self::Undecided
        } else {
            Self::Other
        }
    }
}

/// Whether a byte stands in no text: a control character that is no white space and begins no escape sequence of a
/// terminal.
pub(crate) fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 14..=26 | 28..=31)
}

/// Whether a byte may stand before what a body is known by: white space, a byte order mark, what separates records of
/// JSON (RFC 7464).
pub(crate) fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf | 0x1e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_known() {
        for (value, format) in [
            ("text/event-stream; charset=utf-8", ReplyFormat::Sse),
            ("Application/JSON", ReplyFormat::Json),
            ("application/problem+json", ReplyFormat::Json),
            ("application/x-ndjson", ReplyFormat::JsonLines),
            ("text/html", ReplyFormat::Text),
            ("image/png", ReplyFormat::Binary),
            ("application/octet-stream", ReplyFormat::Unknown),
            ("binary/octet-stream", ReplyFormat::Unknown),
            ("application/x-jsonl; charset=utf-8", ReplyFormat::JsonLines),
            ("application/zip", ReplyFormat::Binary),
            ("image/svg+xml", ReplyFormat::Text),
            ("", ReplyFormat::Unknown),
            ("binary", ReplyFormat::Unknown),
            ("octet-stream; x=a/b", ReplyFormat::Unknown),
            ("unknown/binary", ReplyFormat::Unknown),
            ("application/vnd.openai.v1", ReplyFormat::Unknown),
            ("*/*", ReplyFormat::Unknown),
            ("\"application/json\"", ReplyFormat::Json),
            ("application/json, application/json", ReplyFormat::Json),
            ("image/png, application/json", ReplyFormat::Unknown),
            ("video/webm; codecs=\"vp8,vorbis\"", ReplyFormat::Binary),
            ("audio/mpeg", ReplyFormat::Binary),
            ("application/pdf", ReplyFormat::Binary),
            ("application/vnd.amazon.eventstream", ReplyFormat::Binary),
            ("application/epub+zip", ReplyFormat::Binary),
            ("\"", ReplyFormat::Unknown),
        ] {
            assert_eq!(ReplyFormat::of(Some(value.as_bytes())), format, "{value}");
        }
        assert_eq!(ReplyFormat::of(None), ReplyFormat::Unknown);
    }

    #[test]
    fn first_bytes_are_known() {
        for (head, sniffed) in [
            ("", Sniffed::Undecided),
            ("dat", Sniffed::Undecided),
            ("data:", Sniffed::Sse),
            (": ping", Sniffed::Sse),
            ("database", Sniffed::Other),
            ("{", Sniffed::Json),
            ("<", Sniffed::Other),
        ] {
            assert_eq!(Sniffed::of(head.as_bytes(), ReplyFormat::Unknown), sniffed, "{head}");
        }
        assert_eq!(Sniffed::of(b"data:\n  key: x", ReplyFormat::Text), Sniffed::Other);
        assert_eq!(Sniffed::of(b"data: {", ReplyFormat::Text), Sniffed::Sse);
        for (head, sniffed) in [
            (": x", Sniffed::Preamble),
            ("id", Sniffed::Undecided),
            ("{", Sniffed::Undecided),
            ("{ \"mod", Sniffed::Undecided),
            ("[{\"candidates\"", Sniffed::Chunks),
            ("{\"model\"", Sniffed::Chunks),
            ("{\"models\"", Sniffed::Json),
            ("{x", Sniffed::Json),
            ("[1", Sniffed::Json),
        ] {
            assert_eq!(Sniffed::of(head.as_bytes(), ReplyFormat::Text), sniffed, "{head}");
        }
        let padded = |len: usize| format!("{{{}", " ".repeat(len - 1));
        let sniffed = |len: usize| Sniffed::of(padded(len).as_bytes(), ReplyFormat::Text);
        assert_eq!(
            (sniffed(MAX_CHUNK_HEAD - 1), sniffed(MAX_CHUNK_HEAD)),
            (Sniffed::Undecided, Sniffed::Json)
        );
    }
}
