//! Credentials for providers, sealed under a key that is not in the database: one for each upstream of an organisation.

use super::changes::{self, Topic};
use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::organisations::check_name;
use super::scope::{Operator, Organisation};
use super::value::{Row, values};

/// A sealed credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: String,
    /// The number of its last change.
    pub version: i64,
    /// The upstream it is for.
    pub upstream: String,
    /// Its name.
    pub name: String,
    /// The sealed value; empty once it was deleted.
    pub sealed: Vec<u8>,
    /// The key it is sealed under.
    pub sealing_key: String,
    /// Whether it was deleted: gateways must forget it.
    pub is_deleted: bool,
    /// When it was made.
    pub created: Micros,
    /// When it was last changed.
    pub updated: Micros,
}

/// Without what is sealed.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("upstream", &self.upstream)
            .field("is_deleted", &self.is_deleted)
            .finish_non_exhaustive()
    }
}

const COLUMNS: &str =
    "credential_id, version, upstream, name, sealed, sealing_key_id, state, created_us, updated_us";

fn credential(row: &Row) -> Result<Credential> {
    Ok(Credential {
        id: row.get("credential_id")?,
        version: row.get("version")?,
        upstream: row.get("upstream")?,
        name: row.get("name")?,
        sealed: row.get("sealed")?,
        sealing_key: row.get("sealing_key_id")?,
        is_deleted: row.get::<String>("state")? != "active",
        created: row.get("created_us")?,
        updated: row.get("updated_us")?,
    })
}

/// Keeps the credential of an upstream in the place of an older one. `sealed` is the value and the id of its sealing key.
/// Returns the id.
pub async fn put(
    tx: &mut Tx<Organisation>,
    (upstream, name): (&str, &str),
    sealed: (&[u8], &str),
    by: Option<&str>,
) -> Result<String> {
    check_name(name)?;
    let old = all(tx).await?.into_iter().find(|credential| credential.upstream == upstream);
    if let Some(old) = old {
        delete(tx, &old.id).await?;
    }
    let (id, time) = (new_id("cred"), now());
    let version = changes::next(tx, Topic::Credentials).await?;
    let sql = "INSERT INTO provider_credentials (organisation_id, credential_id, version, upstream, name, sealed, \
                  sealing_key_id, state, created_by, created_us, updated_us) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9, $9)";
    let parameters = values![tx.scope().id(), &id, version, upstream, name, sealed.0, sealed.1, by, time];
    tx.execute(sql, parameters).await?;
    Ok(id)
}

/// Forgets a credential. The row stays without its value, so that every gateway learns of it.
pub async fn delete(tx: &mut Tx<Organisation>, id: &str) -> Result<()> {
    let version = changes::next(tx, Topic::Credentials).await?;
    let sql = "UPDATE provider_credentials SET version = $1, state = 'deleted', sealed = $2, updated_us = $3 \
               WHERE organisation_id = $4 AND credential_id = $5 AND state = 'active'";
    let parameters = values![version, Vec::new(), now(), tx.scope().id(), id];
    tx.execute_one("credential", sql, parameters).await
}

/// The credentials that were not deleted.
pub async fn all(tx: &mut Tx<Organisation>) -> Result<Vec<Credential>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM provider_credentials WHERE organisation_id = $1 AND state = 'active' ORDER BY upstream"
    );
    let parameters = values![tx.scope().id()];
    tx.query(&sql, parameters).await?.iter().map(credential).collect()
}

/// Credentials that changed after `version`, in the order of their changes.
pub async fn changed_since(tx: &mut Tx<Organisation>, version: i64, limit: u32) -> Result<Vec<Credential>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM provider_credentials WHERE organisation_id = $1 AND version > $2 ORDER BY version LIMIT $3"
    );
    let parameters = values![tx.scope().id(), version, limit];
    tx.query(&sql, parameters).await?.iter().map(credential).collect()
}

/// Credentials that are sealed under another key than `current`, with their organisations: what is to be sealed anew.
pub async fn sealed_otherwise(
    tx: &mut Tx<Operator>,
    current: &str,
    limit: u32,
) -> Result<Vec<(Organisation, Credential)>> {
    let sql = format!(
        "SELECT organisation_id, {COLUMNS} FROM provider_credentials \
         WHERE sealing_key_id <> $1 AND state = 'active' ORDER BY organisation_id, credential_id LIMIT $2"
    );
    let rows = tx.query(&sql, values![current, limit]).await?;
    rows.iter()
        .map(|row| Ok((Organisation::new(&row.get::<String>("organisation_id")?)?, credential(row)?)))
        .collect()
}

/// Replaces what is sealed by the same value under another key. Refused when it was changed meanwhile.
pub async fn seal_anew(
    tx: &mut Tx<Organisation>,
    old: &Credential,
    (sealed, sealing_key): (&[u8], &str),
) -> Result<()> {
    // The value is the same: gateways need not be told, so the version stays.
    let sql = "UPDATE provider_credentials SET sealed = $1, sealing_key_id = $2 \
               WHERE organisation_id = $3 AND credential_id = $4 AND version = $5 AND sealing_key_id = $6";
    let parameters = values![sealed, sealing_key, tx.scope().id(), &old.id, old.version, &old.sealing_key];
    match tx.execute(sql, parameters).await? {
        0 => Err(Error::Stale { found: old.version }),
        _ => Ok(()),
    }
}
