//! A list of known values and its file: one line of hashes for each, and a check value over all of them.
//!
//! ```text
//! aegis-known-values 1 <id of the key, 16 digits>
//! <HMAC of a value, 64 digits> <sealed: length, place of the anchor, its hashes, 48 digits>
//! ...
//! end <number of values> <HMAC of all lines above, 64 digits>
//! ```
//!
//! All digits are hexadecimal, in lower case. Lines are in the order of their hashes, which shows nothing.

use super::anchor::{KnownEntry, SEALED};
use super::error::{KnownError, KnownRefusal};
use super::hash::KnownKey;
use super::limits::MAX_KNOWN_VALUES;
use super::weak;
use data_encoding::HEXLOWER;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

const MAGIC: &str = "aegis-known-values 1 ";
const END: &str = "end ";

/// The hashes of known values, under their key.
#[derive(Debug, Clone)]
pub struct KnownList {
    key: KnownKey,
    entries: BTreeMap<[u8; 32], KnownEntry>,
    /// How many values have an anchor of this hash.
    anchors: HashMap<u32, usize>,
}

/// What became of a value that can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is listed now.
    New,
    /// It was listed before.
    Already,
}

/// The beginning of a value's HMAC: names it where the value must not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KnownId([u8; 6]);

impl std::fmt::Display for KnownId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl std::str::FromStr for KnownId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<KnownId, &'static str> {
        unhex(text).map(KnownId).ok_or("an id has 12 hexadecimal digits; `known list` shows them")
    }
}

impl KnownList {
    /// A list without values.
    pub fn new(key: KnownKey) -> KnownList {
        KnownList { key, entries: BTreeMap::new(), anchors: HashMap::new() }
    }

    /// Reads a list from the text of its file.
    pub fn parse(key: KnownKey, text: &str) -> Result<KnownList, KnownError> {
        let mut list = KnownList::new(key);
        let header = text.lines().next().unwrap_or_default();
        let Some(id) = header.strip_prefix(MAGIC) else {
            let message = "not a list of known values (`aegis-known-values 1` must stand here)";
            return Err(KnownError::Line { line: 1, message });
        };
        if id != list.key.id() {
            let shown: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
            return Err(KnownError::Key { list: shown, key: list.key.id() });
        }
        let mut at = header.len() + 1;
        for (number, line) in text.lines().enumerate().skip(1) {
            let wrong = |message| KnownError::Line { line: number + 1, message };
            if let Some(end) = line.strip_prefix(END) {
                return list.finish(text, at, end);
            }
            let entry = list.entry(line).map_err(wrong)?;
            *list.anchors.entry(entry.anchor).or_default() += 1;
            if list.entries.len() == MAX_KNOWN_VALUES {
                return Err(wrong("more values than a list can hold"));
            }
            if list.entries.insert(entry.hash, entry).is_some() {
                return Err(wrong("the same value as before"));
            }
            at += line.len() + 1;
        }
        let message = "the last line is missing: the list was cut";
        Err(KnownError::Line { line: text.lines().count(), message })
    }

    /// Reads one line of hashes.
    fn entry(&self, line: &str) -> Result<KnownEntry, &'static str> {
        let (hash, sealed) = line.split_once(' ').ok_or("two groups of hexadecimal digits are expected")?;
        let hash = unhex(hash).ok_or("64 hexadecimal digits are expected first")?;
        let sealed: [u8; SEALED] = unhex(sealed).ok_or("48 hexadecimal digits are expected second")?;
        KnownEntry::unseal(hash, sealed, &self.key).ok_or("damaged")
    }

    /// Compares the last line, whose beginning is cut off, with the lines before it, which end at `at`.
    fn finish(self, text: &str, at: usize, end: &str) -> Result<KnownList, KnownError> {
        let expected = self.key.list(&text.as_bytes()[..at.min(text.len())]);
        let fits = end.split_once(' ').is_some_and(|(count, check)| {
            count.parse() == Ok(self.entries.len()) && unhex(check) == Some(expected)
        });
        let rest = text.lines().skip(self.entries.len() + 2).all(str::is_empty);
        if fits && rest { Ok(self) } else { Err(KnownError::Damaged) }
    }

    /// The text of the list's file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{MAGIC}{}\n", self.key.id());
        for entry in self.entries.values() {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} {}",
                HEXLOWER.encode(&entry.hash),
                HEXLOWER.encode(&entry.seal(&self.key))
            );
        }
        let check = self.key.list(text.as_bytes());
        let _ = writeln!(text, "{END}{} {}", self.entries.len(), HEXLOWER.encode(&check));
        text
    }

    /// Lists a value.
    pub fn insert(&mut self, value: &[u8]) -> Result<Inserted, KnownRefusal> {
        weak::check(value)?;
        if self.contains(value) {
            return Ok(Inserted::Already);
        }
        if self.entries.len() >= MAX_KNOWN_VALUES {
            return Err(KnownRefusal::Full);
        }
        let shared = |anchor: u32| self.anchors.get(&anchor).copied().unwrap_or(0);
        let entry = KnownEntry::of(value, &self.key, shared).ok_or(KnownRefusal::Shared)?;
        *self.anchors.entry(entry.anchor).or_default() += 1;
        self.entries.insert(entry.hash, entry);
        Ok(Inserted::New)
    }

    /// Takes a value off the list; whether it was there.
    pub fn remove(&mut self, value: &[u8]) -> bool {
        let hash = self.key.value(value);
        self.take(&hash)
    }

    /// Takes the value with this id off the list; whether it was there.
    pub fn remove_id(&mut self, id: KnownId) -> bool {
        let found = self.entries.keys().find(|hash| hash.starts_with(&id.0)).copied();
        found.is_some_and(|hash| self.take(&hash))
    }

    fn take(&mut self, hash: &[u8; 32]) -> bool {
        let Some(entry) = self.entries.remove(hash) else { return false };
        if let Some(count) = self.anchors.get_mut(&entry.anchor) {
            *count -= 1;
        }
        true
    }

    /// Whether this value is listed.
    pub fn contains(&self, value: &[u8]) -> bool {
        self.entries.contains_key(&self.key.value(value))
    }

    /// Id and length, in bytes, of each value.
    pub fn iter(&self) -> impl Iterator<Item = (KnownId, usize)> {
        self.entries.values().map(|e| (KnownId(std::array::from_fn(|i| e.hash[i])), usize::from(e.length)))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn key(&self) -> &KnownKey {
        &self.key
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &KnownEntry> {
        self.entries.values()
    }
}

/// Reads exactly `N` bytes, written in lower case.
fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if HEXLOWER.decode_len(digits.len()) != Ok(N) {
        return None;
    }
    HEXLOWER.decode_mut(digits.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}
