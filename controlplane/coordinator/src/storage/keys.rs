//! Gateway keys: what tools show to a gateway. A key itself is kept nowhere, only its SHA-256.

use super::changes::{self, Topic};
use super::clock::{DAY_MICROS, Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::organisations::{check_name, own};
use super::paging::{List, list, with_one_more};
use super::scope::{Operator, Organisation};
use super::value::{Row, values};

/// What a key is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Real traffic.
    Live,
    /// Tests.
    Test,
}

/// What an administrator decided about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It may be used until it expires.
    Active,
    /// It may not be used for now.
    Disabled,
    /// It may never be used again. The row stays, so that every gateway learns of it.
    Revoked,
}

/// Whether a key may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyVerdict {
    /// It may.
    Usable,
    /// It was disabled.
    Disabled,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl KeyKind {
    const ALL: [KeyKind; 2] = [KeyKind::Live, KeyKind::Test];

    fn name(self) -> &'static str {
        match self {
            KeyKind::Live => "live",
            KeyKind::Test => "test",
        }
    }
}

impl KeyState {
    const ALL: [KeyState; 3] = [KeyState::Active, KeyState::Disabled, KeyState::Revoked];

    fn name(self) -> &'static str {
        match self {
            KeyState::Active => "active",
            KeyState::Disabled => "disabled",
            KeyState::Revoked => "revoked",
        }
    }
}

/// What may be chosen of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// What it may do.
    pub scopes: Vec<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// Its team.
    pub team: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Upstreams it may be used for; empty is all.
    pub providers: Vec<String>,
    /// Models it may be used for; empty is all.
    pub models: Vec<String>,
    /// Networks it may come from; empty is all.
    pub networks: Vec<String>,
}

/// A key that is made.
#[derive(Debug, Clone)]
pub struct NewKey<'n> {
    /// Its name.
    pub name: &'n str,
    /// What it is made for.
    pub kind: KeyKind,
    /// Its hash.
    pub sha256: [u8; 32],
    /// Its beginning, which is shown in lists.
    pub prefix: &'n str,
    /// What may be chosen.
    pub limits: KeyLimits,
    /// When it ends.
    pub expires: Option<Micros>,
    /// Who makes it.
    pub created_by: Option<&'n str>,
}

impl<'n> NewKey<'n> {
    /// A live key without limits.
    pub fn named(name: &'n str, sha256: [u8; 32], prefix: &'n str) -> NewKey<'n> {
        let limits = KeyLimits::default();
        NewKey { name, kind: KeyKind::Live, sha256, prefix, limits, expires: None, created_by: None }
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id, which events name.
    pub id: String,
    /// The number of its last change.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// What it is made for.
    pub kind: KeyKind,
    /// Its beginning.
    pub prefix: String,
    /// Its hash.
    pub sha256: [u8; 32],
    /// What was decided about it.
    pub state: KeyState,
    /// What was chosen.
    pub limits: KeyLimits,
    /// The key whose place it takes.
    pub rotated_from: Option<String>,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it was made.
    pub created: Micros,
    /// When it ends.
    pub expires: Option<Micros>,
    /// When it was last used, to about a minute.
    pub last_used: Option<Micros>,
}

impl Key {
    /// Reports whether it may be used at `time`. What was decided goes before what has passed.
    pub fn verdict(&self, time: Micros) -> KeyVerdict {
        match self.state {
            KeyState::Revoked => KeyVerdict::Revoked,
            KeyState::Disabled => KeyVerdict::Disabled,
            KeyState::Active if self.expires.is_some_and(|expires| expires <= time) => KeyVerdict::Expired,
            KeyState::Active => KeyVerdict::Usable,
        }
    }
}

const COLUMNS: &str = "key_id, version, name, kind, prefix, sha256, state, scopes, environment_id, team_id, owner_user_id, \
    allowed_providers, allowed_models, allowed_networks, rotated_from, created_by, created_us, expires_us, last_used_us";

