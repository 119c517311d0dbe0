//! From a regular expression to sequences: alternatives are written out, and repeats of classes become runs.
//!
//! What cannot be written so (look-around, back-references, open repeats of groups) is refused.

#![expect(clippy::cast_possible_truncation, reason = "ranges end at 127, and `MAX_SECRET_LEN` is small")]

use super::anchor;
use super::anchor::Anchor;
use super::run::{ByteRun, PatternError, first_bytes};
use super::sequence::{MAX_RETRIES, Sequence};
use crate::bytes::ByteSet;
use crate::text::MAX_SECRET_LEN;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::ops::Range;

/// How many sequences one pattern may have after its alternatives are written out.
const MAX_SEQUENCES: usize = 64;
/// How many bytes and classes a sequence may have in a row: repeats of groups inside each other multiply.
const MAX_RUNS: usize = 1024;
/// The largest repeat count taken for "no upper limit".
const UNLIMITED: u32 = MAX_SECRET_LEN as u32;
/// An upper limit from here on says "long", not how long: what is longer is not another thing.
const LONG: u32 = 1000;

/// Reads a regular expression (byte-oriented, no Unicode classes) into sequences.
pub(crate) fn parse(pattern: &str) -> Result<Vec<Sequence>, PatternError> {
    let mut sequences = Vec::new();
    for expansion in expansions(pattern)? {
        let anchor = anchor::choose(&expansion.runs)?;
        let whole = 0..expansion.runs.len();
        let head = head(&expansion.runs);
        sequences.push(Sequence { capture: expansion.capture(&whole), runs: expansion.runs, anchor, head });
    }
    Ok(sequences)
}

/// Reads a regular expression for a value that is already delimited: no anchor is needed.
pub(crate) fn parse_value(pattern: &str) -> Result<Vec<Sequence>, PatternError> {
    let anchor = Anchor { pattern: String::new(), reach: 0, lead: 0 };
    let sequence = |p: Expansion| Sequence {
        capture: 0..p.runs.len(),
        head: head(&p.runs),
        runs: p.runs,
        anchor: anchor.clone(),
    };
    Ok(expansions(pattern)?.into_iter().map(sequence).collect())
}

fn head(runs: &[ByteRun]) -> usize {
    runs.iter().take_while(|s| s.is_fixed() && s.set.len() == 1).map(|s| s.min as usize).sum()
}

fn expansions(pattern: &str) -> Result<Vec<Expansion>, PatternError> {
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
    let mut expansions = expand(&hir)?;
    for expansion in &mut expansions {
        expansion.merge();
        expansion.check()?;
    }
    expansions.dedup();
    Ok(expansions)
}

/// One way to write a pattern, and where its capture group begins and ends in it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Expansion {
    runs: Vec<ByteRun>,
    open: Option<usize>,
    close: Option<usize>,
}

impl Expansion {
    fn capture(&self, whole: &Range<usize>) -> Range<usize> {
        self.open.unwrap_or(whole.start)..self.close.unwrap_or(whole.end)
    }

    fn then(&self, next: &Expansion) -> Result<Expansion, PatternError> {
        let at = self.runs.len();
        if self.open.is_some() && next.open.is_some() {
            return Err("more than one capture group; `(?:..)` groups without capturing".to_owned());
        }
        if at + next.runs.len() > MAX_RUNS {
            return Err(format!(
                "written out, the pattern has more than {MAX_RUNS} bytes and classes in a row"
            ));
        }
        let mut concatenated = self.clone();
        concatenated.runs.extend_from_slice(&next.runs);
        concatenated.open = self.open.or(next.open.map(|o| o + at));
        concatenated.close = self.close.or(next.close.map(|c| c + at));
        Ok(concatenated)
    }

    /// Joins neighbours of the same set, unless the capture begins or ends between them.
    fn merge(&mut self) {
        let mut runs: Vec<ByteRun> = Vec::with_capacity(self.runs.len());
        let (mut open, mut close) = (self.open, self.close);
        for (index, run) in self.runs.iter().enumerate() {
            let edge = self.open == Some(index) || self.close == Some(index);
            match runs.last_mut() {
                Some(last) if last.set == run.set && !edge => {
                    last.min += run.min;
                    last.max = (last.max + run.max).min(UNLIMITED);
                }
                _ => runs.push(*run),
            }
            if self.open == Some(index) {
                open = Some(runs.len() - 1);
            }
            if self.close == Some(index) {
                close = Some(runs.len() - 1);
            }
        }
        if self.close == Some(self.runs.len()) {
            close = Some(runs.len());
        }
        *self = Expansion { runs, open, close };
    }

