//! Named sessions: secrets that are remembered from one request to the next, for APIs that keep the history on their
//! side.
//!
//! Opt-in twice: by the configuration, and by the request that names a session in `x-aegis-session`. A conversation's
//! next request may come on any connection and so to any shard; this is therefore the one place where shards share
//! something that changes. No lock guards it. The sessions lie in a table of pointers; what a pointer leads to is never
//! changed but replaced whole by compare-and-swap, so a shard that reads waits for nothing, and one that writes beside
//! another tries again. What a request costs depends on its own session, not on how many there are: expired ones are
//! looked for in small parts of the table, and when there are too many the longest unused of a sample goes.
//!
//! A name alone opens nothing: the place of a session is a hash over the organisation, the gateway key, the upstream
//! and the client's own credentials, so that nobody reaches the secrets of another by guessing a name.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use aegis_shield::Vault;
use arc_swap::{ArcSwap, ArcSwapOption};
use sha2::{Digest, Sha256};

use crate::config::settings::Session as Settings;

/// Request field that names a session.
pub(crate) const SESSION_FIELD: &[u8] = b"x-aegis-session";

/// The place of a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey([u8; 32]);

impl SessionKey {
    /// The place that these parts lead to.
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// Pointers of the smallest and of the largest table. It is made with one for each session that may be, and does not
/// grow when a reload allows more: then several share a pointer.
const TABLE_SIZES: (usize, usize) = (1 << 10, 1 << 20);
/// So many sessions are looked at for the longest unused one. Where there are no more, it is exactly that one.
const SAMPLE: usize = 64;
/// In so many parts the table is searched for expired sessions.
pub(crate) const PARTS: usize = 64;
/// Attempts of one request to make room: another shard may have chosen the same session to go.
const EVICTIONS: usize = 4;
/// So many sessions more than are allowed since a reload go at each look at a part.
const TRIM: usize = 64;

struct SessionEntry {
    key: SessionKey,
    /// When it was last used.
    used: AtomicU64,
    vault: ArcSwap<Vault>,
}

impl SessionEntry {
    fn touch(&self) {
        self.used.store(now(), Relaxed);
    }

