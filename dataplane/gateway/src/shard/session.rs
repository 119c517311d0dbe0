//! Named sessions: secrets that are remembered from one request to the next, for APIs that keep the history on their side.
//!
//! Opt-in twice: by the configuration, and by the request that names a session in `x-aegis-session`. A conversation's next
//! request may come on any connection and so to any shard; this is therefore the one place where shards share something that
//! changes. The lock is taken only for requests that name a session, and held for a copy of its vault.
//!
//! A name alone opens nothing: the place of a session is a hash over the organisation, the gateway key, the upstream and the
//! client's own credentials, so that nobody reaches the secrets of another by guessing a name.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

use aegis_shield::Vault;
use sha2::{Digest, Sha256};

use crate::config::settings::Session as Settings;

/// Request field that names a session.
pub(crate) const SESSION_FIELD: &[u8] = b"x-aegis-session";

/// The place of a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
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

struct Entry {
    vault: Vault,
    used: Instant,
}

/// The sessions of the process.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Key, Entry>>);

/// More secrets than a session may hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Sessions {
    /// The one instance.
    pub(crate) fn shared() -> &'static Self {
        static SESSIONS: LazyLock<Sessions> = LazyLock::new(Sessions::default);
        &SESSIONS
    }

    /// A copy of what the session at `key` remembers; empty when there is none, or it has expired.
    pub(crate) fn recall(&self, key: Key, settings: &Settings) -> Vault {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copy = Vault::new();
        if let Some(entry) = sessions.get_mut(&key) {
            if entry.used.elapsed() > settings.ttl {
                sessions.remove(&key);
            } else {
                entry.used = Instant::now();
                // It fitted once, so it fits again.
                let _ = add(&mut copy, &entry.vault);
            }
        }
        copy
    }

    /// Forgets sessions that were not used for so long that they have expired, and says how many are left.
    pub(crate) fn expire(&self, settings: &Settings) -> usize {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, entry| entry.used.elapsed() <= settings.ttl);
        sessions.len()
    }

    /// Remembers what `vault` holds in the session at `key`. The longest unused one goes when there are too many.
    pub(crate) fn remember(&self, key: Key, vault: &Vault, settings: &Settings) -> Result<(), Full> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !sessions.contains_key(&key) && sessions.len() >= settings.max_sessions {
            sessions.retain(|_, entry| entry.used.elapsed() <= settings.ttl);
            let oldest = sessions.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            if let Some(oldest) = oldest.filter(|_| sessions.len() >= settings.max_sessions) {
                sessions.remove(&oldest);
            }
        }
        let entry =
            sessions.entry(key).or_insert_with(|| Entry { vault: Vault::new(), used: Instant::now() });
        entry.used = Instant::now();
        let added = add(&mut entry.vault, vault);
        if added.is_err() || entry.vault.len() > settings.max_secrets {
            sessions.remove(&key);
            return Err(Full);
        }
        Ok(())
    }
}

fn add(target: &mut Vault, source: &Vault) -> Result<(), Full> {
    for token in source.tokens() {
        if let Some(secret) = source.resolve(token) {
            target.insert(*token, secret).map_err(|_| Full)?;
        }
    }
    Ok(())
}

#[cfg(test)]
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

    #[test]
    fn a_session_adds_up_and_keeps_to_its_place() {
        let (sessions, settings) = (Sessions::default(), settings(10, 10));
        let (mine, yours) = (Key::new(&[b"a", b"bc"]), Key::new(&[b"ab", b"c"]));
        sessions.remember(mine, &vault(&["one"]), &settings).unwrap();
        sessions.remember(mine, &vault(&["two"]), &settings).unwrap();
        assert_eq!(sessions.recall(mine, &settings).len(), 2);
        assert_eq!(sessions.recall(yours, &settings).len(), 0);
    }

    #[test]
    fn sessions_and_secrets_are_limited() {
        let (sessions, settings) = (Sessions::default(), settings(2, 2));
        let keys: Vec<Key> = (0..3u8).map(|n| Key::new(&[&[n]])).collect();
        for key in &keys {
            sessions.remember(*key, &vault(&["x"]), &settings).unwrap();
            assert!(sessions.expire(&settings) <= 2);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(sessions.recall(keys[0], &settings).is_empty(), "the longest unused went");
        assert_eq!(sessions.recall(keys[2], &settings).len(), 1);
        assert!(sessions.remember(keys[2], &vault(&["y"]), &settings).is_ok());
        assert_eq!(sessions.remember(keys[2], &vault(&["z"]), &settings), Err(Full));
    }

    #[test]
    fn an_unused_session_expires() {
        let sessions = Sessions::default();
        let mut settings = settings(2, 2);
        let key = Key::new(&[b"k"]);
        sessions.remember(key, &vault(&["x"]), &settings).unwrap();
        settings.ttl = Duration::ZERO;
        std::thread::sleep(Duration::from_millis(2));
        assert!(sessions.recall(key, &settings).is_empty());
        settings.ttl = Duration::from_secs(60);
        sessions.remember(key, &vault(&["x"]), &settings).unwrap();
        assert_eq!(sessions.expire(&settings), 1);
        settings.ttl = Duration::ZERO;
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(sessions.expire(&settings), 0);
    }
}
