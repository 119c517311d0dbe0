//! JSON lines: one event a line, as Ollama streams and as files of results are.

use memchr::memchr;

use crate::reply::event::frame::{EventEnvelope, FramedEvent};
use crate::reply::event::rewriter::EventRewriter;
use crate::reply::event::view::EventFraming;
use crate::reply::framing::backlog::Backlog;
use crate::reply::limits::MAX_EVENT;
use crate::reply::policy::TextKind;
use crate::reply::text::context::ReplyContext;
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::output::RestoredText;
use crate::reply::text::restorer::TextRestorer;

/// Finds the lines and puts them back. A line of more than [`MAX_EVENT`] bytes is restored as it passes.
pub(crate) struct JsonLines {
    rewriter: EventRewriter,
    backlog: Backlog,
    /// No line ends in the backlog before this offset.
    searched: usize,
    large: Option<TextRestorer>,
}

impl JsonLines {
    pub(crate) fn new() -> Self {
        Self {
            rewriter: EventRewriter::new(EventFraming::Lines),
            backlog: Backlog::default(),
            searched: 0,
            large: None,
        }
    }

    pub(crate) fn push(&mut self, context: &mut ReplyContext, input: &[u8], out: &mut RestoredText) {
        let mut backlog = std::mem::take(&mut self.backlog);
        backlog.feed(input, |data| self.take(context, data, out));
        self.backlog = backlog;
    }

    pub(crate) fn finish(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        if let Some(mut restorer) = self.large.take() {
            restorer.flush(context, out);
        }
        let rest = self.backlog.take();
        if rest.is_empty() {
            self.rewriter.flush_all(context, out);
        } else {
            self.line(context, &rest, true, out);
        }
    }

    /// Bytes of memory held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.backlog.capacity() + self.rewriter.held_bytes()
    }

    fn take(&mut self, context: &mut ReplyContext, data: &[u8], out: &mut RestoredText) -> usize {
        let mut at = 0;
        loop {
            let rest = &data[at..];
            if let Some(restorer) = &mut self.large {
                let end = memchr(b'\n', rest);
                restorer.pass(context, &rest[..end.unwrap_or(rest.len())], out);
                let Some(end) = end else { return data.len() };
                restorer.flush(context, out);
                out.push(b'\n');
                self.large = None;
                at += end + 1;
                continue;
            }
            match memchr(b'\n', &rest[self.searched..]).map(|found| self.searched + found + 1) {
                Some(len) if len <= MAX_EVENT => {
                    self.searched = 0;
                    self.line(context, &rest[..len], false, out);
                    at += len;
                }
                None if rest.len() <= MAX_EVENT => {
                    self.searched = rest.len();
                    return at;
                }
                _ => {
                    self.searched = 0;
                    self.rewriter.flush_held(context, out);
                    let allowed = context.decide(TextKind::Document, None);
                    self.large = Some(TextRestorer::new(NestingTracker::document(), allowed));
                }
            }
        }
    }

    fn line(&mut self, context: &mut ReplyContext, raw: &[u8], last: bool, out: &mut RestoredText) {
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let eol = if text.ends_with(b"\r") { &b"\r\n"[..] } else { b"\n" };
        let envelope = EventEnvelope { head: b"", prefix: b"", eol, blank: b"" };
        let line = 0..text.len();
        self.rewriter.event(
            context,
            &FramedEvent { raw, text, lines: std::slice::from_ref(&line), name: b"", envelope, last },
            out,
        );
    }
}
