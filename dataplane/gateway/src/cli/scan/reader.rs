//! Scans a stream of any length in windows, with bounded memory, and keeps count of lines and columns.

use std::io::{self, Read};
use std::sync::Arc;

use aegis_detect::{Carry, Confidence, Finding, LEFT_CONTEXT, LOOKAHEAD, MAX_SECRET_LEN, Scanner, Window};
use zeroize::Zeroizing;

use super::comments::{self, Comments};
use super::text::{self, Encoding, Opened};

/// Bytes held at once. More makes fewer windows, and every window repeats its left context.
const BUFFER: usize = 1 << 20;

// A window must always settle something.
const _: () = assert!(BUFFER > LEFT_CONTEXT + MAX_SECRET_LEN + LOOKAHEAD);
// What is settled was searched for comments too.
const _: () = assert!(comments::LOOK_AHEAD <= LOOKAHEAD);

/// A position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Lines from 1.
    pub line: u64,
    /// Characters from 1.
    pub column: u64,
}

impl Position {
    fn start(offset: usize) -> Position {
        Position { offset: offset as u64, line: 1, column: 1 }
    }

    /// The position after `text`, which follows this one and was written so in the file.
    fn after(self, text: &[u8], encoding: Encoding) -> Position {
        let newlines = memchr::memchr_iter(b'\n', text).count() as u64;
        let tail = memchr::memrchr(b'\n', text).map_or(text, |at| &text[at + 1..]);
        // Every byte but a continuation byte begins a character.
        let characters = tail.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        Position {
            offset: self.offset + encoding.width(text),
            line: self.line + newlines,
            column: if newlines > 0 { 1 } else { self.column } + characters,
        }
    }
}

/// A secret with its place in a text.
#[derive(Debug)]
pub(super) struct Hit {
    /// What was found; its offsets are those of a window.
    pub finding: Finding,
    /// Its first byte.
    pub start: Position,
    /// Behind its last byte.
    pub end: Position,
    /// The bytes themselves.
    pub secret: Zeroizing<Vec<u8>>,
}

/// What a stream turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Text.
    Text {
        /// Its length in bytes.
        bytes: u64,
        /// Findings that a comment passed over.
        ignored: u64,
    },
    /// Not text; nothing was scanned.
    Binary,
}

/// Why a stream was not scanned to its end.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It cannot be read.
    Unreadable(io::Error),
    /// Nobody takes the findings any more.
    Unwanted,
}

/// Nobody takes the findings any more.
#[derive(Debug)]
pub(super) struct Unwanted;

impl From<Unwanted> for Stopped {
    fn from(_: Unwanted) -> Self {
        Stopped::Unwanted
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Unreadable(error)
    }
}

/// Scans one stream after the other.
pub(super) struct Reader {
    scanner: Scanner,
    buffer: Zeroizing<Vec<u8>>,
    least: Confidence,
}

impl Reader {
    /// Findings of less than `least` confidence are left out.
    pub(super) fn new(scanner: Scanner, least: Confidence) -> Self {
        Reader { scanner, buffer: Zeroizing::default(), least }
    }

    /// Scans `source` to its end and hands every finding to `found`, in their order.
    pub(super) fn scan(
        &mut self,
        source: &mut dyn Read,
        found: &mut dyn FnMut(Hit) -> Result<(), Unwanted>,
    ) -> Result<Content, Stopped> {
        match text::open(source)? {
            Some(mut opened) => self.windows(&mut opened, found),
            None => Ok(Content::Binary),
        }
    }

    fn windows(
        &mut self,
        opened: &mut Opened<'_>,
        found: &mut dyn FnMut(Hit) -> Result<(), Unwanted>,
    ) -> Result<Content, Stopped> {
        let Opened { encoding, mark, ref mut text } = *opened;
        let buffer = &mut self.buffer;
        buffer.clear();
        // Never moved while it grows: a moved buffer leaves its contents behind.
        buffer.reserve_exact(BUFFER + 1);
        let rules = Arc::clone(self.scanner.rules());
        let mut comments = Comments::new(&rules);
        let mut carry = Carry::default();
        let mut fresh = 0;
        let mut counted = 0;
        let mut position = Position::start(mark);
        loop {
            let at_end = fill(text, buffer)?;
            let scan = self.scanner.scan_on(Window { text: buffer, fresh, last: at_end }, &mut carry);
            for finding in scan.findings.iter().filter(|finding| finding.confidence >= self.least) {
                let start = position.after(&buffer[counted..finding.span.start], encoding);
                let end = start.after(&buffer[finding.span.range()], encoding);
                (position, counted) = (end, finding.span.end);
                let secret = Zeroizing::new(buffer[finding.span.range()].to_vec());
                comments.push(Hit { finding: *finding, start, end, secret });
            }
            let settled = scan.settled;
            let done = at_end && settled == buffer.len();
            let seen = if at_end { buffer.len() } else { buffer.len() - comments::LOOK_AHEAD };
            comments.search(buffer, seen);
            while let Some(hit) = comments.pop(done) {
                found(hit)?;
            }
            if done {
                let bytes = position.after(&buffer[counted..], encoding).offset;
                return Ok(Content::Text { bytes, ignored: comments.ignored });
            }
            let keep = settled.saturating_sub(LEFT_CONTEXT);
            if keep > counted {
                position = position.after(&buffer[counted..keep], encoding);
                counted = keep;
            }
            counted -= keep;
            buffer.drain(..keep);
            comments.shift(keep, position.line);
            fresh = settled - keep;
        }
    }
}

/// Reads until the buffer is full; true at the end of the stream.
fn fill(source: &mut dyn Read, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let missing = BUFFER - buffer.len();
    let read = source.take(missing as u64).read_to_end(buffer)?;
    Ok(read < missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_bytes_lines_and_characters() {
        let plain = Encoding::Bytes;
        let at = Position::start(0).after("ab\nä€x".as_bytes(), plain);
        assert_eq!(at, Position { offset: 9, line: 2, column: 4 });
        assert_eq!(at.after(b"\n", plain), Position { offset: 10, line: 3, column: 1 });
        assert_eq!(at.after(b"", plain), at);
        let wide = Position::start(2).after("ab\nä€😀".as_bytes(), Encoding::Utf16Le);
        assert_eq!(wide, Position { offset: 2 + 6 + 4 + 4, line: 2, column: 4 });
    }
}
