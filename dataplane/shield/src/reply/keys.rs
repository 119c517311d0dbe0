//! What the name of a JSON member says about its value.
//!
//! Opaque values (signatures, encrypted reasoning, base64 media) are checked byte by byte by whoever made them:
//! they must never be edited, whatever they look like.

/// What the value under a key is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum KeyKind {
    /// Nothing special.
    #[default]
    Plain,
    /// Signed, encrypted or binary: never edited.
    Opaque,
    /// JSON text by contract, such as the arguments of a tool call.
    Arguments,
    /// The member that names the kind of its object.
    Type,
    /// Opaque if its object is a blob: one under a [`KeyKind::Blob`] key, or of a blob [type](is_blob_type).
    Data,
    /// An object under this key wraps base64 media.
    Blob,
}

/// The longest key that [`KeyKind::of`] knows.
pub(super) const MAX_KNOWN_KEY: usize = 20;

impl KeyKind {
    /// The kind of the value under `key` (as it is written, without quotes).
    pub(super) fn of(key: &[u8]) -> Self {
        match key {
            b"signature" | b"thoughtSignature" | b"thought_signature" | b"encrypted_content"
            | b"encrypted_index" | b"encrypted_stdout" | b"reasoning_opaque" | b"b64_json"
            | b"partial_image_b64" => Self::Opaque,
            b"arguments" | b"partial_json" => Self::Arguments,
            b"type" => Self::Type,
            b"data" => Self::Data,
            b"inlineData" | b"inline_data" | b"input_audio" | b"audio" => Self::Blob,
            _ => Self::Plain,
        }
    }
}

/// Whether an object whose `type` is `name` keeps opaque bytes in its `data`.
pub(super) fn is_blob_type(name: &[u8]) -> bool {
    matches!(name, b"redacted_thinking" | b"base64" | b"reasoning.encrypted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_known_key_is_known() {
        assert_eq!(KeyKind::of(b"partial_image_b64"), KeyKind::Opaque);
        assert!(b"partial_image_b64".len() <= MAX_KNOWN_KEY);
        assert!(b"reasoning.encrypted".len() <= MAX_KNOWN_KEY);
        assert_eq!(KeyKind::of(b"text"), KeyKind::Plain);
    }
}
