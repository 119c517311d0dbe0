//! JSON bodies: scanned in their decoded view, edited in their raw bytes.
//!
//! A window is read twice at most. The first reading, always over the whole window, builds the view. The second
//! one goes from the window's start to each finding, to learn in which string it stands and how deep, and on to
//! where the window is consumed. Without findings it begins close to the end, at a checkpoint.

use crate::request::body::json::walker::{Blind, Eyes, Nobody, Walk, Watch};
use std::ops::Range;

use crate::json::{Lexeme, Nested};
use crate::places::Scope;
use crate::request::body::encoded_text::Attachment;
use crate::request::body::json::edit::Editor;
use crate::request::body::json::path::{Stop, Track};
use crate::request::classify::base64::Extent;
use crate::request::classify::exempt;
use crate::request::classify::opaque::{Run, Scanned};
use crate::request::redactor::Desk;
use crate::request::refusal::Refusal;
use crate::request::scan::part_boundary::{MAX_GAP, Seams, TextEvent};
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::{Context, View};
use crate::request::scan::window::Surroundings;
use crate::request::splice::Gather;

/// The first reading leaves a checkpoint so many bytes before the end of the window.
const TAIL: usize = 1024;

/// The state between two windows of a JSON body.
pub(crate) struct JsonBody {
    walk: Walk,
    context: Context,
    many: bool,
    /// What of a value in base64 is decoded and scanned.
    attachment: Option<Box<Attachment>>,
    /// Characters of the run of base64 that was begun.
    chars: Option<u64>,
}

/// Builds the view.
struct Viewer<'a> {
    view: &'a mut View,
    seams: &'a mut Seams,
    window: &'a [u8],
}

impl Watch for Viewer<'_> {
    fn text_part(&mut self, event: TextEvent) {
        self.seams.note(event);
    }

    #[inline]
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>) {
        if !lexeme.is_plain() {
            self.view.unit(self.window, lexeme.bytes, raw.start, raw.end);
        }
    }
}

/// How far a window is understood.
struct Reading {
    /// A place close to the end, if nothing stopped the reading before.
    checkpoint: Option<(usize, Walk)>,
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

