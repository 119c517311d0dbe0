//! JSON bodies: scanned in their decoded view, edited in their raw bytes.
//!
//! A window is read twice at most. The first reading, always over the whole window, builds the view. The second
//! one goes from the window's start to each finding, to learn in which string it stands and how deep, and on to
//! where the window is consumed. Without findings it begins close to the end, at a checkpoint.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is left of a 64-bit offset is an offset in the window"
)]

use crate::request::body::json::walker::{LexemeVisitor, NoVisit, NullSink, VisitingSink, Walker};
use crate::request::body::step::{BodyStep, Input};
use std::ops::Range;

use crate::json::{Lexeme, LexemeKind, Nested};
use crate::places::{MAX_NAME, Scope};
use crate::request::body::encoded_text::EncodedText;
use crate::request::body::json::edit::Editor;
use crate::request::body::json::path::{JsonPath, StringEvent, ViewEnd};
use crate::request::classify::base64::Base64Extent;
use crate::request::classify::exempt;
use crate::request::classify::opaque::{Base64Run, ScanMode};
use crate::request::refusal::Refusal;
use crate::request::scan::part_boundary::{MAX_GAP, PartBoundaries};
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::{DecodedView, LeftContext};
use crate::request::scan::window::WindowContext;

/// The first reading leaves a checkpoint so many bytes before the end of the window.
const TAIL: usize = 1024;

/// The state between two windows of a JSON body.
pub(crate) struct JsonBody {
    walker: Walker,
    left_context: LeftContext,
    many: bool,
    /// What of a value in base64 is decoded and scanned.
    encoded: Option<Box<EncodedText>>,
    /// Characters of the run of base64 that was begun.
    chars: Option<u64>,
}

/// Builds the view.
struct Viewer<'a> {
    view: &'a mut DecodedView,
    boundaries: &'a mut PartBoundaries,
    window: &'a [u8],
    /// The offset of the window in the body.
    base: u64,
}

impl LexemeVisitor for Viewer<'_> {
    fn string(&mut self, event: StringEvent) {
        match event {
            StringEvent::TextPart(event) => self.boundaries.note(event),
            StringEvent::Structure(place) => {
                let raw = |offset: u64| offset.saturating_sub(self.base) as usize;
                self.view.note_structure(raw(place.start)..raw(place.end));
            }
        }
    }

    #[inline]
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>) {
        if !lexeme.is_plain() {
            self.view.unit(self.window, lexeme.bytes, raw.start, raw.end);
            let may_end = lexeme.kind == LexemeKind::Text && matches!(lexeme.bytes, b"\"" | b"\n" | b"\r");
            if may_end && lexeme.is_broken {
                self.view.mark_broken();
            } else if may_end {
                self.view.mark_in_string();
            }
        }
    }
}

/// Where the view of a window has to end at the latest, behind `split`, so that it cuts no name of a member that may be a word
/// of the API: only the name's end says so.
fn whole_names(walker: &Walker, context: WindowContext<'_>, split: usize) -> Result<usize, Refusal> {
    let end = context.window.len();
    if context.last || !walker.path.notes_structure {
        return Ok(end);
    }
    let mut ahead = walker.clone();
    ahead.read(context, split..end, NoVisit)?;
    let name = ahead.path.open_name().map(|start| start.saturating_sub(context.base) as usize);
    Ok(name.filter(|start| *start >= split && end - start <= MAX_NAME).unwrap_or(end))
}

/// How far a window is understood.
struct Reading {
    /// A place close to the end, if nothing stopped the reading before.
    checkpoint: Option<(usize, Walker)>,
    /// Where the view ends.
    end: usize,
    /// Whether the text ends there too, for the scanner.
    last: bool,
    /// Whether what follows is not text.
    stopped: bool,
    /// The end of a text part to which one behind the window may be joined.
    pending: Option<u64>,
}

impl JsonBody {
    pub(crate) fn document(scope: Scope) -> Self {
        Self::with(Nested::document(), scope, false)
    }

    pub(crate) fn lines(scope: Scope) -> Self {
        Self::with(Nested::documents(), scope, true)
    }

    /// JSON as long as it is JSON, text from there on.
    pub(crate) fn tentative(scope: Scope) -> Self {
        Self::with(Nested::tentative(), scope, false)
    }

    /// The same behind a text that says what its first value is.
    pub(crate) fn behind(self, left_context: LeftContext) -> Self {
        Self { left_context, ..self }
    }

