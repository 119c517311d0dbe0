//! The hash chain over a stream's events: whoever holds the last hash notices when an event before it was removed or
//! altered.

use sha2::{Digest, Sha256};

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// Keeps these hashes apart from those of any other use.
const PURPOSE: &str = "aegis audit 1";

/// Where a chain stands: the hash of its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHash(pub [u8; HASH_BYTES]);

impl ChainHash {
    /// Before the first event: of who writes the stream, so that no event of one stream fits into another.
    pub fn start(organisation: &str, gateway: &str, boot: &str) -> ChainHash {
        let mut hash = Sha256::new();
        for part in [PURPOSE, organisation, gateway, boot] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        ChainHash(hash.finalize().into())
    }

    /// After one more event: SHA-256 of this hash, the event's number as eight bytes (the highest first), and its exact
    /// bytes.
    #[must_use]
    pub fn after(self, sequence: u64, event: &[u8]) -> ChainHash {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(sequence.to_be_bytes());
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

    fn end(boot: &str, events: &[&[u8]]) -> ChainHash {
        let start = ChainHash::start("org_1", "gw_1", boot);
        (1..).zip(events).fold(start, |hash, (sequence, event)| hash.after(sequence, event))
    }

    #[test]
    fn a_change_of_any_event_or_order_changes_the_end() {
        let whole = end("boot_1", &[b"one", b"two", b"three"]);
        for other in [
            &[&b"one"[..], b"two"][..],
            &[b"two", b"three"],
            &[b"one", b"three", b"two"],
            &[b"onet", b"wo", b"three"],
            &[b"one", b"two", b"three", b""],
        ] {
            assert_ne!(end("boot_1", other), whole, "{other:?}");
        }
        assert_ne!(end("boot_2", &[b"one", b"two", b"three"]), whole);
        assert_ne!(ChainHash::start("org_1gw", "_1", "boot_1"), ChainHash::start("org_1", "gw_1", "boot_1"));
        assert_eq!(end("boot_1", &[b"one", b"two", b"three"]), whole);
        assert_eq!(ChainHash::read(&whole.0), Some(whole));
        assert_eq!(ChainHash::read(&whole.0[1..]), None);
    }
}
