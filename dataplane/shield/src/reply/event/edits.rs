//! The replacements in one event.

use crate::reply::event::frame::FramedEvent;
use crate::reply::event::template::write_number;
use crate::reply::limits::KEPT_CAPACITY;
use crate::reply::text::context::ReplyContext;
use crate::reply::text::output::{RestoredText, TextMark};
use crate::reply::text::restorer::TextRestorer;
use std::ops::Range;

/// A replacement of a range of an event's text by a range of `Edits::text`.
pub(crate) struct EventEdit {
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<TextMark>,
}

/// The replacements in one event, in order.
#[derive(Default)]
pub(crate) struct Edits {
    pub(crate) list: Vec<EventEdit>,
    pub(crate) text: RestoredText,
}

impl Edits {
    /// Feeds a part of `text` to `restorer`, and notes what goes out instead.
    pub(crate) fn feed(
        &mut self,
        context: &mut ReplyContext,
        restorer: &mut TextRestorer,
        text: &[u8],
        range: Range<usize>,
        last: bool,
    ) {
        let start = self.text.mark();
        if restorer.feed(context, &text[range.clone()], last, &mut self.text) {
            self.list.push(EventEdit { from: range, to: start..self.text.mark() });
        }
    }

    /// Feeds all of an event's text to `restorer`, line by line: an edit stays within its line, as does a token.
    pub(crate) fn feed_lines(
        &mut self,
        context: &mut ReplyContext,
        restorer: &mut TextRestorer,
        frame: &FramedEvent<'_>,
        last: bool,
    ) {
        let mut start = 0;
        for (index, line) in frame.lines.iter().enumerate() {
            let end = start + line.len();
            let is_last = index + 1 == frame.lines.len();
            self.feed(context, restorer, frame.text, start..end, last || !is_last);
            if !is_last {
                restorer.end_line();
            }
            start = end + 1;
        }
    }

    /// Whether exactly this range has been replaced.
    pub(crate) fn has_edit(&self, range: &Range<usize>) -> bool {
        self.list.iter().any(|edit| edit.from == *range)
    }

    /// Replaces a range by a number. The list is in no order then.
    pub(crate) fn number(&mut self, from: Range<usize>, number: u64) {
        let start = self.text.mark();
        write_number(number, &mut self.text);
        self.list.push(EventEdit { from, to: start..self.text.mark() });
    }

    pub(crate) fn sort(&mut self) {
        self.list.sort_by_key(|edit| edit.from.start);
    }

    /// Appends the event to `out`, edited.
    pub(crate) fn write(&mut self, frame: &FramedEvent<'_>, out: &mut RestoredText) {
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
    /// Appends what `restorer` holds to the edit just made.
    pub(crate) fn let_out(&mut self, context: &mut ReplyContext, restorer: &mut TextRestorer) {
        restorer.flush(context, &mut self.text);
        if let Some(edit) = self.list.last_mut() {
            edit.to.end = self.text.mark();
        }
    }
}
