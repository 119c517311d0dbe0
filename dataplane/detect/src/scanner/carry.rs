//! Values that are longer than what a rule reads of them: the finding goes on to the end of the run, however long it
//! is, and over the ends of windows. A secret never leaves its tail behind.
//!
//! A rule reads so many bytes of a value, which is enough to judge it (2,048 of an assigned one, [`MAX_SECRET_LEN`] of
//! a shape). If the value goes on there, the candidate is a *cut* one, and says what its run is made of. When overlaps
//! are settled, the cut candidates among the winners are made longer; what else was found within their runs is a part
//! of them. Beyond [`MAX_SECRET_LEN`] the rest is reported in further findings of that length, counted from the value's
//! start, so that equal values give equal pieces wherever they stand. A run that reaches the end of a window goes on in
//! the next: that is what a [`Carry`] holds.

use crate::candidate::{Cut, Tail};
use crate::finders::key::{KeyPlace, KeyState};
use crate::finding::{Confidence, Finding, RuleIndex};
use crate::rules::Rules;
use crate::text::{MAX_SECRET_LEN, Span, TextView};

/// What one window hands on to the next: a value that its end cut in two, or a key of which more lines follow. Give
/// each text its own, which begins as the default, and hand it on only if the next window's fresh text begins at the
/// [`settled`](crate::Scan::settled) of the last; else what [`Carry::at`] gives. A window that was judged as if the text
/// ended with it leaves one, too, if a value reaches its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carry {
    run: Option<OpenRun>,
    key: Option<KeyState>,
}

/// A place inside a key, or behind one, at which a text may be left: see [`Carry::at`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume(KeyPlace);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenRun {
    rule: u16,
    confidence: Confidence,
    tail: Tail,
}

impl OpenRun {
    /// Where it ends in a text in which it holds the byte at `at`.
    fn end(self, rules: &Rules, text: &[u8], at: usize) -> usize {
        self.tail.end(text, at, |sequence, run| {
            rules.compiled(self.rule).sequences[usize::from(sequence)].rest(usize::from(run))
        })
    }
}

impl Carry {
    /// Whether the next window begins inside a value that is no key.
    pub(super) fn is_open(&self) -> bool {
        self.run.is_some()
    }

    /// What goes on at `at` in the window whose [`resumes`](crate::Scan::resumes) these are, if that is left there and
    /// not where it is settled; no finding may reach over it.
    pub fn at(resumes: &[Resume], at: usize) -> Carry {
        let next = resumes.partition_point(|place| place.0.at <= at);
        Carry { run: None, key: resumes[..next].last().and_then(|place| place.0.state) }
    }

    /// Where a text may be left at or before `at`: not inside a line of a key, but where the line begins.
    pub fn line_start(resumes: &[Resume], at: usize) -> usize {
        let next = resumes.partition_point(|place| place.0.at <= at);
        resumes[..next].last().filter(|place| place.0.state.is_some()).map_or(at, |place| place.0.at)
    }

    /// The key that goes on.
    pub(super) fn take_key(&mut self) -> Option<KeyState> {
        self.key.take()
    }

    /// A key goes on.
    pub(super) fn set_key(&mut self, key: Option<KeyState>) {
        self.key = key;
    }
}

impl Resume {
    pub(super) fn new(place: KeyPlace) -> Resume {
        Resume(place)
    }
}

/// What scanning a window found, before values that are longer than it are taken into account.
pub(crate) struct ScannedWindow<'w> {
    pub(crate) view: TextView<'w>,
    /// Where the text begins that no window before held.
    pub(crate) fresh: usize,
    pub(crate) findings: &'w mut Vec<Finding>,
    pub(crate) cuts: &'w mut [Cut],
    /// How far the findings are settled.
    pub(crate) settled: usize,
}

/// Makes the winners among the cut candidates longer, and goes on with what the last window left. Returns how far the
/// findings are settled then.
pub(crate) fn extend(rules: &Rules, window: ScannedWindow<'_>, carry: &mut Carry) -> usize {
    let ScannedWindow { view, fresh, findings, cuts, mut settled } = window;
    if let Some(run) = carry.run.take() {
        let end = run.end(rules, view.text, fresh);
        let (at, whole) = pieces(findings, view, run, Span::new(fresh, end));
        if !whole || at == view.text.len() {
            carry.run = Some(run);
            return at;
        }
        settled = settled.max(at);
    }
    cuts.sort_unstable_by_key(|cut| cut.span);
    for cut in cuts.iter() {
        let place = findings.binary_search_by_key(&cut.span.start, |finding| finding.span.start);
        let won = |finding: &&Finding| finding.span.end == cut.span.end && finding.rule.0 == cut.rule;
        let Some(finding) = place.ok().and_then(|index| findings.get(index)).filter(won) else { continue };
        let run = OpenRun { rule: cut.rule, confidence: finding.confidence, tail: cut.tail };
        let end = run.end(rules, view.text, cut.span.end);
        let (at, whole) = pieces(findings, view, run, Span::new(cut.span.start, end));
        // At the end of a text, too: it may be one that was only taken to end here.
        if !whole || at == view.text.len() {
            carry.run = Some(run).filter(|_| at > cut.span.start);
            return at;
        }
        settled = settled.max(at);
    }
    settled
}

/// Puts the pieces of a value in the place of all that was found in its span. Says how far it is settled, and whether
/// that is all of it: a piece that the window's end may cut is left to the next.
fn pieces(findings: &mut Vec<Finding>, view: TextView<'_>, run: OpenRun, span: Span) -> (usize, bool) {
    let whole = span.end < view.text.len() || view.last;
    let first = findings.partition_point(|finding| finding.span.end <= span.start);
    let next = findings.partition_point(|finding| finding.span.start < span.end);
    let rest = findings[first..next]
        .last()
        .filter(|last| last.span.end > span.end)
        .map(|last| Finding { span: Span::new(span.end, last.span.end), ..*last });
    let mut at = span.start;
    let piece = || {
        let end = span.end.min(at + MAX_SECRET_LEN);
        let complete = end - at == MAX_SECRET_LEN || (whole && end > at);
        complete.then(|| {
            let span = Span::new(at, end);
            let finding = Finding::whole(RuleIndex(run.rule), span, run.confidence);
            at = end;
            finding
        })
    };
    let made: Vec<Finding> = std::iter::from_fn(piece).collect();
    if whole {
        findings.splice(first..next, made.into_iter().chain(rest));
    } else {
        findings.truncate(first);
        findings.extend(made);
    }
    (at, whole)
}
