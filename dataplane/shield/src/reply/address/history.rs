//! The last bytes of a text, for a reader that has to look back.

/// Bytes that are remembered: the longest scheme, what opens an address before it, and blanks between.
pub(crate) const HISTORY: usize = 32;

/// The last bytes of a text, the newest last; zero where there were none.
#[derive(Clone, Copy, Default)]
pub(crate) struct History([u8; HISTORY]);

impl History {
    /// Remembers one more byte.
    pub(crate) fn push(&mut self, byte: u8) {
        self.0.copy_within(1.., 0);
        self.0[HISTORY - 1] = byte;
    }

    /// Remembers the end of `text`.
    pub(crate) fn extend(&mut self, text: &[u8]) {
        let tail = &text[text.len().saturating_sub(HISTORY)..];
        self.0.copy_within(tail.len().., 0);
        self.0[HISTORY - tail.len()..].copy_from_slice(tail);
    }

    /// The byte before `back` others, counted from the newest. Zero if it is not known.
    pub(crate) fn back(&self, back: usize) -> u8 {
        if back < HISTORY { self.0[HISTORY - 1 - back] } else { 0 }
    }

    /// How many of the bytes from `back` on, counted backwards, `skipped` is true of.
    pub(crate) fn run(&self, back: usize, skipped: impl Fn(u8) -> bool) -> usize {
        (back..HISTORY).take_while(|&back| skipped(self.back(back))).count()
    }

    /// Whether `word`, in lower case, stands in any case before the newest `back` bytes.
    pub(crate) fn ends_with(&self, back: usize, word: &[u8]) -> bool {
        word.iter().rev().enumerate().all(|(at, &byte)| self.back(back + at).to_ascii_lowercase() == byte)
    }
}
