//! Server-sent events: finds the events in a byte stream and puts them back byte for byte.
//!
//! Lines may end in LF, CRLF or CR, in any mixture, and the stream may be cut anywhere, between the two bytes of
//! CRLF as well. An event goes out as soon as its empty line is there, a comment between events as soon as
//! its own line is. An event of more than [`MAX_EVENT`] bytes is not collected: its data is restored as it
//! passes, as one JSON document. Framing: WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6.

use crate::reply::limits::{KEPT_CAPACITY, MAX_EVENT};
use std::ops::Range;

use memchr::{memchr, memchr2};
use zeroize::Zeroizing;

use crate::reply::event::frame::{EventEnvelope, FramedEvent};
use crate::reply::event::rewriter::EventRewriter;
use crate::reply::event::template::write_number;
use crate::reply::event::view::EventFraming;
use crate::reply::framing::backlog::Backlog;
use crate::reply::policy::TextKind;
use crate::reply::text::context::ReplyContext;
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::output::{RestoredText, WritePosition};
use crate::reply::text::restorer::TextRestorer;

/// Begins each line of an event's data.
pub(crate) const DATA_HEAD: &[u8] = b"data: ";

/// Where the search for the end of the first event in a buffer stands.
#[derive(Default)]
struct EventScan {
    /// Start of the line being read.
    line: usize,
    /// No line ends before this offset but those before `line`.
    searched: usize,
}

impl EventScan {
    /// The length of the event that `data` starts with, and whether it ends in a CR that may have its LF still
    /// to come. A comment at its head is taken for an event of its own.
    fn event_end(&mut self, data: &[u8]) -> Option<(usize, bool)> {
        loop {
            let Some(found) = memchr2(b'\n', b'\r', &data[self.searched..]) else {
                self.searched = data.len();
                return None;
            };
            let end = self.searched + found;
            let whole = end == self.line || (self.line == 0 && data[0] == b':');
            let next = match (data[end], data.get(end + 1)) {
                (b'\r', Some(b'\n')) => end + 2,
                (b'\r', None) if !whole => {
                    self.searched = end;
                    return None;
                }
                _ => end + 1,
            };
            if whole {
                return Some((next, data[end] == b'\r' && next == end + 1 && next == data.len()));
            }
            (self.line, self.searched) = (next, next);
        }
    }
}

/// The lines of one event.
#[derive(Default)]
struct EventLines {
    /// Ranges of the values of its data lines.
    data: Vec<Range<usize>>,
    /// The `event:` line with its end, and its value.
    head: Range<usize>,
    name: Range<usize>,
    /// What stands before the value of the first data line.
    prefix: Range<usize>,
    /// The end of that line.
    eol: Range<usize>,
}

impl EventLines {
    fn read(&mut self, raw: &[u8]) {
        self.data.clear();
        (self.head, self.name) = (0..0, 0..0);
        let mut start = 0;
        while start < raw.len() {
            let end = memchr2(b'\n', b'\r', &raw[start..]).map_or(raw.len(), |found| start + found);
            let crlf = raw[end..].starts_with(b"\r\n");
            let next = (end + 1 + usize::from(crlf)).min(raw.len());
            let line = &raw[start..end];
            if let Some(value) = value_of(line, b"data") {
                if self.data.is_empty() {
                    (self.prefix, self.eol) = (start..start + value, end..next);
                }
                self.data.push(start + value..end);
            } else if let Some(value) = value_of(line, b"event") {
                (self.head, self.name) = (start..next, start + value..end);
            }
            start = next;
        }
    }
}

