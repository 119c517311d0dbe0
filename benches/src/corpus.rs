//! The text that measurements run on: real code (this crate's own) with prose between, put into a chat
//! request as an editor's assistant would send it. Equal for equal arguments, whatever the machine.

use crate::mock::quote::quote;
use crate::mock::scenario::Escape;
use std::fmt::Write as _;

/// Real source text: indentation, quotes, escapes, long identifiers, test data.
const CODE: [&str; 8] = [
    include_str!("mock/scenario.rs"),
    include_str!("mock/inbound.rs"),
    include_str!("mock/outbound.rs"),
    include_str!("mock/openai_responses.rs"),
    include_str!("mock/record.rs"),
    include_str!("mock/server.rs"),
    include_str!("mock/quirk.rs"),
    include_str!("mock/reply.rs"),
];

const PROSE: [&str; 4] = [
    "The test fails only when the second window starts inside a multi-byte character. Please find out why, and \
     keep the public interface as it is.\n",
    "I have read the three modules below. What I do not see is who owns the buffer once the reply has begun; can \
     you explain it in two sentences and then propose the smallest change?\n",
    "Here is the output of the last run. Nothing is red, but the numbers are twice what they were on Monday, and \
     nobody touched this file since then.\n",
    "Let us leave the naming for later. First make it work for streams, then write down in the comment what may \
     never be assumed about the order of events.\n",
];

/// Made-up secrets of three kinds, found by the default rules: an assignment, a connection string's password
/// and a cloud key.
pub const SECRETS: [&str; 3] = ["vT9#qLw2Zr8!mXc4Kd", "q7VzR2mK9xWp4LtB", "AKIAQ3ZT7RWN5XKD2LVM"];

/// A text of `size` bytes (give or take a character), different for every `seed`.
pub fn text(size: usize, seed: usize) -> String {
    let mut out = String::with_capacity(size + 4096);
    let mut turn = seed;
    while out.len() < size {
        out.push_str(PROSE[turn % PROSE.len()]);
        let code = CODE[turn % CODE.len()];
        let lines = code.lines().count();
        let start = turn.wrapping_mul(37) % lines;
        for line in code.lines().skip(start).take(90) {
            out.push_str(line);
            out.push('\n');
        }
        turn += 1;
    }
    let end = (0..=size).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
    out.truncate(end);
    out
}

/// Lines that hold [`SECRETS`], as they stand in real files.
pub fn secret_lines() -> String {
    let [password, connection, key] = SECRETS;
    format!(
        "export DB_PASSWORD='{password}'\nDATABASE_URL=postgres://app:{connection}@db.internal:5432/orders\n\
         aws_access_key_id = {key}\n"
    )
}

/// Messages are about this long, as the turns of a coding session are.
const MESSAGE: usize = 8 * 1024;

/// A chat request of `size` bytes in all (give or take a few): turns of user and assistant; in the last one,
/// [`SECRETS`] if wanted.
pub fn chat(size: usize, stream: bool, secrets: bool, seed: usize) -> Vec<u8> {
    chat_of(&|size, seed| text(size, seed), size, stream, secrets, seed)
}

/// The same with other text: `text(size, seed)` gives about `size` bytes.
pub fn chat_of(
    text: &dyn Fn(usize, usize) -> String,
    size: usize,
    stream: bool,
    secrets: bool,
    seed: usize,
) -> Vec<u8> {
    let head = format!(
        "{{\"model\":\"mock-large\",\"max_tokens\":1024,\"stream\":{stream},\"messages\":[{{\"role\":\"user\",\"content\":"
    );
    let last = if secrets { secret_lines() } else { "cargo test --workspace\n".to_owned() };
    let last = quote(&last, Escape::Minimal);
    let tail = "}]}";
    let mut out = head;
    let mut turn = seed;
    loop {
        let room = size.saturating_sub(out.len() + last.len() + tail.len() + 64);
        let content = fitting(text, room.min(MESSAGE), turn);
        out.push_str(&content);
        let role = if turn % 2 == seed % 2 { "assistant" } else { "user" };
        let _ = write!(out, "}},{{\"role\":\"{role}\",\"content\":");
        turn += 1;
        if room <= MESSAGE {
            break;
        }
    }
    if out.ends_with("\"assistant\",\"content\":") {
        out.push_str("\"Yes.\"},{\"role\":\"user\",\"content\":");
    }
    out.push_str(&last);
    out.push_str(tail);
    out.into_bytes()
}

/// A JSON string whose quoted form takes about `room` bytes.
fn fitting(text: &dyn Fn(usize, usize) -> String, room: usize, seed: usize) -> String {
    let mut size = room;
    loop {
        let quoted = quote(&text(size, seed), Escape::Minimal);
        if quoted.len() <= room + 2 || size == 0 {
            return quoted;
        }
        size = size.saturating_sub(quoted.len() - room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_json_of_the_size_asked_for() {
        for size in [1 << 10, 64 << 10, 1 << 20] {
            for secrets in [false, true] {
                let body = chat(size, true, secrets, 3);
                let doc: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert!(body.len().abs_diff(size) < size / 10, "{size} became {}", body.len());
                let messages = doc["messages"].as_array().unwrap();
                assert_eq!(messages.last().unwrap()["role"], "user");
                let found = SECRETS.iter().all(|s| memchr::memmem::find(&body, s.as_bytes()).is_some());
                assert_eq!(found, secrets);
                assert_eq!(body, chat(size, true, secrets, 3));
            }
        }
    }
}
