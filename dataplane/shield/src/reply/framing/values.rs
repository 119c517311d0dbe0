//! JSON documents, and arrays whose items come over time, as Gemini streams without `alt=sse`.
//!
//! A document of at most [`MAX_EVENT`] bytes is looked at as a whole, so that the order of its members does not
//! matter: what points into a text may stand before it, and what a string is, after it. A client cannot use half of
//! a document anyway. Of an array of objects each is an event that goes on as soon as its last brace is there.
//! Whatever is larger, or turns out to be no such JSON, is restored as it passes.

use crate::json::find::string_special;
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

/// Where the search for the end of an object stands.
#[derive(Default)]
struct ObjectScan {
    /// Bytes searched.
    at: usize,
    depth: usize,
    in_string: bool,
}

impl ObjectScan {
    /// The length of the object that `data` starts with. The bytes before `at` are those of the last call. An escape
    /// is only looked at once it is whole.
    fn object_end(&mut self, data: &[u8]) -> Option<usize> {
        while let Some(&byte) = data.get(self.at) {
            if self.in_string {
                self.at = string_special(data, self.at);
                match data.get(self.at) {
                    None => return None,
                    Some(b'\\') if self.at + 1 == data.len() => return None,
                    Some(b'\\') => self.at += 2,
                    Some(b'"') => (self.in_string, self.at) = (false, self.at + 1),
                    Some(_) => self.at += 1,
                }
                continue;
            }
            self.at += 1;
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// Where in the body the next byte is.
enum Mode {
    /// Outside of any document.
    Root,
    /// In an array, between objects; whether a comma came since the last.
    Items { comma: bool },
    /// In an object.
    Object { item: bool },
    /// In one that is too large.
    Large { item: bool, restorer: Box<TextRestorer> },
    /// What comes is restored as it passes.
    Passing(Box<TextRestorer>),
}

/// Why no more can be done with the bytes at hand.
enum Pause {
    /// The next byte decides.
    Wait,
    /// All of them went on.
    Done,
}

/// Finds the objects and puts them back. See the module's documentation.
pub(crate) struct Values {
    documents: EventRewriter,
    items: EventRewriter,
    backlog: Backlog,
    scan: ObjectScan,
    mode: Mode,
    /// An object has ended on this line.
    mid_line: bool,
}

impl Values {
    pub(crate) fn new() -> Self {
        Self {
            documents: EventRewriter::new(EventFraming::Values),
            items: EventRewriter::new(EventFraming::Items),
            backlog: Backlog::default(),
            scan: ObjectScan::default(),
            mode: Mode::Root,
            mid_line: false,
        }
    }

    pub(crate) fn push(&mut self, context: &mut ReplyContext, input: &[u8], out: &mut RestoredText) {
        let mut backlog = std::mem::take(&mut self.backlog);
        backlog.feed(input, |data| {
            let mut at = 0;
            loop {
                match self.step(context, data, &mut at, out) {
                    Ok(()) => {}
                    Err(Pause::Wait) => return at,
                    Err(Pause::Done) => return data.len(),
                }
            }
        });
        self.backlog = backlog;
    }

    pub(crate) fn finish(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        let rest = self.backlog.take();
        match std::mem::replace(&mut self.mode, Mode::Root) {
            Mode::Passing(mut restorer) | Mode::Large { mut restorer, .. } => restorer.flush(context, out),
            Mode::Root | Mode::Object { item: false } => {
                self.flush_documents(context, out);
                self.object(context, &rest, false, true, out);
            }
            Mode::Items { comma } => {
                self.flush_items(context, comma, out);
                self.object(context, &rest, true, true, out);
            }
            Mode::Object { item: true } => {
                self.flush_items(context, true, out);
                self.object(context, &rest, true, true, out);
            }
        }
    }

    /// Bytes of memory held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.backlog.capacity() + self.documents.held_bytes() + self.items.held_bytes()
    }

    /// Handles what stands at `at`.
    fn step(
        &mut self,
        context: &mut ReplyContext,
        data: &[u8],
        at: &mut usize,
        out: &mut RestoredText,
    ) -> Result<(), Pause> {
        let rest = &data[*at..];
        match &mut self.mode {
            Mode::Root => *at += self.root(context, rest, out)?,
            Mode::Items { comma } => {
                let comma = *comma;
                *at += self.between_items(context, rest, comma, out)?;
            }
            Mode::Object { item } => {
                let item = *item;
                match self.scan.object_end(rest) {
                    Some(len) if len <= MAX_EVENT => {
                        self.object(context, &rest[..len], item, false, out);
                        self.leave(item);
                        *at += len;
                    }
                    None if rest.len() <= MAX_EVENT => return Err(Pause::Wait),
                    _ => self.enlarge(context, item, out),
                }
            }
            Mode::Large { item, restorer } => {
                let item = *item;
                let end = self.scan.object_end(rest);
                // Half an escape is kept, since it is searched again.
                let len = end.unwrap_or(self.scan.at.min(rest.len()));
                restorer.pass(context, &rest[..len], out);
                *at += len;
                if end.is_none() {
                    self.scan.at = 0;
                    return Err(Pause::Wait);
                }
                restorer.flush(context, out);
                self.leave(item);
            }
            Mode::Passing(restorer) => {
                restorer.pass(context, rest, out);
                return Err(Pause::Done);
            }
        }
        Ok(())
    }

    /// Outside of documents. Answers how many bytes went on.
    fn root(
        &mut self,
        context: &mut ReplyContext,
        rest: &[u8],
        out: &mut RestoredText,
    ) -> Result<usize, Pause> {
        let blank = white(rest);
        self.mid_line &= !rest[..blank].contains(&b'\n');
        out.extend_from_slice(&rest[..blank]);
        let Some(&byte) = rest.get(blank) else {
            return if blank == 0 { Err(Pause::Wait) } else { Ok(blank) };
        };
        if blank > 0 {
            return Ok(blank);
        }
        let inner = 1 + white(&rest[1..]);
        match (byte, rest.get(inner)) {
            (b'{' | b'[', None) if rest.len() <= MAX_EVENT => return Err(Pause::Wait),
            (b'{', Some(b'"' | b'}')) => self.mode = Mode::Object { item: false },
            (b'[', Some(b'{')) => {
                out.extend_from_slice(&rest[..inner]);
                self.mode = Mode::Items { comma: true };
                return Ok(inner);
            }
            _ => self.pass_on(context, b"", out),
        }
        Ok(0)
    }

    /// Between the items of an array.
    fn between_items(
        &mut self,
        context: &mut ReplyContext,
        rest: &[u8],
        comma: bool,
        out: &mut RestoredText,
    ) -> Result<usize, Pause> {
        let Some(&byte) = rest.first() else { return Err(Pause::Wait) };
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b',' if !comma => self.mode = Mode::Items { comma: true },
            b']' => {
                self.flush_items(context, comma, out);
                (self.mode, self.mid_line) = (Mode::Root, true);
            }
            b'{' if comma => {
                self.mode = Mode::Object { item: true };
                return Ok(0);
            }
            _ => {
                self.pass_on(context, if comma { b"[" } else { b"[0" }, out);
                return Ok(0);
            }
        }
        out.push(byte);
        Ok(1)
    }

    /// From here on nothing is an event. `before` is JSON that leads to the same place.
    fn pass_on(&mut self, context: &mut ReplyContext, before: &[u8], out: &mut RestoredText) {
        self.flush_items(context, before == b"[", out);
        self.flush_documents(context, out);
        let mut nesting = NestingTracker::document();
        nesting.advance(before);
        self.mode =
            Mode::Passing(Box::new(TextRestorer::new(nesting, context.decide(TextKind::Document, None))));
    }

    /// The object is too large to be looked at as a whole.
    fn enlarge(&mut self, context: &mut ReplyContext, item: bool, out: &mut RestoredText) {
        if item {
            self.items.flush_held(context, out);
        } else {
            self.documents.flush_held(context, out);
        }
        self.scan = ObjectScan::default();
        let restorer =
            Box::new(TextRestorer::new(NestingTracker::document(), context.decide(TextKind::Document, None)));
        self.mode = Mode::Large { item, restorer };
    }

    /// An object ended.
    fn leave(&mut self, item: bool) {
        self.scan = ObjectScan::default();
        self.mid_line = true;
        self.mode = if item { Mode::Items { comma: false } } else { Mode::Root };
    }

    fn object(
        &mut self,
        context: &mut ReplyContext,
        raw: &[u8],
        item: bool,
        last: bool,
        out: &mut RestoredText,
    ) {
        if raw.is_empty() {
            return;
        }
        let (rewriter, eol) = if item { (&mut self.items, b",") } else { (&mut self.documents, b"\n") };
        let envelope = EventEnvelope { head: b"", prefix: b"", eol, blank: b"" };
        let line = 0..raw.len();
        let lines = std::slice::from_ref(&line);
        rewriter.event(context, &FramedEvent { raw, text: raw, lines, name: b"", envelope, last }, out);
    }

    /// Lets out what the items of an array hold, before its end or at the place after a comma.
    fn flush_items(&mut self, context: &mut ReplyContext, comma: bool, out: &mut RestoredText) {
        if comma {
            return self.items.flush_all(context, out);
        }
        self.items.flush_behind(context, b",", out);
    }

    /// Lets out what documents hold, each on a line of its own.
    fn flush_documents(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        if self.mid_line {
            self.documents.flush_behind(context, b"\n", out);
        } else {
            self.documents.flush_all(context, out);
        }
    }
}

/// Length of the white space that `text` begins with.
fn white(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}