    fn with(nested: Nested, scope: Scope, many: bool) -> Self {
        let walk = Walk { nested, track: Track::new(scope) };
        Self { walk, context: Context::new(), many, attachment: None, chars: None }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(crate) fn process(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let base = self.walk.nested.position();
        let consumed = self.step(desk, scratch, window, last, out)?;
        self.walk.track.cited.pass(&window[..consumed], base);
        if last && consumed == window.len() {
            self.walk.track.cited.finish(&mut desk.documents);
        }
        Ok(consumed)
    }

    fn step(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let base = self.walk.nested.position();
        let around = Surroundings { window, base, last };
        if base == 0 && window.is_empty() {
            return Ok(0);
        }
        if let Some((_, stop)) = self.walk.track.stop() {
            let passed = self.opaque(stop, desk, scratch, around, out)?;
            if passed > 0 {
                return Ok(passed);
            }
        }
        let reading = self.view(&mut scratch.view, &mut scratch.seams, around)?;
        let raw = &window[..reading.end];
        let mut settled = scratch.scan(raw, reading.last, true);
        settled = scratch.scan_seams(raw, base, settled, reading.pending);
        let mut ahead = self.ahead(scratch, &reading, around, settled)?;
        if ahead.0 == 0 && !reading.last {
            // Nothing but an unfinished number is settled. One that fills a window is refused.
            settled = scratch.scan(raw, true, true);
            ahead = self.ahead(scratch, &reading, around, settled)?;
            if ahead.0 == 0 {
                return Err(Refusal::Malformed { what: "a literal is too long", offset: base });
            }
        }
        let consumed = self.edit(desk, scratch, around, ahead, out)?;
        if reading.stopped && consumed == reading.end {
            self.context.clear();
        } else {
            let view = &scratch.view;
            self.context.keep(view, raw, view.view_of(consumed));
        }
        Ok(consumed)
    }

    /// The first reading: builds the view of the window.
    fn view(&self, view: &mut View, seams: &mut Seams, around: Surroundings<'_>) -> Result<Reading, Refusal> {
        let window = around.window;
        let mut walk = self.walk.clone();
        view.begin(&self.context);
        seams.begin(walk.track.text());
        let split = window.len().saturating_sub(TAIL);
        walk.read(around, 0..split, Viewer { view, seams, window })?;
        let checkpoint = walk.track.stop().is_none().then(|| (split, walk.clone()));
        if checkpoint.is_some() {
            walk.read(around, split..window.len(), Viewer { view, seams, window })?;
        }
        let stop = walk.track.stop();
        let (end, last) = match stop {
            Some((at, stop)) => ((at - around.base) as usize, stop != Stop::Undecided),
            None if around.last => {
                let mut eyes = Eyes { track: &mut walk.track, around, watch: Viewer { view, seams, window } };
                let end = around.base + window.len() as u64;
                walk.nested.finish(&mut eyes).map_err(|fault| Refusal::syntax(fault, end))?;
                (window.len(), true)
            }
            None => {
                let pending = walk.nested.pending().unwrap_or(u64::MAX).saturating_sub(around.base);
                (window.len().min(pending as usize), false)
            }
        };
        view.finish(&window[..end]);
        let limit = around.base + end as u64;
        let text_end = walk.track.text().and_then(|(_, text_end)| text_end);
        let pending = text_end.filter(|at| !last && *at <= limit && limit - at <= MAX_GAP);
        Ok(Reading { checkpoint, end, last, stopped: stop.is_some() && last, pending })
    }

    /// How many bytes the window gives up if its view is settled up to `settled`, and the walk at that place.
    /// Never stops inside a number: it may have to be replaced as a whole.
    fn ahead(
        &self,
        scratch: &ShardScratch,
        reading: &Reading,
        around: Surroundings<'_>,
        settled: usize,
    ) -> Result<(usize, Walk), Refusal> {
        let view = &scratch.view;
        let mut target = view.raw_start(settled).min(reading.end);
        if reading.last && settled == view.text(&around.window[..reading.end]).len() {
            target = reading.end;
        }
        if let Some(finding) = scratch.findings.last() {
            target = target.max(view.raw_end(finding.end));
        }
        let near = reading.checkpoint.as_ref().filter(|(at, _)| *at <= target);
        let mut start = near.map_or_else(|| (0, self.walk.clone()), |(at, walk)| (*at, walk.clone()));
        for _ in 0..2 {
            let mut walk = start.1.clone();
            walk.read(around, start.0..target, Blind)?;
            let scalar = walk.track.scalar().filter(|_| !(around.last && target == around.window.len()));
            let Some(began) = scalar else { return Ok((target, walk)) };
            target = (began - around.base) as usize;
            if target < start.0 {
                start = (0, self.walk.clone());
            }
        }
        let mut walk = start.1;
        walk.read(around, start.0..target, Blind)?;
        Ok((target, walk))
    }

    /// The second reading: replaces the secrets that begin before `target`, and goes on to there.
    fn edit(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        around: Surroundings<'_>,
        (target, walk): (usize, Walk),
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let ShardScratch { view, findings, seams, parts, value, .. } = scratch;
        let text = view.text(around.window);
        let mut editor = Editor::new(&mut self.walk, self.many, desk, around, out, (parts, value));
        let mut across = seams.found.iter().peekable();
        for finding in findings.iter() {
            while let Some(seam) = across.next_if(|seam| seam.head.start < finding.start) {
                editor.join(seam, &seams.text, view)?;
            }
            let range = view.raw_start(finding.start)..view.raw_end(finding.end);
            if range.start >= target {
                break;
            }
            editor.replace(finding, text, range)?;
        }
        for seam in across {
            editor.join(seam, &seams.text, view)?;
        }
        let (pos, passed) = editor.done();
        if pos == 0 {
            self.walk = walk;
        } else if pos < target {
            self.walk.read(around, pos..target, Blind)?;
        }
        let consumed = pos.max(target);
        out.pass(passed..consumed);
        Ok(consumed)
    }

    /// A value goes on that is not scanned as it stands: passes it, or scans what its base64 holds.
    fn opaque(
        &mut self,
        stop: Stop,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        around: Surroundings<'_>,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let before = out.len();
        let (len, ended) = match stop {
            Stop::Undecided => return Ok(0),
            Stop::Run(run) => self.run(run, desk, scratch, around, out)?,
            Stop::Leave => {
                let (len, ended) = exempt::run(around.window);
                out.pass(0..len);
                (len, ended)
            }
        };
        if out.len() - before != len {
            self.walk.track.cited.lose();
        }
        let end = around.base + len as u64;
        let window = &around.window[..len];
        let cut = match stop {
            Stop::Run(run) => !Extent::of(around.window, run.wrapped).ended,
            Stop::Leave | Stop::Undecided => true,
        };
        if around.last && !ended && cut {
            return Err(Refusal::Malformed { what: "unexpected end", offset: end });
        }
        self.walk.nested.feed(window, &mut Nobody).map_err(|fault| Refusal::syntax(fault, around.base))?;
        if ended {
            (self.attachment, self.chars) = (None, None);
        }
        self.walk.track.move_stop((!ended).then_some((end, stop)));
        Ok(len)
    }

    /// Base64 goes on: passes it, or scans what it holds. Says how far, and whether it ends there.
    fn run(
        &mut self,
        run: Run,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        around: Surroundings<'_>,
        out: &mut Gather,
    ) -> Result<(usize, bool), Refusal> {
        let (track, many) = (&self.walk.track, self.many);
        let place = || track.place(many);
        if self.chars.is_none() {
            run.kind.map_or(Ok(()), |kind| desk.opaque(kind, place))?;
        }
        let (len, ended) = if run.scanned == Scanned::Not {
            let extent = Extent::of(around.window, run.wrapped);
            out.pass(0..extent.len);
            (extent.len, extent.ended)
        } else {
            let attachment = self.attachment.get_or_insert_with(|| Box::new(Attachment::new(run)));
            attachment.process(desk, scratch, around.window, &place, out)?
        };
        let before = self.chars.unwrap_or_default();
        let chars = before + run.kind.map_or(0, |_| Extent::of(&around.window[..len], true).chars as u64);
        if let Some(kind) = run.kind {
            desk.report.grow_opaque(kind, bytes_in(chars) - bytes_in(before));
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
