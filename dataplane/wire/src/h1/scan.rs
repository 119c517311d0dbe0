//! Finds the end of a head, line by line, in bytes that arrive in any pieces.
//!
//! Each byte is looked at once. What can be judged on lines alone is judged here: a line must end in CR LF, there is a
//! limit to their number and to their bytes.

use memchr::memchr;

/// The most bytes of a head, from its first line to the empty line that ends it, both included. The interim replies
/// before a final one count too.
pub const MAX_HEAD: usize = 64 * 1024;

/// The most fields of a head.
pub const MAX_FIELDS: usize = 128;

/// The most empty lines before a request line: some clients end a body with a CR LF that belongs to nothing (RFC 9112
/// section 2.2 asks to ignore at least one).
pub const MAX_LEADING_LINES: usize = 4;

/// What is wrong with the lines of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// A line ends in LF alone.
    BareLineFeed,
    /// More than [`MAX_LEADING_LINES`] empty lines before the first, or any where none may be.
    EmptyLine,
    /// More than [`MAX_HEAD`] bytes.
    TooLong,
    /// More than [`MAX_FIELDS`] fields.
    TooManyFields,
}

/// How far the lines of a head were read.
#[derive(Debug, Clone, Default)]
pub(super) struct LineScanner {
    /// Where the head begins, after empty lines that were passed over.
    pub(super) start: usize,
    /// End of the first line with its CR LF; 0 while it is not complete.
    pub(super) first_line_end: usize,
    /// Number of complete field lines.
    pub(super) fields: usize,
    /// Where [`MAX_HEAD`] is counted from: what came before were empty lines, not an earlier head.
    counted_from: usize,
    /// Empty lines that were passed over.
    leading: usize,
    searched: usize,
    line_start: usize,
}

impl LineScanner {
    /// A scanner for a head that begins at `start`, behind others that count towards the same limit.
    pub(super) fn at(start: usize) -> Self {
        Self { start, searched: start, line_start: start, ..Self::default() }
    }

    /// Looks at the bytes of `buf` that were not looked at before. `buf` has the earlier ones at the same place.
    ///
    /// Returns the offset after the head's last byte, or `None` if more bytes are needed. `lead` allows
    /// [`MAX_LEADING_LINES`] empty lines before the first.
    pub(super) fn scan(&mut self, buf: &[u8], lead: bool) -> Result<Option<usize>, HeadFault> {
        loop {
            let limit = buf.len().min(self.counted_from + MAX_HEAD);
            let found = buf.get(self.searched..limit).and_then(|rest| memchr(b'\n', rest));
            let Some(offset) = found else {
                self.searched = self.searched.max(limit);
                return if limit - self.counted_from < MAX_HEAD { Ok(None) } else { Err(HeadFault::TooLong) };
            };
            let line_feed = self.searched + offset;
            self.searched = line_feed + 1;
            if let Some(end) = self.line(buf, line_feed, lead)? {
                return Ok(Some(end));
            }
        }
    }

    /// Where the next search begins.
    #[cfg(test)]
    pub(super) fn searched(&self) -> usize {
        self.searched
    }

    /// Takes the line that ends at `line_feed`.
    fn line(&mut self, buf: &[u8], line_feed: usize, lead: bool) -> Result<Option<usize>, HeadFault> {
        if line_feed == self.line_start || buf[line_feed - 1] != b'\r' {
            return Err(HeadFault::BareLineFeed);
        }
        let empty = line_feed - self.line_start == 1;
        self.line_start = line_feed + 1;
        if self.first_line_end == 0 {
            if !empty {
                self.first_line_end = self.line_start;
            } else if lead && self.leading < MAX_LEADING_LINES {
                self.leading += 1;
                self.start = self.line_start;
                self.counted_from = self.line_start;
            } else {
                return Err(HeadFault::EmptyLine);
            }
        } else if empty {
            return Ok(Some(self.line_start));
        } else {
            self.fields += 1;
            if self.fields > MAX_FIELDS {
                return Err(HeadFault::TooManyFields);
            }
        }
        Ok(None)
    }
}
