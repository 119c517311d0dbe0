//! Patterns of rules: a regular expression becomes a few [`Form`]s, sequences of byte-class runs.
//!
//! A form serves twice. A short, fixed-width window of it (the *anchor*) is what Hyperscan looks for; the form itself
//! confirms a hit and gives the exact span. Both stay cheap whatever the rule says: an anchor has no variable part, so
//! the start of a candidate is known from its end, and a form is matched by runs over 256-bit sets.
//! What cannot be written so (look-around, back-references, open repeats of groups) is refused when rules are loaded.

use crate::byteset::{ByteSet, WORD};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// How many forms one pattern may have after its alternatives are written out.
pub(crate) const MAX_FORMS: usize = 64;
/// The widest anchor, in bytes.
const MAX_ANCHOR: usize = 24;
/// How many bytes of a run are added to the literal part of an anchor.
const ANCHOR_RUN: usize = 12;
/// The largest repeat count taken for "no upper limit".
pub(crate) const UNLIMITED: u32 = crate::MAX_SECRET_LEN as u32;
/// An anchor must be rarer than one in two to this power on random bytes.
const MIN_ANCHOR_BITS: f32 = 15.0;
/// Overlapping neighbours (`[a-z]+a`) are matched by going back, at most this many times.
const MAX_RETRIES: u32 = 512;

/// Between `min` and `max` bytes of `set`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) set: ByteSet,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl Step {
    fn fixed(&self) -> bool {
        self.min == self.max
    }

    #[allow(clippy::cast_precision_loss, reason = "a set has at most 256 members")]
    fn bits(&self) -> f32 {
        8.0 - (self.set.len() as f32).log2()
    }
}

/// One way to match a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Form {
    pub(crate) steps: Vec<Step>,
    /// Steps `capture.0 .. capture.1` are the secret.
    pub(crate) capture: (usize, usize),
    pub(crate) anchor: Anchor,
    /// How many bytes at the start are the same in every match.
    pub(crate) head: usize,
}

/// The part of a form that Hyperscan looks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anchor {
    /// In Hyperscan's syntax.
    pub(crate) pattern: String,
    /// Distance from the start of what is fixed to the end of the anchor.
    pub(crate) reach: usize,
    /// The form begins with a variable run, found by walking back from `end - reach`.
    pub(crate) lead: bool,
}

/// What a form says about a place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does not match, whatever follows.
    No,
    /// The text ends too early to tell.
    Open,
    /// It matches: the whole and the capture.
    Match { start: usize, end: usize, capture: (usize, usize) },
}

/// A pattern's error: what is wrong, for people.
pub(crate) type PatternError = String;

/// Reads a regular expression (byte-oriented, no Unicode classes) into forms.
pub(crate) fn parse(pattern: &str) -> Result<Vec<Form>, PatternError> {
    let mut forms = Vec::new();
    for piece in pieces(pattern)? {
        let anchor = anchor(&piece.steps)?;
        let whole = (0, piece.steps.len());
        let head = head(&piece.steps);
        forms.push(Form { capture: piece.capture(whole), steps: piece.steps, anchor, head });
    }
    Ok(forms)
}

/// Reads a regular expression for a value that is already delimited: no anchor is needed.
pub(crate) fn parse_value(pattern: &str) -> Result<Vec<Form>, PatternError> {
    let anchor = Anchor { pattern: String::new(), reach: 0, lead: false };
    let form = |p: Piece| Form {
        capture: (0, p.steps.len()),
        head: head(&p.steps),
        steps: p.steps,
        anchor: anchor.clone(),
    };
    Ok(pieces(pattern)?.into_iter().map(form).collect())
}

