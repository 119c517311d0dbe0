//! Values that are longer than what a rule reads of them: the finding goes on to the end of the run, however long it is, and
//! over the ends of windows. A secret never leaves its tail behind.
//!
//! A rule reads so many bytes of a value, which is enough to judge it (2,048 of an assigned one, [`MAX_SECRET_LEN`] of a
//! shape). If the value goes on there, the hit is a *cut* one, and says what its run is made of. When disputes are settled,
//! the cut hits among the winners are made longer; what else was found within their runs is a part of them. Beyond
//! [`MAX_SECRET_LEN`] the rest is reported in further findings of that length, counted from the value's start, so that
//! equal values give equal pieces wherever they stand. A run that reaches the end of a window goes on in the next: that is
//! what a [`Carry`] tells.

use crate::MAX_SECRET_LEN;
use crate::byteset::{ALNUM, ByteSet, SPACE};
use crate::rule::{Confidence, RuleIndex};
use crate::rules::Rules;
use crate::scanner::{Finding, View};

/// What a value's run is made of behind the place where its rule stopped to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// An assigned value without quotes.
    Bare,
    /// One among the parameters of a URL.
    Query,
    /// Up to this quote with so many backslashes before it, in the same line.
    Quoted { byte: u8, backslashes: u8 },
    /// A word of a command.
    Word,
    /// The password of a URL.
    Userinfo,
    /// Escaped or encoded text.
    Encoded,
    /// What the steps of this form can match from `step` on.
    Form { form: u16, step: u16 },
}

/// What ends the runs.
const QUOTES: ByteSet = SPACE.union(ByteSet::of(b"\"'`<>\0"));
const BARE: ByteSet = QUOTES.union(ByteSet::of(b",;\\"));
const QUERY: ByteSet = BARE.union(ByteSet::of(b"&#"));
const COMMAND: ByteSet = QUOTES.union(ByteSet::of(b"|;&)\\"));

/// What a userinfo may hold (RFC 3986, section 3.2.1), and the slashes that people forget to escape.
pub(crate) const USERINFO: ByteSet = ALNUM.union(ByteSet::of(b"-._~%!$&'()*+,;=:/"));

/// A hit whose value goes on behind its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: u16,
    pub(crate) tail: Tail,
}

/// What one window hands on to the next: a value that its end cut in two. Give each text its own, which begins as the
/// default, and hand it on only if the next window's fresh text begins at the [`settled`](crate::Scan::settled) of the last.
/// A window that was judged as if the text ended with it leaves one, too, if a value reaches its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carry(Option<Run>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    rule: u16,
    confidence: Confidence,
    tail: Tail,
}

impl Carry {
    /// Whether the next window begins inside a value.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

impl Tail {
    /// [`Tail::Word`], if a word of a command has not ended at `at`.
    pub(crate) fn of_word(text: &[u8], at: usize) -> Option<Tail> {
        text.get(at).filter(|_| bare(text, at, &COMMAND) > at).map(|_| Tail::Word)
    }

