//! Patterns of rules: a regular expression becomes a few [`Form`]s, sequences of byte-class runs.
//!
//! A form serves twice. A short, fixed-width window of it (the *anchor*) is what Hyperscan looks for; the form itself
//! confirms a hit and gives the exact span. Both stay cheap whatever the rule says: an anchor has no variable part, so
//! the start of a candidate is known from its end, and a form is matched by runs over 256-bit sets.
//! What cannot be written so (look-around, back-references, open repeats of groups) is refused when rules are loaded.

use crate::anchor::{self, Anchor};
use crate::boundary;
use crate::byteset::ByteSet;
use crate::runs::RunCache;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// How many forms one pattern may have after its alternatives are written out.
pub(crate) const MAX_FORMS: usize = 64;
/// How many bytes and classes a form may have in a row: repeats of groups inside each other multiply.
pub(crate) const MAX_STEPS: usize = 1024;
/// The largest repeat count taken for "no upper limit".
pub(crate) const UNLIMITED: u32 = crate::MAX_SECRET_LEN as u32;
/// An upper limit from here on says "long", not how long: what is longer is not another thing.
const LONG: u32 = 1000;
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
    pub(crate) fn fixed(&self) -> bool {
        self.min == self.max
    }

    #[expect(clippy::cast_precision_loss, reason = "a set has at most 256 members")]
    pub(crate) fn bits(&self) -> f32 {
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

/// What a form says about a place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does not match, whatever follows.
    No,
    /// The text ends too early to tell.
    Open,
    /// It matches: the whole and the capture. If it was cut at the length of the longest finding and goes on, `cut` is the
    /// step in which.
    Match { start: usize, end: usize, capture: (usize, usize), cut: Option<u16> },
}

/// A pattern's error: what is wrong, for people.
pub(crate) type PatternError = String;

/// Reads a regular expression (byte-oriented, no Unicode classes) into forms.
pub(crate) fn parse(pattern: &str) -> Result<Vec<Form>, PatternError> {
    let mut forms = Vec::new();
    for piece in pieces(pattern)? {
        let anchor = anchor::choose(&piece.steps)?;
        let whole = (0, piece.steps.len());
        let head = head(&piece.steps);
        forms.push(Form { capture: piece.capture(whole), steps: piece.steps, anchor, head });
    }
    Ok(forms)
}

/// Reads a regular expression for a value that is already delimited: no anchor is needed.
pub(crate) fn parse_value(pattern: &str) -> Result<Vec<Form>, PatternError> {
    let anchor = Anchor { pattern: String::new(), reach: 0, lead: 0 };
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
            return Err("more than one capture group; `(?:..)` groups without capturing".to_owned());
        }
        if at + next.steps.len() > MAX_STEPS {
            return Err(format!(
                "written out, the pattern has more than {MAX_STEPS} bytes and classes in a row"
            ));
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
        let least: u64 = self.steps.iter().map(|step| u64::from(step.min)).sum();
        if least > u64::from(UNLIMITED) {
            return Err(format!("asks for {least} bytes at least, and secrets have at most {UNLIMITED}"));
        }
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
    let max = repeat.max.filter(|max| *max < LONG || *max == repeat.min).unwrap_or(UNLIMITED).min(UNLIMITED);
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

impl Form {
    /// Matches the form in `text` for an anchor that ended at `end`. `last`: the text ends here for good.
    pub(crate) fn confirm(&self, text: &[u8], end: usize, last: bool, runs: &mut RunCache) -> Verdict {
        let Some(mut start) = end.checked_sub(self.anchor.reach) else { return Verdict::No };
        if let Some((lead, before)) = self.steps[..self.anchor.lead].split_last() {
            let back = lead.set.run_back(&text[..start], lead.max as usize + 1 + boundary::MAX_REST);
            // An escape before the run ends with bytes that look like part of it.
            let back = back - boundary::escape_rest(text, start - back).min(back);
            if back < lead.min as usize || back > lead.max as usize {
                return Verdict::No;
            }
            let before: usize = before.iter().map(|s| s.min as usize).sum();
            let Some(whole) = start.checked_sub(back + before) else { return Verdict::No };
            start = whole;
        }
        self.match_at(text, start, last, runs)
    }

    /// Matches the form at `start`.
    pub(crate) fn match_at(&self, text: &[u8], start: usize, last: bool, runs: &mut RunCache) -> Verdict {
        let mut walk =
            Walk { text, last, begin: start, retries: 0, runs, capture: (start, start), cut: None };
        match walk.steps(self, 0, start) {
            Ok(Some(end)) => {
                if self.capture.0 == 0 {
                    walk.capture.0 = start;
                }
                if self.capture.1 == self.steps.len() || walk.cut.is_some() {
                    walk.capture.1 = end;
                }
                Verdict::Match { start, end, capture: walk.capture, cut: walk.cut }
            }
            Ok(None) => Verdict::No,
            Err(TooShort) => Verdict::Open,
        }
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
    cut: Option<u16>,
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
            if self.is_cut(form, index, at + run)? {
                self.cut = Some(index as u16);
                return Ok(Some(at + run));
            }
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

    /// Whether the match is as long as a finding can be at `end`, and goes on there inside what it captures.
    fn is_cut(&self, form: &Form, index: usize, end: usize) -> Result<bool, TooShort> {
        if end < self.begin + crate::MAX_SECRET_LEN || !(form.capture.0..form.capture.1).contains(&index) {
            return Ok(false);
        }
        match self.text.get(end) {
            Some(&next) => Ok(form.steps[index].set.has(next) || follows(&form.steps[index + 1..]).has(next)),
            None if self.last => Ok(false),
            None => Err(TooShort),
        }
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