impl EventLines {
    /// Restores what stands outside of the data. `None` if no token is there.
    fn restore_others(
        &self,
        context: &mut ReplyContext,
        raw: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, TooLarge> {
        let starts = std::iter::once(0).chain(self.data.iter().map(|value| value.end));
        let ends = self.data.iter().map(|value| value.start).chain([raw.len()]);
        if starts.zip(ends).all(|(start, end)| memchr(b'-', &raw[start..end]).is_none()) {
            return Ok(None);
        }
        let mut text = RestoredText::default();
        let mut restorer =
            TextRestorer::new(NestingTracker::plain(), context.decide(TextKind::Document, None));
        let (mut written, mut from, mut edited) = (0, 0, false);
        let line_head = std::mem::take(&mut context.line_head);
        for value in self.data.iter().chain([&(raw.len()..raw.len())]) {
            let before = text.mark();
            text.extend_from_slice(&raw[written..from]);
            if restorer.feed(context, &raw[from..value.start], true, &mut text) {
                (written, edited) = (value.start, true);
            } else {
                text.truncate(before);
            }
            from = value.end;
        }
        context.line_head = line_head;
        text.extend_from_slice(&raw[written..]);
        let mut event = Zeroizing::new(Vec::new());
        if !edited {
            Ok(None)
        } else if WritePosition::default().write(&text, &context.vault, &mut event, MAX_EVENT) {
            Ok(Some(event))
        } else {
            Err(TooLarge)
        }
    }
}

/// An event that is more than [`MAX_EVENT`] bytes long once it is restored outside of its data.
struct TooLarge;

/// Where the value of a line begins, if its field is `field`.
fn value_of(line: &[u8], field: &[u8]) -> Option<usize> {
    match line.strip_prefix(field)? {
        [] => Some(line.len()),
        [b':', b' ', ..] => Some(field.len() + 2),
        [b':', ..] => Some(field.len() + 1),
        _ => None,
    }
}

/// See the module's documentation.
pub(crate) struct Sse {
    rewriter: EventRewriter,
    /// The content type says that these are events. If not, it may be some text that begins like them, and
    /// lines that are no data are text.
    declared: bool,
    backlog: Backlog,
    scan: EventScan,
    /// The last event ended in CR; an LF that follows belongs to it.
    after_cr: bool,
    large: Option<Large>,
    lines: EventLines,
    joined: Vec<u8>,
}

impl Sse {
    pub(crate) fn new(declared: bool) -> Self {
        Self {
            rewriter: EventRewriter::new(EventFraming::Sse),
            declared,
            backlog: Backlog::default(),
            scan: EventScan::default(),
            after_cr: false,
            large: None,
            lines: EventLines::default(),
            joined: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, context: &mut ReplyContext, input: &[u8], out: &mut RestoredText) {
        let mut backlog = std::mem::take(&mut self.backlog);
        backlog.feed(input, |data| self.take(context, data, out));
        self.backlog = backlog;
    }

    pub(crate) fn finish(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        if let Some(mut large) = self.large.take() {
            large.finish(context, out);
        }
        let rest = self.backlog.take();
        if rest.is_empty() {
            self.rewriter.flush_all(context, out);
        } else {
            self.event(context, &rest, true, out);
        }
    }

    /// Bytes of memory held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.backlog.capacity() + self.joined.capacity() + self.rewriter.held_bytes()
    }

    /// Handles the events that are complete in `data`; answers how many bytes that was.
    fn take(&mut self, context: &mut ReplyContext, data: &[u8], out: &mut RestoredText) -> usize {
        let mut at = 0;
        loop {
            if let Some(large) = &mut self.large {
                let Some((used, after_cr)) = large.push(context, &data[at..], out) else { return data.len() };
                (self.large, self.after_cr) = (None, after_cr);
                at += used;
            }
            if self.after_cr {
                match data.get(at) {
                    None => return at,
                    Some(b'\n') => {
                        out.push(b'\n');
                        at += 1;
                    }
                    Some(_) => {}
                }
                self.after_cr = false;
            }
            match self.scan.event_end(&data[at..]) {
                Some((len, after_cr)) if len <= MAX_EVENT => {
                    self.scan = EventScan::default();
                    self.event(context, &data[at..at + len], false, out);
                    self.after_cr = after_cr;
                    at += len;
                }
                None if data.len() - at <= MAX_EVENT => return at,
                _ => {
                    self.scan = EventScan::default();
                    self.rewriter.flush_held(context, out);
                    let mut large = Large::new(context, self.declared);
                    at += self.renumber(context, &data[at..=at + MAX_EVENT], &mut large, out);
                    self.large = Some(large);
                }
            }
        }
    }