fn key(row: &Row) -> Result<Key> {
    let words = |column: &str| row.parse(column, |text| serde_json::from_str::<Vec<String>>(text).ok());
    Ok(Key {
        id: row.get("key_id")?,
        version: row.get("version")?,
        name: row.get("name")?,
        kind: row.parse("kind", |word| KeyKind::ALL.into_iter().find(|kind| kind.name() == word))?,
        prefix: row.get("prefix")?,
        sha256: row.get("sha256")?,
        state: row.parse("state", |word| KeyState::ALL.into_iter().find(|state| state.name() == word))?,
        limits: KeyLimits {
            scopes: words("scopes")?,
            environment: row.get("environment_id")?,
            team: row.get("team_id")?,
            owner: row.get("owner_user_id")?,
            providers: words("allowed_providers")?,
            models: words("allowed_models")?,
            networks: words("allowed_networks")?,
        },
        rotated_from: row.get("rotated_from")?,
        created_by: row.get("created_by")?,
        created: row.get("created_us")?,
        expires: row.get("expires_us")?,
        last_used: row.get("last_used_us")?,
    })
}

fn words(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// Makes a key. Refused when it would live longer than the organisation allows.
pub async fn create(tx: &mut Tx<Organisation>, new: &NewKey<'_>) -> Result<Key> {
    insert(tx, new, None).await
}

async fn insert(tx: &mut Tx<Organisation>, new: &NewKey<'_>, rotated_from: Option<&str>) -> Result<Key> {
    check_name(new.name)?;
    let created = now();
    if let Some(days) = own(tx).await?.key_lifetime_max_days {
        let latest = created.saturating_add(days.saturating_mul(DAY_MICROS));
        if new.expires.is_none_or(|expires| expires > latest) {
            return Err(Error::Refused(format!("keys of this organisation live for {days} days at most")));
        }
    }
    let version = changes::next(tx, Topic::Keys).await?;
    let limits = &new.limits;
    let sql = format!(
        "INSERT INTO gateway_keys (organisation_id, key_id, version, name, kind, prefix, sha256, state, scopes, \
            environment_id, team_id, owner_user_id, allowed_providers, allowed_models, allowed_networks, rotated_from, \
            created_by, created_us, expires_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         RETURNING {COLUMNS}"
    );
    let parameters = values![
        tx.scope().id(),
        new_id("key"),
        version,
        new.name,
        new.kind.name(),
        new.prefix,
        new.sha256,
        words(&limits.scopes),
        limits.environment.as_ref(),
        limits.team.as_ref(),
        limits.owner.as_ref(),
        words(&limits.providers),
        words(&limits.models),
        words(&limits.networks),
        rotated_from,
        new.created_by,
        created,
        new.expires,
    ];
    key(&tx.query_first(&sql, parameters).await?.ok_or(Error::NotFound("key"))?)
}

/// A key of the organisation.
pub async fn find(tx: &mut Tx<Organisation>, id: &str) -> Result<Key> {
    let sql = format!("SELECT {COLUMNS} FROM gateway_keys WHERE organisation_id = $1 AND key_id = $2");
    let parameters = values![tx.scope().id(), id];
    key(&tx.query_first(&sql, parameters).await?.ok_or(Error::NotFound("key"))?)
}

/// Whose key has this hash, and the key. None: nobody's.
pub async fn find_by_hash(tx: &mut Tx<Operator>, sha256: &[u8; 32]) -> Result<Option<(Organisation, Key)>> {
    let sql = format!("SELECT organisation_id, {COLUMNS} FROM gateway_keys WHERE sha256 = $1");
    let Some(row) = tx.query_first(&sql, values![sha256]).await? else { return Ok(None) };
    let organisation: String = row.get("organisation_id")?;
    Ok(Some((Organisation::new(&organisation)?, key(&row)?)))
}

/// The organisation's keys, in the order they were made.
pub async fn all(tx: &mut Tx<Organisation>, after: Option<&str>, limit: u32) -> Result<List<Key>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM gateway_keys WHERE organisation_id = $1 AND key_id > $2 ORDER BY key_id LIMIT $3"
    );
    let parameters = values![tx.scope().id(), after.unwrap_or_default(), with_one_more(limit)];
    let rows = tx.query(&sql, parameters).await?;
    list(&rows, limit, key, |key| &key.id)
}

