//! The replacements in one event.

use crate::reply::event::frame::Frame;
use crate::reply::event::template::write_number;
use crate::reply::limits::KEPT_CAPACITY;
use crate::reply::text::context::Kit;
use crate::reply::text::output::{Mark, Text};
use crate::reply::text::restorer::Lane;
use std::ops::Range;

/// A replacement of a range of an event's text by a range of `Edits::text`.
pub(crate) struct Edit {
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<Mark>,
}

/// The replacements in one event, in order.
#[derive(Default)]
pub(crate) struct Edits {
    pub(crate) list: Vec<Edit>,
    pub(crate) text: Text,
}

impl Edits {
    /// Feeds a part of `text` to `lane`, and notes what goes out instead.
    pub(crate) fn feed(
        &mut self,
        kit: &mut Kit,
        lane: &mut Lane,
        text: &[u8],
        range: Range<usize>,
        last: bool,
    ) {
        let start = self.text.mark();
        if lane.feed(kit, &text[range.clone()], last, &mut self.text) {
            self.list.push(Edit { from: range, to: start..self.text.mark() });
        }
    }

    /// Feeds all of an event's text to `lane`, line by line: an edit stays within its line, as does a token.
    pub(crate) fn feed_lines(&mut self, kit: &mut Kit, lane: &mut Lane, frame: &Frame<'_>, last: bool) {
        let mut start = 0;
        for (index, line) in frame.lines.iter().enumerate() {
            let end = start + line.len();
            self.feed(kit, lane, frame.text, start..end, last || index + 1 < frame.lines.len());
            start = end + 1;
        }
    }

    /// Whether exactly this range has been replaced.
    pub(crate) fn have(&self, range: &Range<usize>) -> bool {
        self.list.iter().any(|edit| edit.from == *range)
    }

    /// Replaces a range by a number. The list is in no order then.
    pub(crate) fn number(&mut self, from: Range<usize>, number: u64) {
        let start = self.text.mark();
        write_number(number, &mut self.text);
        self.list.push(Edit { from, to: start..self.text.mark() });
    }

    pub(crate) fn sort(&mut self) {
        self.list.sort_by_key(|edit| edit.from.start);
    }

    /// Appends the event to `out`, edited.
    pub(crate) fn write(&mut self, frame: &Frame<'_>, out: &mut Text) {
        let (mut written, mut base) = (0, 0);
        let mut edits = self.list.iter().peekable();
        for line in frame.lines {
            // Offset of the line in the text is `base`, in the frame `line.start`.
            while let Some(edit) = edits.next_if(|edit| edit.from.end <= base + line.len()) {
                out.extend_from_slice(&frame.raw[written..line.start + edit.from.start - base]);
                out.append(&self.text, edit.to.start, edit.to.end);
                written = line.start + edit.from.end - base;
            }
            base += line.len() + 1;
        }
        out.extend_from_slice(&frame.raw[written..]);
        self.list.clear();
        self.text.clear(KEPT_CAPACITY);
    }
}

impl Edits {
    /// Appends what `lane` holds to the edit just made.
    pub(crate) fn let_out(&mut self, kit: &mut Kit, lane: &mut Lane) {
        lane.flush(kit, &mut self.text);
        if let Some(edit) = self.list.last_mut() {
            edit.to.end = self.text.mark();
        }
    }
}
