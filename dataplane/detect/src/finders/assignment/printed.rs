//! Passwords that a command prints: the line below `pass show mail`, `argocd admin initial-password`, `op read …`.

use super::devices;
use crate::text::cursor::Cursor;
use crate::text::{Span, TextView, TooShort};

/// How far behind a command's name its line ends at most, in bytes.
const MAX_LINE: usize = 160;
/// The longest password that is read.
const MAX_VALUE: usize = 128;

/// The line below that of the command whose name ends at `end`, if it is one word and nothing that is spoken or printed
/// otherwise.
pub(super) fn below(view: TextView<'_>, end: usize) -> Result<Option<Span>, TooShort> {
    let mut cursor = Cursor::new(view, end);
    if !matches!(cursor.peek()?, b' ' | b'\n' | b'\r' | b'\\') {
        return Ok(None);
    }
    while !cursor.line_end()? {
        // The rest of a sentence, of a string, or of a pipe.
        if cursor.at - end > MAX_LINE || matches!(cursor.peek()?, b'"' | b'`' | b'|' | b'>' | b'<') {
            return Ok(None);
        }
        cursor.at += 1;
    }
    let width = match cursor.peek()? {
        0 => return Ok(None),
        b'\\' => cursor.backslashes()? + 1,
        b'\r' => 2,
        _ => 1,
    };
    cursor.at += width;
    let start = cursor.at;
    while cursor.at - start < MAX_VALUE && !cursor.line_end()? {
        if !matches!(cursor.peek()?, b'!'..=b'~') || matches!(cursor.peek()?, b'"') {
            return Ok(None);
        }
        cursor.at += 1;
    }
    let value = &view.text[start..cursor.at];
    let is_other = value.len() < 8
        || devices::is_plain(value)
        || matches!(value[0], b'$' | b'#' | b'-' | b'/' | b'.' | b'<' | b'{' | b'[')
        || memchr::memmem::find(value, b"://").is_some()
        || !value.iter().any(u8::is_ascii_digit);
    Ok((cursor.line_end()? && !is_other).then_some(Span::new(start, cursor.at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> Option<&str> {
        let view = TextView { text: text.as_bytes(), last: true };
        below(view, "pass show".len()).unwrap().map(|span| &text[span.range()])
    }

    #[test]
    fn a_word_in_the_line_below_is_what_was_printed() {
        for text in [
            "pass show a/b\nlantern52x\nuser: ann\n",
            "pass show\r\nlantern52x",
            "pass show a\\nlantern52x\\n",
        ] {
            assert_eq!(printed(text), Some("lantern52x"), "{text:?}");
        }
        for text in [
            "pass show a\n$ ls\n",
            "pass show a\nlantern52x y\n",
            "pass show a\nno-such-entry\n",
            "pass show a | head\nlantern52x\n",
            "pass show \"a\nlantern52x\n",
            "pass shows\nlantern52x\n",
            "pass show a",
        ] {
            assert_eq!(printed(text), None, "{text:?}");
        }
    }
}
