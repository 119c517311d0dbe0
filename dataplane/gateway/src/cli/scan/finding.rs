//! A finding with its place in the file: offset, line and column, as reports show them.

use aegis_detect::Finding;
use zeroize::Zeroizing;

use super::text::TextEncoding;

/// A position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilePosition {
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Lines from 1.
    pub line: u64,
    /// Characters from 1.
    pub column: u64,
}

impl FilePosition {
    pub(super) fn start(offset: usize) -> FilePosition {
        FilePosition { offset: offset as u64, line: 1, column: 1 }
    }

    /// The position after `text`, which follows this one and was written so in the file.
    pub(super) fn after(self, text: &[u8], encoding: TextEncoding) -> FilePosition {
        let newlines = memchr::memchr_iter(b'\n', text).count() as u64;
        let tail = memchr::memrchr(b'\n', text).map_or(text, |at| &text[at + 1..]);
        // Every byte but a continuation byte begins a character.
        let characters = tail.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        FilePosition {
            offset: self.offset + encoding.width(text),
            line: self.line + newlines,
            column: if newlines > 0 { 1 } else { self.column } + characters,
        }
    }
}

/// A finding with its place in a text.
#[derive(Debug)]
pub(super) struct LocatedFinding {
    /// What was found; its offsets are those of a window.
    pub finding: Finding,
    /// Its first byte; of a key that of the line that opens it.
    pub start: FilePosition,
    /// Behind its last byte.
    pub end: FilePosition,
    /// The bytes themselves; of a key its lines, without what stands between them.
    pub secret: Zeroizing<Vec<u8>>,
}

impl LocatedFinding {
    /// The key goes on with a line that ends at `end`.
    pub(super) fn add_line(&mut self, line: &[u8], end: FilePosition) {
        // A new place for each: one that grows would leave its contents behind.
        let mut secret = Zeroizing::new(Vec::with_capacity(self.secret.len() + 1 + line.len()));
        secret.extend_from_slice(&self.secret);
        secret.push(b'\n');
        secret.extend_from_slice(line);
        (self.secret, self.end) = (secret, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_bytes_lines_and_characters() {
        let plain = TextEncoding::Bytes;
        let at = FilePosition::start(0).after("ab\nä€x".as_bytes(), plain);
        assert_eq!(at, FilePosition { offset: 9, line: 2, column: 4 });
        assert_eq!(at.after(b"\n", plain), FilePosition { offset: 10, line: 3, column: 1 });
        assert_eq!(at.after(b"", plain), at);
        let wide = FilePosition::start(2).after("ab\nä€😀".as_bytes(), TextEncoding::Utf16Le);
        assert_eq!(wide, FilePosition { offset: 2 + 6 + 4 + 4, line: 2, column: 4 });
    }
}
