//! The keyed hashes of known values: one key in, and from it a key of its own for each purpose.

#![expect(clippy::cast_possible_truncation, reason = "halves of products and of keys are wanted")]

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

type Hmac256 = Hmac<Sha256>;

/// Bits of a hash of a piece or of an anchor.
pub(super) const PRINT_BITS: u32 = 24;

/// The key of a list of known values. What it was made from is not kept; what was derived is wiped when dropped.
#[derive(Clone)]
pub struct KnownKey {
    id: [u8; 8],
    value: Hmac256,
    seal: Hmac256,
    list: Hmac256,
    piece: u32,
    window: [u64; 2],
    whole: [u64; 2],
}

impl std::fmt::Debug for KnownKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownKey").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Drop for KnownKey {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        // The HMAC states wipe themselves.
        self.piece.zeroize();
        self.window.zeroize();
        self.whole.zeroize();
    }
}

impl KnownKey {
    /// Derives what is needed from 256 random bits.
    pub fn new(secret: &[u8; 32]) -> KnownKey {
        let derive = |purpose: &str| -> [u8; 32] {
            let mut mac = keyed(secret);
            mac.update(b"aegis known values 1: ");
            mac.update(purpose.as_bytes());
            mac.finalize().into_bytes().into()
        };
        let number = |purpose: &str, at: usize| {
            let bytes = derive(purpose);
            u64::from_le_bytes(std::array::from_fn(|i| bytes[8 * at + i]))
        };
        let id = derive("id");
        KnownKey {
            id: std::array::from_fn(|i| id[i]),
            value: keyed(&derive("value")),
            seal: keyed(&derive("seal")),
            list: keyed(&derive("list")),
            // Odd: no bit of what is multiplied gets lost.
            piece: number("piece", 0) as u32 | 1,
            window: [number("window", 0), number("window", 1) | 1],
            whole: [number("whole", 0), number("whole", 1) | 1],
        }
    }

    /// Distinguishes keys, and says nothing about them: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        HEXLOWER.encode(&self.id)
    }

    /// HMAC-SHA-256 of a value.
    pub(super) fn value(&self, value: &[u8]) -> [u8; 32] {
        let mut mac = self.value.clone();
        mac.update(value);
        mac.finalize().into_bytes().into()
    }

    /// What the rest of an entry is hidden with: the same for the same value only.
    pub(super) fn mask(&self, hash: &[u8; 32]) -> [u8; 32] {
        let mut mac = self.seal.clone();
        mac.update(hash);
        mac.finalize().into_bytes().into()
    }

    /// The check value of a whole list.
    pub(super) fn list(&self, text: &[u8]) -> [u8; 32] {
        let mut mac = self.list.clone();
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// The multiplier of [`print()`], for loops that keep it in a register.
    pub(super) fn piece(&self) -> u32 {
        self.piece
    }

    /// The short hash of eight bytes.
    #[inline]
    pub(super) fn window(&self, bytes: [u8; 8]) -> u32 {
        let mixed = folded_multiply(u64::from_le_bytes(bytes) ^ self.window[0], self.window[1]);
        (mixed >> (64 - PRINT_BITS)) as u32
    }

    /// A short hash of a whole value: it spares the HMAC of what only begins like one.
    pub(super) fn whole(&self, value: &[u8]) -> u16 {
        let mut state = self.whole[0] ^ value.len() as u64;
        let (chunks, rest) = value.as_chunks::<8>();
        for chunk in chunks {
            state = folded_multiply(state ^ u64::from_le_bytes(*chunk), self.whole[1]);
        }
        let last = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        (folded_multiply(state ^ last, self.whole[1]) >> 48) as u16
    }
}

/// The short hash of four bytes.
#[inline]
pub(super) fn print(piece: [u8; 4], multiplier: u32) -> u32 {
    u32::from_le_bytes(piece).wrapping_mul(multiplier) >> (u32::BITS - PRINT_BITS)
}

#[inline]
fn folded_multiply(word: u64, multiplier: u64) -> u64 {
    let product = u128::from(word) * u128::from(multiplier);
    (product >> 64) as u64 ^ product as u64
}

fn keyed(key: &[u8; 32]) -> Hmac256 {
    // As long as a key of a hash of 64-byte blocks may be; shorter ones are filled with zeros anyway.
    let mut block = zeroize::Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    Hmac256::new((&*block).into())
}