fn head(steps: &[Step]) -> usize {
    steps.iter().take_while(|s| s.fixed() && s.set.len() == 1).map(|s| s.min as usize).sum()
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, PatternError> {
    let hir = ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(false)
        .build()
        .parse(pattern)
        .map_err(|e| e.to_string())?;
    if hir.properties().minimum_len() == Some(0) {
        return Err("the pattern matches the empty string".to_owned());
    }
    let mut pieces = expand(&hir)?;
    for piece in &mut pieces {
        piece.merge();
        piece.check()?;
    }
    pieces.dedup();
    Ok(pieces)
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Piece {
    steps: Vec<Step>,
    open: Option<usize>,
    close: Option<usize>,
}

impl Piece {
    fn capture(&self, whole: (usize, usize)) -> (usize, usize) {
        (self.open.unwrap_or(whole.0), self.close.unwrap_or(whole.1))
    }

    fn then(&self, next: &Piece) -> Result<Piece, PatternError> {
        let at = self.steps.len();
        if self.open.is_some() && next.open.is_some() {
            return Err("more than one capture group".to_owned());
        }
        let mut joined = self.clone();
        joined.steps.extend_from_slice(&next.steps);
        joined.open = self.open.or(next.open.map(|o| o + at));
        joined.close = self.close.or(next.close.map(|c| c + at));
        Ok(joined)
    }

    /// Joins neighbours of the same set, unless the capture begins or ends between them.
    fn merge(&mut self) {
        let mut steps: Vec<Step> = Vec::with_capacity(self.steps.len());
        let (mut open, mut close) = (self.open, self.close);
        for (index, step) in self.steps.iter().enumerate() {
            let edge = self.open == Some(index) || self.close == Some(index);
            match steps.last_mut() {
                Some(last) if last.set == step.set && !edge => {
                    last.min += step.min;
                    last.max = (last.max + step.max).min(UNLIMITED);
                }
                _ => steps.push(*step),
            }
            if self.open == Some(index) {
                open = Some(steps.len() - 1);
            }
            if self.close == Some(index) {
                close = Some(steps.len() - 1);
            }
        }
        if self.close == Some(self.steps.len()) {
            close = Some(steps.len());
        }
        *self = Piece { steps, open, close };
    }

    fn check(&self) -> Result<(), PatternError> {
        let mut retries = 1u64;
        for (index, step) in self.steps.iter().enumerate() {
            if !step.fixed() && follows(&self.steps[index + 1..]).meets(&step.set) {
                retries = retries.saturating_mul(u64::from(step.max - step.min + 1));
            }
        }
        if retries > u64::from(MAX_RETRIES) {
            return Err(
                "a repeat is followed by bytes that it can match itself; that costs too much".to_owned()
            );
        }
        Ok(())
    }
}

/// What may come first of these steps; nothing when there are none.
fn follows(steps: &[Step]) -> ByteSet {
    let mut set = ByteSet::EMPTY;
    for step in steps {
        set = set.union(step.set);
        if step.min > 0 {
            break;
        }
    }
    set
}

fn single(hir: &Hir) -> Option<ByteSet> {
    match hir.kind() {
        HirKind::Literal(literal) if literal.0.len() == 1 => Some(ByteSet::of(&literal.0)),
        HirKind::Class(class) => class_set(class),
        _ => None,
    }
}

fn class_set(class: &Class) -> Option<ByteSet> {
    let mut set = ByteSet::EMPTY;
    match class {
        Class::Bytes(bytes) => bytes.ranges().iter().for_each(|r| set = set.with(r.start(), r.end())),
        Class::Unicode(chars) => {
            for range in chars.ranges() {
                let (start, end) = (u32::from(range.start()), u32::from(range.end()));
                if end > 127 {
                    return None;
                }
                set = set.with(start as u8, end as u8);
            }
        }
    }
    (set.len() > 0).then_some(set)
}

fn expand(hir: &Hir) -> Result<Vec<Piece>, PatternError> {
    let forms = match hir.kind() {
        HirKind::Empty => vec![Piece::default()],
        HirKind::Look(_) => {
            return Err("^, $ and \\b are not supported; use `left` and `right` for boundaries".to_owned());
        }
        HirKind::Literal(literal) => vec![Piece {
            steps: literal.0.iter().map(|&b| Step { set: ByteSet::of(&[b]), min: 1, max: 1 }).collect(),
            ..Piece::default()
        }],
        HirKind::Class(class) => {
            let set = class_set(class).ok_or("a character class is empty or not ASCII")?;
            vec![Piece { steps: vec![Step { set, min: 1, max: 1 }], ..Piece::default() }]
        }
        HirKind::Repetition(repeat) => expand_repeat(repeat)?,
        HirKind::Capture(group) => expand(&group.sub)?
            .into_iter()
            .map(|mut piece| {
                if piece.open.is_some() {
                    return Err("capture groups inside each other".to_owned());
                }
                (piece.open, piece.close) = (Some(0), Some(piece.steps.len()));
                Ok(piece)
            })
            .collect::<Result<_, _>>()?,
        HirKind::Concat(parts) => {
            let mut all = vec![Piece::default()];
            for part in parts {
                let next = expand(part)?;
                all = product(&all, &next)?;
            }
            all
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(expand(part)?);
            }
            all
        }
    };
    if forms.len() > MAX_FORMS {
        return Err(format!("the alternatives multiply to more than {MAX_FORMS} forms"));
    }
    Ok(forms)
}

fn product(left: &[Piece], right: &[Piece]) -> Result<Vec<Piece>, PatternError> {
    if left.len() * right.len() > MAX_FORMS {
        return Err(format!("the alternatives multiply to more than {MAX_FORMS} forms"));
    }
    left.iter().flat_map(|l| right.iter().map(move |r| l.then(r))).collect()
}

fn expand_repeat(repeat: &regex_syntax::hir::Repetition) -> Result<Vec<Piece>, PatternError> {
    let max = repeat.max.unwrap_or(UNLIMITED).min(UNLIMITED);
    if repeat.min > UNLIMITED {
        return Err(format!("a repeat asks for more than {UNLIMITED} bytes"));
    }
    if let Some(set) = single(&repeat.sub) {
        // `s?` between literals: two forms with a longer literal each instead of one with a shorter.
        if (repeat.min, max) == (0, 1) && set.len() == 1 && !set.has(b'=') {
            return expand_group(repeat, max);
        }
        return Ok(vec![Piece { steps: vec![Step { set, min: repeat.min, max }], ..Piece::default() }]);
    }
    expand_group(repeat, max)
}

fn expand_group(repeat: &regex_syntax::hir::Repetition, max: u32) -> Result<Vec<Piece>, PatternError> {
    let inner = expand(&repeat.sub)?;
    if max as usize > MAX_FORMS {
        return Err("a group is repeated without a small limit".to_owned());
    }
    let mut power = vec![Piece::default()];
    let mut all = Vec::new();
    for count in 0..=max {
        if count >= repeat.min {
            all.extend(power.iter().cloned());
        }
        if count < max {
            power = product(&power, &inner)?;
        }
    }
    // The longest first: a dispute between forms of one rule goes to the longer match anyway.
    all.reverse();
    Ok(all)
}

/// Chooses the window of a form that is rarest in real text and has a fixed distance to the form's start.
fn anchor(steps: &[Step]) -> Result<Anchor, PatternError> {
    let lead = steps.first().is_some_and(|s| !s.fixed() && s.max < 128) && steps.len() > 1;
    let lead = lead && best_window(&steps[..1]).core < best_window(&steps[1..]).core;
    let body = &steps[usize::from(lead)..];
    let BestWindow { from, to, bits, .. } = best_window(body);
    if bits < MIN_ANCHOR_BITS {
        return Err(
            "too costly: nothing in the pattern's fixed part is rare enough to look for; begin it with a literal or a longer run"
                .to_owned(),
        );
    }
    let mut pattern = String::new();
    let mut at = 0usize;
    for step in body {
        let width = step.min as usize;
        let (begin, end) = (from.max(at), to.min(at + width));
        if begin < end {
            render(&mut pattern, step, end - begin);
        }
        at += width;
        if at >= to || !step.fixed() {
            break;
        }
    }
    Ok(Anchor { pattern, reach: to, lead })
}

/// A part of a form's fixed beginning, in bytes, and how rare it is on random bytes: all of it, and its literal core.
struct BestWindow {
    from: usize,
    to: usize,
    bits: f32,
    core: f32,
}

/// The best window within the fixed prefix and the minimum of the first variable step.
fn best_window(steps: &[Step]) -> BestWindow {
    let mut bits: Vec<f32> = Vec::new();
    for step in steps {
        let room = (crate::LOOKAHEAD / 2).saturating_sub(bits.len());
        bits.extend(std::iter::repeat_n(step.bits(), room.min(step.min as usize)));
        if !step.fixed() {
            break;
        }
    }
    // The literal core with the most bits, then as much of the run behind it (or before it) as helps. A single
    // common byte is none: then the rarest stretch of classes serves.
    let literal = |b: f32| b >= 6.9;
    let rare = |at: usize| nth(steps, at).is_some_and(|s| !s.set.meets(&COMMON));
    let mut core = (0, 0);
    let mut best = 0.0;
    let mut at = 0;
    while at < bits.len() {
        let end = at + bits[at..].iter().take(MAX_ANCHOR).take_while(|b| literal(**b)).count();
        let sum: f32 = bits[at..end].iter().sum();
        if (end > at + 1 || (end > at && rare(at))) && sum > best + 1.0 {
            (core, best) = ((at, end), sum);
        }
        at = end.max(at + 1);
    }
    let (from, to) = if best > 0.0 { widen(core, bits.len()) } else { rarest(&bits) };
    BestWindow { from, to, bits: bits[from..to].iter().sum(), core: best }
}

/// Bytes too frequent to look for alone.
const COMMON: ByteSet = WORD.union(ByteSet::of(b"-./: "));

/// The step that matches the n-th byte of a fixed beginning.
fn nth(steps: &[Step], at: usize) -> Option<&Step> {
    let mut end = 0;
    steps.iter().find(|s| {
        end += s.min as usize;
        at < end
    })
}

/// A core with the run behind it, or before it where the form ends too soon.
fn widen((from, to): (usize, usize), len: usize) -> (usize, usize) {
    let wide = (to - from + ANCHOR_RUN).min(MAX_ANCHOR.max(to - from));
    let end = len.min(from + wide);
    let start = if end - from < wide { end.saturating_sub(wide) } else { from };
    (start, end)
}

/// The window of [`ANCHOR_RUN`] bytes with the most bits.
fn rarest(bits: &[f32]) -> (usize, usize) {
    let width = ANCHOR_RUN.min(bits.len());
    let sum = |from: &usize| bits[*from..*from + width].iter().sum::<f32>();
    let from = (0..=bits.len() - width).max_by(|a, b| sum(a).total_cmp(&sum(b)).then(b.cmp(a))).unwrap_or(0);
    (from, from + width)
}

/// A literal in Hyperscan's syntax.
pub(crate) fn literal(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        render(&mut out, &Step { set: ByteSet::of(&[*byte]), min: 1, max: 1 }, 1);
    }
    out
}

