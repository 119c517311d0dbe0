//! From what the engine reports to candidates: each report goes to the finder that reads on from there.

#![expect(clippy::cast_possible_truncation, reason = "windows are far shorter than 4 GiB")]

use super::search_values::{DecodedValue, SearchValues};
use crate::boundaries;
use crate::bytes::entropy;
use crate::candidate::{Candidate, Candidates, Tail, rank};
use crate::checks::CheckResult;
use crate::encodings::alnum_runs::{AlnumRuns, RunLength};
use crate::encodings::escapes::{self, EscapeSite};
use crate::engine::hyperscan::{Match, Scratch};
use crate::finders::assignment::ServiceSearch;
use crate::finders::key::{self, KeySearch};
use crate::finders::known::{FoundValues, Met, ValueReport};
use crate::finders::{assignment, manifest, personal, userinfo};
use crate::finding::{Confidence, Evidence, Finding, Reach};
use crate::pattern::MatchVerdict;
use crate::plausibility::value;
use crate::rule::{Finder, RuleError};
use crate::rules::{EngineTarget, Rules, Set};
use crate::text::{Span, TextView, listing};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The rules and what running them takes.
pub(super) struct RuleEngine {
    pub(super) rules: Arc<Rules>,
    scratch: Scratch,
    matches: Vec<Match>,
    pub(super) searched: SearchValues,
    /// Values that rules found in decoded text, if they are wanted.
    pub(super) decoded_values: Vec<DecodedValue>,
}

/// What confirming the candidates of one text writes to, and what it remembers of the text.
#[derive(Default)]
pub(super) struct Workspace {
    pub(super) candidates: Candidates,
    /// What stands before or among escapes.
    pub(super) escape_sites: Vec<EscapeSite>,
    /// Names in listings whose lines are worth a look without what stands before each.
    pub(super) listing_sites: Vec<Span>,
    /// Where the last keyword began that was looked at for that.
    looked_at: usize,
    pub(super) keys: KeySearch,
    services: ServiceSearch,
    /// Pieces that may be of known values.
    pieces: Vec<Met>,
}

impl Workspace {
    /// Forgets the last text.
    pub(super) fn reset(&mut self, fresh: usize) {
        self.candidates.reset(fresh);
        self.escape_sites.clear();
        self.listing_sites.clear();
        self.looked_at = usize::MAX;
        self.keys.reset();
        self.services = ServiceSearch::default();
    }
}

impl RuleEngine {
    /// Allocates the working memory for these rules.
    pub(super) fn new(rules: Arc<Rules>) -> Result<RuleEngine, RuleError> {
        let scratch = Scratch::new(rules.sets.iter().map(|s| &s.database))
            .map_err(|e| RuleError::Engine(e.to_string()))?;
        let searched = SearchValues::default();
        Ok(RuleEngine { rules, scratch, matches: Vec::new(), searched, decoded_values: Vec::new() })
    }

    /// The runs of letters and digits that values are looked for in: the shortest kind that any of them asks for.
    pub(super) fn known_runs(&self) -> Option<RunLength> {
        let known = self.rules.known.as_ref().and_then(|(_, known)| known.runs());
        known.into_iter().chain(self.searched.found().filter_map(FoundValues::runs)).min()
    }

    /// Whether values are searched for, whatever they are made of.
    pub(super) fn searches_values(&self) -> bool {
        self.rules.known.is_some() || self.searched.has_found()
    }

    /// How far behind an escape a value that is searched for may end, in bytes.
    pub(super) fn value_reach(&self) -> usize {
        if self.rules.known.is_some() {
            return escapes::FARTHEST;
        }
        let longest = self.searched.found().map(FoundValues::longest).max().unwrap_or(0);
        escapes::reach_of(longest)
    }

    /// Whether a value that is searched for may have a blank.
    pub(super) fn values_have_blanks(&self) -> bool {
        self.rules.known.is_some() || self.searched.found().any(FoundValues::has_blank)
    }

