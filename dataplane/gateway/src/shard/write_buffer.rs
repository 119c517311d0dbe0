//! The buffer a message is put together in before it is written.
//!
//! A chunk's size is known only when its data is there, and the data may be appended by code that knows nothing of
//! chunks. So the longest possible size line is kept free before the data, and what stands before it is pushed up
//! against the real one afterwards: a few hundred bytes of head at most. The whole then leaves in one write.

use std::ops::Range;

use aegis_wire::h1::{CHUNK_END, LAST_CHUNK, chunk_header};

/// Bytes kept free for a chunk's size line: eight digits, CR, LF.
const SIZE_LINE: usize = 10;

/// The most memory that is kept for the next message: a full buffer with a head, grown by doubling.
pub(crate) const KEPT: usize = 80 * 1024;

/// Bytes to be written, front to back.
#[derive(Default)]
pub(crate) struct WriteBuffer {
    bytes: Vec<u8>,
    start: usize,
    chunk: Option<usize>,
}

impl WriteBuffer {
    /// The buffer to append to.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What there is to write.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Bytes there are to write.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets everything and overwrites the memory.
    pub(crate) fn wipe(&mut self) {
        self.clear();
        super::net::buffers::wipe(&mut self.bytes, 0);
    }

    /// Forgets everything and keeps the memory, but for what only an unusual message took.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        self.start = 0;
        self.chunk = None;
    }

    /// Puts all bytes into `other`, and takes its memory for what is appended from now on. Gives the range of them in
    /// `other`.
    pub(crate) fn exchange(&mut self, other: &mut Vec<u8>) -> Range<usize> {
        debug_assert!(self.chunk.is_none());
        let range = self.start..self.bytes.len();
        std::mem::swap(&mut self.bytes, other);
        self.clear();
        range
    }

    /// Begins a chunk; what is appended from now on is its data.
    pub(crate) fn begin_chunk(&mut self) {
        debug_assert!(self.chunk.is_none());
        self.chunk = Some(self.bytes.len());
        self.bytes.resize(self.bytes.len() + SIZE_LINE, 0);
    }

    /// Ends the chunk that was begun, if one was. An empty one leaves nothing behind, because an empty
    /// chunk would end the body.
    pub(crate) fn end_chunk(&mut self) {
        let Some(mark) = self.chunk.take() else { return };
        let data = self.bytes.len() - mark - SIZE_LINE;
        if data == 0 {
            self.bytes.truncate(mark);
            return;
        }
        let header = chunk_header(data);
        let gap = SIZE_LINE - header.len();
        self.bytes.copy_within(self.start..mark, self.start + gap);
        self.start += gap;
        self.bytes[mark + gap..mark + SIZE_LINE].copy_from_slice(&header);
        self.bytes.extend_from_slice(CHUNK_END);
    }

    /// Ends a chunked body.
    pub(crate) fn last_chunk(&mut self) {
        self.bytes.extend_from_slice(LAST_CHUNK);
    }

    /// Takes the bytes and the range of them that is to be written; bring them back with [`Self::restore`].
    pub(crate) fn take(&mut self) -> (Vec<u8>, Range<usize>) {
        debug_assert!(self.chunk.is_none());
        let range = self.start..self.bytes.len();
        (std::mem::take(&mut self.bytes), range)
    }

    /// Brings back what [`Self::take`] gave, written and forgotten.
    pub(crate) fn restore(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
        self.clear();
    }

    /// Brings back what [`Self::take`] gave, to be written once more.
    pub(crate) fn restore_unwritten(&mut self, bytes: Vec<u8>, range: &Range<usize>) {
        self.bytes = bytes;
        self.start = range.start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(out: &mut WriteBuffer) -> Vec<u8> {
        let (bytes, range) = out.take();
        let written = bytes[range].to_vec();
        out.restore(bytes);
        written
    }

    #[test]
    fn a_chunk_of_any_size_stands_right_behind_the_head() {
        let mut out = WriteBuffer::default();
        for size in [1, 9, 10, 15, 16, 255, 256, 4095, 4096, 70_000] {
            out.tail().extend_from_slice(b"HEAD\r\n\r\n");
            out.begin_chunk();
            let data = vec![b'x'; size];
            out.tail().extend_from_slice(&data);
            out.end_chunk();
            out.last_chunk();
            let mut expected = format!("HEAD\r\n\r\n{size:x}\r\n").into_bytes();
            expected.extend_from_slice(&data);
            expected.extend_from_slice(b"\r\n0\r\n\r\n");
            assert!(written(&mut out).eq_ignore_ascii_case(&expected), "{size}");
            assert!(out.is_empty());
        }
    }

    #[test]
    fn an_empty_chunk_leaves_nothing() {
        let mut out = WriteBuffer::default();
        out.tail().extend_from_slice(b"HEAD");
        out.begin_chunk();
        out.end_chunk();
        assert_eq!(written(&mut out), b"HEAD");
    }

    #[test]
    fn memory_beyond_the_usual_is_given_back() {
        let mut out = WriteBuffer::default();
        for (capacity, kept) in [(KEPT, true), (KEPT + 1, false)] {
            out.restore(Vec::with_capacity(capacity));
            assert_eq!(out.capacity() > 0, kept, "{capacity}");
        }
    }

    #[test]
    fn what_was_taken_can_be_written_again() {
        let mut out = WriteBuffer::default();
        out.begin_chunk();
        out.tail().push(b'a');
        out.end_chunk();
        let (bytes, range) = out.take();
        out.restore_unwritten(bytes, &range);
        assert_eq!(written(&mut out), b"1\r\na\r\n");
    }

    #[test]
    fn a_body_makes_room_for_its_head() {
        let (mut out, mut other) = (WriteBuffer::default(), Vec::with_capacity(100));
        other.push(b'x');
        out.tail().extend_from_slice(b"body");
        let range = out.exchange(&mut other);
        assert_eq!(&other[range], b"body");
        assert!(out.is_empty() && out.capacity() == 100);
    }
}
