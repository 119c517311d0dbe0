//! What kind of body a reply has: by its content type, and by its first bytes where that is missing or wrong.

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
    /// Media and archives: passed as they are.
    Binary,
    /// No content type, or one that says nothing (`application/octet-stream`, or a word that is no media type): found out
    /// from the first bytes.
    Unknown,
}

impl ReplyFormat {
    /// The format that the value of a `content-type` header names. Parameters are ignored, as is case.
    pub fn of(content_type: Option<&[u8]>) -> Self {
        let Some(value) = content_type else { return Self::Unknown };
        let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        match essence.to_ascii_lowercase().as_slice() {
            b""
            | b"application/octet-stream"
            | b"binary/octet-stream"
            | b"application/binary"
            | b"application/x-binary"
            | b"application/unknown"
            | b"application/x-octet-stream" => Self::Unknown,
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
            // No media type (RFC 9110, section 8.3.1), such as a bare `binary`.
            other if !other.contains(&b'/') => Self::Unknown,
            other if other.ends_with(b"+json") => Self::Json,
            other if other.starts_with(b"text/") || other.ends_with(b"+xml") => Self::Text,
            _ => Self::Binary,
        }
    }
}

/// What the first bytes of a body say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Looks {
    /// A field or comment of server-sent events.
    LikeSse,
    /// An object or array.
    LikeJson,
    /// A file that begins like text and is none.
    LikePdf,
    Neither,
    /// More bytes are needed.
    Undecided,
}

/// How a PDF begins.
const PDF: &[u8] = b"%PDF-";

impl Looks {
    /// Looks at a body from its first byte that is neither white space nor part of a byte order mark.
    ///
    /// What is declared to be text must look more like events than other text does: `data:` begins many a
    /// YAML file.
    pub(super) fn of(head: &[u8], declared: ReplyFormat) -> Self {
        if matches!(head.first(), Some(b'{' | b'[')) {
            return Self::LikeJson;
        }
        if declared == ReplyFormat::Unknown
            && (head.starts_with(PDF) || PDF.starts_with(head))
            && !head.is_empty()
        {
            return if head.len() < PDF.len() { Self::Undecided } else { Self::LikePdf };
        }
        let fields: &[&[u8]] = match declared {
            ReplyFormat::Text => &[b"event: ", b"data: {", b"data:{"],
            _ => &[b":", b"event:", b"data:", b"id:", b"retry:"],
        };
        if fields.iter().any(|field| head.starts_with(field)) {
            Self::LikeSse
        } else if fields.iter().any(|field| field.starts_with(head)) {
            Self::Undecided
        } else {
            Self::Neither
        }
    }
}

/// Whether a byte stands in no text: a control character that is no white space and begins no escape sequence of a
/// terminal.
pub(super) fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 14..=26 | 28..=31)
}

/// Whether a byte may stand before what a body is known by.
pub(super) fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf)
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
            ("unknown/binary", ReplyFormat::Binary),
        ] {
            assert_eq!(ReplyFormat::of(Some(value.as_bytes())), format, "{value}");
        }
        assert_eq!(ReplyFormat::of(None), ReplyFormat::Unknown);
    }

    #[test]
    fn first_bytes_are_known() {
        for (head, looks) in [
            ("", Looks::Undecided),
            ("dat", Looks::Undecided),
            ("data:", Looks::LikeSse),
            (": ping", Looks::LikeSse),
            ("database", Looks::Neither),
            ("{", Looks::LikeJson),
            ("<", Looks::Neither),
        ] {
            assert_eq!(Looks::of(head.as_bytes(), ReplyFormat::Unknown), looks, "{head}");
        }
        assert_eq!(Looks::of(b"data:\n  key: x", ReplyFormat::Text), Looks::Neither);
        assert_eq!(Looks::of(b"data: {", ReplyFormat::Text), Looks::LikeSse);
    }
}
