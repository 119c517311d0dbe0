//! Long runs, remembered: many candidates inside one run cost one pass over it.

use super::set::ByteSet;

/// Remembers where the last long run of each set ended, so that many candidates inside one run cost one pass over it.
#[derive(Debug, Default)]
pub(crate) struct RunCache {
    seen: Vec<(ByteSet, usize, usize)>,
    /// Bytes looked at, for the tests that show that work grows with the text and not with its square.
    pub(crate) work: u64,
}

impl RunCache {
    /// Shorter runs are not worth remembering.
    pub(crate) const WORTH: usize = 256;

    /// Forgets all; for a new text.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.work = 0;
    }

    /// The length of the run of `set` at `at`, at most `max`.
    pub(crate) fn run(&mut self, set: &ByteSet, text: &[u8], at: usize, max: usize) -> usize {
        let index = self.seen.iter().position(|(s, ..)| s == set).unwrap_or_else(|| {
            self.seen.push((*set, 0, 0));
            self.seen.len() - 1
        });
        let (_, from, to) = &mut self.seen[index];
        if at < *from || at >= *to {
            (*from, *to) = (at, at);
        }
        let limit = text.len().min(at.saturating_add(max));
        if *to < limit {
            let more = set.run(&text[*to..], limit - *to);
            self.work += more as u64 + 1;
            *to += more;
        }
        (*to).min(limit) - at
    }
}

#[cfg(test)]
mod tests {
    use super::super::set::ALNUM;
    use super::*;

    #[test]
    fn a_run_is_walked_once() {
        let text = [vec![b'a'; 5000], b"-".to_vec(), vec![b'b'; 10]].concat();
        let mut runs = RunCache::default();
        for at in (0..5000).step_by(7) {
            assert_eq!(runs.run(&ALNUM, &text, at, 10_000), 5000 - at);
            assert_eq!(runs.run(&ALNUM, &text, at, 9), 9.min(5000 - at));
        }
        assert!(runs.work < 8000, "{}", runs.work);
        assert_eq!(runs.run(&ALNUM, &text, 5000, 10), 0);
        assert_eq!(runs.run(&ALNUM, &text, 5001, 100), 10);
    }
}
