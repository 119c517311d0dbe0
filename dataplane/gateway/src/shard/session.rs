//! Named sessions: secrets that are remembered from one request to the next, for APIs that keep the history on their
//! side.
//!
//! Opt-in twice: by the configuration, and by the request that names a session in `x-aegis-session`. A name alone opens
//! nothing: the place of a session is a hash over the organisation, the gateway key, the upstream and the client's own
//! credentials, so that nobody reaches the secrets of another by guessing a name.

use std::sync::OnceLock;

use aegis_shield::Vault;

use crate::config::settings::Session as Settings;
use crate::shared_table::{SharedTable, TableKey, TableLimits};

/// Request field that names a session.
pub(crate) const SESSION_FIELD: &[u8] = b"x-aegis-session";

/// The sessions of the process.
pub(crate) struct Sessions(SharedTable<Vault>);

/// More secrets than a session may hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SessionFull;

fn limits(settings: &Settings) -> TableLimits {
    TableLimits { ttl: settings.ttl, max_entries: settings.max_sessions }
}

impl Sessions {
    fn new(max_sessions: usize) -> Self {
        Self(SharedTable::new(max_sessions))
    }

    /// The one instance; the first who asks decides on the table's size.
    pub(crate) fn shared(settings: &Settings) -> &'static Self {
        static SESSIONS: OnceLock<Sessions> = OnceLock::new();
        SESSIONS.get_or_init(|| Sessions::new(settings.max_sessions))
    }

    /// A copy of what the session at `key` remembers; empty when there is none, or it has expired.
    pub(crate) fn recall(&self, key: TableKey, settings: &Settings) -> Vault {
        let mut copy = Vault::new();
        if let Some(entry) = self.0.get(key, limits(settings)) {
            // It fitted once, so it fits again.
            let _ = add(&mut copy, &entry.load());
        }
        copy
    }

    /// Forgets the expired sessions of the next part of the table, and says how many are left in all.
    pub(crate) fn sweep(&self, settings: &Settings) -> usize {
        self.0.sweep(limits(settings))
    }

    /// Remembers what `vault` holds in the session at `key`. A long unused one goes when there are too many. A session
    /// that would hold too much is forgotten.
    pub(crate) fn remember(
        &self,
        key: TableKey,
        vault: &Vault,
        settings: &Settings,
    ) -> Result<(), SessionFull> {
        let entry = self.0.get_or_insert(key, limits(settings));
        let updated = entry.update(|before| {
            if has_all_tokens(before, vault) {
                return Ok(None);
            }
            let mut after = Vault::new();
            add(&mut after, before).and_then(|()| add(&mut after, vault))?;
            if after.len() > settings.max_secrets { Err(SessionFull) } else { Ok(Some(after)) }
        });
        updated.map(|_| ()).inspect_err(|_| {
            self.0.remove(&entry);
        })
    }
}

/// Whether `target` knows everything that `source` does.
fn has_all_tokens(target: &Vault, source: &Vault) -> bool {
    source.tokens().all(|token| match (target.spelling(token), source.spelling(token)) {
        (Some(_), Some((text, spelling))) => target.covers(token, text, spelling),
        (known, _) => known.is_some(),
    })
}

fn add(target: &mut Vault, source: &Vault) -> Result<(), SessionFull> {
    for token in source.tokens() {
        if let Some((text, spelling)) = source.spelling(token) {
            target.insert_spelled(*token, text, spelling).map_err(|_| SessionFull)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aegis_detect::Category;
    use aegis_shield::{Keyring, Spelling};

    use super::*;
    use crate::shared_table::PARTS;

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
        let (sessions, settings) = (Sessions::new(10), settings(10, 10));
        let (mine, yours) = (TableKey::new(&[b"a", b"bc"]), TableKey::new(&[b"ab", b"c"]));
        sessions.remember(mine, &vault(&["one"]), &settings).unwrap();
        sessions.remember(mine, &vault(&["two"]), &settings).unwrap();
        assert_eq!(sessions.recall(mine, &settings).len(), 2);
        assert_eq!(sessions.recall(yours, &settings).len(), 0);
    }

    #[test]
    fn how_a_value_was_spelled_adds_up() {
        let (sessions, settings) = (Sessions::new(10), settings(10, 10));
        let key = TableKey::new(&[b"a"]);
        let (text, value) = (&br"gT5v\/Lq8x"[..], &b"gT5v/Lq8x"[..]);
        let token = Keyring::new(&[3; 32], "test", 0, &[]).unwrap().mint(Category::Key, value);
        let spelled = (text, Spelling::in_document(1));
        for stood in [(value, Spelling::VALUE), spelled, (value, Spelling::VALUE)] {
            let mut vault = Vault::new();
            vault.insert_spelled(token, stood.0, stood.1).unwrap();
            sessions.remember(key, &vault, &settings).unwrap();
            assert!(sessions.recall(key, &settings).covers(&token, stood.0, stood.1));
        }
        let known = sessions.recall(key, &settings);
        assert_eq!((known.spelling(&token), known.resolve(&token)), (Some(spelled), Some(value)));
    }

    #[test]
    fn sessions_and_secrets_are_limited() {
        let (sessions, settings) = (Sessions::new(2), settings(2, 2));
        let keys: Vec<TableKey> = (0..3u8).map(|n| TableKey::new(&[&[n]])).collect();
        for key in &keys {
            sessions.remember(*key, &vault(&["x"]), &settings).unwrap();
            assert!((0..PARTS).map(|_| sessions.sweep(&settings)).last().unwrap() <= 2);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(sessions.recall(keys[0], &settings).is_empty(), "the longest unused went");
        assert_eq!(sessions.recall(keys[2], &settings).len(), 1);
        assert!(sessions.remember(keys[2], &vault(&["y"]), &settings).is_ok());
        assert_eq!(sessions.remember(keys[2], &vault(&["z"]), &settings), Err(SessionFull));
    }

    #[test]
    fn an_unused_session_expires() {
        let (sessions, mut settings) = (Sessions::new(2), settings(2, 2));
        let key = TableKey::new(&[b"k"]);
        sessions.remember(key, &vault(&["x"]), &settings).unwrap();
        settings.ttl = Duration::ZERO;
        std::thread::sleep(Duration::from_millis(2));
        assert!(sessions.recall(key, &settings).is_empty());
    }
}
