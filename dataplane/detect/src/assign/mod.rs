//! Assignments: `password = "..."`, `API_KEY: ...`, `--token x`, and a hundred ways more to write them.
//!
//! The engine finds only the keyword; a regular expression for all that may stand between a keyword and its value
//! would be slow and wrong. From the keyword on, the name, the operator, the quotes and the value are parsed by hand,
//! each with a small bound, and the value is judged by [`value`]. Vendor rules ask for a shape of the value instead.

mod bigrams;
mod call;
mod command;
mod cursor;
mod directory;
mod name;
mod parse;
mod place;
mod prose;
mod read;
mod remote;
mod service;
mod settings;
mod shape;
pub(crate) mod value;
mod words;

use crate::check::Proof;
use crate::decode;
use crate::dispute::Hit;
use crate::entropy;
use crate::manifest;
use crate::pattern::{Form, Verdict};
use crate::rule::Confidence;
use crate::rules::{Compiled, Keyword, rank};
use crate::runs::RunCache;
use crate::scanner::{Bench, View};
use crate::source::Finder;
use crate::tail::Tail;
pub(crate) use directory::Directory;
pub(crate) use name::Strength;
use parse::Value;
pub(crate) use service::Sweep;

/// The text ends before a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooShort;

/// Looks at the assignment whose keyword begins at `start`.
pub(crate) fn find(
    bench: &mut Bench,
    view: View<'_>,
    rule: u16,
    compiled: &Compiled,
    (start, keyword): (usize, &Keyword),
) {
    let whole = (start, start + keyword.width);
    match compiled.finder {
        Some(Finder::Command) => return command::find(bench, view, rule, whole),
        Some(Finder::Call) => return call::find(bench, view, rule, whole),
        Some(Finder::Manifest) => return manifest::find(bench, view, rule, whole),
        _ => {}
    }
    let span = (start, start + keyword.letters);
    if let Some(directory) = &compiled.services {
        if bench.sweep.valued(view, span.1) {
            let (owner, until) = bench.named;
            let around = service::around(view, span, if owner == rule { until } else { 0 });
            bench.named = (rule, around.end);
            service::names(directory, view.text, around, |name| {
                let outcome = service::find(view, name);
                report(bench, rule, compiled, name.0, outcome);
            });
        }
        return;
    }
    let outcome = match compiled.strength {
        Some(Strength::Service) => service::find(view, span),
        Some(strength) => generic(bench, view, strength, span),
        None => vendor(bench, view, compiled, span),
    };
    report(bench, rule, compiled, span.0, outcome);
}

/// Takes down what was found behind a keyword that begins at `start`.
fn report(
    bench: &mut Bench,
    rule: u16,
    compiled: &Compiled,
    start: usize,
    outcome: Result<Option<Found>, TooShort>,
) {
    match outcome {
        Err(TooShort) => bench.open(start),
        Ok(Some(found)) if found.start - start <= crate::LEFT_CONTEXT - 64 => {
            let Found { start, end, confidence, proven, tail } = found;
            let sure = u8::from(confidence > Confidence::Low);
            let rank = compiled.rank + sure + if proven { rank::PROVEN } else { 0 };
            bench.hit(Hit { start, end, rule, rank, confidence }, tail);
        }
        Ok(_) => {}
    }
}

/// How far behind a name an entity is looked for, in bytes.
const ENTITY_REACH: usize = 48;

/// Whether an entity of an assignment stands behind the keyword that ends at `end`, or an escape right behind its name. Percent escapes are
/// found without a name.
pub(crate) fn escape_follows(text: &[u8], end: usize) -> bool {
    let rest = &text[end..text.len().min(end + ENTITY_REACH)];
    let name = name::PART.run(rest, name::MAX_SIDE);
    decode::entity_in(rest, name) || (rest.get(name) == Some(&b'\\') && decode::escape_at(&rest[name..]))
}

/// Whether a finder that reads on from a keyword knows this one.
pub(crate) fn reads(finder: Finder, keyword: &str) -> bool {
    match finder {
        Finder::Command => command::known(keyword),
        Finder::Call => call::known(keyword),
        _ => true,
    }
}

struct Found {
    start: usize,
    end: usize,
    confidence: Confidence,
    /// A check value is right.
    proven: bool,
    /// How the value goes on, if it is longer than what was read of it.
    tail: Option<Tail>,
}

/// For a generic rule: the name and the value must both look the part.
fn generic(
    bench: &mut Bench,
    view: View<'_>,
    strength: Strength,
    (start, end): (usize, usize),
) -> Result<Option<Found>, TooShort> {
    let Some(mut name) = name::read(view, start, end, strength)? else { return Ok(None) };
    let Some(mut value) = parse::assignment(view, &name)? else { return Ok(None) };
    bench.runs.work += (value.end - start) as u64;
    value::behind_user(view.text, &mut name, &mut value);
    if value::poor(view.text, &name, &value) || name::misleads(view.text, &name) {
        return Ok(None);
    }
    let verdict = value::judge(view.text, &name, &value);
    let Value { start, end, tail, .. } = value;
    Ok(verdict.map(|confidence| Found { start, end, confidence, proven: false, tail }))
}

/// For a vendor's rule: a value of the rule's shape behind the vendor's keyword.
fn vendor(
    bench: &mut Bench,
    view: View<'_>,
    compiled: &Compiled,
    (start, end): (usize, usize),
) -> Result<Option<Found>, TooShort> {
    if name::straddles(view.text, start, end) {
        return Ok(None);
    }
    let name = name::read_loose(view, start, end)?;
    let Some(value) = parse::assignment(view, &name)? else { return Ok(None) };
    bench.runs.work += (value.end - start) as u64;
    if service::digests(&view.text[end..name.end]) {
        return Ok(None);
    }
    let whole = &view.text[value.start..value.end];
    let Some(length) = compiled.values.iter().find_map(|shape| fits(shape, whole)) else { return Ok(None) };
    let secret = &whole[..length];
    let proof = compiled.check.map_or(Proof::Silent, |check| check.judge(secret, secret));
    let confidence = match proof {
        Proof::Refuted => return Ok(None),
        Proof::Good => Confidence::High,
        Proof::Silent => compiled.confidence.min(Confidence::Medium),
        Proof::Bad => Confidence::Low,
    };
    let proven = proof == Proof::Good;
    let real = proven
        || (entropy::shannon(secret) >= compiled.entropy
            && !value::placeholder(secret)
            && !value::wordy(secret));
    let (start, end) = (value.start, value.start + length);
    let tail = value.tail.filter(|_| end == value.end);
    Ok(real.then_some(Found { start, end, confidence, proven, tail }))
}

/// The length of the shape's match when it fills the value, or is followed by what cannot belong to it.
fn fits(shape: &Form, value: &[u8]) -> Option<usize> {
    let mut runs = RunCache::default();
    match shape.match_at(value, 0, true, &mut runs) {
        Verdict::Match { end, .. } => {
            let next = value.get(end).copied().unwrap_or(b' ');
            let ends =
                !next.is_ascii_alphanumeric() && next != b'_' && !(next == b'-' && shape.tail().has(b'-'));
            ends.then_some(end)
        }
        _ => None,
    }
}
