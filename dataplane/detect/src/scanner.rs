//! The scanner: candidates from the engine, verdicts from the rules, disputes settled, window by window.

use crate::assign::{self, Sweep, value};
use crate::boundary;
use crate::check::Proof;
use crate::decode::{self, Level, PlainMap, RunLength, Spot};
use crate::dispute::{self, Hit};
use crate::engine::hyperscan::{MAX_SCAN, Match, Scratch};
use crate::entropy;
use crate::known::OwnValue;
use crate::pattern::Verdict;
use crate::pem;
use crate::personal;
use crate::rule::{Confidence, RuleError, RuleIndex};
use crate::rules::{Compiled, Rules, Set, Target, rank};
use crate::runs::RunCache;
use crate::source::Finder;
use crate::tail::{self, Carry, Cut, Tail};
use crate::userinfo;
use crate::{LOOKAHEAD, MAX_SECRET_LEN};
use std::sync::Arc;

/// A secret's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Which rule found it.
    pub rule: RuleIndex,
    /// Offset of its first byte in the window's text.
    pub start: usize,
    /// Offset behind its last byte.
    pub end: usize,
    /// How sure the finding is.
    pub confidence: Confidence,
}

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
}

/// Finds secrets for one thread: holds the engine's working memory and buffers that are used again and again.
pub struct Scanner {
    engine: Engine,
    /// The window's text, and what is decoded from it.
    levels: [Level; decode::DEPTH + 1],
    findings: Vec<Finding>,
}

/// The rules and what running them takes.
pub(crate) struct Engine {
    pub(crate) rules: Arc<Rules>,
    scratch: Scratch,
    matches: Vec<Match>,
    own: Option<OwnValue>,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("rules", &self.engine.rules).finish_non_exhaustive()
    }
}

/// What confirming candidates writes to.
#[derive(Default)]
pub(crate) struct Bench {
    pub(crate) runs: RunCache,
    pub(crate) ends: pem::EndSearch,
    /// What stands before or among escapes.
    pub(crate) spots: Vec<Spot>,
    pub(crate) hits: Vec<Hit>,
    /// Hits whose value goes on behind their end; none in most texts.
    pub(crate) cuts: Vec<Cut>,
    /// Pieces that may be of known values: where they begin, and their hash.
    pub(crate) pieces: Vec<(usize, u32)>,
    /// Manifests and pieces of encoded text, each of which is settled as a whole: start and end.
    pub(crate) held: Vec<(usize, usize)>,
    /// Where something long enough for a service's value stands.
    pub(crate) sweep: Sweep,
    /// How far names of services were looked up, and for which rule.
    pub(crate) named: (u16, usize),
    /// Where unjudged text begins.
    pub(crate) fresh: usize,
    /// The earliest start of a candidate that the text is too short to judge.
    pub(crate) open: usize,
}

/// The text under judgement.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) last: bool,
}

impl Bench {
    /// Forgets the last text.
    pub(crate) fn reset(&mut self, fresh: usize) {
        self.hits.clear();
        self.cuts.clear();
        self.runs.clear();
        self.ends = pem::EndSearch::default();
        self.spots.clear();
        self.held.clear();
        self.sweep = Sweep::default();
        self.named = (0, 0);
        self.open = usize::MAX;
        self.fresh = fresh;
    }

    /// Where to settle instead of at `edge`, so that nothing is settled in part that is held: the rest of it would be
    /// judged without its beginning. A window as large as one can be settles something all the same.
    fn hold(&self, edge: usize, end: usize) -> usize {
        let next = self.held.partition_point(|(start, _)| *start < edge);
        let held = match next.checked_sub(1).map(|last| self.held[last]) {
            Some((start, stop)) if edge < stop => start,
            _ => edge,
        };
        if held == self.fresh && end - held >= MAX_SECRET_LEN + LOOKAHEAD { edge } else { held }
    }

    /// Notes a hit, and how its value goes on if it does.
    pub(crate) fn hit(&mut self, hit: Hit, tail: Option<Tail>) {
        let Hit { start, end, rule, .. } = hit;
        self.cuts.extend(tail.map(|tail| Cut { start, end, rule, tail }));
        self.hits.push(hit);
    }

    /// Notes a candidate that needs more text.
    pub(crate) fn open(&mut self, start: usize) {
        self.open = self.open.min(start);
    }
}

