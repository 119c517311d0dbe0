//! Replies that multiply in size when they are restored: they come out whole in any room, and what waits stays small.

use aegis_detect::Category;
use aegis_shield::Vault;
use aegis_shield::reply::{MAX_EVENT, Rehydrator, ReplyFormat};
use serde_json::json;

use crate::support::*;

/// Bytes that one piece of a secret may go beyond the room that there is, escaped.
const BEYOND: usize = 8 * 1024;

/// A vault with one secret of `length` bytes that must be escaped in JSON, and its token.
fn large(length: usize) -> (Vault, String, String) {
    let secret = "line \"of\" a key\n".repeat(length / 16);
    let token = keyring().mint(Category::Key, secret.as_bytes());
    let mut vault = Vault::new();
    vault.insert(token, secret.as_bytes()).unwrap();
    (vault, token.to_string(), secret)
}

/// Runs `input` through in pieces of `size` bytes, with room for `room` bytes at a time. Also the most that waited.
fn run_in(vault: Vault, format: ReplyFormat, input: &[u8], size: usize, room: usize) -> (Vec<u8>, usize) {
    let mut rehydrator = Rehydrator::new(vault, format);
    let (mut whole, mut out, mut most) = (Vec::new(), Vec::new(), 0);
    let mut pieces = input.chunks(size);
    let mut ended = false;
    let mut all = true;
    loop {
        if all {
            all = match pieces.next() {
                Some(piece) => rehydrator.push_within(piece, &mut out, room),
                None if ended => break,
                None => {
                    ended = true;
                    rehydrator.finish_within(&mut out, room)
                }
            };
        } else {
            all = rehydrator.resume(&mut out, room);
        }
        assert!(
            out.len() <= room.saturating_add(BEYOND),
            "{} bytes where there was room for {room}",
            out.len()
        );
        assert!(all || out.len() >= room, "room is used before anything waits");
        most = most.max(rehydrator.held_bytes());
        whole.append(&mut out);
    }
    (whole, most)
}

/// Replies of about 64 KB in every format, full of `token`.
fn replies(token: &str) -> Vec<(ReplyFormat, String)> {
    let words = format!("{token} ").repeat(1_800);
    let delta = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string();
    let small: String = (0..400).map(|_| frame("", &delta(&format!("{token} and ")), "\n")).collect();
    vec![
        (ReplyFormat::Text, words.clone()),
        (ReplyFormat::Json, json!({"text": words}).to_string()),
        (ReplyFormat::Sse, frame("", &delta(&words), "\n")),
        (ReplyFormat::Sse, frame("", &delta(&words.repeat(2)), "\n")),
        (ReplyFormat::Sse, small),
        (ReplyFormat::Unknown, format!("data: x\n: {words}\n\n")),
        (ReplyFormat::JsonLines, delta(&words) + "\n"),
    ]
}

#[test]
fn any_room_is_enough_and_changes_nothing() {
    let (_, token, _) = large(1_600);
    for (format, input) in replies(&token) {
        let input = input.as_bytes();
        let (whole, _) = run_in(large(1_600).0, format, input, input.len(), usize::MAX);
        let mut pushed = Vec::new();
        let mut rehydrator = Rehydrator::new(large(1_600).0, format);
        rehydrator.push(input, &mut pushed);
        rehydrator.finish(&mut pushed);
        assert!(whole == pushed);
        for (size, room) in [(100, 36 * 1024), (5_000, 1_000), (36 * 1024, 36 * 1024), (36 * 1024, 300)] {
            let (out, _) = run_in(large(1_600).0, format, input, size, room);
            assert!(out == whole, "{format:?} in pieces of {size} with room for {room}");
        }
    }
}

#[test]
fn what_waits_does_not_grow_with_the_secrets() {
    let (_, token, secret) = large(16 * 1024);
    for (format, input) in replies(&token) {
        let (out, most) = run_in(large(16 * 1024).0, format, input.as_bytes(), 36 * 1024, 36 * 1024);
        let count = input.matches(&token).count();
        assert!(out.len() > count * secret.len(), "{format:?}: {} bytes", out.len());
        assert!(most < 12 * MAX_EVENT, "{format:?}: {most} bytes waited");
    }
}
