//! The scanner: candidates from the engine, confirmed by the finders, overlaps settled, window by window.

use super::carry::{Carry, Resume, ScannedWindow};
use super::dispatch::RuleEngine;
use super::encoded::DecodedLevel;
use super::search_values::{DecodedValue, SearchValues};
use super::{atomic, carry, encoded, keys, overlap};
use crate::candidate::{Candidate, rank};
use crate::engine::hyperscan::MAX_SCAN;
use crate::finding::Finding;
use crate::rule::RuleError;
use crate::rules::Rules;
use crate::text::{LOOKAHEAD, Span, TextView};
use std::sync::Arc;

/// A piece of a longer text. `text[..fresh]` was judged before and is there as left context only.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The bytes to scan, at most 2 GiB; of a longer text only so much is looked at, as if `last` were false.
    pub text: &'a [u8],
    /// Where unjudged text begins. Give `min(LEFT_CONTEXT, available)` bytes before it.
    pub fresh: usize,
    /// Whether the text ends here for good.
    pub last: bool,
}

/// What is known of a window beside its text.
#[derive(Debug, Clone, Copy, Default)]
pub struct WindowMarks<'a> {
    /// Words in which values that were found elsewhere are not looked for.
    pub structure: &'a [Span],
    /// Offsets in the text of double quotes that belong to the content of the string that they stand in, in order: they
    /// were escaped there.
    pub inner_quotes: &'a [usize],
    /// The text is one of a JSON document: all other double quotes begin or end a string.
    pub has_strings: bool,
}

/// What a window holds.
///
/// `findings` are sorted and disjoint, each with `start >= fresh` and `end <= settled`. Everything in
/// `text[fresh..settled]` is decided for good: no longer text and no other way of cutting would change it. With
/// `last` the whole text is settled.
#[derive(Debug)]
pub struct Scan<'s> {
    /// The secrets in the settled part.
    pub findings: &'s [Finding],
    /// Where the next window's fresh text begins.
    pub settled: usize,
    /// Places inside keys, for [`Carry::at`]; few windows have any.
    pub resumes: &'s [Resume],
}

/// Finds secrets for one thread: holds the engine's working memory and buffers that are used again and again.
pub struct Scanner {
    engine: RuleEngine,
    /// The window's text, and what is decoded from it.
    levels: [DecodedLevel; encoded::DEPTH + 1],
    findings: Vec<Finding>,
    resumes: Vec<Resume>,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("rules", &self.engine.rules).finish_non_exhaustive()
    }
}

impl Scanner {
    /// Allocates the working memory for these rules.
    pub fn new(rules: Arc<Rules>) -> Result<Scanner, RuleError> {
        let mut levels: [DecodedLevel; encoded::DEPTH + 1] = Default::default();
        levels[0].work.keys.by_line = true;
        Ok(Scanner { engine: RuleEngine::new(rules)?, levels, findings: Vec::new(), resumes: Vec::new() })
    }

    /// The rules that this scanner applies.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.engine.rules
    }

    /// From now on looks for these values, too.
    pub fn search_for(&mut self, values: SearchValues) {
        self.engine.searched = values;
    }

    /// Takes what rules found in encoded text since the last call, if that is [wanted](SearchValues::collects_decoded).
    /// A text that was scanned twice gives its values twice.
    pub fn take_decoded_values(&mut self) -> impl Iterator<Item = DecodedValue> + '_ {
        self.engine.decoded_values.drain(..)
    }

    /// Finds the secrets of a window. Of a text in several windows this finds no value that is longer than a window to
    /// its end; [`Scanner::scan_on`] does.
    pub fn scan(&mut self, window: Window<'_>) -> Scan<'_> {
        self.scan_on(window, &mut Carry::default())
    }

    /// Finds the secrets of a window; `carry` is what the window before has left, and becomes what this one leaves.
    pub fn scan_on(&mut self, window: Window<'_>, carry: &mut Carry) -> Scan<'_> {
        self.scan_marked(window, WindowMarks::default(), carry)
    }

    /// [`Scanner::scan_on`], for a window of which more is known.
    pub fn scan_marked(&mut self, window: Window<'_>, marks: WindowMarks<'_>, carry: &mut Carry) -> Scan<'_> {
        let text = &window.text[..window.text.len().min(MAX_SCAN)];
        let view = TextView { text, last: window.last && text.len() == window.text.len() };
        let fresh = window.fresh.min(text.len());
        self.levels[0].work.keys.carried = carry.take_key();
        self.levels[0].work.candidates.quotes.set(marks.inner_quotes, marks.has_strings);
        encoded::search(&mut self.engine, &mut self.levels, view, fresh);
        let candidates = &mut self.levels[0].work.candidates;
        let is_structure =
            |c: &Candidate| c.rank == rank::FOUND && marks.structure.iter().any(|s| s.overlaps(c.span));
        candidates.list.retain(|c| c.span.start >= fresh && !c.span.is_empty() && !is_structure(c));
        let edge = if view.last { text.len() } else { text.len().saturating_sub(LOOKAHEAD) };
        let mut edge = edge.min(candidates.open).max(fresh);
        candidates.atomic_spans.retain(|span| span.start >= fresh);
        atomic::join(&mut candidates.atomic_spans);
        let mut bound = usize::MAX;
        let settled = loop {
            edge = atomic::hold_back(&candidates.atomic_spans, Span::new(fresh, edge), text.len());
            self.findings.clear();
            let settled = overlap::settle(&mut candidates.list, edge, text.len(), &mut self.findings);
            // A cluster as long as one can be is decided even inside an atomic span; then the edge does not fall.
            let lowered = atomic::hold_back(&candidates.atomic_spans, Span::new(fresh, settled), text.len());
            if lowered == settled || settled >= bound {
                break settled;
            }
            bound = settled;
            edge = settled;
        };
        let settled = if candidates.cuts.is_empty() && !carry.is_open() {
            settled
        } else {
            let (findings, cuts) = (&mut self.findings, &mut candidates.cuts[..]);
            carry::extend(&self.engine.rules, ScannedWindow { view, fresh, findings, cuts, settled }, carry)
        };
        let settled = keys::settle(
            &self.levels[0].work.keys,
            &mut self.findings,
            Span::new(fresh, settled),
            (text.len(), carry),
        );
        self.resumes.clear();
        self.resumes.extend(self.levels[0].work.keys.places.iter().map(|place| Resume::new(*place)));
        Scan { findings: &self.findings, settled, resumes: &self.resumes }
    }

    /// Runs the bare engine over a text (at most 2 GiB) and counts its reports: what [`Scanner::scan`] is compared
    /// with in benchmarks.
    pub fn bare_scan(&mut self, text: &[u8]) -> usize {
        let text = &text[..text.len().min(MAX_SCAN)];
        (0..self.engine.rules.sets.len()).map(|set| self.engine.run(set, text, &[])).sum()
    }

    /// Bytes that confirming the last window's candidates looked at beyond small constants; for tests that show
    /// that work stays linear.
    pub fn work(&self) -> u64 {
        self.levels[0].work.candidates.runs.work
    }
}
