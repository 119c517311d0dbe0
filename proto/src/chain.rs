//! The hash chain over a stream's events: whoever holds the last hash notices when an event before it was removed or
//! altered.

use sha2::{Digest, Sha256};

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// Where a chain stands: the hash of its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHash(pub [u8; HASH_BYTES]);

impl ChainHash {
    /// Before the first event.
    pub const START: ChainHash = ChainHash([0; HASH_BYTES]);

    /// The hash after one more event: SHA-256 of this hash and the event's exact bytes. Its length needs no place of its
    /// own, for the hash before it is always as long.
    #[must_use]
    pub fn after(self, event: &[u8]) -> ChainHash {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(event);
        ChainHash(hash.finalize().into())
    }

    /// Reads a hash from a message; none if it is not as long as one.
    pub fn read(bytes: &[u8]) -> Option<ChainHash> {
        bytes.try_into().ok().map(ChainHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_event_or_order_changes_the_end() {
        let chain = |events: &[&[u8]]| events.iter().fold(ChainHash::START, |hash, event| hash.after(event));
        let end = chain(&[b"one", b"two", b"three"]);
        for other in [
            &[&b"one"[..], b"two"][..],
            &[b"two", b"three"],
            &[b"one", b"three", b"two"],
            &[b"onet", b"wo", b"three"],
            &[b"one", b"two", b"three", b""],
        ] {
            assert_ne!(chain(other), end, "{other:?}");
        }
        assert_eq!(chain(&[b"one", b"two", b"three"]), end);
        assert_eq!(ChainHash::read(&end.0), Some(end));
        assert_eq!(ChainHash::read(&end.0[1..]), None);
    }
}
