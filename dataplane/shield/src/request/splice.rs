//! What is to be sent instead of some input: ranges of that input and replacements, in order.

use std::ops::Range;

use zeroize::Zeroize;

/// One segment of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Bytes of the input, which go on as they are. Offsets count from the first byte of the first input that was
    /// pushed after [`Splice::clear`]; each later push is taken to begin where the consumed bytes of the one
    /// before ended.
    Input(Range<usize>),
    /// Bytes that replace some of the input.
    Bytes(&'a [u8]),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum StoredSegment {
    Input(Range<usize>),
    Replacement(Range<usize>),
}

/// Where a list ended at some time, to go back to.
pub struct Mark {
    segments: usize,
    /// The last segment then, which may have been made longer since.
    last: Option<StoredSegment>,
    side: usize,
    len: usize,
}

/// A list of segments. Kept and reused, it allocates nothing once it has grown to its size.
#[derive(Default)]
pub struct Splice {
    segments: Vec<StoredSegment>,
    side: Vec<u8>,
    /// Input consumed by earlier pushes since the last clear.
    base: usize,
    len: usize,
}

impl Splice {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The segments in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        (0..self.segments.len()).map_while(|index| self.segment(index))
    }

    /// The segment at `index`, from 0.
    pub fn segment(&self, index: usize) -> Option<Segment<'_>> {
        self.segments.get(index).map(|segment| match segment {
            StoredSegment::Input(range) => Segment::Input(range.clone()),
            StoredSegment::Replacement(range) => Segment::Bytes(&self.side[range.clone()]),
        })
    }

    /// Bytes of memory that the list itself holds.
    pub fn held_bytes(&self) -> usize {
        self.segments.capacity() * size_of::<StoredSegment>() + self.side.capacity()
    }

    /// Bytes of all segments together.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the output equals the input consumed.
    pub fn unchanged(&self) -> bool {
        self.len == self.base
            && match self.segments.as_slice() {
                [] => true,
                [StoredSegment::Input(range)] => *range == (0..self.base),
                _ => false,
            }
    }

    /// Forgets all segments and overwrites what stood in the place of others; keeps the memory.
    pub fn wipe(&mut self) {
        self.side.zeroize();
        self.clear();
    }

    /// Forgets all segments, keeps the memory.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.side.clear();
        self.base = 0;
        self.len = 0;
    }

    /// Where the list ends now.
    pub fn mark(&self) -> Mark {
        let last = self.segments.last().cloned();
        Mark { segments: self.segments.len(), last, side: self.side.len(), len: self.len }
    }

    /// Forgets what a push has put in since `mark`, that then failed: it has consumed nothing.
    pub fn roll_back(&mut self, mark: Mark) {
        self.segments.truncate(mark.segments);
        if let (Some(now), Some(then)) = (self.segments.last_mut(), mark.last) {
            *now = then;
        }
        self.side.truncate(mark.side);
        self.len = mark.len;
    }

    /// Lets the next `bytes` of the input go on as they are, without a push: nobody has read them.
    pub fn pass_unread(&mut self, bytes: usize) {
        self.pass(0..bytes);
        self.consumed(bytes);
    }

    /// Gives the memory back if it is more than `bytes`; for a list that was cleared.
    pub fn shrink(&mut self, bytes: usize) {
        if self.held_bytes() > bytes {
            *self = Self::default();
        }
    }

    /// Appends all segments to `out`, taking those of the input from `input`.
    pub fn write_to(&self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.len);
        for segment in self.segments() {
            match segment {
                Segment::Input(range) => out.extend_from_slice(&input[range]),
                Segment::Bytes(bytes) => out.extend_from_slice(bytes),
            }
        }
    }

    /// Lets a range of the current push's input go on.
    pub(crate) fn pass(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.len += range.len();
        let range = range.start + self.base..range.end + self.base;
        match self.segments.last_mut() {
            Some(StoredSegment::Input(last)) if last.end == range.start => last.end = range.end,
            _ => self.segments.push(StoredSegment::Input(range)),
        }
    }

    /// Puts in bytes of our own.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.len += bytes.len();
        let start = self.side.len();
        self.side.extend_from_slice(bytes);
        match self.segments.last_mut() {
            Some(StoredSegment::Replacement(last)) => last.end = self.side.len(),
            _ => self.segments.push(StoredSegment::Replacement(start..self.side.len())),
        }
    }

    /// The current push has consumed `bytes` of its input.
    pub(crate) fn consumed(&mut self, bytes: usize) {
        self.base += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_counted_over_pushes() {
        let mut splice = Splice::new();
        assert!(splice.unchanged() && splice.is_empty());
        splice.pass(0..2);
        splice.pass(2..4);
        splice.consumed(4);
        assert!(splice.unchanged());
        splice.pass(0..1);
        splice.put(b"X");
        splice.put(b"Y");
        splice.pass(3..4);
        splice.consumed(4);
        let segments: Vec<_> = splice.segments().collect();
        assert_eq!(segments, [Segment::Input(0..5), Segment::Bytes(b"XY"), Segment::Input(7..8)]);
        assert_eq!(splice.len(), 8);
        assert!(!splice.unchanged(), "as long as the input, but not the input");
        let mut out = Vec::new();
        splice.write_to(b"abcdefgh", &mut out);
        assert_eq!(out, b"abcdeXYh");
        splice.clear();
        assert!(splice.unchanged() && splice.is_empty());
    }

    #[test]
    fn what_a_failed_push_left_behind_is_taken_back() {
        let mut splice = Splice::new();
        let empty = splice.mark();
        splice.put(b"X");
        splice.roll_back(empty);
        assert!(splice.unchanged() && splice.is_empty());
        splice.pass(0..2);
        splice.put(b"AB");
        splice.consumed(3);
        let mark = splice.mark();
        splice.put(b"CD");
        splice.pass(1..2);
        splice.roll_back(mark);
        let mark = splice.mark();
        splice.pass(0..4);
        splice.roll_back(mark);
        splice.pass_unread(2);
        splice.pass_unread(0);
        let segments: Vec<_> = splice.segments().collect();
        assert_eq!(segments, [Segment::Input(0..2), Segment::Bytes(b"AB"), Segment::Input(3..5)]);
        assert_eq!((splice.len(), splice.segment(3)), (6, None));
        let held = splice.held_bytes();
        splice.clear();
        splice.shrink(held);
        assert_eq!(splice.held_bytes(), held);
        splice.shrink(held - 1);
        assert_eq!(splice.held_bytes(), 0);
    }

    #[test]
    fn a_deletion_is_a_change() {
        let mut splice = Splice::new();
        splice.pass(0..2);
        splice.consumed(3);
        assert!(!splice.unchanged());
    }
}
