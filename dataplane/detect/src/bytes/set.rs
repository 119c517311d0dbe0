//! Sets of bytes, as 256 bits: what a run of a rule's pattern may match.

/// A set of byte values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ByteSet {
    bits: [u64; 4],
}

impl ByteSet {
    /// The set of no bytes.
    pub(crate) const EMPTY: ByteSet = ByteSet { bits: [0; 4] };

    /// The set of the bytes of a string.
    pub(crate) const fn of(bytes: &[u8]) -> ByteSet {
        let mut set = ByteSet::EMPTY;
        let mut i = 0;
        while i < bytes.len() {
            set = set.with(bytes[i], bytes[i]);
            i += 1;
        }
        set
    }

    /// This set and all bytes from `first` to `last`, both included.
    pub(crate) const fn with(mut self, first: u8, last: u8) -> ByteSet {
        let mut byte = first;
        loop {
            self.bits[(byte >> 6) as usize] |= 1 << (byte & 63);
            if byte >= last {
                return self;
            }
            byte += 1;
        }
    }

    /// What is in either set.
    pub(crate) const fn union(self, other: ByteSet) -> ByteSet {
        let (a, b) = (self.bits, other.bits);
        ByteSet { bits: [a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]] }
    }

    /// Whether the byte is in the set.
    #[inline]
    pub(crate) const fn has(&self, byte: u8) -> bool {
        self.bits[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    /// Whether the two sets share a byte.
    pub(crate) fn has_any_of(&self, other: &ByteSet) -> bool {
        self.bits.iter().zip(&other.bits).any(|(a, b)| a & b != 0)
    }

    /// How many bytes are in the set.
    pub(crate) fn len(&self) -> u32 {
        self.bits.iter().map(|w| w.count_ones()).sum()
    }

    /// The bytes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|&b| self.has(b))
    }

    /// The length of the run of members at the start of `text`, at most `max`.
    #[inline]
    pub(crate) fn run(&self, text: &[u8], max: usize) -> usize {
        let text = &text[..text.len().min(max)];
        text.iter().position(|&b| !self.has(b)).unwrap_or(text.len())
    }

    /// The length of the run of members at the end of `text`, at most `max`.
    #[inline]
    pub(crate) fn run_back(&self, text: &[u8], max: usize) -> usize {
        text.iter().rev().take(max).position(|&b| !self.has(b)).unwrap_or(text.len().min(max))
    }
}

/// `[0-9]`
pub(crate) const DIGIT: ByteSet = ByteSet::EMPTY.with(b'0', b'9');
/// `[a-z]`
pub(crate) const LOWER: ByteSet = ByteSet::EMPTY.with(b'a', b'z');
/// `[A-Z]`
pub(crate) const UPPER: ByteSet = ByteSet::EMPTY.with(b'A', b'Z');
/// `[A-Za-z]`
pub(crate) const ALPHA: ByteSet = LOWER.union(UPPER);
/// `[0-9A-Za-z]`
pub(crate) const ALNUM: ByteSet = ALPHA.union(DIGIT);
/// `[0-9A-Za-z_]`
pub(crate) const WORD: ByteSet = ALNUM.with(b'_', b'_');
/// `[0-9A-Za-z_-]`
pub(crate) const BASE64URL: ByteSet = WORD.with(b'-', b'-');
/// `[0-9A-Za-z+/]`
pub(crate) const BASE64: ByteSet = ALNUM.union(ByteSet::of(b"+/"));
/// `[0-9A-Fa-f]`
pub(crate) const HEX: ByteSet = DIGIT.with(b'a', b'f').with(b'A', b'F');
/// Space and tab.
pub(crate) const BLANK: ByteSet = ByteSet::of(b" \t");
/// Space, tab and line ends.
pub(crate) const SPACE: ByteSet = ByteSet::of(b" \t\r\n");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_stop_at_strangers_and_at_the_limit() {
        assert_eq!(ALNUM.run(b"abc1-2", 10), 4);
        assert_eq!(ALNUM.run(b"abc1-2", 3), 3);
        assert_eq!(ALNUM.run_back(b"-abc", 10), 3);
        assert_eq!(ALNUM.run_back(b"abc", 2), 2);
        assert_eq!(ALNUM.len(), 62);
        assert_eq!(DIGIT.iter().collect::<Vec<_>>(), b"0123456789");
        assert!(DIGIT.has_any_of(&HEX) && !DIGIT.has_any_of(&UPPER));
        assert!(ByteSet::EMPTY.with(255, 255).has(255));
    }
}
