//! Made-up bytes, names and numbers, the same in every run.

use std::fmt::Write as _;

const WORDS: [&str; 16] = [
    "anchor", "bridge", "cipher", "dragon", "ember", "falcon", "garden", "harbor", "island", "jacket",
    "kernel", "ladder", "marble", "needle", "orchard", "pencil",
];

/// `SplitMix64`, after Steele, Lea and Flood.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn pick(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    pub(crate) fn lower(&mut self, count: usize) -> String {
        self.pick(b"abcdefghijklmnopqrstuvwxyz", count)
    }

    pub(crate) fn alnum(&mut self, count: usize) -> String {
        self.pick(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", count)
    }

    /// The hexadecimal digits of `count` bytes.
    pub(crate) fn hex(&mut self, count: usize) -> String {
        self.bytes(count).iter().fold(String::new(), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
    }

    pub(crate) fn uuid(&mut self) -> String {
        let h = self.hex(16);
        format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..])
    }

    pub(crate) fn word(&mut self) -> String {
        format!("{}-{}", WORDS[self.below(WORDS.len())], WORDS[self.below(WORDS.len())])
    }

    pub(crate) fn version(&mut self) -> String {
        format!("{}.{}.{}", self.below(20), self.below(40), self.below(99))
    }
}
