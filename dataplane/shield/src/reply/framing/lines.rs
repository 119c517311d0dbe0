//! JSON lines: one event a line, as Ollama streams and as files of results are.

use memchr::memchr;

use crate::reply::event::frame::{Frame, Wrap};
use crate::reply::event::rewriter::EventRewriter;
use crate::reply::event::view::Framing;
use crate::reply::framing::backlog::Backlog;
use crate::reply::gate::LaneKind;
use crate::reply::limits::MAX_EVENT;
use crate::reply::text::context::Kit;
use crate::reply::text::nesting::Nest;
use crate::reply::text::output::Text;
use crate::reply::text::restorer::Lane;

/// Finds the lines and puts them back. A line of more than [`MAX_EVENT`] bytes is restored as it passes.
pub(crate) struct JsonLines {
    rewriter: EventRewriter,
    backlog: Backlog,
    /// No line ends in the backlog before this offset.
    searched: usize,
    large: Option<Lane>,
}

impl JsonLines {
    pub(crate) fn new() -> Self {
        Self {
            rewriter: EventRewriter::new(Framing::Lines),
            backlog: Backlog::default(),
            searched: 0,
            large: None,
        }
    }

    pub(crate) fn push(&mut self, kit: &mut Kit, input: &[u8], out: &mut Text) {
        let mut backlog = std::mem::take(&mut self.backlog);
        backlog.feed(input, |data| self.take(kit, data, out));
        self.backlog = backlog;
    }

    pub(crate) fn finish(&mut self, kit: &mut Kit, out: &mut Text) {
        if let Some(mut lane) = self.large.take() {
            lane.flush(kit, out);
        }
        let rest = self.backlog.take();
        if rest.is_empty() {
            self.rewriter.flush_all(kit, out);
        } else {
            self.line(kit, &rest, true, out);
        }
    }

    /// Bytes of memory held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.backlog.capacity() + self.rewriter.held_bytes()
    }

    fn take(&mut self, kit: &mut Kit, data: &[u8], out: &mut Text) -> usize {
        let mut at = 0;
        loop {
            let rest = &data[at..];
            if let Some(lane) = &mut self.large {
                let end = memchr(b'\n', rest);
                lane.pass(kit, &rest[..end.unwrap_or(rest.len())], out);
                let Some(end) = end else { return data.len() };
                lane.flush(kit, out);
                out.push(b'\n');
                self.large = None;
                at += end + 1;
                continue;
            }
            match memchr(b'\n', &rest[self.searched..]).map(|found| self.searched + found + 1) {
                Some(len) if len <= MAX_EVENT => {
                    self.searched = 0;
                    self.line(kit, &rest[..len], false, out);
                    at += len;
                }
                None if rest.len() <= MAX_EVENT => {
                    self.searched = rest.len();
                    return at;
                }
                _ => {
                    self.searched = 0;
                    self.rewriter.flush_held(kit, out);
                    let allowed = kit.allows(LaneKind::Document, None);
                    self.large = Some(Lane::new(Nest::document(), allowed));
                }
            }
        }
    }

    fn line(&mut self, kit: &mut Kit, raw: &[u8], last: bool, out: &mut Text) {
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let eol = if text.ends_with(b"\r") { &b"\r\n"[..] } else { b"\n" };
        let wrap = Wrap { head: b"", prefix: b"", eol, blank: b"" };
        let line = 0..text.len();
        self.rewriter.event(
            kit,
            &Frame { raw, text, lines: std::slice::from_ref(&line), name: b"", wrap, last },
            out,
        );
    }
}
