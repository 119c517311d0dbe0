//! What the names of JSON members say about their values: the one table of the way back.
//!
//! Opaque values (signatures, encrypted reasoning, base64 media) are checked byte by byte by whoever made them:
//! they must never be edited, whatever they look like. Signed text is checked too, when the client sends it back:
//! it stays as the provider wrote it, tokens and all. What a model hands to a tool is neither, whatever its members
//! are called: below a tool's input no name means anything.

/// What the value under a key is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum KeyKind {
    /// Nothing special.
    #[default]
    Plain,
    /// Signed, encrypted or binary: never edited.
    Opaque,
    /// JSON text by contract, such as the arguments of a tool call; as an object, those arguments themselves.
    Arguments,
    /// An object under this key is what a tool gets.
    ToolInput,
    /// The member that names the kind of its object.
    Type,
    /// Opaque if its object is a blob: one under a [`KeyKind::Blob`] key, or of a blob [type](is_blob_type).
    Data,
    /// An object under this key wraps base64 media.
    Blob,
    /// All text below is signed.
    Signed,
    /// All below speaks of the text that the model sampled, not of the one that the client gets.
    Sampled,
    /// A string under it is signed if its object is a thinking block: by its [type](is_thinking_type), or as an item
    /// under [`KeyKind::Content`].
    Thinking,
    /// A list of blocks.
    Content,
}

/// The longest key or type that is known.
pub(crate) const MAX_KNOWN_KEY: usize = 20;

impl KeyKind {
    /// The kind of the value under `key` (as it is written, without quotes).
    pub(crate) fn of(key: &[u8]) -> Self {
        match key {
            b"signature"
            | b"thoughtSignature"
            | b"thought_signature"
            | b"encrypted_content"
            | b"encrypted_index"
            | b"encrypted_stdout"
            | b"reasoning_opaque"
            | b"b64_json"
            | b"partial_image_b64"
            | b"image_base64"
            | b"bytesBase64Encoded"
            | b"file_data" => Self::Opaque,
            b"arguments" | b"partial_json" => Self::Arguments,
            b"input" | b"args" | b"parameters" => Self::ToolInput,
            b"type" => Self::Type,
            b"data" => Self::Data,
            b"inlineData" | b"inline_data" | b"input_audio" | b"audio" => Self::Blob,
            // OpenRouter, LiteLLM and Bedrock hand on what Anthropic and Google signed.
            b"reasoning_details" | b"thinking_blocks" | b"reasoningContent" | b"thought_signatures" => {
                Self::Signed
            }
            b"logprobs" => Self::Sampled,
            b"thinking" => Self::Thinking,
            b"content" => Self::Content,
            _ => Self::Plain,
        }
    }

    /// Whether an object under such a key is what a tool gets.
    pub(crate) fn is_tool_input(self) -> bool {
        matches!(self, Self::Arguments | Self::ToolInput)
    }
}

/// Whether an object whose `type` is `name` keeps opaque bytes in its `data`. (`image` and `audio` are MCP's.)
pub(crate) fn is_blob_type(name: &[u8]) -> bool {
    matches!(name, b"redacted_thinking" | b"base64" | b"reasoning.encrypted" | b"image" | b"audio")
}

/// Bytes of a string by which [`is_media_head`] judges.
pub(crate) const MEDIA_HEAD: usize = 16;

/// Whether a string of that name, or an item of an array of that name, may be media in base64, which nothing but its
/// bytes distinguishes from text.
pub(crate) fn may_be_media(name: &[u8], is_item: bool) -> bool {
    if is_item { name == b"images" } else { matches!(name, b"data" | b"bytes" | b"result" | b"blob") }
}

/// Whether a string that begins with `head` may be base64: media is known by its first bytes, so where a token comes
/// first, there is none.
pub(crate) fn is_media_head(head: &[u8]) -> bool {
    let mut head = head.iter().take(MEDIA_HEAD);
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_:;,.\\".contains(byte);
    head.len() > 0 && head.all(is_base64)
}

/// Whether an object whose `type` is `name` is a block of thinking, which Anthropic signs, and says so only behind
/// the text. (Mistral's, which is not signed, has a list of texts in the place of the string.)
pub(crate) fn is_thinking_type(name: &[u8]) -> bool {
    matches!(name, b"thinking" | b"thinking_delta")
}

/// Whether all text in an object whose `type` is `name` is signed.
///
/// OpenAI's reasoning items carry `encrypted_content`, and go back unread with it; whether they will is not known
/// while their summary streams.
pub(crate) fn is_signed_type(name: &[u8]) -> bool {
    matches!(
        name,
        b"redacted_thinking"
            | b"compaction"
            | b"compaction_delta"
            | b"reasoning"
            | b"reasoning_text"
            | b"summary_text"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_known_names_are_known() {
        assert_eq!(KeyKind::of(b"partial_image_b64"), KeyKind::Opaque);
        for longest in
            [&b"partial_image_b64"[..], b"reasoning.encrypted", b"reasoning_details", b"thought_signature"]
        {
            assert!(longest.len() <= MAX_KNOWN_KEY);
        }
        assert_eq!(KeyKind::of(b"text"), KeyKind::Plain);
        assert!(is_signed_type(b"reasoning") && !is_signed_type(b"thinking") && !is_signed_type(b"text"));
    }
}
