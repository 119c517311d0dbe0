//! Comments in silent event streams, so that nothing between gateway and client takes the connection for dead.
//!
//! A comment may stand between two events only: inside one it would not harm a careful reader, but few are careful.
//! Where the client is, is known by what has gone out to it, not by what has come: a half event that is held back is
//! none yet.

use std::time::Duration;

/// A comment and the end of its block (WHATWG HTML, "Server-sent events", 9.2.5).
pub(super) const COMMENT: &[u8] = b": keep-alive\n\n";

/// Bytes that show whether the last line was an empty one.
const TAIL: usize = 3;

/// Knows when a comment is due.
pub(super) struct KeepAlive {
    every: Duration,
    /// The last bytes that went out.
    tail: [u8; TAIL],
}

impl KeepAlive {
    /// One comment for each silence of `every`.
    pub(super) fn new(every: Duration) -> Self {
        Self { every, tail: [0; TAIL] }
    }

    /// Notes what goes out.
    pub(super) fn passed(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(TAIL)..];
        self.tail.rotate_left(new.len());
        self.tail[TAIL - new.len()..].copy_from_slice(new);
    }

    /// How long a silence may last until a comment is due; none where there must be none. Before the first event there
    /// is none either: a byte order mark must stay the first thing in the stream.
    pub(super) fn due(&self) -> Option<Duration> {
        let between = matches!(self.tail, [_, b'\n', b'\n'] | [b'\n', b'\r', b'\n'] | [_, b'\r', b'\r']);
        between.then_some(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_due_between_events_only() {
        for (passed, due) in [
            (&["data: x\n\n"][..], true),
            (&["data: x\r\n\r\n"], true),
            (&["data: x\r\r"], true),
            (&["data: x\n", "\n"], true),
            (&["data: x\r\n", "\r", "\n"], true),
            (&["d", "a", "ta: x\n\n", ""], true),
            (&[], false),
            (&["\n"], false),
            (&["data: x"], false),
            (&["data: x\n"], false),
            (&["data: x\r\n"], false),
            (&["data: x\n\ndata"], false),
            (&["data: x\n\n", "e"], false),
            (&["data: x\r\n\r"], false),
        ] {
            let mut keep_alive = KeepAlive::new(Duration::from_secs(1));
            for bytes in passed {
                keep_alive.passed(bytes.as_bytes());
            }
            assert_eq!(keep_alive.due().is_some(), due, "{passed:?}");
        }
    }
}