    fn has_expired(&self, settings: &Settings) -> bool {
        Duration::from_micros(now().saturating_sub(self.used.load(Relaxed))) > settings.ttl
    }
}

/// Microseconds since sessions were first asked for.
fn now() -> u64 {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGIN.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The sessions whose keys lead to one pointer: one as a rule.
type Bucket = Vec<Arc<SessionEntry>>;

/// The sessions of the process.
pub(crate) struct Sessions {
    /// A power of two of them.
    table: Box<[ArcSwapOption<Bucket>]>,
    count: AtomicUsize,
    /// Where the next sample is taken.
    sampled: AtomicUsize,
    /// Where the next part begins that is searched for expired sessions.
    swept: AtomicUsize,
}

/// More secrets than a session may hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SessionFull;

impl Sessions {
    fn new(max_sessions: usize) -> Self {
        let (least, most) = TABLE_SIZES;
        let size = max_sessions.clamp(least, most).next_power_of_two();
        Self {
            table: (0..size).map(|_| ArcSwapOption::empty()).collect(),
            count: AtomicUsize::new(0),
            sampled: AtomicUsize::new(0),
            swept: AtomicUsize::new(0),
        }
    }

    /// The one instance; the first who asks decides on the table's size.
    pub(crate) fn shared(settings: &Settings) -> &'static Self {
        static SESSIONS: OnceLock<Sessions> = OnceLock::new();
        SESSIONS.get_or_init(|| Sessions::new(settings.max_sessions))
    }

    /// A copy of what the session at `key` remembers; empty when there is none, or it has expired.
    pub(crate) fn recall(&self, key: SessionKey, settings: &Settings) -> Vault {
        let mut copy = Vault::new();
        if let Some(entry) = self.find(key) {
            if entry.has_expired(settings) {
                self.remove(&entry);
            } else {
                entry.touch();
                // It fitted once, so it fits again.
                let _ = add(&mut copy, &entry.vault.load());
            }
        }
        copy
    }

    /// Forgets the expired sessions of the next part of the table, and says how many are left in all.
    pub(crate) fn sweep(&self, settings: &Settings) -> usize {
        let part = self.table.len() / PARTS;
        let begin = self.swept.fetch_add(part, Relaxed);
        for place in begin..begin + part {
            let Some(bucket) = self.table[place & (self.table.len() - 1)].load_full() else { continue };
            bucket.iter().filter(|entry| entry.has_expired(settings)).for_each(|entry| self.remove(entry));
        }
        self.make_room(None, TRIM, settings);
        self.len()
    }

    /// Remembers what `vault` holds in the session at `key`. A long unused one goes when there are too many.
    pub(crate) fn remember(
        &self,
        key: SessionKey,
        vault: &Vault,
        settings: &Settings,
    ) -> Result<(), SessionFull> {
        let entry = self.find(key).unwrap_or_else(|| {
            let entry = self.insert(key);
            self.make_room(Some(key), EVICTIONS, settings);
            entry
        });
        entry.touch();
        let mut before = entry.vault.load_full();
        while !has_all_tokens(&before, vault) {
            let mut after = Vault::new();
            let added = add(&mut after, &before).and_then(|()| add(&mut after, vault));
            if added.is_err() || after.len() > settings.max_secrets {
                self.remove(&entry);
                return Err(SessionFull);
            }
            let found = entry.vault.compare_and_swap(&before, Arc::new(after));
            if Arc::ptr_eq(&found, &before) {
                break;
            }
            before = Arc::clone(&found);
        }
        Ok(())
    }

    /// Sessions there are now.
    fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    fn bucket(&self, key: SessionKey) -> &ArcSwapOption<Bucket> {
        let [first, second, third, ..] = key.0;
        let place = u32::from_be_bytes([0, first, second, third]) as usize;
        &self.table[place & (self.table.len() - 1)]
    }

    fn find(&self, key: SessionKey) -> Option<Arc<SessionEntry>> {
        let bucket = self.bucket(key).load();
        bucket.as_ref()?.iter().find(|entry| entry.key == key).cloned()
    }

    /// Begins a session, unless another shard has just done so.
    fn insert(&self, key: SessionKey) -> Arc<SessionEntry> {
        let new = Arc::new(SessionEntry { key, used: AtomicU64::new(now()), vault: ArcSwap::default() });
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

    /// Ends a session. What it remembers is wiped when the last request that reads it lets go.
    fn remove(&self, entry: &Arc<SessionEntry>) {
        let place = self.bucket(entry.key);
        let mut before = place.load_full();
        while let Some(bucket) = &before {
            let after: Bucket = bucket.iter().filter(|other| !Arc::ptr_eq(other, entry)).cloned().collect();
            if after.len() == bucket.len() {
                return;
            }
            match swap(place, before.as_ref(), (!after.is_empty()).then(|| Arc::new(after))) {
                Ok(()) => {
                    self.count.fetch_sub(1, Relaxed);
                    return;
                }
                Err(found) => before = found,
            }
        }
    }

    /// Ends sessions until there are no more than allowed, at most so many.
    fn make_room(&self, kept: Option<SessionKey>, most: usize, settings: &Settings) {
        for _ in 0..most {
            if self.len() <= settings.max_sessions {
                return;
            }
            self.evict(kept);
        }
    }

    /// Ends the longest unused session of a sample that holds all but `kept`.
    fn evict(&self, kept: Option<SessionKey>) {
        let mut oldest: Option<(u64, Arc<SessionEntry>)> = None;
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
fn swap(
    place: &ArcSwapOption<Bucket>,
    before: Option<&Arc<Bucket>>,
    after: Option<Arc<Bucket>>,
) -> Result<(), Option<Arc<Bucket>>> {
    let found = place.compare_and_swap(&before.cloned(), after);
    let same = match (&*found, before) {
        (Some(found), Some(before)) => Arc::ptr_eq(found, before),
        (None, None) => true,
        _ => false,
    };
    if same { Ok(()) } else { Err((*found).clone()) }
}

/// Whether `target` knows everything that `source` does.
fn has_all_tokens(target: &Vault, source: &Vault) -> bool {
    source.tokens().all(|token| target.resolve(token).is_some())
}

fn add(target: &mut Vault, source: &Vault) -> Result<(), SessionFull> {
    for token in source.tokens() {
        if let Some(secret) = source.resolve(token) {
            target.insert(*token, secret).map_err(|_| SessionFull)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "sessions and shards are few here")]
mod tests {
    use std::time::Duration;

    use aegis_detect::Category;
    use aegis_shield::Keyring;

    use super::*;

    fn vault(secrets: &[&str]) -> Vault {
        let keyring = Keyring::new(&[3; 32], "test", 0, &[]).unwrap();
        let mut vault = Vault::new();
        for secret in secrets {
            vault.insert(keyring.mint(Category::Key, secret.as_bytes()), secret.as_bytes()).unwrap();
        }
        vault
    }

    fn settings(max_sessions: usize, max_secrets: usize) -> Settings {
        Settings { enabled: true, ttl: Duration::from_secs(60), max_sessions, max_secrets }
    }

    /// All parts of the table.
    fn expire(sessions: &Sessions, settings: &Settings) -> usize {
        (0..PARTS).map(|_| sessions.sweep(settings)).last().unwrap_or_default()
    }

    #[test]
    fn a_session_adds_up_and_keeps_to_its_place() {
        let (sessions, settings) = (Sessions::new(10), settings(10, 10));
        let (mine, yours) = (SessionKey::new(&[b"a", b"bc"]), SessionKey::new(&[b"ab", b"c"]));
        sessions.remember(mine, &vault(&["one"]), &settings).unwrap();
        sessions.remember(mine, &vault(&["two"]), &settings).unwrap();
        assert_eq!(sessions.recall(mine, &settings).len(), 2);
        assert_eq!(sessions.recall(yours, &settings).len(), 0);
    }

    #[test]
    fn sessions_and_secrets_are_limited() {
        let (sessions, settings) = (Sessions::new(2), settings(2, 2));
        let keys: Vec<SessionKey> = (0..3u8).map(|n| SessionKey::new(&[&[n]])).collect();
        for key in &keys {
            sessions.remember(*key, &vault(&["x"]), &settings).unwrap();
            assert!(expire(&sessions, &settings) <= 2);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(sessions.recall(keys[0], &settings).is_empty(), "the longest unused went");
        assert_eq!(sessions.recall(keys[2], &settings).len(), 1);
        assert!(sessions.remember(keys[2], &vault(&["y"]), &settings).is_ok());
        assert_eq!(sessions.remember(keys[2], &vault(&["z"]), &settings), Err(SessionFull));
    }

    #[test]
    fn an_unused_session_expires() {
        let sessions = Sessions::new(2);
        let mut settings = settings(2, 2);
        let key = SessionKey::new(&[b"k"]);
        sessions.remember(key, &vault(&["x"]), &settings).unwrap();
        settings.ttl = Duration::ZERO;
        std::thread::sleep(Duration::from_millis(2));
        assert!(sessions.recall(key, &settings).is_empty());
        settings.ttl = Duration::from_secs(60);
        sessions.remember(key, &vault(&["x"]), &settings).unwrap();
        assert_eq!(expire(&sessions, &settings), 1);
        settings.ttl = Duration::ZERO;
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(expire(&sessions, &settings), 0);
    }

    #[test]
    fn the_number_of_sessions_is_kept_at_its_edge_and_when_it_is_lowered() {
        const MOST: usize = 3 * SAMPLE;
        let (sessions, mut settings) = (Sessions::new(MOST), settings(MOST, 2));
        let keys: Vec<SessionKey> = (0..MOST as u16).map(|n| SessionKey::new(&[&n.to_be_bytes()])).collect();
        for key in &keys {
            sessions.remember(*key, &vault(&["x"]), &settings).unwrap();
        }
        assert!(
            keys.iter().all(|key| sessions.recall(*key, &settings).len() == 1),
            "all that may be are there"
        );
        let one_more = SessionKey::new(&[b"one more"]);
        sessions.remember(one_more, &vault(&["x"]), &settings).unwrap();
        assert_eq!((sessions.len(), sessions.recall(one_more, &settings).len()), (MOST, 1));
        settings.max_sessions = 1;
        assert_eq!(expire(&sessions, &settings), 1);
    }

    #[test]
    fn shards_that_write_at_once_lose_nothing_and_mix_nothing() {
        const SHARDS: usize = 4;
        const ROUNDS: usize = 200;
        let (sessions, settings) = (Sessions::new(8), settings(8, SHARDS * ROUNDS));
        let shared = SessionKey::new(&[b"shared"]);
        std::thread::scope(|scope| {
            for shard in 0..SHARDS {
                let (sessions, settings) = (&sessions, &settings);
                scope.spawn(move || {
                    let own = SessionKey::new(&[b"own", &[shard as u8]]);
                    for round in 0..ROUNDS {
                        let secret = format!("{shard} {round}");
                        sessions.remember(shared, &vault(&[&secret]), settings).unwrap();
                        sessions.remember(own, &vault(&[&secret]), settings).unwrap();
                        assert_eq!(sessions.recall(own, settings).len(), round + 1);
                    }
                });
            }
        });
        assert_eq!(sessions.recall(shared, &settings).len(), SHARDS * ROUNDS);
        assert_eq!(sessions.len(), 1 + SHARDS);
    }

    #[test]
    fn shards_that_begin_sessions_at_once_keep_to_their_number() {
        const SHARDS: usize = 4;
        let (sessions, settings) = (Sessions::new(16), settings(16, 4));
        std::thread::scope(|scope| {
            for shard in 0..SHARDS as u8 {
                let (sessions, settings) = (&sessions, &settings);
                scope.spawn(move || {
                    for round in 0..500_u16 {
                        let key = SessionKey::new(&[&[shard], &round.to_be_bytes()]);
                        sessions.remember(key, &vault(&["x"]), settings).unwrap();
                        assert!(sessions.len() <= settings.max_sessions + SHARDS);
                    }
                });
            }
        });
        let there = expire(&sessions, &settings);
        assert!(there <= settings.max_sessions);
        let listed: usize =
            sessions.table.iter().map(|place| place.load().as_ref().map_or(0, |b| b.len())).sum();
        assert_eq!(listed, there, "the count is that of the table");
    }
}