impl Scanner {
    /// Allocates the working memory for these rules.
    pub fn new(rules: Arc<Rules>) -> Result<Scanner, RuleError> {
        let scratch = Scratch::new(rules.sets.iter().map(|s| &s.database))
            .map_err(|e| RuleError::Engine(e.to_string()))?;
        let engine = Engine { rules, scratch, matches: Vec::new(), own: None };
        Ok(Scanner { engine, levels: Default::default(), findings: Vec::new() })
    }

    /// The rules that this scanner applies.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.engine.rules
    }

    /// From now on looks for this value, too, or for none; under the rule for known values, which the rules must have.
    pub fn look_for(&mut self, own: Option<OwnValue>) {
        self.engine.own = own;
    }

    /// Finds the secrets of a window. Of a text in several windows this finds no value that is longer than a window to
    /// its end; [`Scanner::scan_on`] does.
    pub fn scan(&mut self, window: Window<'_>) -> Scan<'_> {
        self.scan_on(window, &mut Carry::default())
    }

    /// Finds the secrets of a window; `carry` is what the window before has left, and becomes what this one leaves.
    pub fn scan_on(&mut self, window: Window<'_>, carry: &mut Carry) -> Scan<'_> {
        let text = &window.text[..window.text.len().min(MAX_SCAN)];
        let view = View { text, last: window.last && text.len() == window.text.len() };
        let fresh = window.fresh.min(text.len());
        decode::search(&mut self.engine, &mut self.levels, view, fresh);
        let bench = &mut self.levels[0].bench;
        bench.hits.retain(|h| h.start >= fresh && h.start < h.end);
        let edge = if view.last { text.len() } else { text.len().saturating_sub(LOOKAHEAD) };
        let mut edge = edge.min(bench.open).max(fresh);
        bench.held.retain(|(start, _)| *start >= fresh);
        decode::join(&mut bench.held);
        let mut bound = usize::MAX;
        let settled = loop {
            edge = bench.hold(edge, text.len());
            self.findings.clear();
            let settled = dispute::settle(&mut bench.hits, edge, text.len(), &mut self.findings);
            // A cluster as long as one can be is decided even inside what is held; then the edge does not fall.
            if bench.hold(settled, text.len()) == settled || settled >= bound {
                break settled;
            }
            bound = settled;
            edge = settled;
        };
        let settled = if bench.cuts.is_empty() && !carry.is_open() {
            settled
        } else {
            let found = (&mut self.findings, &mut bench.cuts[..]);
            tail::extend(&self.engine.rules, (view, fresh), found, settled, carry)
        };
        Scan { findings: &self.findings, settled }
    }

    /// Runs the bare engine over a text (at most 2 GiB) and counts its reports: what [`Scanner::scan`] is compared
    /// with in benchmarks.
    pub fn bare_scan(&mut self, text: &[u8]) -> usize {
        let text = &text[..text.len().min(MAX_SCAN)];
        (0..self.engine.rules.sets.len()).map(|set| self.engine.find(set, text, &[])).sum()
    }

    /// Bytes that confirming the last window's candidates looked at beyond small constants; for tests that show
    /// that work stays linear.
    pub fn work(&self) -> u64 {
        self.levels[0].bench.runs.work
    }
}

impl Engine {
    /// The runs of plain characters that known values are looked for in.
    pub(crate) fn known_runs(&self) -> Option<RunLength> {
        self.rules.known.as_ref().and_then(|(_, known)| known.runs())
    }

    /// Finds known values.
    pub(crate) fn known(&self, bench: &mut Bench, view: View<'_>, map: &PlainMap) {
        if let Some((rule, known)) = &self.rules.known {
            known.find(bench, view, map, *rule);
            if let Some(own) = &self.own {
                own.find(bench, view, *rule);
            }
        }
    }

    /// Confirms all candidates of all sets, but for those of shapes that stand in the parts to `skip`, which ascend and do
    /// not touch.
    pub(crate) fn candidates(&mut self, bench: &mut Bench, view: View<'_>, skip: &[(usize, usize)]) {
        for index in 0..self.rules.sets.len() {
            self.find(index, view.text, skip);
            self.matches.sort_unstable();
            self.matches.dedup();
            let set = &self.rules.sets[index];
            for found in &self.matches {
                for target in &set.targets[found.expression as usize] {
                    judge(bench, &self.rules, set, view, *target, found.end as usize);
                }
            }
        }
        if let Some(wanted) = &self.rules.personal {
            personal::pass(bench, view, wanted);
        }
    }

    /// Runs one database over all but the parts to skip; how many reports there are.
    fn find(&mut self, set: usize, text: &[u8], skip: &[(usize, usize)]) -> usize {
        self.matches.clear();
        let database = &self.rules.sets[set].database;
        let mut from = 0;
        for &(to, next) in skip.iter().chain(&[(text.len(), text.len())]) {
            let known = self.matches.len();
            let outcome = database.scan(&mut self.scratch, &text[from..to], &mut self.matches);
            // Only a scratch of another database or broken memory can get here, and then nothing may pass unscanned.
            assert!(outcome.is_ok(), "the scanning engine failed: {outcome:?}");
            self.matches[known..].iter_mut().for_each(|found| found.end += from as u32);
            from = next;
        }
        self.matches.len()
    }
}

/// Confirms one candidate that ended at `end`.
fn judge(bench: &mut Bench, rules: &Rules, set: &Set, view: View<'_>, target: Target, end: usize) {
    match target {
        Target::Form { rule, form } => confirm_form(bench, view, rules.compiled(rule), rule, form, end),
        Target::Finder { rule, finder: Finder::Userinfo } => userinfo::find(bench, view, rule, end),
        Target::Finder { rule, .. } => pem::find(bench, view, rule, end),
        Target::Personal { kind, width, .. } => {
            if let Some(wanted) = &rules.personal {
                personal::at_word(bench, view, (kind, wanted), (end - usize::from(width), end));
            }
        }
        Target::Escaped { width } => {
            bench.spots.push(Spot::escapes(view.text, end - usize::from(width), end));
        }
        Target::Keyword { index } => {
            let word = &set.keywords[usize::from(index)];
            if assign::escape_follows(view.text, end) {
                bench.spots.push(Spot::new(end - word.width, end));
            }
            for &rule in &word.rules {
                assign::find(bench, view, rule, rules.compiled(rule), (end - word.width, word));
            }
        }
    }
}

/// So few fixed bytes at a pattern's beginning are met by chance in a few megabytes of base64.
const MAX_WEAK_HEAD: usize = 3;

fn confirm_form(
    bench: &mut Bench,
    view: View<'_>,
    rule: &Compiled,
    index: u16,
    form: u16,
    anchor_end: usize,
) {
    let shape = &rule.forms[usize::from(form)];
    let text = view.text;
    let verdict = shape.confirm(text, anchor_end, view.last, &mut bench.runs);
    let (start, mut end, capture, cut) = match verdict {
        Verdict::No => return,
        Verdict::Open => {
            bench.open(anchor_end.saturating_sub(shape.anchor.reach));
            return;
        }
        Verdict::Match { start, end, capture, cut } => (start, end, capture, cut),
    };
    if !boundary::left_ok(text, start, rule.left)
        || (shape.head <= MAX_WEAK_HEAD && boundary::in_folded_line(text, start))
    {
        return;
    }
    match boundary::right_ok(text, end, view.last, &rule.tails[usize::from(form)], rule.right) {
        _ if cut.is_some() => {}
        Some(true) => {}
        Some(false) => return,
        None => {
            bench.open(start);
            return;
        }
    }
    let (from, mut to) = capture;
    // A sentence may end behind a token whose characters include the full stop.
    if cut.is_none()
        && shape.steps.last().is_some_and(|s| s.min < s.max)
        && text[end - 1] == b'.'
        && to == end
    {
        (end, to) = (end - 1, to - 1);
    }
    let proof = rule.check.map_or(Proof::Silent, |c| c.judge(&text[start..end], &text[from..to]));
    let (confidence, rank) = match proof {
        Proof::Refuted => return,
        Proof::Good => (Confidence::High, rule.rank + rank::PROVEN),
        Proof::Silent => (rule.confidence, rule.rank),
        Proof::Bad => (rule.confidence.min(Confidence::Medium), rule.rank),
    };
    if proof != Proof::Good {
        let head = start + shape.head;
        let body = &text[from.max(head)..to.max(head)];
        if entropy::shannon(body) < rule.entropy || (rule.noisy && !value::noisy(body)) {
            return;
        }
    }
    let tail = cut.map(|step| Tail::Form { form, step });
    bench.hit(Hit { start: from, end: to, rule: index, rank, confidence }, tail);
}