    /// Where the run ends that `at` is in.
    fn end(self, rules: &Rules, rule: u16, text: &[u8], at: usize) -> usize {
        let up_to = |stop: &ByteSet| text[at..].iter().position(|byte| stop.has(*byte));
        let found = match self {
            Tail::Bare => return bare(text, at, &BARE),
            Tail::Query => return bare(text, at, &QUERY),
            Tail::Word => return bare(text, at, &COMMAND),
            Tail::Quoted { byte, backslashes } => return quoted(text, at, byte, usize::from(backslashes)),
            Tail::Userinfo => return at + USERINFO.run(&text[at..], text.len() - at),
            Tail::Encoded => up_to(&QUOTES),
            Tail::Form { form, step } => {
                let shape = &rules.compiled(rule).forms[usize::from(form)];
                let steps = &shape.steps[usize::from(step)..shape.capture.1];
                let set = steps.iter().fold(ByteSet::EMPTY, |set, step| set.union(step.set));
                return at + set.run(&text[at..], text.len() - at);
            }
        };
        let end = found.map_or(text.len(), |step| at + step);
        // Backslashes belong to the quote behind them.
        end - text[at..end].iter().rev().take_while(|byte| **byte == b'\\').count()
    }
}

/// The end of a value without quotes. A backslash ends it where an escape stands that ends values.
fn bare(text: &[u8], mut at: usize, stop: &ByteSet) -> usize {
    while let Some(step) = text[at..].iter().position(|byte| stop.has(*byte)) {
        at += step;
        let escape = matches!(text.get(at + 1), Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\' | b'u'));
        if text[at] != b'\\' || escape {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// The end of a string's content: at the quote with so many backslashes, else at any quote that closes a string around it.
fn quoted(text: &[u8], from: usize, quote: u8, backslashes: usize) -> usize {
    let mut at = from;
    while let Some(step) = memchr::memchr3(quote, b'"', b'\n', &text[at..]) {
        at += step;
        let run = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        let escaped = if backslashes == 0 { run % 2 == 1 } else { run > backslashes };
        if text[at] == b'\n' || !escaped {
            return if backslashes == 0 { at } else { (at - run.min(backslashes)).max(from) };
        }
        at += 1;
    }
    text.len()
}

/// Makes the winners among `cuts` longer, and goes on with what the last window left; `settled` is how far the findings
/// are settled without. Gives back how far they are with it.
pub(crate) fn extend(
    rules: &Rules,
    (view, fresh): (View<'_>, usize),
    (findings, cuts): (&mut Vec<Finding>, &mut [Cut]),
    mut settled: usize,
    carry: &mut Carry,
) -> usize {
    if let Some(run) = carry.0.take() {
        let end = run.tail.end(rules, run.rule, view.text, fresh);
        let (at, whole) = pieces(findings, view, run, fresh..end);
        if !whole || at == view.text.len() {
            *carry = Carry(Some(run));
            return at;
        }
        settled = settled.max(at);
    }
    cuts.sort_unstable_by_key(|cut| (cut.start, cut.end));
    for cut in cuts.iter() {
        let place = findings.binary_search_by_key(&cut.start, |finding| finding.start);
        let won = |finding: &&Finding| finding.end == cut.end && finding.rule.0 == cut.rule;
        let Some(finding) = place.ok().and_then(|index| findings.get(index)).filter(won) else { continue };
        let run = Run { rule: cut.rule, confidence: finding.confidence, tail: cut.tail };
        let end = cut.tail.end(rules, cut.rule, view.text, cut.end);
        let (at, whole) = pieces(findings, view, run, cut.start..end);
        // At the end of a text, too: it may be one that was only taken to end here.
        if !whole || at == view.text.len() {
            *carry = Carry(Some(run).filter(|_| at > cut.start));
            return at;
        }
        settled = settled.max(at);
    }
    settled
}

/// Puts the pieces of a value in the place of all that was found in its range. Says how far it is settled, and whether that
/// is all of it: a piece that the window's end may cut is left to the next.
fn pieces(
    findings: &mut Vec<Finding>,
    view: View<'_>,
    run: Run,
    range: std::ops::Range<usize>,
) -> (usize, bool) {
    let whole = range.end < view.text.len() || view.last;
    let first = findings.partition_point(|finding| finding.end <= range.start);
    let next = findings.partition_point(|finding| finding.start < range.end);
    let rest = findings[first..next]
        .last()
        .filter(|last| last.end > range.end)
        .map(|last| Finding { start: range.end, ..*last });
    let mut at = range.start;
    let piece = || {
        let end = range.end.min(at + MAX_SECRET_LEN);
        let complete = end - at == MAX_SECRET_LEN || (whole && end > at);
        complete.then(|| {
            let finding = Finding { rule: RuleIndex(run.rule), start: at, end, confidence: run.confidence };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_values_do() {
        let rules = Rules::builtin().unwrap();
        let end = |tail: Tail, text: &str| tail.end(&rules, 0, text.as_bytes(), 0);
        let quoted = |byte, backslashes| Tail::Quoted { byte, backslashes };
        for (tail, text, expected) in [
            (Tail::Bare, "ab\\cd=&),x", 8),
            (Tail::Bare, "ab\\n", 2),
            (Tail::Bare, "ab", 2),
            (Tail::Query, "ab=c&x", 4),
            (Tail::Word, "ab,c|x", 4),
            (Tail::Userinfo, "a:b/c%40@host", 8),
            (Tail::Encoded, "a%2F;\\u002f\\\"", 11),
            (quoted(b'"', 0), "a b\\\"c\\\\\"x", 8),
            (quoted(b'\'', 0), "a b\"", 3),
            (quoted(b'"', 0), "a\nb", 1),
            (quoted(b'"', 1), "a\\\\\\\"b\\\"", 6),
            (quoted(b'"', 1), "ab\"", 2),
        ] {
            assert_eq!(end(tail, text), expected, "{tail:?} {text}");
        }
    }
}
