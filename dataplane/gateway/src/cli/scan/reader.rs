//! Scans a stream of any length in windows, with bounded memory, and keeps count of lines and columns.

use std::io::{self, Read};

use aegis_detect::{Confidence, Finding, LEFT_CONTEXT, LOOKAHEAD, MAX_SECRET_LEN, Scanner, Window};
use zeroize::Zeroizing;

/// Bytes held at once. More makes fewer windows, and every window repeats its left context.
const BUFFER: usize = 1 << 20;
/// Bytes that are looked at to tell text from binary.
const PROBE: usize = 8 << 10;

// A window must always settle something.
const _: () = assert!(BUFFER > LEFT_CONTEXT + MAX_SECRET_LEN + LOOKAHEAD);

/// A position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes from the start.
    pub offset: u64,
    /// Lines from 1.
    pub line: u64,
    /// Characters from 1.
    pub column: u64,
}

impl Position {
    const START: Position = Position { offset: 0, line: 1, column: 1 };

    /// The position after `text`, which follows this one.
    fn after(self, text: &[u8]) -> Position {
        let newlines = memchr::memchr_iter(b'\n', text).count() as u64;
        let tail = memchr::memrchr(b'\n', text).map_or(text, |at| &text[at + 1..]);
        // Every byte but a continuation byte begins a character.
        let characters = tail.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        Position {
            offset: self.offset + text.len() as u64,
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
    /// Text of this many bytes.
    Text(u64),
    /// Not text; nothing was scanned.
    Binary,
}

/// Scans `source` to its end and hands every finding of at least `least` confidence to `found`.
pub(super) fn scan(
    scanner: &mut Scanner,
    buffer: &mut Zeroizing<Vec<u8>>,
    source: &mut dyn Read,
    least: Confidence,
    found: &mut dyn FnMut(Hit) -> io::Result<()>,
) -> io::Result<Result<Content, io::Error>> {
    buffer.clear();
    // Never moved while it grows: a moved buffer leaves its contents behind.
    buffer.reserve_exact(BUFFER + 1);
    let mut fresh = 0;
    let mut counted = 0;
    let mut position = Position::START;
    loop {
        let at_end = match fill(source, buffer) {
            Ok(at_end) => at_end,
            Err(error) => return Ok(Err(error)),
        };
        if position.offset == 0 && memchr::memchr(0, &buffer[..buffer.len().min(PROBE)]).is_some() {
            return Ok(Ok(Content::Binary));
        }
        let scan = scanner.scan(Window { text: buffer, fresh, last: at_end });
        for finding in scan.findings.iter().filter(|finding| finding.confidence >= least) {
            let start = position.after(&buffer[counted..finding.start]);
            let end = start.after(&buffer[finding.start..finding.end]);
            (position, counted) = (end, finding.end);
            let secret = Zeroizing::new(buffer[finding.start..finding.end].to_vec());
            found(Hit { finding: *finding, start, end, secret })?;
        }
        let settled = scan.settled;
        if at_end && settled == buffer.len() {
            let length = position.offset + (buffer.len() - counted) as u64;
            return Ok(Ok(Content::Text(length)));
        }
        let keep = settled.saturating_sub(LEFT_CONTEXT);
        if keep > counted {
            position = position.after(&buffer[counted..keep]);
            counted = keep;
        }
        counted -= keep;
        buffer.drain(..keep);
        fresh = settled - keep;
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
        let at = Position::START.after("ab\nä€x".as_bytes());
        assert_eq!(at, Position { offset: 9, line: 2, column: 4 });
        assert_eq!(at.after(b"\n"), Position { offset: 10, line: 3, column: 1 });
        assert_eq!(at.after(b""), at);
    }
}