    /// Finds known values, and those that were found elsewhere.
    pub(super) fn find_known(&self, work: &mut Workspace, view: TextView<'_>, runs: &AlnumRuns) {
        if let Some((rule, known)) = &self.rules.known {
            let report = ValueReport { rule: *rule, rank: rank::KNOWN, reach: Reach::Everywhere };
            known.find((&mut work.candidates, &mut work.pieces), view, runs, &|_| report);
            if let Some(own) = &self.searched.own {
                own.find(&mut work.candidates, view, *rule);
            }
        }
        for found in self.searched.found() {
            found.find((&mut work.candidates, &mut work.pieces), view, runs);
        }
    }

    /// Whether listed values are so short that short runs of base64 may hold them. Of those that were found, the base64 is
    /// searched for itself.
    pub(super) fn knows_short_values(&self) -> bool {
        self.rules.known.as_ref().is_some_and(|(_, known)| known.has_short())
    }

    /// Keeps the value of a finding in decoded `text`, if it is wanted.
    pub(super) fn collect_decoded(&mut self, found: &Finding, text: &[u8]) {
        if self.searched.collects_decoded && found.evidence == Evidence::Rule && found.reach != Reach::InPlace
        {
            let value = Zeroizing::new(text[found.span].to_vec());
            self.decoded_values.push(DecodedValue { rule: found.rule, confidence: found.confidence, value });
        }
    }

    /// Confirms all candidates of all sets, but for those of shapes that stand in the parts to `skip`, which ascend and
    /// do not touch.
    pub(super) fn confirm(&mut self, work: &mut Workspace, view: TextView<'_>, skip: &[Span]) {
        for index in 0..self.rules.sets.len() {
            self.run(index, view.text, skip);
            self.matches.sort_unstable();
            self.matches.dedup();
            let set = &self.rules.sets[index];
            for found in &self.matches {
                for target in &set.targets[found.expression as usize] {
                    let report = EngineReport { view, target: *target, end: found.end as usize };
                    dispatch(work, &self.rules, set, report);
                }
            }
        }
        key::find(&mut work.candidates, &mut work.keys, view);
        if let Some(enabled) = &self.rules.personal {
            personal::scan(&mut work.candidates, view, enabled);
        }
    }

    /// Runs one database over all but the parts to skip; how many reports there are.
    pub(super) fn run(&mut self, set: usize, text: &[u8], skip: &[Span]) -> usize {
        self.matches.clear();
        let database = &self.rules.sets[set].database;
        let mut from = 0;
        for part in skip.iter().chain(&[Span::new(text.len(), text.len())]) {
            let before = self.matches.len();
            let outcome = database.scan(&mut self.scratch, &text[from..part.start], &mut self.matches);
            // Only a scratch of another database or broken memory can get here, and then nothing may pass unscanned.
            assert!(outcome.is_ok(), "the scanning engine failed: {outcome:?}");
            self.matches[before..].iter_mut().for_each(|found| found.end += from as u32);
            from = part.end;
        }
        self.matches.len()
    }
}

/// What the engine reported: something for `target` ends at `end`.
#[derive(Clone, Copy)]
struct EngineReport<'t> {
    view: TextView<'t>,
    target: EngineTarget,
    end: usize,
}

