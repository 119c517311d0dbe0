//! The keys that clients of the gateway show, found by their hash.

use std::sync::Arc;

use subtle::ConstantTimeEq;

/// A gateway key. Its hash, never the key.
#[derive(Debug, Clone)]
pub struct HashedKey {
    /// Name in logs and audit.
    pub id: Arc<str>,
    /// Organisation.
    pub organisation: Option<Arc<str>>,
    /// User or team.
    pub user: Option<Arc<str>>,
    /// SHA-256 of the key; compare in constant time.
    pub sha256: [u8; 32],
    /// Upstreams it may use; all when empty.
    pub upstreams: Vec<Arc<str>>,
    /// Whether values of its requests are remembered.
    pub recall: bool,
    /// Refused when true.
    pub disabled: bool,
}

/// Leading bytes of a hash by which keys are ordered and looked up. What the time of a search reveals is about these bytes
/// of a SHA-256, which lead to no key; all 32 are compared in constant time.
const PREFIX: usize = 8;

/// Gateway keys in the order of their hashes: a look-up costs the logarithm of their number.
#[derive(Debug, Default)]
pub struct GatewayKeys(Vec<HashedKey>);

impl GatewayKeys {
    /// Takes keys in any order.
    pub fn new(keys: impl IntoIterator<Item = HashedKey>) -> Self {
        let mut keys: Vec<HashedKey> = keys.into_iter().collect();
        keys.sort_unstable_by_key(|key| key.sha256);
        keys.shrink_to_fit();
        GatewayKeys(keys)
    }

    /// The key that has this hash.
    pub fn get(&self, sha256: &[u8; 32]) -> Option<&HashedKey> {
        self.look_up(sha256, || {})
    }

    /// As [`Self::get`]; calls `looked` for each key that is looked at.
    fn look_up(&self, sha256: &[u8; 32], mut looked: impl FnMut()) -> Option<&HashedKey> {
        let first = self.0.partition_point(|key| {
            looked();
            key.sha256[..PREFIX] < sha256[..PREFIX]
        });
        let same_prefix = self.0[first..].iter().take_while(|key| {
            looked();
            key.sha256[..PREFIX] == sha256[..PREFIX]
        });
        same_prefix.filter(|key| bool::from(key.sha256.ct_eq(sha256))).last()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, so that everybody is refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = &HashedKey> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sha256: [u8; 32]) -> HashedKey {
        let id = format!("{sha256:?}").into();
        HashedKey {
            id,
            organisation: None,
            user: None,
            sha256,
            upstreams: vec![],
            recall: true,
            disabled: false,
        }
    }

    #[test]
    fn a_look_up_among_fifty_thousand_keys_looks_at_a_few() {
        use sha2::{Digest, Sha256};

        let hash = |number: u32| -> [u8; 32] { Sha256::digest(number.to_le_bytes()).into() };
        let keys = GatewayKeys::new((0..50_000).map(|number| key(hash(number))));
        for number in 0..60_000 {
            let mut looks = 0;
            let found = keys.look_up(&hash(number), || looks += 1);
            assert_eq!(found.is_some(), number < 50_000);
            // The logarithm of their number, the key itself, and the one behind it.
            assert!(looks <= 20, "{looks} looks");
        }
    }

    /// Hashes that differ in their first byte, in the last byte of the prefix, behind it, and in their last byte.
    #[test]
    fn each_key_is_found_by_its_whole_hash_and_no_other() {
        let mut hashes = vec![[7; 32]];
        for at in [0, PREFIX - 1, PREFIX, 31] {
            for byte in [0, 6, 8, 255] {
                let mut hash = [7; 32];
                hash[at] = byte;
                hashes.push(hash);
            }
        }
        for absent in 0..hashes.len() {
            let present = hashes.iter().enumerate().filter(|(index, _)| *index != absent);
            let keys = GatewayKeys::new(present.map(|(_, hash)| key(*hash)));
            for (index, hash) in hashes.iter().enumerate() {
                assert_eq!(keys.get(hash).map(|key| key.sha256), (index != absent).then_some(*hash));
            }
        }
        assert!(GatewayKeys::default().get(&[7; 32]).is_none());
    }
}
