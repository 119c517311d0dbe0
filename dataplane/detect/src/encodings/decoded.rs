//! A decoded text, and where each of its bytes stands in the original.

#![expect(clippy::cast_possible_truncation, reason = "windows are far shorter than 4 GiB")]

use crate::text::Span;

/// Decoded text with the way back.
#[derive(Default)]
pub(crate) struct DecodedText {
    pub(crate) text: Vec<u8>,
    way: Way,
}

/// How a decoded byte leads back to the original.
#[derive(Default)]
enum Way {
    /// Nothing was decoded.
    #[default]
    None,
    /// For each decoded byte its place, and one more for the end; and parts that stand for nothing.
    Table(Vec<u32>, Vec<(u32, u32)>),
    /// Every `bytes` bytes took `chars` characters; the first byte begins with the character `first` of `lines`.
    Even { bytes: usize, chars: usize, first: usize, lines: EncodedLines },
}

/// Encoded characters of one or more lines, taken out of a text.
#[derive(Default, Clone)]
pub(crate) struct EncodedLines {
    /// For each line the number of its first character and its place in the text.
    starts: Vec<(u32, u32)>,
    len: usize,
}

impl EncodedLines {
    /// Adds a line of `len` characters that stands at `place`.
    pub(crate) fn push(&mut self, place: usize, len: usize) {
        self.starts.push((self.len as u32, place as u32));
        self.len += len;
    }

    /// The place of a character.
    fn place(&self, index: usize) -> usize {
        let line = self.starts.partition_point(|(first, _)| *first as usize <= index).saturating_sub(1);
        self.starts.get(line).map_or(0, |(first, place)| *place as usize + index - *first as usize)
    }

    /// The number of the first character that stands at `place` or behind it.
    pub(crate) fn index(&self, place: usize) -> usize {
        let next = self.starts.partition_point(|(_, start)| *start as usize <= place);
        let end = self.starts.get(next).map_or(self.len, |(first, _)| *first as usize);
        match next.checked_sub(1).and_then(|line| self.starts.get(line)) {
            Some((first, start)) => (*first as usize + place - *start as usize).min(end),
            None => 0,
        }
    }
}

impl DecodedText {
    /// Empties the text for one whose bytes are added one by one with [`DecodedText::push`] and closed with
    /// [`DecodedText::finish`].
    pub(crate) fn begin(&mut self) {
        self.text.clear();
        match &mut self.way {
            Way::Table(places, passed) => {
                places.clear();
                passed.clear();
            }
            way => *way = Way::Table(Vec::new(), Vec::new()),
        }
    }

    /// Adds a byte whose encoding begins at `place`.
    pub(crate) fn push(&mut self, byte: u8, place: usize) {
        self.text.push(byte);
        if let Way::Table(places, _) = &mut self.way {
            places.push(place as u32);
        }
    }

    /// Adds bytes that stand at `place` as they are.
    pub(crate) fn extend(&mut self, bytes: &[u8], place: usize) {
        self.text.extend_from_slice(bytes);
        if let Way::Table(places, _) = &mut self.way {
            places.extend(place as u32..(place + bytes.len()) as u32);
        }
    }

    /// Says that a part of the original stands for nothing: at the end of what is found it is no part of that.
    pub(crate) fn pass(&mut self, part: Span) {
        let Way::Table(_, passed) = &mut self.way else { return };
        match passed.last_mut() {
            Some((_, end)) if *end as usize == part.start => *end = part.end as u32,
            _ => passed.push((part.start as u32, part.end as u32)),
        }
    }

    /// Says where the text's last encoding ends.
    pub(crate) fn finish(&mut self, place: usize) {
        if let Way::Table(places, _) = &mut self.way {
            places.push(place as u32);
        }
    }

    /// An empty list of lines, with the memory of the last.
    pub(crate) fn lines(&mut self) -> EncodedLines {
        match std::mem::take(&mut self.way) {
            Way::Even { lines: EncodedLines { mut starts, .. }, .. } => {
                starts.clear();
                EncodedLines { starts, len: 0 }
            }
            _ => EncodedLines::default(),
        }
    }

    /// Says that every `bytes` bytes of the text come from `chars` characters of `lines`, from the one numbered
    /// `first`.
    pub(crate) fn even(&mut self, bytes: usize, chars: usize, first: usize, lines: EncodedLines) {
        self.way = Way::Even { bytes, chars, first, lines };
    }

    /// Where a span of the original stands in the text, of one whose bytes were added one by one.
    pub(crate) fn decoded(&self, original: Span) -> Option<Span> {
        let Way::Table(places, _) = &self.way else { return None };
        let at = |place: usize| places.partition_point(|start| (*start as usize) < place);
        let (start, end) = (at(original.start), at(original.end));
        (start < end && end <= self.text.len()).then_some(Span::new(start, end))
    }

    /// The place in the original of the decoded bytes `start..end`, which must not be empty.
    pub(crate) fn original(&self, start: usize, end: usize) -> Span {
        match &self.way {
            Way::None => Span::new(0, 0),
            Way::Table(places, passed) => {
                let next = places[end];
                let before = passed.partition_point(|(_, end)| *end < next);
                let end =
                    passed.get(before).filter(|(_, end)| *end == next).map_or(next, |(start, _)| *start);
                Span::new(places[start] as usize, end as usize)
            }
            Way::Even { bytes, chars, first, lines } => {
                let from = first + start * chars / bytes;
                let to = first + (end * chars).div_ceil(*bytes);
                Span::new(lines.place(from), lines.place(to - 1) + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lead_back_and_forth() {
        let mut lines = EncodedLines::default();
        lines.push(10, 4);
        lines.push(16, 4);
        assert_eq!((0..8).map(|i| lines.place(i)).collect::<Vec<_>>(), [10, 11, 12, 13, 16, 17, 18, 19]);
        assert_eq!([3, 10, 13, 14, 15, 16, 19, 30].map(|p| lines.index(p)), [0, 0, 3, 4, 4, 4, 7, 8]);
        let mut plain = DecodedText::default();
        plain.even(3, 4, 0, lines);
        assert_eq!(plain.original(0, 3), Span::new(10, 14));
        assert_eq!(plain.original(2, 4), Span::new(12, 18));
    }

    #[test]
    fn a_table_leads_back() {
        let mut plain = DecodedText::default();
        plain.begin();
        for (byte, place) in [(b'a', 0), (b'"', 1), (b'b', 4)] {
            plain.push(byte, place);
        }
        plain.finish(5);
        assert_eq!(plain.text, b"a\"b");
        assert_eq!((plain.original(1, 2), plain.original(0, 3)), (Span::new(1, 4), Span::new(0, 5)));
        assert_eq!(plain.decoded(Span::new(1, 4)), Some(Span::new(1, 2)));
        assert_eq!(plain.decoded(Span::new(0, 9)), None);
    }
}