    fn check(&self) -> Result<(), PatternError> {
        let least: u64 = self.runs.iter().map(|run| u64::from(run.min)).sum();
        if least > u64::from(UNLIMITED) {
            return Err(format!("asks for {least} bytes at least, and secrets have at most {UNLIMITED}"));
        }
        let mut retries = 1u64;
        for (index, run) in self.runs.iter().enumerate() {
            if !run.is_fixed() && first_bytes(&self.runs[index + 1..]).has_any_of(&run.set) {
                retries = retries.saturating_mul(u64::from(run.max - run.min + 1));
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

fn expand(hir: &Hir) -> Result<Vec<Expansion>, PatternError> {
    let sequences = match hir.kind() {
        HirKind::Empty => vec![Expansion::default()],
        HirKind::Look(_) => {
            return Err("^, $ and \\b are not supported; use `left` and `right` for boundaries".to_owned());
        }
        HirKind::Literal(literal) => vec![Expansion {
            runs: literal.0.iter().map(|&b| ByteRun { set: ByteSet::of(&[b]), min: 1, max: 1 }).collect(),
            ..Expansion::default()
        }],
        HirKind::Class(class) => {
            let set = class_set(class).ok_or("a character class is empty or not ASCII")?;
            vec![Expansion { runs: vec![ByteRun { set, min: 1, max: 1 }], ..Expansion::default() }]
        }
        HirKind::Repetition(repeat) => expand_repeat(repeat)?,
        HirKind::Capture(group) => expand(&group.sub)?
            .into_iter()
            .map(|mut expansion| {
                if expansion.open.is_some() {
                    return Err("capture groups inside each other".to_owned());
                }
                (expansion.open, expansion.close) = (Some(0), Some(expansion.runs.len()));
                Ok(expansion)
            })
            .collect::<Result<_, _>>()?,
        HirKind::Concat(parts) => {
            let mut all = vec![Expansion::default()];
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
    if sequences.len() > MAX_SEQUENCES {
        return Err(format!("the alternatives multiply to more than {MAX_SEQUENCES} forms"));
    }
    Ok(sequences)
}

fn product(left: &[Expansion], right: &[Expansion]) -> Result<Vec<Expansion>, PatternError> {
    if left.len() * right.len() > MAX_SEQUENCES {
        return Err(format!("the alternatives multiply to more than {MAX_SEQUENCES} forms"));
    }
    left.iter().flat_map(|l| right.iter().map(move |r| l.then(r))).collect()
}

fn expand_repeat(repeat: &regex_syntax::hir::Repetition) -> Result<Vec<Expansion>, PatternError> {
    let max = repeat.max.filter(|max| *max < LONG || *max == repeat.min).unwrap_or(UNLIMITED).min(UNLIMITED);
    if repeat.min > UNLIMITED {
        return Err(format!("a repeat asks for more than {UNLIMITED} bytes"));
    }
    if let Some(set) = single(&repeat.sub) {
        // `s?` between literals: two sequences with a longer literal each instead of one with a shorter.
        if (repeat.min, max) == (0, 1) && set.len() == 1 && !set.has(b'=') {
            return expand_group(repeat, max);
        }
        return Ok(vec![Expansion {
            runs: vec![ByteRun { set, min: repeat.min, max }],
            ..Expansion::default()
        }]);
    }
    expand_group(repeat, max)
}

fn expand_group(repeat: &regex_syntax::hir::Repetition, max: u32) -> Result<Vec<Expansion>, PatternError> {
    let inner = expand(&repeat.sub)?;
    if max as usize > MAX_SEQUENCES {
        return Err("a group is repeated without a small limit".to_owned());
    }
    let mut power = vec![Expansion::default()];
    let mut all = Vec::new();
    for count in 0..=max {
        if count >= repeat.min {
            all.extend(power.iter().cloned());
        }
        if count < max {
            power = product(&power, &inner)?;
        }
    }
    // The longest first: of two sequences of one rule that overlap, the longer match wins anyway.
    all.reverse();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchors(pattern: &str) -> Vec<(String, usize, usize)> {
        parse(pattern)
            .unwrap()
            .into_iter()
            .map(|f| (f.anchor.pattern, f.anchor.reach, f.anchor.lead))
            .collect()
    }

    #[test]
    fn a_literal_and_some_of_its_run() {
        assert_eq!(anchors("ab_[0-9]{40}"), [("\\x61\\x62\\x5f[\\x30-\\x39]{12}".to_owned(), 15, 0)]);
    }

    #[test]
    fn a_literal_behind_a_variable_run_is_walked_back_from() {
        let found = anchors("[0-9a-f]{32,36}NRAL");
        assert_eq!(found, [("\\x4e\\x52\\x41\\x4c".to_owned(), 4, 1)]);
    }

    #[test]
    fn what_stands_before_the_run_may_be_common() {
        let found = anchors("ab://[a-z]{3,60}\\.acme\\.example");
        assert_eq!(found[0].2, 5, "`a`, `b`, `:`, `//` and the run: {found:?}");
        assert_eq!(anchors("ab://[a-z]{3,60}\\.x")[0].2, 0, "nothing rare behind it");
        assert_eq!(anchors("ab://[a-z/]{3,60}\\.acme\\.example")[0].2, 0, "the run could begin anywhere");
        assert_eq!(anchors("ab://[a-z]{3,122}\\.acme\\.example")[0].2, 5, "127 bytes");
        assert_eq!(anchors("ab://[a-z]{3,123}\\.acme\\.example")[0].2, 0, "one byte too long");
    }

    #[test]
    fn an_optional_letter_makes_two_forms() {
        let found = anchors("https?://x[0-9]{20}");
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|(p, ..)| p.starts_with("\\x68\\x74{2}\\x70")), "{found:?}");
    }

    #[test]
    fn what_is_everywhere_is_refused() {
        assert!(parse("[a-z]{3}").unwrap_err().contains("too costly"));
        assert!(parse("a[a-z]+").unwrap_err().contains("too costly"));
    }
}