    fn with(nested: Nested, scope: Scope, many: bool) -> Self {
        let walker = Walker { nested, path: JsonPath::new(scope) };
        Self { walker, left_context: LeftContext::new(), many, encoded: None, chars: None }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(crate) fn process(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        let base = self.walker.nested.position();
        let consumed = self.step(step, input)?;
        step.redactor.refers_to_history |= self.walker.path.refers_to_history;
        self.walker.path.document.pass(&input.bytes[..consumed], base);
        if input.last && consumed == input.bytes.len() {
            self.walker.path.document.finish(&mut step.redactor.documents);
        }
        Ok(consumed)
    }

    fn step(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        let base = self.walker.nested.position();
        let Input { bytes: window, last } = input;
        let context = WindowContext { window, base, last };
        if base == 0 && window.is_empty() {
            return Ok(0);
        }
        if let Some((_, stop)) = self.walker.path.stop() {
            let passed = self.opaque(stop, step, context)?;
            if passed > 0 {
                return Ok(passed);
            }
        }
        let scratch = &mut *step.scratch;
        let reading = self.view(&mut scratch.view, &mut scratch.boundaries, context)?;
        let raw = &window[..reading.end];
        let mut settled = scratch.scan(raw, reading.last, true);
        settled = scratch.scan_boundaries(raw, base, settled, reading.pending);
        let mut ahead = self.ahead(scratch, &reading, context, settled)?;
        if ahead.0 == 0 && !reading.last {
            // Nothing but an unfinished number is settled. One that fills a window is refused.
            settled = scratch.scan(raw, true, true);
            ahead = self.ahead(scratch, &reading, context, settled)?;
            if ahead.0 == 0 {
                return Err(Refusal::Malformed { what: "a literal is too long", offset: base });
            }
        }
        let consumed = self.edit(step, context, ahead)?;
        if reading.stopped && consumed == reading.end {
            self.left_context.clear();
        } else {
            let view = &step.scratch.view;
            self.left_context.keep(view, raw, view.view_of(consumed));
        }
        Ok(consumed)
    }

    /// The first reading: builds the view of the window.
    fn view(
        &self,
        view: &mut DecodedView,
        boundaries: &mut PartBoundaries,
        context: WindowContext<'_>,
    ) -> Result<Reading, Refusal> {
        let WindowContext { window, base, .. } = context;
        let mut walker = self.walker.clone();
        walker.path.notes_structure = view.notes_structure;
        view.begin(&self.left_context);
        boundaries.begin(walker.path.text());
        let split = window.len().saturating_sub(TAIL);
        walker.read(context, 0..split, Viewer { view, boundaries, window, base })?;
        let checkpoint = walker.path.stop().is_none().then(|| (split, walker.clone()));
        let mut bound = window.len();
        if checkpoint.is_some() {
            bound = whole_names(&walker, context, split)?;
            walker.read(context, split..bound, Viewer { view, boundaries, window, base })?;
        }
        let stop = walker.path.stop();
        // Also of what may become text, as long as it is JSON.
        view.has_strings = walker.nested.is_document();
        let (end, last) = match stop {
            Some((at, stop)) => ((at - context.base) as usize, stop != ViewEnd::Undecided),
            None if context.last => {
                let mut sink = VisitingSink {
                    path: &mut walker.path,
                    context,
                    visitor: Viewer { view, boundaries, window, base },
                };
                let end = context.base + window.len() as u64;
                walker.nested.finish(&mut sink).map_err(|fault| Refusal::syntax(fault, end))?;
                (window.len(), true)
            }
            None => {
                let pending = walker.nested.pending().unwrap_or(u64::MAX).saturating_sub(context.base);
                (bound.min(pending as usize), false)
            }
        };
        if let Some(start) = walker.path.structure() {
            view.note_structure(start.saturating_sub(base) as usize..end);
        }
        view.finish(&window[..end]);
        let limit = context.base + end as u64;
        let text_end = walker.path.text().and_then(|(_, text_end)| text_end);
        let pending = text_end.filter(|at| !last && *at <= limit && limit - at <= MAX_GAP);
        Ok(Reading { checkpoint, end, last, stopped: stop.is_some() && last, pending })
    }

    /// How many bytes the window gives up if its view is settled up to `settled`, and the walker at that place.
    /// Never stops inside a number: it may have to be replaced as a whole.
    fn ahead(
        &self,
        scratch: &ShardScratch,
        reading: &Reading,
        context: WindowContext<'_>,
        settled: usize,
    ) -> Result<(usize, Walker), Refusal> {
        let view = &scratch.view;
        let mut target = view.raw_start(settled).min(reading.end);
        if reading.last && settled == view.text(&context.window[..reading.end]).len() {
            target = reading.end;
        }
        if let Some(finding) = scratch.findings.last() {
            target = target.max(view.raw_end(finding.span.end));
        }
        let near = reading.checkpoint.as_ref().filter(|(at, _)| *at <= target);
        let mut start = near.map_or_else(|| (0, self.walker.clone()), |(at, walker)| (*at, walker.clone()));
        for _ in 0..2 {
            let mut walker = start.1.clone();
            walker.read(context, start.0..target, NoVisit)?;
            let scalar = walker.path.scalar().filter(|_| !(context.last && target == context.window.len()));
            let Some(began) = scalar else { return Ok((target, walker)) };
            target = (began - context.base) as usize;
            if target < start.0 {
                start = (0, self.walker.clone());
            }
        }
        let mut walker = start.1;
        walker.read(context, start.0..target, NoVisit)?;
        Ok((target, walker))
    }

    /// The second reading: replaces the secrets that begin before `target`, and goes on to there.
    fn edit(
        &mut self,
        step: &mut BodyStep<'_>,
        context: WindowContext<'_>,
        (target, walker): (usize, Walker),
    ) -> Result<usize, Refusal> {
        let BodyStep { redactor, scratch, out } = step;
        let ShardScratch { view, findings, boundaries, parts, .. } = &mut **scratch;
        let text = view.text(context.window);
        let mut editor = Editor::new(&mut self.walker, self.many, context, out, parts);
        let mut across = boundaries.found.iter().peekable();
        for finding in findings.iter() {
            while let Some(boundary) = across.next_if(|boundary| boundary.head.start < finding.span.start) {
                editor.join(redactor, boundary, &boundaries.text, view)?;
            }
            let range = view.raw_start(finding.span.start)..view.raw_end(finding.span.end);
            if range.start >= target {
                break;
            }
            editor.replace(redactor, finding, (view, text), range)?;
        }
        for boundary in across {
            editor.join(redactor, boundary, &boundaries.text, view)?;
        }
        let (pos, passed) = editor.done();
        if pos == 0 {
            self.walker = walker;
        } else if pos < target {
            self.walker.read(context, pos..target, NoVisit)?;
        }
        let consumed = pos.max(target);
        out.pass(passed..consumed);
        Ok(consumed)
    }

    /// A value goes on that is not scanned as it stands: passes it, or scans what its base64 holds.
    fn opaque(
        &mut self,
        end_of_view: ViewEnd,
        step: &mut BodyStep<'_>,
        context: WindowContext<'_>,
    ) -> Result<usize, Refusal> {
        let before = step.out.len();
        let (len, ended) = match end_of_view {
            ViewEnd::Undecided => return Ok(0),
            ViewEnd::Run(run) => self.run(run, step, context)?,
            ViewEnd::Leave => {
                let (len, ended) = exempt::run(context.window);
                step.out.pass(0..len);
                (len, ended)
            }
        };
        if step.out.len() - before != len {
            self.walker.path.document.lose();
        }
        let end = context.base + len as u64;
        let window = &context.window[..len];
        let cut = match end_of_view {
            ViewEnd::Run(run) => !Base64Extent::of(context.window, run.wrapped).ended,
            ViewEnd::Leave | ViewEnd::Undecided => true,
        };
        if context.last && !ended && cut {
            return Err(Refusal::Malformed { what: "unexpected end", offset: end });
        }
        self.walker
            .nested
            .feed(window, &mut NullSink)
            .map_err(|fault| Refusal::syntax(fault, context.base))?;
        if ended {
            (self.encoded, self.chars) = (None, None);
        }
        self.walker.path.move_stop((!ended).then_some((end, end_of_view)));
        Ok(len)
    }

    /// Base64 goes on: passes it, or scans what it holds. Says how far, and whether it ends there.
    fn run(
        &mut self,
        run: Base64Run,
        step: &mut BodyStep<'_>,
        context: WindowContext<'_>,
    ) -> Result<(usize, bool), Refusal> {
        let (path, many) = (&self.walker.path, self.many);
        let place = || path.place(many);
        if self.chars.is_none() {
            run.kind.map_or(Ok(()), |kind| step.redactor.opaque(kind, place))?;
        }
        let (len, ended) = if run.scanned == ScanMode::Skip {
            let extent = Base64Extent::of(context.window, run.wrapped);
            step.out.pass(0..extent.len);
            (extent.len, extent.ended)
        } else {
            let encoded = self.encoded.get_or_insert_with(|| Box::new(EncodedText::new(run)));
            encoded.process(step, context.window, &place)?
        };
        let before = self.chars.unwrap_or_default();
        let chars =
            before + run.kind.map_or(0, |_| Base64Extent::of(&context.window[..len], true).chars as u64);
        if let Some(kind) = run.kind {
            step.redactor.report.grow_opaque(kind, bytes_in(chars) - bytes_in(before));
        }
        self.chars = Some(chars);
        Ok((len, ended))
    }
}

/// How many bytes so many characters of base64 stand for.
fn bytes_in(chars: u64) -> u64 {
    chars * 3 / 4
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
