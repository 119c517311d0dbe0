//! Header fields that hold no secret, remembered so that they are scanned once and not with every request.
//!
//! Clients send most of their fields unchanged: their name, their versions, their languages. What is kept is a hash of
//! 64 bits under a key of this shard's own, never the value; two fields of the same hash are met once in 2^64 tries,
//! which nobody outside can aim at. A hash belongs to one generation of the configuration and to one gateway key, so
//! that new rules look at every field again, and no client can infer from the time it waits what another one sends.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;

/// Fields remembered by a shard, a power of two; 4 KiB. A field that differs with every request takes the place of one.
const PLACES: usize = 512;

/// Identifies a field of one client under one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldHash(NonZeroU64);

/// The fields of a shard.
pub(crate) struct CleanFields {
    key: RandomState,
    hashes: Box<[Cell<Option<FieldHash>>]>,
}

impl Default for CleanFields {
    fn default() -> Self {
        Self { key: RandomState::new(), hashes: vec![Cell::new(None); PLACES].into() }
    }
}

impl CleanFields {
    /// The hash of a field that the holder of the gateway key `owner` sends under the configuration of that generation.
    pub(crate) fn hash(&self, generation: u64, owner: (&str, &str), name: &[u8], value: &[u8]) -> FieldHash {
        let hash = self.key.hash_one((generation, owner, name, value));
        FieldHash(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MAX))
    }

    /// Whether the field was scanned and nothing was found.
    pub(crate) fn contains(&self, hash: FieldHash) -> bool {
        self.place(hash).get() == Some(hash)
    }

    /// Remembers a field in which nothing was found.
    pub(crate) fn insert(&self, hash: FieldHash) {
        self.place(hash).set(Some(hash));
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash choose a place")]
    fn place(&self, hash: FieldHash) -> &Cell<Option<FieldHash>> {
        &self.hashes[hash.0.get() as usize % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_known_again_under_the_same_configuration_and_key_alone() {
        let clean = CleanFields::default();
        let owner = ("acme", "laptop");
        let hash = clean.hash(1, owner, b"user-agent", b"agent/1.2");
        assert!(!clean.contains(hash));
        clean.insert(hash);
        assert!(clean.contains(clean.hash(1, owner, b"user-agent", b"agent/1.2")));
        for other in [
            clean.hash(2, owner, b"user-agent", b"agent/1.2"),
            clean.hash(1, ("acme", "build"), b"user-agent", b"agent/1.2"),
            clean.hash(1, owner, b"user-agen", b"tagent/1.2"),
            clean.hash(1, owner, b"user-agent", b"agent/1.3"),
        ] {
            assert!(!clean.contains(other));
        }
    }

    #[test]
    fn what_takes_a_place_is_all_that_is_forgotten() {
        let clean = CleanFields::default();
        let hash = |id: usize| clean.hash(1, ("", ""), b"x-request-id", &id.to_be_bytes());
        for id in 0..100 * PLACES {
            clean.insert(hash(id));
            assert!(clean.contains(hash(id)));
        }
        assert!((0..100 * PLACES).filter(|id| clean.contains(hash(*id))).count() <= PLACES);
    }
}
