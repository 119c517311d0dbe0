//! Made-up secrets of real shapes, a different one for every seed.
//!
//! They are computed, so that no file of this tree holds anything a scanner would report.

#![expect(clippy::cast_possible_truncation, reason = "the remainder of a division by a usize")]

const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A small deterministic generator (splitmix64).
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// Different seeds give unrelated sequences.
    pub fn new(seed: u64) -> Seeded {
        Seeded(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D123_4567)
    }

    /// Next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound.max(1) as u64) as usize
    }

    /// A string over `alphabet`.
    pub fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    /// A signed token with claims, of about `length` bytes.
    pub fn claims(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let (claims, signature) = (self.text(LETTERS, length), self.text(LETTERS, 43));
        format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIx{claims}.{signature}")
    }

    /// A GitHub personal access token with a valid check value.
    pub fn github(&mut self) -> String {
        let random = self.text(ALNUM, 30);
        let mut sum = u64::from(crc32(random.as_bytes()));
        let mut check = [b'0'; 6];
        for place in check.iter_mut().rev() {
            *place = BASE62[(sum % 62) as usize];
            sum /= 62;
        }
        format!("ghp_{random}{}", check.map(char::from).iter().collect::<String>())
    }

    /// An Anthropic API key.
    pub fn anthropic(&mut self) -> String {
        format!("sk-ant-{}{}AA", "api03-", self.text(BASE64_URL, 93))
    }

    /// An AWS access key id.
    pub fn aws(&mut self) -> String {
        format!("AK{}{}", "IA", self.text(BASE32, 16))
    }

    /// A Stripe live key.
    pub fn stripe(&mut self) -> String {
        format!("sk_{}_{}", "live", self.text(ALNUM, 24))
    }

    /// A password that looks like one.
    pub fn password(&mut self) -> String {
        format!("{}{}!{}", self.text(ALNUM, 8), self.below(90) + 10, self.text(ALNUM, 7))
    }

    /// A PEM private key block over several lines, without a newline at its end.
    pub fn pem(&mut self) -> String {
        let kind = ["RSA", "PRIVATE", "KEY"].join(" ");
        let lines: Vec<String> = (0..12).map(|_| self.text(BASE64, 64)).collect();
        format!("-----BEGIN {kind}-----\nMII{}\n-----END {kind}-----", lines.join("\n"))
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_of_the_check_string() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn seeds_differ_and_repeat() {
        assert_eq!(Seeded::new(7).github(), Seeded::new(7).github());
        assert_ne!(Seeded::new(7).github(), Seeded::new(8).github());
    }
}
