//! The scanner: candidates from the engine, verdicts from the rules, disputes settled, window by window.

use crate::LOOKAHEAD;
use crate::assign::{self, value};
use crate::boundary;
use crate::check::Proof;
use crate::dispute::{self, Hit};
use crate::engine::hyperscan::{MAX_SCAN, Match, Scratch};
use crate::entropy;
use crate::pattern::{RunCache, Verdict};
use crate::pem;
use crate::rule::{Confidence, RuleError, RuleIndex};
use crate::rules::{Compiled, Rules, Set, Target, rank};
use crate::source::Finder;
use crate::userinfo;
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
    rules: Arc<Rules>,
    scratch: Scratch,
    matches: Vec<Match>,
    bench: Bench,
    findings: Vec<Finding>,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// What confirming candidates writes to.
#[derive(Default)]
pub(crate) struct Bench {
    pub(crate) runs: RunCache,
    pub(crate) ends: pem::EndSearch,
    pub(crate) hits: Vec<Hit>,
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
        Ok(Scanner { rules, scratch, matches: Vec::new(), bench: Bench::default(), findings: Vec::new() })
    }

    /// The rules that this scanner applies.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Finds the secrets of a window.
    pub fn scan(&mut self, window: Window<'_>) -> Scan<'_> {
        let text = &window.text[..window.text.len().min(MAX_SCAN)];
        let view = View { text, last: window.last && text.len() == window.text.len() };
        let fresh = window.fresh.min(text.len());
        self.findings.clear();
        self.bench.hits.clear();
        self.bench.runs.clear();
        self.bench.ends = pem::EndSearch::default();
        self.bench.open = usize::MAX;
        self.bench.fresh = fresh;
        for set in 0..self.rules.sets.len() {
            self.find(set, text);
            self.confirm(set, view);
        }
        let bench = &mut self.bench;
        bench.hits.retain(|h| h.start >= fresh && h.start < h.end);
        let edge = if view.last { text.len() } else { text.len().saturating_sub(LOOKAHEAD) };
        let settled = edge.min(bench.open).max(fresh);
        let settled = dispute::settle(&mut bench.hits, settled, text.len(), &mut self.findings);
        Scan { findings: &self.findings, settled }
    }

    /// Runs the bare engine over a text (at most 2 GiB) and counts its reports: what [`Scanner::scan`] is compared
    /// with in benchmarks.
    pub fn bare_scan(&mut self, text: &[u8]) -> usize {
        (0..self.rules.sets.len())
            .map(|set| {
                self.find(set, &text[..text.len().min(MAX_SCAN)]);
                self.matches.len()
            })
            .sum()
    }

    /// Bytes that confirming the last window's candidates looked at beyond small constants; for tests that show
    /// that work stays linear.
    pub fn work(&self) -> u64 {
        self.bench.runs.work
    }

    fn find(&mut self, set: usize, text: &[u8]) {
        self.matches.clear();
        let outcome = self.rules.sets[set].database.scan(&mut self.scratch, text, &mut self.matches);
        // Only a scratch of another database or broken memory can get here, and then nothing may pass unscanned.
        assert!(outcome.is_ok(), "the scanning engine failed: {outcome:?}");
    }

    fn confirm(&mut self, set: usize, view: View<'_>) {
        let set = &self.rules.sets[set];
        self.matches.sort_unstable();
        self.matches.dedup();
        for found in &self.matches {
            for target in &set.targets[found.expression as usize] {
                judge(&mut self.bench, &self.rules, set, view, *target, found.end as usize);
            }
        }
    }
}

/// Confirms one candidate that ended at `end`.
fn judge(bench: &mut Bench, rules: &Rules, set: &Set, view: View<'_>, target: Target, end: usize) {
    match target {
        Target::Form { rule, form } => confirm_form(bench, view, rules.compiled(rule), rule, form, end),
        Target::Finder { rule, finder: Finder::Userinfo } => userinfo::find(bench, view, rule, end),
        Target::Finder { rule, .. } => pem::find(bench, view, rule, end),
        Target::Keyword { index } => {
            let word = &set.keywords[usize::from(index)];
            for &rule in &word.rules {
                assign::find(bench, view, rule, rules.compiled(rule), (end - word.width, end));
            }
        }
    }
}

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
    let (start, mut end, capture) = match verdict {
        Verdict::No => return,
        Verdict::Open => {
            bench.open(anchor_end.saturating_sub(shape.anchor.reach));
            return;
        }
        Verdict::Match { start, end, capture } => (start, end, capture),
    };
    if !boundary::left_ok(text, start, rule.left) {
        return;
    }
    match boundary::right_ok(text, end, view.last, &rule.tails[usize::from(form)], rule.right) {
        Some(true) => {}
        Some(false) => return,
        None => {
            bench.open(start);
            return;
        }
    }
    let (from, mut to) = capture;
    // A sentence may end behind a token whose characters include the full stop.
    if shape.steps.last().is_some_and(|s| s.min < s.max) && text[end - 1] == b'.' && to == end {
        (end, to) = (end - 1, to - 1);
    }
    let proof = rule.check.map_or(Proof::Silent, |c| c.judge(&text[start..end], &text[from..to]));
    let (confidence, rank) = match proof {
        Proof::Refuted => return,
        Proof::Good => (Confidence::High, rule.rank + rank::PROVEN),
        Proof::Silent => (rule.confidence, rule.rank),
        Proof::Bad => (Confidence::Low, rule.rank),
    };
    if proof != Proof::Good {
        let head = start + shape.head;
        let body = &text[from.max(head)..to.max(head)];
        if entropy::shannon(body) < rule.entropy || (rule.noisy && !value::noisy(body)) {
            return;
        }
    }
    bench.hits.push(Hit { start: from, end: to, rule: index, rank, confidence });
}
