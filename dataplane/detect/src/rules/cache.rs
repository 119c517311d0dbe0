//! The container of compiled databases on their way to and from a file that the caller keeps.
//!
//! Layout: magic, digest of what the databases were made from, number of databases, each with its length, and an
//! HMAC-SHA256 over all of it. The engine trusts the bytes it is given: a made-up database could make it read and write
//! memory at will. So its reader is given nothing before the HMAC was found right, and only who holds the [`CacheKey`]
//! can make one. Whoever can read the key's file and write to the cache's can take the process over; keep others from
//! both.

#![expect(clippy::cast_possible_truncation, reason = "few databases are made")]

use super::builtin_rules;
use super::selection::Selection;
use super::set::Set;
use crate::engine::hyperscan::{Database, platform_key};
use crate::rule::RuleError;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"aegisdb2";
const HASH: usize = 32;

/// Bytes of the hash that make a key.
const KEY: usize = 16;

/// The key that caches of compiled rules are sealed with. Whoever holds it can make a cache that takes this process
/// over, so it must be random, and only this program may read where it is kept. Wiped when dropped; never shown.
pub struct CacheKey(Zeroizing<[u8; Self::LEN]>);

impl CacheKey {
    /// Bytes of a key.
    pub const LEN: usize = 32;

    /// Takes over a key of random bytes.
    pub fn new(bytes: Zeroizing<[u8; Self::LEN]>) -> CacheKey {
        CacheKey(bytes)
    }

    fn mac(&self, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).ok()?;
        Some(mac.chain_update(body))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// What decides the databases' content, before any of it is read: engine, processor, and the texts of all rules.
pub(crate) fn key(selection: &Selection<'_>) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(MAGIC);
    part(env!("CARGO_PKG_VERSION").as_bytes());
    part(platform_key().as_bytes());
    for (_, text) in builtin_rules::FILES {
        part(text.as_bytes());
    }
    for (_, _, text) in builtin_rules::PACKS.iter().filter(|(pack, ..)| selection.packs.contains(pack)) {
        part(text.as_bytes());
    }
    for file in selection.custom {
        part(file.text.as_bytes());
    }
    HEXLOWER.encode(&hash.finalize()[..KEY])
}

/// Serialises the databases and seals them.
pub(crate) fn pack(seal: &CacheKey, digest: &[u8; HASH], sets: &[Arc<Set>]) -> Result<Vec<u8>, RuleError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(digest);
    bytes.extend_from_slice(&(sets.len() as u32).to_le_bytes());
    for set in sets {
        let database = set.database.serialize().map_err(|e| RuleError::Engine(e.to_string()))?;
        bytes.extend_from_slice(&(database.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&database);
    }
    let mac = seal.mac(&bytes).ok_or(RuleError::StaleCache)?;
    bytes.extend_from_slice(&mac.finalize().into_bytes());
    Ok(bytes)
}

/// Rebuilds the databases if the bytes are whole, sealed with this key, and made from the same rules, engine and
/// processor.
pub(crate) fn unpack(seal: &CacheKey, digest: &[u8; HASH], bytes: &[u8]) -> Result<Vec<Database>, RuleError> {
    read(seal, digest, bytes).ok_or(RuleError::StaleCache)
}

fn read(seal: &CacheKey, digest: &[u8; HASH], bytes: &[u8]) -> Option<Vec<Database>> {
    let (body, sum) = bytes.split_last_chunk::<HASH>()?;
    let rest = body.strip_prefix(MAGIC)?.strip_prefix(digest)?;
    // Compared in constant time, so that nobody can feel their way to a right one.
    seal.mac(body)?.verify_slice(sum).ok()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut databases = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let (length, tail) = rest.split_first_chunk::<8>()?;
        let (database, tail) = tail.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        databases.push(Database::deserialize(database).ok()?);
        rest = tail;
    }
    rest.is_empty().then_some(databases)
}
