//! Scans a stream of any length in windows, with bounded memory, and keeps count of lines and columns.

use std::io::{self, Read};
use std::sync::Arc;

use aegis_detect::{Carry, Confidence, LEFT_CONTEXT, LOOKAHEAD, MAX_SECRET_LEN, Part, Scanner, Window};
use zeroize::Zeroizing;

use super::comments::{self, Comments, VoidComment};
use super::finding::{FilePosition, LocatedFinding};
use super::text::{self, Opened};

/// Bytes held at once. More makes fewer windows, and every window repeats its left context.
const BUFFER: usize = 1 << 20;

// A window must always settle something.
const _: () = assert!(BUFFER > LEFT_CONTEXT + MAX_SECRET_LEN + LOOKAHEAD);
// What is settled was searched for comments too.
const _: () = assert!(comments::LOOK_AHEAD <= LOOKAHEAD);

/// What a stream turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileContent {
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
pub(super) struct SourceReader {
    scanner: Scanner,
    buffer: Zeroizing<Vec<u8>>,
    least: Confidence,
    /// The comments of the stream scanned last that name a rule which does not exist.
    pub void: Vec<VoidComment>,
}

impl SourceReader {
    /// Findings of less than `least` confidence are left out.
    pub(super) fn new(scanner: Scanner, least: Confidence) -> Self {
        SourceReader { scanner, buffer: Zeroizing::default(), least, void: Vec::new() }
    }

    /// Scans `source` to its end and hands every finding to `found`, in their order.
    pub(super) fn scan(
        &mut self,
        source: &mut dyn Read,
        found: &mut dyn FnMut(LocatedFinding) -> Result<(), Unwanted>,
    ) -> Result<FileContent, Stopped> {
        self.void.clear();
        match text::open(source)? {
            Some(mut opened) => self.windows(&mut opened, found),
            None => Ok(FileContent::Binary),
        }
    }

    fn windows(
        &mut self,
        opened: &mut Opened<'_>,
        found: &mut dyn FnMut(LocatedFinding) -> Result<(), Unwanted>,
    ) -> Result<FileContent, Stopped> {
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
        let mut position = FilePosition::start(mark);
        loop {
            let at_end = fill(text, buffer)?;
            let scan = self.scanner.scan_on(Window { text: buffer, fresh, last: at_end }, &mut carry);
            for finding in scan.findings.iter().filter(|finding| finding.confidence >= self.least) {
                let lead = match finding.part {
                    Part::First { lead } => usize::from(lead),
                    Part::Whole | Part::Next => 0,
                };
                let opening = finding.span.start.saturating_sub(lead).max(counted);
                let start = position.after(&buffer[counted..opening], encoding);
                let end = start.after(&buffer[opening..finding.span.end], encoding);
                (position, counted) = (end, finding.span.end);
                if finding.part == Part::Next {
                    comments.add_line(&buffer[finding.span.range()], end);
                    continue;
                }
                let secret = Zeroizing::new(buffer[finding.span.range()].to_vec());
                comments.push(LocatedFinding { finding: *finding, start, end, secret });
            }
            let settled = scan.settled;
            let done = at_end && settled == buffer.len();
            let seen = if at_end { buffer.len() } else { buffer.len() - comments::LOOK_AHEAD };
            comments.search(buffer, seen);
            while let Some(finding) = comments.pop(done) {
                found(finding)?;
            }
            if done {
                self.void = std::mem::take(&mut comments.void);
                let bytes = position.after(&buffer[counted..], encoding).offset;
                return Ok(FileContent::Text { bytes, ignored: comments.ignored });
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