fn render(out: &mut String, step: &Step, count: usize) {
    use std::fmt::Write as _;
    let escape = |out: &mut String, byte: u8| {
        let _ = write!(out, "\\x{byte:02x}");
    };
    if step.set.len() == 1 {
        step.set.iter().for_each(|b| escape(out, b));
    } else {
        out.push('[');
        let mut byte = 0u16;
        while byte < 256 {
            let last = (byte..256).take_while(|&b| step.set.has(b as u8)).last();
            if let Some(last) = last {
                escape(out, byte as u8);
                if last > byte {
                    out.push('-');
                    escape(out, last as u8);
                }
                byte = last;
            }
            byte += 1;
        }
        out.push(']');
    }
    if count > 1 {
        let _ = write!(out, "{{{count}}}");
    }
}

impl Form {
    /// Matches the form in `text` for an anchor that ended at `end`. `last`: the text ends here for good.
    pub(crate) fn confirm(&self, text: &[u8], end: usize, last: bool, runs: &mut RunCache) -> Verdict {
        let Some(mut start) = end.checked_sub(self.anchor.reach) else { return Verdict::No };
        if self.anchor.lead {
            let lead = &self.steps[0];
            let back = lead.set.run_back(&text[..start], lead.max as usize + 1);
            if back < lead.min as usize || back > lead.max as usize {
                return Verdict::No;
            }
            start -= back;
        }
        self.match_at(text, start, last, runs)
    }

