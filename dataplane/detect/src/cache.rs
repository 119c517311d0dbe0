//! The container of compiled databases on their way to and from a file that the caller keeps.
//!
//! Layout: magic, digest of what the databases were made from, number of databases, each with its length, and a SHA-256
//! over all of it. The engine's reader is given nothing that does not match.

use crate::catalogue;
use crate::engine::hyperscan::{Database, platform_key};
use crate::rule::RuleError;
use crate::rules::Set;
use crate::selection::Selection;
use sha2::{Digest, Sha256};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"aegisdb1";
const HASH: usize = 32;

/// Bytes of the hash that make a key.
const KEY: usize = 16;

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
    for (_, text) in catalogue::FILES {
        part(text.as_bytes());
    }
    for (_, _, text) in catalogue::PACKS.iter().filter(|(pack, ..)| selection.packs.contains(pack)) {
        part(text.as_bytes());
    }
    for file in selection.custom {
        part(file.text.as_bytes());
    }
    hash.finalize()[..KEY].iter().fold(String::new(), |mut key, byte| {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        key.extend([digit(byte >> 4), digit(byte & 15)]);
        key
    })
}

/// Serialises the databases.
pub(crate) fn pack(digest: &[u8; HASH], sets: &[Arc<Set>]) -> Result<Vec<u8>, RuleError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(digest);
    bytes.extend_from_slice(&(sets.len() as u32).to_le_bytes());
    for set in sets {
        let database = set.database.serialize().map_err(|e| RuleError::Engine(e.to_string()))?;
        bytes.extend_from_slice(&(database.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&database);
    }
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum);
    Ok(bytes)
}

/// Rebuilds the databases if the bytes are whole and made from the same rules, engine and processor.
pub(crate) fn unpack(digest: &[u8; HASH], bytes: &[u8]) -> Result<Vec<Database>, RuleError> {
    read(digest, bytes).ok_or(RuleError::StaleCache)
}

fn read(digest: &[u8; HASH], bytes: &[u8]) -> Option<Vec<Database>> {
    let (body, sum) = bytes.split_last_chunk::<HASH>()?;
    let rest = body.strip_prefix(MAGIC)?.strip_prefix(digest)?;
    if Sha256::digest(body).as_slice() != sum {
        return None;
    }
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
