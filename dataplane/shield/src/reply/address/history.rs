//! The last bytes of a text, for a reader that has to look back.

/// Bytes that are remembered: the longest scheme, what opens an address before it, and blanks between.
pub(crate) const HISTORY: usize = 32;

/// The last bytes of a text; zero where there were none.
#[derive(Clone, Copy, Default)]
pub(crate) struct History {
    /// A ring.
    bytes: [u8; HISTORY],
    /// Where the next byte goes.
    end: usize,
}

impl History {
    /// Remembers one more byte.
    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes[self.end % HISTORY] = byte;
        self.end = (self.end + 1) % HISTORY;
    }

    /// Remembers the end of `text`.
    pub(crate) fn extend(&mut self, text: &[u8]) {
        let tail = &text[text.len().saturating_sub(HISTORY)..];
        let (first, second) = tail.split_at(tail.len().min(HISTORY - self.end));
        self.bytes[self.end..self.end + first.len()].copy_from_slice(first);
        self.bytes[..second.len()].copy_from_slice(second);
        self.end = (self.end + tail.len()) % HISTORY;
    }

    /// The byte before `back` others, counted from the newest. Zero if it is not known.
    pub(crate) fn back(&self, back: usize) -> u8 {
        if back < HISTORY { self.bytes[(self.end + HISTORY - 1 - back) % HISTORY] } else { 0 }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_known_however_they_came() {
        let text: Vec<u8> = (1..=200).collect();
        for size in [1, 3, 31, 32, 33, 200] {
            let mut history = History::default();
            for (at, piece) in text.chunks(size).enumerate() {
                if at % 2 == 0 {
                    history.extend(piece);
                } else {
                    for &byte in piece {
                        history.push(byte);
                    }
                }
                let seen = text.len().min((at + 1) * size);
                for back in 0..HISTORY + 2 {
                    let known = if back < HISTORY { seen.checked_sub(back + 1) } else { None };
                    assert_eq!(history.back(back), known.map_or(0, |at| text[at]), "{size} {seen} {back}");
                }
            }
        }
    }
}
