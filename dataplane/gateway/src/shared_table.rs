//! A table that all shards share and no lock guards: what one request leaves for later ones, which may come on any
//! connection and so to any shard.
//!
//! A table of pointers; what a pointer leads to is never changed but replaced whole by compare-and-swap, so a shard that
//! reads waits for nothing, and one that writes beside another tries again. What a request costs depends on its own
//! entry, not on how many there are: expired ones are looked for in small parts of the table, and when there are too many
//! the longest unused of a sample goes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use sha2::{Digest, Sha256};

/// The place of an entry: a hash over everything that must be the same for two requests to share it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TableKey([u8; 32]);

impl TableKey {
    /// The place that these parts lead to, each separated from the next by its length.
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The hash.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// How long an entry is kept that is not used, and how many there may be.
#[derive(Clone, Copy)]
pub(crate) struct TableLimits {
    pub(crate) ttl: Duration,
    pub(crate) max_entries: usize,
}

/// Pointers of the smallest and of the largest table. It is made with one for each entry that may be, and does not grow
/// when a reload allows more: then several share a pointer.
const TABLE_SIZES: (usize, usize) = (1 << 10, 1 << 20);
/// So many entries are looked at for the longest unused one. Where there are no more, it is exactly that one.
const SAMPLE: usize = 64;
/// In so many parts the table is searched for expired entries.
pub(crate) const PARTS: usize = 64;
/// Attempts of one request to make room: another shard may have chosen the same entry to go.
const EVICTIONS: usize = 4;
/// So many entries more than are allowed since a reload go at each look at a part.
const TRIM: usize = 64;

/// What is kept at one place.
pub(crate) struct TableEntry<T> {
    key: TableKey,
    /// When it was last used.
    used: AtomicU64,
    value: ArcSwap<T>,
}

impl<T> TableEntry<T> {
    /// What it holds now.
    pub(crate) fn load(&self) -> Arc<T> {
        self.value.load_full()
    }

    fn touch(&self) {
        self.used.store(now(), Relaxed);
    }

    fn has_expired(&self, ttl: Duration) -> bool {
        Duration::from_micros(now().saturating_sub(self.used.load(Relaxed))) > ttl
    }

