//! Whether a place in a text is in the string of a member: of a document that is only a part of the text, or a part of a
//! document. There backslashes are those of a string. What asks the same of a reply is `reply/text/member_string.rs`.

use memchr::memrchr;

use crate::json::quote_layers;

/// How far before a place the beginning of its string is looked for, in bytes. It is in the same line.
const REACH: usize = 512;
/// How far before a string its name ends, in bytes.
const MAX_BLANKS: usize = 16;

/// Of how many strings inside each other the text has the escapes at `at`, as far as the quotes before it say: of one in
/// `"name": "`, of two in `\"name\": \"`. 0 if it is in none. `is_content` says which double quotes are of the text.
pub(crate) fn layers_at(text: &[u8], at: usize, is_content: impl Fn(usize) -> bool) -> u8 {
    let near = at.saturating_sub(REACH);
    let floor = near + memrchr(b'\n', &text[near..at]).map_or(0, |line| line + 1);
    let mut end = at;
    // A string that was closed holds none of those inside of it.
    let mut closed = u8::MAX;
    while let Some(quote) = memrchr(b'"', &text[floor..end]).map(|quote| floor + quote) {
        if !is_content(quote) {
            return 0;
        }
        end = quote - backslashes(&text[floor..quote]);
        let Some(layers) = quote_layers(quote - end) else { return 0 };
        if layers < closed {
            if follows_name(&text[near..end], quote - end) {
                return layers;
            }
            closed = layers;
        }
    }
    0
}

/// Whether `before` ends with a quoted name and a colon; so many backslashes stand before its quote.
fn follows_name(before: &[u8], count: usize) -> bool {
    let trimmed = |text: &[u8]| {
        let blanks = text.iter().rev().take(MAX_BLANKS).take_while(|byte| byte.is_ascii_whitespace());
        text.len() - blanks.count()
    };
    let Some(name) = before[..trimmed(before)].strip_suffix(b":") else { return false };
    let Some(name) = name[..trimmed(name)].strip_suffix(b"\"") else { return false };
    quote_layers(backslashes(name)) == quote_layers(count)
}

fn backslashes(before: &[u8]) -> usize {
    before.iter().rev().take_while(|byte| **byte == b'\\').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::support::MEMBER_STRINGS;

    #[test]
    fn strings_of_members_are_told_from_other_text() {
        for (text, expected) in MEMBER_STRINGS {
            let at = text.find('@').expect("a mark");
            assert_eq!(layers_at(text.as_bytes(), at, |_| true), expected, "{text}");
            assert_eq!(layers_at(text.as_bytes(), at, |_| false), 0, "{text}");
        }
    }

    #[test]
    fn a_string_is_followed_back_so_far() {
        let layers = |len: usize| {
            let text = format!("\"a\":\"{}", "x".repeat(len));
            layers_at(text.as_bytes(), text.len(), |_| true)
        };
        assert_eq!((layers(REACH - 3), layers(REACH - 2)), (1, 0));
    }
}