/// Hands a report to what can confirm it.
fn dispatch(work: &mut Workspace, rules: &Rules, set: &Set, report: EngineReport<'_>) {
    let EngineReport { view, target, end } = report;
    let candidates = &mut work.candidates;
    match target {
        EngineTarget::Sequence { rule, sequence } => {
            let anchored = AnchoredSequence { rule, sequence, anchor_end: end };
            confirm_sequence(candidates, view, rules, anchored);
        }
        EngineTarget::Finder { rule, finder: Finder::Userinfo } => {
            userinfo::find(candidates, view, rule, end);
        }
        EngineTarget::Finder { rule, .. } => work.keys.note(rule, end),
        EngineTarget::Personal { kind, width, .. } => {
            if let Some(enabled) = &rules.personal {
                personal::scan_word(
                    candidates,
                    view,
                    (kind, enabled),
                    Span::new(end - usize::from(width), end),
                );
            }
        }
        EngineTarget::Escaped { width } => {
            work.escape_sites.push(EscapeSite::with_run(view.text, Span::new(end - usize::from(width), end)));
        }
        EngineTarget::Keyword { index } => {
            let keyword = &set.keywords[usize::from(index)];
            let place = Span::new(end - keyword.width, end);
            if assignment::has_escape_at(view.text, end) {
                work.escape_sites.push(EscapeSite::new(place));
            }
            // Of `pass` and `password` at one place the first look says it all.
            if work.looked_at != place.start {
                work.looked_at = place.start;
                if listing::is_worth_a_look(view.text, place) {
                    work.listing_sites.push(place);
                }
            }
            for &rule in &keyword.rules {
                let compiled = rules.compiled(rule);
                match compiled.finder {
                    Some(Finder::Command) => assignment::find_command(candidates, view, rule, place),
                    Some(Finder::Call) => assignment::find_call(candidates, view, rule, place),
                    Some(Finder::Manifest) => manifest::find(candidates, view, rule, place),
                    _ => {
                        let memory = (&mut *candidates, &mut work.services);
                        assignment::find(memory, view, rule, compiled, (place.start, keyword));
                    }
                }
            }
        }
    }
}

/// So few fixed bytes at a pattern's beginning are met by chance in a few megabytes of base64.
const MAX_WEAK_HEAD: usize = 3;

/// A sequence of a rule's pattern whose anchor was met.
#[derive(Clone, Copy)]
struct AnchoredSequence {
    /// The rule's index.
    rule: u16,
    /// The sequence's index among those of the rule.
    sequence: u16,
    anchor_end: usize,
}

/// Confirms a match of a sequence of a rule's pattern.
fn confirm_sequence(
    candidates: &mut Candidates,
    view: TextView<'_>,
    rules: &Rules,
    anchored: AnchoredSequence,
) {
    let AnchoredSequence { rule: index, sequence, anchor_end } = anchored;
    let rule = rules.compiled(index);
    let shape = &rule.sequences[usize::from(sequence)];
    let text = view.text;
    let verdict = shape.confirm(text, anchor_end, view.last, &mut candidates.runs);
    let (whole, capture, cut) = match verdict {
        MatchVerdict::No => return,
        MatchVerdict::Open => {
            candidates.open(anchor_end.saturating_sub(shape.anchor.reach));
            return;
        }
        MatchVerdict::Match { whole, capture, cut } => (whole, capture, cut),
    };
    let Span { start, mut end } = whole;
    if !boundaries::can_begin(text, start, rule.left)
        || (shape.head <= MAX_WEAK_HEAD && boundaries::is_in_folded_line(text, start))
    {
        return;
    }
    match boundaries::can_end(text, end, view.last, &rule.tails[usize::from(sequence)], rule.right) {
        _ if cut.is_some() => {}
        Some(true) => {}
        Some(false) => return,
        None => {
            candidates.open(start);
            return;
        }
    }
    let Span { start: from, end: mut to } = capture;
    // A sentence may end behind a token whose characters include the full stop.
    if cut.is_none()
        && shape.runs.last().is_some_and(|run| !run.is_fixed())
        && text[end - 1] == b'.'
        && to == end
    {
        (end, to) = (end - 1, to - 1);
    }
    let validity =
        rule.check.map_or(CheckResult::Unknown, |c| c.validate(&text[start..end], &text[from..to]));
    let (confidence, rank) = match validity {
        CheckResult::Impossible => return,
        CheckResult::Valid => (Confidence::High, rule.rank + rank::PROVEN),
        CheckResult::Unknown => (rule.confidence, rule.rank),
        CheckResult::Invalid => (rule.confidence.min(Confidence::Medium), rule.rank),
    };
    if validity != CheckResult::Valid {
        let head = start + shape.head;
        let body = &text[from.max(head)..to.max(head)];
        if entropy::shannon(body) < rule.entropy || (rule.must_be_noisy && !value::is_noisy(body)) {
            return;
        }
    }
    let tail = cut.map(|run| Tail::Sequence { sequence, run });
    candidates.add(Candidate { span: Span::new(from, to), rule: index, rank, confidence }, tail);
}