/// Keys that changed after `version`, in the order of their changes: what a gateway has to learn. Revoked ones are among
/// them.
pub async fn changed_since(tx: &mut Tx<Organisation>, version: i64, limit: u32) -> Result<Vec<Key>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM gateway_keys WHERE organisation_id = $1 AND version > $2 ORDER BY version LIMIT $3"
    );
    let parameters = values![tx.scope().id(), version, limit];
    tx.query(&sql, parameters).await?.iter().map(key).collect()
}

/// Changes name and limits of a key that is not revoked.
pub async fn update(tx: &mut Tx<Organisation>, id: &str, name: &str, limits: &KeyLimits) -> Result<()> {
    check_name(name)?;
    let version = changes::next(tx, Topic::Keys).await?;
    let sql = "UPDATE gateway_keys SET version = $1, name = $2, scopes = $3, environment_id = $4, team_id = $5, \
                  owner_user_id = $6, allowed_providers = $7, allowed_models = $8, allowed_networks = $9 \
               WHERE organisation_id = $10 AND key_id = $11 AND state <> 'revoked'";
    let parameters = values![
        version,
        name,
        words(&limits.scopes),
        limits.environment.as_ref(),
        limits.team.as_ref(),
        limits.owner.as_ref(),
        words(&limits.providers),
        words(&limits.models),
        words(&limits.networks),
        tx.scope().id(),
        id,
    ];
    tx.execute_one("key", sql, parameters).await
}

/// Disables a key, enables it again, or revokes it for good.
pub async fn set_state(tx: &mut Tx<Organisation>, id: &str, state: KeyState) -> Result<()> {
    let version = changes::next(tx, Topic::Keys).await?;
    let revoked = (state == KeyState::Revoked).then(now);
    let sql = "UPDATE gateway_keys SET version = $1, state = $2, revoked_us = $3 \
               WHERE organisation_id = $4 AND key_id = $5 AND state <> 'revoked'";
    let parameters = values![version, state.name(), revoked, tx.scope().id(), id];
    tx.execute_one("key", sql, parameters).await
}

/// Makes a key that takes the place of another one, with its limits. The old one works on for `overlap`.
pub async fn rotate(
    tx: &mut Tx<Organisation>,
    id: &str,
    (sha256, prefix): ([u8; 32], &str),
    overlap: Micros,
    expires: Option<Micros>,
) -> Result<Key> {
    let time = now();
    let old = find(tx, id).await?;
    if old.verdict(time) != KeyVerdict::Usable {
        return Err(Error::Refused("only a key that can be used is rotated".into()));
    }
    let new = NewKey {
        name: &old.name,
        kind: old.kind,
        sha256,
        prefix,
        limits: old.limits.clone(),
        expires,
        created_by: old.created_by.as_deref(),
    };
    let made = insert(tx, &new, Some(id)).await?;
    let ends = old.expires.unwrap_or(Micros::MAX).min(time.saturating_add(overlap));
    let version = changes::next(tx, Topic::Keys).await?;
    let sql =
        "UPDATE gateway_keys SET version = $1, expires_us = $2 WHERE organisation_id = $3 AND key_id = $4";
    let parameters = values![version, ends, tx.scope().id(), id];
    tx.execute_one("key", sql, parameters).await?;
    Ok(made)
}

/// Notes when keys were used. Later times stay.
pub async fn note_used(tx: &mut Tx<Organisation>, used: &[(String, Micros)]) -> Result<()> {
    let sql = "UPDATE gateway_keys SET last_used_us = $1 \
               WHERE organisation_id = $2 AND key_id = $3 AND (last_used_us IS NULL OR last_used_us < $1)";
    for (id, time) in used {
        let parameters = values![*time, tx.scope().id(), id];
        tx.execute(sql, parameters).await?;
    }
    Ok(())
}
