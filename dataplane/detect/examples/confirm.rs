//! Compares two ways to confirm a candidate from its start: the matcher of this crate, and dense DFAs of
//! `regex-automata`, one for each pattern. Takes the patterns of all built-in rules, each with its own examples, whole
//! and broken in the middle.
//!
//! `cargo run --release -p aegis-detect --example confirm`

#![expect(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the modules are compiled with what this comparison does not need"
)]

#[path = "../src/boundaries.rs"]
mod boundaries;
#[path = "../src/bytes/mod.rs"]
mod bytes;
#[path = "../src/pattern/mod.rs"]
mod pattern;
#[path = "../src/text/mod.rs"]
mod text;

use bytes::RunCache;
use pattern::{MatchVerdict, Sequence};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};
use serde::Deserialize;
use std::hint::black_box;
use std::time::Instant;

/// How often everything is confirmed for one figure.
const ROUNDS: u32 = 2_000;
/// The largest DFA, and the most memory that making one may take.
const MAX_DFA: usize = 4 << 20;
const MAX_DETERMINIZE: usize = 64 << 20;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    pattern: Option<String>,
    #[serde(default, rename = "match")]
    matching: Vec<String>,
}

/// A pattern in both forms.
struct Both {
    sequences: Vec<Sequence>,
    dfa: dense::DFA<Vec<u32>>,
}

/// A place at which a pattern is confirmed: the pattern, the sequence whose anchor would be reported, text and start.
struct Candidate {
    pattern: usize,
    sequence: usize,
    text: Vec<u8>,
    start: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut patterns, mut candidates) = (Vec::new(), Vec::new());
    let (mut build, mut refused) = (0.0, Vec::new());
    for path in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/rules"))? {
        let file: File = toml::from_str(&std::fs::read_to_string(path?.path())?)?;
        for rule in file.rule {
            let Some(text) = &rule.pattern else { continue };
            let sequences = pattern::parse(text)?;
            let begin = Instant::now();
            let dfa = dfa(text);
            build += begin.elapsed().as_secs_f64();
            let Some(dfa) = dfa else {
                refused.push(rule.id);
                continue;
            };
            for example in &rule.matching {
                candidates.extend(candidate(&sequences, patterns.len(), &example.replace(['«', '»'], "")));
            }
            patterns.push(Both { sequences, dfa });
        }
    }
    let memory: usize = patterns.iter().map(|both| both.dfa.memory_usage()).sum();
    let sequences: usize = patterns.iter().flat_map(|both| &both.sequences).map(size).sum();
    println!("{} patterns, {} candidates", patterns.len(), candidates.len());
    println!("DFAs: {} KiB, made in {build:.2} s; none for {refused:?}", memory / 1024);
    println!("sequences: {} KiB", sequences / 1024);
    let ends = |c: &Candidate| (by_sequence(&patterns, c), by_dfa(&patterns, c));
    let differing = candidates.iter().filter(|c| ends(c).0 != ends(c).1).count();
    println!("{differing} of {} matches end elsewhere", candidates.len());
    for broken in [false, true] {
        if broken {
            candidates.iter_mut().for_each(break_match(&patterns));
        }
        for _ in 0..3 {
            let sequence = nanoseconds(&candidates, |c| by_sequence(&patterns, c));
            let dfa = nanoseconds(&candidates, |c| by_dfa(&patterns, c));
            let kind = if broken { "broken" } else { "whole" };
            println!("{kind}: sequences {sequence:.1} ns, DFAs {dfa:.1} ns a candidate");
        }
    }
    Ok(())
}

fn dfa(pattern: &str) -> Option<dense::DFA<Vec<u32>>> {
    let config = dense::Config::new()
        .match_kind(MatchKind::LeftmostFirst)
        .start_kind(regex_automata::dfa::StartKind::Anchored)
        .dfa_size_limit(Some(MAX_DFA))
        .determinize_size_limit(Some(MAX_DETERMINIZE));
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    dense::Builder::new().configure(config).syntax(syntax).build(pattern).ok()
}

fn size(sequence: &Sequence) -> usize {
    size_of::<Sequence>()
        + sequence.runs.len() * size_of_val(&sequence.runs[0])
        + sequence.anchor.pattern.len()
}

/// The first place where a sequence matches.
fn candidate(sequences: &[Sequence], pattern: usize, text: &str) -> Option<Candidate> {
    let text = text.as_bytes().to_vec();
    let place = (0..text.len()).find_map(|start| {
        let matches = |s: &Sequence| {
            matches!(s.match_at(&text, start, true, &mut RunCache::default()), MatchVerdict::Match { .. })
        };
        sequences.iter().position(matches).map(|sequence| (start, sequence))
    });
    place.map(|(start, sequence)| Candidate { pattern, sequence, text: text.clone(), start })
}

/// Puts a byte that no pattern allows into the middle of the match.
fn break_match(patterns: &[Both]) -> impl FnMut(&mut Candidate) {
    move |candidate| {
        let end = by_sequence(patterns, candidate).unwrap_or(candidate.text.len());
        candidate.text[usize::midpoint(candidate.start, end)] = 0x7f;
    }
}

/// Where the match of the sequence ends.
#[inline(never)]
fn by_sequence(patterns: &[Both], candidate: &Candidate) -> Option<usize> {
    let mut cache = RunCache::default();
    let sequence = &patterns[candidate.pattern].sequences[candidate.sequence];
    match sequence.match_at(&candidate.text, candidate.start, true, &mut cache) {
        MatchVerdict::Match { whole, .. } => Some(whole.end),
        _ => None,
    }
}

/// Where the match of the whole pattern ends.
#[inline(never)]
fn by_dfa(patterns: &[Both], candidate: &Candidate) -> Option<usize> {
    let dfa = &patterns[candidate.pattern].dfa;
    let mut state = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
    let mut end = None;
    for (offset, byte) in candidate.text[candidate.start..].iter().enumerate() {
        state = dfa.next_state(state, *byte);
        if dfa.is_special_state(state) {
            if dfa.is_match_state(state) {
                end = Some(candidate.start + offset);
            } else if dfa.is_dead_state(state) {
                return end;
            }
        }
    }
    if dfa.is_match_state(dfa.next_eoi_state(state)) { Some(candidate.text.len()) } else { end }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand candidates")]
fn nanoseconds(candidates: &[Candidate], confirm: impl Fn(&Candidate) -> Option<usize>) -> f64 {
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        for candidate in candidates {
            black_box(confirm(black_box(candidate)));
        }
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS) / candidates.len() as f64
}