    /// Replaces the value by what `change` makes of it, and gives that; `None` leaves it as it is. `change` is asked
    /// again when another shard was faster.
    pub(crate) fn update<E>(&self, change: impl Fn(&T) -> Result<Option<T>, E>) -> Result<Arc<T>, E> {
        let mut before = self.value.load_full();
        while let Some(after) = change(&before)? {
            let after = Arc::new(after);
            let found = self.value.compare_and_swap(&before, Arc::clone(&after));
            if Arc::ptr_eq(&found, &before) {
                return Ok(after);
            }
            before = Arc::clone(&found);
        }
        Ok(before)
    }
}

/// Microseconds since tables were first asked for.
pub(crate) fn now() -> u64 {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGIN.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The entries whose keys lead to one pointer: one as a rule.
type Bucket<T> = Vec<Arc<TableEntry<T>>>;

/// Entries of the process.
pub(crate) struct SharedTable<T> {
    /// A power of two of them.
    table: Box<[ArcSwapOption<Bucket<T>>]>,
    count: AtomicUsize,
    /// Where the next sample is taken.
    sampled: AtomicUsize,
    /// Where the next part begins that is searched for expired entries.
    swept: AtomicUsize,
}

impl<T: Default> SharedTable<T> {
    /// A table for about so many entries.
    pub(crate) fn new(max_entries: usize) -> Self {
        let (least, most) = TABLE_SIZES;
        let size = max_entries.clamp(least, most).next_power_of_two();
        Self {
            table: (0..size).map(|_| ArcSwapOption::empty()).collect(),
            count: AtomicUsize::new(0),
            sampled: AtomicUsize::new(0),
            swept: AtomicUsize::new(0),
        }
    }

    /// The entry at `key`, which counts as used now; `None` when there is none, or it has expired.
    pub(crate) fn get(&self, key: TableKey, limits: TableLimits) -> Option<Arc<TableEntry<T>>> {
        let entry = self.find(key)?;
        if entry.has_expired(limits.ttl) {
            self.remove(&entry);
            return None;
        }
        entry.touch();
        Some(entry)
    }

    /// The entry at `key`, made if there is none. A long unused one goes when there are too many.
    pub(crate) fn get_or_insert(&self, key: TableKey, limits: TableLimits) -> Arc<TableEntry<T>> {
        let entry = self.find(key).unwrap_or_else(|| {
            let entry = self.insert(key);
            self.make_room(Some(key), EVICTIONS, limits.max_entries);
            entry
        });
        entry.touch();
        entry
    }

    /// Forgets the expired entries of the next part of the table, and says how many are left in all.
    pub(crate) fn sweep(&self, limits: TableLimits) -> usize {
        let part = self.table.len() / PARTS;
        let begin = self.swept.fetch_add(part, Relaxed);
        for place in begin..begin + part {
            self.remove_if(place & (self.table.len() - 1), |entry| entry.has_expired(limits.ttl));
        }
        self.make_room(None, TRIM, limits.max_entries);
        self.len()
    }

    /// Forgets the entries whose value is unwanted, and says how many they were.
    pub(crate) fn forget(&self, is_unwanted: impl Fn(&T) -> bool) -> usize {
        (0..self.table.len())
            .map(|place| self.remove_if(place, |entry| is_unwanted(&entry.value.load())))
            .sum()
    }

    fn remove_if(&self, place: usize, is_unwanted: impl Fn(&TableEntry<T>) -> bool) -> usize {
        let Some(bucket) = self.table[place].load_full() else { return 0 };
        let unwanted = bucket.iter().filter(|entry| is_unwanted(entry));
        unwanted.filter(|entry| self.remove(entry)).count()
    }

    /// Entries there are now.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    fn bucket(&self, key: TableKey) -> &ArcSwapOption<Bucket<T>> {
        let [first, second, third, ..] = key.0;
        let place = u32::from_be_bytes([0, first, second, third]) as usize;
        &self.table[place & (self.table.len() - 1)]
    }

    fn find(&self, key: TableKey) -> Option<Arc<TableEntry<T>>> {
        let bucket = self.bucket(key).load();
        bucket.as_ref()?.iter().find(|entry| entry.key == key).cloned()
    }

    /// Begins an entry, unless another shard has just done so.
    fn insert(&self, key: TableKey) -> Arc<TableEntry<T>> {
        let new = Arc::new(TableEntry { key, used: AtomicU64::new(now()), value: ArcSwap::default() });
        let place = self.bucket(key);
        let mut before = place.load_full();
        loop {
            let bucket = before.as_ref().map(|bucket| bucket.as_slice()).unwrap_or_default();
            if let Some(there) = bucket.iter().find(|entry| entry.key == key) {
                return Arc::clone(there);
            }
            let after = bucket.iter().chain([&new]).cloned().collect();
            match swap(place, before.as_ref(), Some(Arc::new(after))) {
                Ok(()) => break,
                Err(found) => before = found,
            }
        }
        self.count.fetch_add(1, Relaxed);
        new
    }

    /// Ends an entry; says whether it was there. What it holds goes when the last request that reads it lets go.
    pub(crate) fn remove(&self, entry: &Arc<TableEntry<T>>) -> bool {
        let place = self.bucket(entry.key);
        let mut before = place.load_full();
        while let Some(bucket) = &before {
            let after: Bucket<T> =
                bucket.iter().filter(|other| !Arc::ptr_eq(other, entry)).cloned().collect();
            if after.len() == bucket.len() {
                return false;
            }
            match swap(place, before.as_ref(), (!after.is_empty()).then(|| Arc::new(after))) {
                Ok(()) => {
                    self.count.fetch_sub(1, Relaxed);
                    return true;
                }
                Err(found) => before = found,
            }
        }
        false
    }

    /// Ends entries until there are no more than allowed, at most so many.
    fn make_room(&self, kept: Option<TableKey>, most: usize, max_entries: usize) {
        for _ in 0..most {
            if self.len() <= max_entries {
                return;
            }
            self.evict(kept);
        }
    }

    /// Ends the longest unused entry of a sample that holds all but `kept`.
    fn evict(&self, kept: Option<TableKey>) {
        let mut oldest: Option<(u64, Arc<TableEntry<T>>)> = None;
        let mut seen = 0;
        for _ in 0..self.table.len() {
            let place = self.sampled.fetch_add(1, Relaxed) & (self.table.len() - 1);
            let bucket = self.table[place].load();
            for entry in bucket.iter().flat_map(|bucket| bucket.iter()) {
                let used = entry.used.load(Relaxed);
                seen += 1;
                if Some(entry.key) != kept && oldest.as_ref().is_none_or(|(longest, _)| used < *longest) {
                    oldest = Some((used, Arc::clone(entry)));
                }
            }
            if seen >= SAMPLE {
                break;
            }
        }
        if let Some((_, entry)) = oldest {
            self.remove(&entry);
        }
    }
}

/// Puts `after` where `before` is, or gives what another shard has put there.
fn swap<T>(
    place: &ArcSwapOption<Bucket<T>>,
    before: Option<&Arc<Bucket<T>>>,
    after: Option<Arc<Bucket<T>>>,
) -> Result<(), Option<Arc<Bucket<T>>>> {
    let found = place.compare_and_swap(&before.cloned(), after);
    let same = match (&*found, before) {
        (Some(found), Some(before)) => Arc::ptr_eq(found, before),
        (None, None) => true,
        _ => false,
    };
    if same { Ok(()) } else { Err((*found).clone()) }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "entries and shards are few here")]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn limits(max_entries: usize) -> TableLimits {
        TableLimits { ttl: TTL, max_entries }
    }

    /// Adds a word at a place.
    fn add(table: &SharedTable<Vec<String>>, key: TableKey, word: &str, limits: TableLimits) {
        let entry = table.get_or_insert(key, limits);
        let add = |before: &Vec<String>| {
            let known = before.iter().any(|other| other == word);
            let after = || before.iter().cloned().chain([word.to_owned()]).collect();
            Ok::<_, ()>((!known).then(after))
        };
        entry.update(add).unwrap();
    }

    fn words(table: &SharedTable<Vec<String>>, key: TableKey, limits: TableLimits) -> usize {
        table.get(key, limits).map_or(0, |entry| entry.load().len())
    }

    /// All parts of the table.
    fn expire(table: &SharedTable<Vec<String>>, limits: TableLimits) -> usize {
        (0..PARTS).map(|_| table.sweep(limits)).last().unwrap_or_default()
    }

    #[test]
    fn the_parts_of_a_key_are_kept_apart() {
        assert!(TableKey::new(&[b"a", b"bc"]) != TableKey::new(&[b"ab", b"c"]));
    }

    #[test]
    fn an_unused_entry_expires() {
        let table = SharedTable::new(2);
        let key = TableKey::new(&[b"k"]);
        let expired = TableLimits { ttl: Duration::ZERO, max_entries: 2 };
        add(&table, key, "x", limits(2));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(words(&table, key, expired), 0);
        add(&table, key, "x", limits(2));
        assert_eq!(expire(&table, limits(2)), 1);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(expire(&table, expired), 0);
    }

    #[test]
    fn the_number_of_entries_is_kept_at_its_edge_and_when_it_is_lowered() {
        const MOST: usize = 3 * SAMPLE;
        let table = SharedTable::new(MOST);
        let keys: Vec<TableKey> = (0..MOST as u16).map(|n| TableKey::new(&[&n.to_be_bytes()])).collect();
        for key in &keys {
            add(&table, *key, "x", limits(MOST));
        }
        assert!(keys.iter().all(|key| words(&table, *key, limits(MOST)) == 1), "all that may be are there");
        let one_more = TableKey::new(&[b"one more"]);
        add(&table, one_more, "x", limits(MOST));
        assert_eq!((table.len(), words(&table, one_more, limits(MOST))), (MOST, 1));
        assert_eq!(expire(&table, limits(1)), 1);
    }

    #[test]
    fn what_is_unwanted_is_forgotten_and_nothing_else() {
        let table = SharedTable::new(8);
        for n in 0..6u8 {
            add(&table, TableKey::new(&[&[n]]), if n % 2 == 0 { "even" } else { "odd" }, limits(8));
        }
        assert_eq!(table.forget(|words| words.contains(&"odd".to_owned())), 3);
        assert_eq!((table.len(), words(&table, TableKey::new(&[&[2]]), limits(8))), (3, 1));
    }

    #[test]
    fn shards_that_write_at_once_lose_nothing_and_mix_nothing() {
        const SHARDS: usize = 4;
        const ROUNDS: usize = 200;
        let table = SharedTable::new(8);
        let shared = TableKey::new(&[b"shared"]);
        std::thread::scope(|scope| {
            for shard in 0..SHARDS {
                let table = &table;
                scope.spawn(move || {
                    let own = TableKey::new(&[b"own", &[shard as u8]]);
                    for round in 0..ROUNDS {
                        let word = format!("{shard} {round}");
                        add(table, shared, &word, limits(8));
                        add(table, own, &word, limits(8));
                        assert_eq!(words(table, own, limits(8)), round + 1);
                    }
                });
            }
        });
        assert_eq!(words(&table, shared, limits(8)), SHARDS * ROUNDS);
        assert_eq!(table.len(), 1 + SHARDS);
    }

    #[test]
    fn shards_that_begin_entries_at_once_keep_to_their_number() {
        const SHARDS: usize = 4;
        let (table, limits) = (SharedTable::new(16), limits(16));
        std::thread::scope(|scope| {
            for shard in 0..SHARDS as u8 {
                let table = &table;
                scope.spawn(move || {
                    for round in 0..500_u16 {
                        add(table, TableKey::new(&[&[shard], &round.to_be_bytes()]), "x", limits);
                        assert!(table.len() <= limits.max_entries + SHARDS);
                    }
                });
            }
        });
        let there = expire(&table, limits);
        assert!(there <= limits.max_entries);
        let listed: usize =
            table.table.iter().map(|place| place.load().as_ref().map_or(0, |b| b.len())).sum();
        assert_eq!(listed, there, "the count is that of the table");
    }
}