    /// Gives a too large event, of which `head` is the beginning, a number that none before it had. Answers how much
    /// of it went on.
    fn renumber(
        &mut self,
        context: &mut ReplyContext,
        head: &[u8],
        large: &mut Large,
        out: &mut RestoredText,
    ) -> usize {
        self.lines.read(head);
        let Some(value) = self.lines.data.first().cloned() else { return 0 };
        let Some((digits, number)) = self.rewriter.renumber(&head[value.clone()]) else { return 0 };
        let digits = value.start + digits.start..value.start + digits.end;
        large.push(context, &head[..digits.start], out);
        large.restorer.skip(&head[digits.clone()]);
        write_number(number, out);
        digits.end
    }

    /// Passes an event on as one that is too large to collect.
    fn pass_large(&mut self, context: &mut ReplyContext, raw: &[u8], last: bool, out: &mut RestoredText) {
        self.rewriter.flush_held(context, out);
        let mut large = Large::new(context, self.declared);
        let used = large.push(context, raw, out).map_or(raw.len(), |(used, _)| used);
        large.finish(context, out);
        out.extend_from_slice(&raw[used..]);
        if last {
            self.rewriter.flush_all(context, out);
        }
    }

    fn event(&mut self, context: &mut ReplyContext, raw: &[u8], last: bool, out: &mut RestoredText) {
        let lines = &mut self.lines;
        lines.read(raw);
        let restored = if self.declared { Ok(None) } else { lines.restore_others(context, raw) };
        let Ok(restored) = restored else { return self.pass_large(context, raw, last, out) };
        let raw = restored.as_ref().map_or(raw, |restored| {
            lines.read(restored);
            restored
        });
        let text = match &lines.data[..] {
            [] => &[][..],
            [one] => &raw[one.clone()],
            [first, more @ ..] => {
                self.joined.clear();
                self.joined.extend_from_slice(&raw[first.clone()]);
                for line in more {
                    self.joined.push(b'\n');
                    self.joined.extend_from_slice(&raw[line.clone()]);
                }
                &self.joined[..]
            }
        };
        let (prefix, eol) = match &lines.data[..] {
            [] => (DATA_HEAD, &b"\n"[..]),
            _ if lines.eol.is_empty() => (&raw[lines.prefix.clone()], &b"\n"[..]),
            _ => (&raw[lines.prefix.clone()], &raw[lines.eol.clone()]),
        };
        // The empty line is not copied from the event: of its CRLF only the CR may be there yet.
        let envelope = EventEnvelope { head: &raw[lines.head.clone()], prefix, eol, blank: eol };
        let name = &raw[lines.name.clone()];
        let frame = FramedEvent { raw, text, lines: &lines.data, name, envelope, last };
        self.rewriter.event(context, &frame, out);
        if self.joined.capacity() > KEPT_CAPACITY {
            self.joined = Vec::new();
        }
    }
}

/// An event that is too large to collect, on its way through.
struct Large {
    restorer: TextRestorer,
    /// For lines that are no data, if they are text.
    others: Option<TextRestorer>,
    at: At,
    after_cr: bool,
}

#[derive(Clone, Copy)]
enum At {
    /// This many bytes of a line that may be a data line.
    Field(usize),
    Data,
    Other,
}

impl Large {
    /// What a data line begins with. A space after it is part of the data here, and means nothing in JSON.
    const FIELD: &[u8] = b"data:";

    fn new(context: &ReplyContext, declared: bool) -> Self {
        let restorer = |nesting| TextRestorer::new(nesting, context.decide(TextKind::Document, None));
        let others = (!declared).then(|| restorer(NestingTracker::plain()));
        Self { restorer: restorer(NestingTracker::document()), others, at: At::Field(0), after_cr: false }
    }

