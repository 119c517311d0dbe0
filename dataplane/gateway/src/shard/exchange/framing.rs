//! How the body of an outgoing message is delimited: by a length, by chunks, or by the end of the connection.
//!
//! The one place that frames bodies, for requests and replies alike. Where a chunk's lines go in a buffer is for
//! [`WriteBuffer`] to know.

use aegis_wire::h1::{BodyKind, CHUNK_END, chunk_header};

use super::super::write_buffer::WriteBuffer;

/// The framing of a message that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing(BodyKind);

impl Framing {
    /// For a body that goes out in one piece, or whose head is not written yet.
    pub(super) const BARE: Self = Self(BodyKind::None);
    /// For a body whose length is not known when its head is written.
    pub(super) const CHUNKED: Self = Self(BodyKind::Chunked);

    /// The framing that a head has announced.
    pub(super) fn announced(kind: BodyKind) -> Self {
        Self(kind)
    }

    /// Appends what `put` writes as the next part of the body.
    pub(super) fn part<T>(self, out: &mut WriteBuffer, put: impl FnOnce(&mut WriteBuffer) -> T) -> T {
        if self.0 == BodyKind::Chunked {
            out.begin_chunk();
        }
        let result = put(out);
        out.end_chunk();
        result
    }

    /// Appends what stands before a part of `length` bytes that is written from elsewhere.
    pub(super) fn open_part(self, out: &mut WriteBuffer, length: usize) {
        if self.0 == BodyKind::Chunked {
            out.tail().extend_from_slice(&chunk_header(length));
        }
    }

    /// Appends what stands behind such a part.
    pub(super) fn close_part(self, out: &mut WriteBuffer) {
        if self.0 == BodyKind::Chunked {
            out.tail().extend_from_slice(CHUNK_END);
        }
    }

    /// Ends the body.
    pub(super) fn end(self, out: &mut WriteBuffer) {
        if self.0 == BodyKind::Chunked {
            out.last_chunk();
        }
    }

    /// Whether bytes of the body may be written without passing through a [`WriteBuffer`].
    pub(super) fn has_length(self) -> bool {
        matches!(self.0, BodyKind::Length(_))
    }

    /// Whether the body may become longer than it is: a comment can be put into it.
    pub(super) fn is_open_ended(self) -> bool {
        matches!(self.0, BodyKind::Chunked | BodyKind::UntilClose)
    }

    /// Whether the connection must end with the body.
    pub(super) fn ends_connection(self) -> bool {
        self.0 == BodyKind::UntilClose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_from_elsewhere_is_framed_as_one_that_is_copied() {
        for kind in [BodyKind::Chunked, BodyKind::Length(3), BodyKind::UntilClose, BodyKind::None] {
            let (framing, mut apart, mut copied) =
                (Framing::announced(kind), WriteBuffer::default(), WriteBuffer::default());
            framing.open_part(&mut apart, 3);
            apart.tail().extend_from_slice(b"abc");
            framing.close_part(&mut apart);
            framing.part(&mut copied, |out| out.tail().extend_from_slice(b"abc"));
            assert_eq!(apart.bytes(), copied.bytes(), "{kind:?}");
        }
    }

    #[test]
    fn parts_are_chunks_only_where_chunks_were_announced() {
        for (kind, expected) in [
            (BodyKind::Chunked, &b"3\r\nabc\r\n0\r\n\r\n"[..]),
            (BodyKind::Length(3), b"abc"),
            (BodyKind::UntilClose, b"abc"),
            (BodyKind::None, b"abc"),
        ] {
            let (framing, mut out) = (Framing::announced(kind), WriteBuffer::default());
            framing.part(&mut out, |out| out.tail().extend_from_slice(b"abc"));
            framing.part(&mut out, |_| ());
            framing.end(&mut out);
            let (bytes, range) = out.take();
            assert_eq!(&bytes[range], expected, "{kind:?}");
        }
    }
}