    /// Matches the form at `start`.
    pub(crate) fn match_at(&self, text: &[u8], start: usize, last: bool, runs: &mut RunCache) -> Verdict {
        let mut walk = Walk { text, last, begin: start, retries: 0, runs, capture: (start, start) };
        match walk.steps(self, 0, start) {
            Ok(Some(end)) => {
                if self.capture.0 == 0 {
                    walk.capture.0 = start;
                }
                if self.capture.1 == self.steps.len() {
                    walk.capture.1 = end;
                }
                Verdict::Match { start, end, capture: walk.capture }
            }
            Ok(None) => Verdict::No,
            Err(TooShort) => Verdict::Open,
        }
    }

    /// The bytes that every match begins with, at most `max` of them.
    pub(crate) fn head_bytes(&self, max: usize) -> Vec<u8> {
        let fixed = self.steps.iter().take_while(|s| s.fixed() && s.set.len() == 1);
        fixed
            .flat_map(|s| std::iter::repeat_n(s.set.iter().next().unwrap_or(0), s.min as usize))
            .take(max)
            .collect()
    }

    /// The set of bytes the form can end with.
    pub(crate) fn tail(&self) -> ByteSet {
        let mut set = ByteSet::EMPTY;
        for step in self.steps.iter().rev() {
            set = set.union(step.set);
            if step.min > 0 {
                break;
            }
        }
        set
    }
}