    /// Takes bytes up to the end of the event. If it is there, answers how many that were, and whether an LF may
    /// follow.
    fn push(
        &mut self,
        context: &mut ReplyContext,
        data: &[u8],
        out: &mut RestoredText,
    ) -> Option<(usize, bool)> {
        let mut at = 0;
        while at < data.len() {
            if std::mem::take(&mut self.after_cr) && data[at] == b'\n' {
                out.push(b'\n');
                at += 1;
                continue;
            }
            let end = memchr2(b'\n', b'\r', &data[at..]).map_or(data.len(), |found| at + found);
            if let (At::Field(0), Some(&eol)) = (self.at, data.get(at).filter(|_| end == at)) {
                out.push(eol);
                return Some((at + 1, eol == b'\r'));
            }
            self.line_part(context, &data[at..end], out);
            at = end;
            if let Some(&eol) = data.get(end) {
                self.finish(context, out);
                out.push(eol);
                (self.at, self.after_cr) = (At::Field(0), eol == b'\r');
                at += 1;
            }
        }
        None
    }

    fn line_part(&mut self, context: &mut ReplyContext, mut part: &[u8], out: &mut RestoredText) {
        while let (At::Field(seen), Some((&byte, rest))) = (self.at, part.split_first()) {
            if Self::FIELD[seen] != byte {
                self.at = At::Other;
                break;
            }
            self.at = if seen + 1 == Self::FIELD.len() { At::Data } else { At::Field(seen + 1) };
            out.push(byte);
            part = rest;
        }
        match (self.at, &mut self.others) {
            (At::Data, _) => self.restorer.pass(context, part, out),
            (_, Some(others)) => {
                let line_head = std::mem::take(&mut context.line_head);
                others.pass(context, part, out);
                context.line_head = line_head;
            }
            (_, None) => out.extend_from_slice(part),
        }
    }

    /// A line ended, or the body: what is held goes out.
    fn finish(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        self.restorer.flush(context, out);
        if let Some(others) = &mut self.others {
            others.flush(context, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events that `text` is cut into when it comes in pieces of `size` bytes.
    fn events(text: &str, size: usize) -> Vec<String> {
        let (mut events, mut buffer, mut scan, mut after_cr) =
            (Vec::new(), Vec::new(), EventScan::default(), false);
        for piece in text.as_bytes().chunks(size) {
            buffer.extend_from_slice(piece);
            loop {
                if buffer.is_empty() {
                    break;
                }
                if std::mem::take(&mut after_cr) && buffer[0] == b'\n' {
                    buffer.remove(0);
                    continue;
                }
                let Some((end, cr)) = scan.event_end(&buffer) else { break };
                (scan, after_cr) = (EventScan::default(), cr);
                events.push(String::from_utf8(buffer.drain(..end).collect()).unwrap());
            }
        }
        events.iter().map(|event| event.replace("\r\n", "\n").replace('\r', "\n")).collect()
    }

    #[test]
    fn events_end_at_empty_lines_of_any_kind() {
        for eol in ["\n", "\r\n", "\r"] {
            let text =
                [": c", "event: x", "data: 1", "", "data:2", ": inside", "data: 3", "", "", "id: 4", ""];
            let text = text.map(|line| format!("{line}{eol}")).concat();
            for size in 1..=text.len() {
                let expected =
                    [": c\n", "event: x\ndata: 1\n\n", "data:2\n: inside\ndata: 3\n\n", "\n", "id: 4\n\n"];
                assert_eq!(events(&text, size), expected, "{eol:?} {size}");
            }
        }
        assert_eq!(events("data: 1\r\n\ndata: 2\n\rdata: 3\r\r\n", 1).len(), 3);
    }

    #[test]
    fn lines_are_read_as_the_standard_says() {
        let raw = b"event:a b\r\n: c\r\ndata\r\ndata:  x\r\ndata:y\r\nother: z\r\n\r\n";
        let mut lines = EventLines::default();
        lines.read(raw);
        let data: Vec<_> = lines.data.iter().map(|range| &raw[range.clone()]).collect();
        assert_eq!(data, [&b""[..], b" x", b"y"]);
        assert_eq!(&raw[lines.name.clone()], b"a b");
        assert_eq!(&raw[lines.head.clone()], b"event:a b\r\n");
        assert_eq!(&raw[lines.eol.clone()], b"\r\n");
        assert_eq!(value_of(b"database: x", b"data"), None);
    }
}
