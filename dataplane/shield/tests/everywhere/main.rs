//! Found once, hidden everywhere, on random conversations: they repeat their secrets bare, glued, quoted, encoded, before
//! and behind the place where a rule finds them, over parts, turns and clients. What must be hidden and what must stay is
//! decided by a reference of its own (`reference`), from how a secret was made.
//!
//! A failure prints its seed. `AEGIS_DOCUMENTS` says how many conversations are tried, from a seed of the clock on or from
//! `AEGIS_SEED`, which alone repeats one. Without both the same [`DOCUMENTS`] are tried in each run, and those that failed
//! once ([`FAILED_ONCE`]), so that a change fails by its own fault alone.

#![expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "made-up inputs are small")]

mod conversation;
mod gateway;
mod random;
mod reference;
mod replies;
mod secrets;
mod spelled;
mod writings;

use std::time::{SystemTime, UNIX_EPOCH};

use aegis_shield::WINDOW;

use crate::conversation::Conversation;
use crate::gateway::Gateway;
use crate::random::Random;

/// Conversations of one run, if nothing else is said.
const DOCUMENTS: u64 = 300;
/// Seeds whose conversations leaked, or came back changed.
const FAILED_ONCE: [u64; 25] = [
    328, 338, 356, 526, 610, 695, 719, 854, 1105, 1235, 1442, 1643, 1735, 2073, 2535, 2706, 3011, 3403, 3619,
    3765, 5301, 5453, 8236, 13232, 14644,
];
/// The first seed of a run of which nothing else is said.
const FIRST: u64 = 1;
/// Borders of windows through one conversation are this many bytes apart.
const BORDER_STEP: usize = 7;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A seed that no other run has.
fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 ^ now.as_secs().rotate_left(32)
}

/// The seeds of a run.
fn seeds() -> Vec<u64> {
    let from = |first: u64, count: u64| (0..count).map(move |n| first.wrapping_add(n));
    match (number("AEGIS_DOCUMENTS"), number("AEGIS_SEED")) {
        (None, None) => FAILED_ONCE.into_iter().chain(from(FIRST, DOCUMENTS)).collect(),
        (count, seed) => from(seed.unwrap_or_else(fresh_seed), count.unwrap_or(1)).collect(),
    }
}

/// What is wrong with one conversation, if anything is.
fn judge(gateway: &mut Gateway, seed: u64) -> Option<String> {
    let mut random = Random::new(seed);
    let conversation = Conversation::new(&mut random);
    reference::judge(gateway, &conversation)
        .and_then(|()| replies::judge(gateway, &conversation, &mut random))
        .err()
}

#[test]
fn no_secret_leaves_and_everything_comes_back() {
    let mut gateway = Gateway::new();
    let mut failures = Vec::new();
    for seed in seeds() {
        failures.extend(judge(&mut gateway, seed).map(|what| format!("seed {seed}: {what}")));
        if failures.len() >= 20 {
            break;
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn borders_of_windows_do_not_matter() {
    let mut gateway = Gateway::new();
    for seed in [FIRST, FAILED_ONCE[0]].into_iter().chain(number("AEGIS_SEED")) {
        let conversation = Conversation::new(&mut Random::new(seed));
        let body = conversation.first.text();
        let offset = (seed % BORDER_STEP as u64) as usize;
        for at in (offset..body.len()).step_by(BORDER_STEP) {
            // White space before a document, of which the first window ends at `at`.
            let far = format!("{}{body}", " ".repeat(WINDOW - at));
            let judged = reference::judge_request(&mut gateway, &conversation, &far);
            assert!(judged.is_ok(), "seed {seed}, border at {at}: {}", judged.unwrap_err());
        }
    }
}