/// The text ends inside a match.
struct TooShort;

struct Walk<'t, 'r> {
    text: &'t [u8],
    last: bool,
    begin: usize,
    retries: u32,
    runs: &'r mut RunCache,
    capture: (usize, usize),
}

impl Walk<'_, '_> {
    /// Matches `form.steps[index..]` at `at`; the end, if it matches.
    fn steps(&mut self, form: &Form, mut index: usize, mut at: usize) -> Result<Option<usize>, TooShort> {
        while let Some(step) = form.steps.get(index) {
            if index == form.capture.0 {
                self.capture.0 = at;
            }
            if index == form.capture.1 {
                self.capture.1 = at;
            }
            let run = self.run(step, at)?;
            if run < step.min as usize {
                return Ok(None);
            }
            if run > step.min as usize && follows(&form.steps[index + 1..]).meets(&step.set) {
                return self.backtrack(form, index, at, run);
            }
            at += run;
            index += 1;
        }
        Ok(Some(at))
    }

    fn backtrack(
        &mut self,
        form: &Form,
        index: usize,
        at: usize,
        run: usize,
    ) -> Result<Option<usize>, TooShort> {
        for count in (form.steps[index].min as usize..=run).rev() {
            self.retries += 1;
            if self.retries > MAX_RETRIES {
                return Ok(None);
            }
            if let Some(end) = self.steps(form, index + 1, at + count)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn run(&mut self, step: &Step, at: usize) -> Result<usize, TooShort> {
        let room = (self.begin + crate::MAX_SECRET_LEN).saturating_sub(at);
        let max = (step.max as usize).min(room);
        let rest = &self.text[at.min(self.text.len())..];
        let run = if max <= RunCache::WORTH {
            step.set.run(rest, max)
        } else {
            self.runs.run(&step.set, self.text, at, max)
        };
        if run < max && at + run >= self.text.len() && !self.last {
            return Err(TooShort);
        }
        Ok(run)
    }
}

/// Remembers where the last long run of each set ended, so that many candidates inside one run cost one pass over it.
#[derive(Debug, Default)]
pub(crate) struct RunCache {
    seen: Vec<(ByteSet, usize, usize)>,
    /// Bytes looked at, for the tests that show that work grows with the text and not with its square.
    pub(crate) work: u64,
}

impl RunCache {
    /// Shorter runs are not worth remembering.
    const WORTH: usize = 256;

    /// Forgets all; for a new text.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.work = 0;
    }

    /// The length of the run of `set` at `at`, at most `max`.
    pub(crate) fn run(&mut self, set: &ByteSet, text: &[u8], at: usize, max: usize) -> usize {
        let index = self.seen.iter().position(|(s, ..)| s == set).unwrap_or_else(|| {
            self.seen.push((*set, 0, 0));
            self.seen.len() - 1
        });
        let (_, from, to) = &mut self.seen[index];
        if at < *from || at >= *to {
            (*from, *to) = (at, at);
        }
        let limit = text.len().min(at.saturating_add(max));
        if *to < limit {
            let more = set.run(&text[*to..], limit - *to);
            self.work += more as u64 + 1;
            *to += more;
        }
        (*to).min(limit) - at
    }
}
