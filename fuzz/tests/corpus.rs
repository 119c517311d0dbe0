//! Replays every corpus and a bounded number of mutations of it, on a stable compiler and always the same ones.
//!
//! This finds what is near the known inputs. To search further: `cargo +nightly fuzz run <target> --features libfuzzer`.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_fuzz::{FuzzTarget, TARGETS};

/// Mutations for each target, unless the environment says otherwise.
const RUNS: usize = 4_000;

/// The variable that says otherwise.
const RUNS_VARIABLE: &str = "AEGIS_FUZZ_RUNS";

/// Bytes that matter to some format.
const DICTIONARY: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b": ",
    b";",
    b",",
    b"0\r\n\r\n",
    b"\r\n\r\n",
    b"chunked",
    b"\\",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\u0041",
    b"\\u",
    b"data: ",
    b"event: ",
    b"--",
    b"AEGIS-KEY-",
    b"\xff",
    b"\xc3\xa9",
];

/// A small generator (xorshift64*), so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<(PathBuf, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("an input");
            (path, bytes)
        })
        .collect();
    inputs.sort();
    inputs
}

/// Calls the target; names the input if it fails.
fn call(target: &FuzzTarget, input: &[u8], origin: &str) {
    let passed = catch_unwind(AssertUnwindSafe(|| (target.check)(input))).is_ok();
    assert!(passed, "target {} fails on {origin}: b\"{}\"", target.name, input.escape_ascii());
}

/// Changes a few places of an input.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let len = random.below(16).min(input.len() - at);
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = u8::try_from(random.below(256)).expect("a byte"),
            2 => drop(input.drain(at..at + len)),
            3 => {
                let again: Vec<u8> = input[at..at + len].to_vec();
                input.splice(at..at, again);
            }
            4 => drop(input.splice(at..at, DICTIONARY[random.below(DICTIONARY.len())].iter().copied())),
            5 => {
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.truncate(at),
        }
    }
}

/// Replays the corpus of a target and `runs` mutations of it, fewer where a call costs more.
fn replay(target: &FuzzTarget, runs: usize) {
    let name = target.name;
    let inputs = corpus(name);
    assert!(!inputs.is_empty(), "{name} has no corpus");
    for (path, input) in &inputs {
        call(target, input, &path.display().to_string());
    }
    let mut random =
        Random(name.bytes().fold(0x9E37_79B9_7F4A_7C15, |seed, b| seed ^ u64::from(b) << (b % 56)));
    for run in 0..runs / target.cost {
        let mut input = inputs[random.below(inputs.len())].1.clone();
        let other = &inputs[random.below(inputs.len())].1;
        mutate(&mut input, other, &mut random);
        call(target, &input, &format!("mutation {run}"));
    }
}

#[test]
fn corpora_and_their_neighbours_pass() {
    let runs = std::env::var(RUNS_VARIABLE).ok().and_then(|n| n.parse().ok()).unwrap_or(RUNS);
    // Each thread takes the next target that none has taken: they take from less than a second to half a minute.
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(target) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    replay(target, runs);
                }
            });
        }
    });
}
