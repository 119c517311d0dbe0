//! Values that are let through: by the token that stands for them, by a keyed hash, or by a pattern; each with a reason,
//! and until it expires.

use super::changes::{self, Topic};
use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::organisations::check_name;
use super::paging::{List, list, with_one_more};
use super::scope::Organisation;
use super::value::{Row, values};

/// What an entry names its values by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowKind {
    /// The token of an event.
    Token,
    /// A keyed hash.
    KeyedHash,
    /// A regular expression.
    Regex,
}

impl AllowKind {
    const ALL: [AllowKind; 3] = [AllowKind::Token, AllowKind::KeyedHash, AllowKind::Regex];

    fn name(self) -> &'static str {
        match self {
            AllowKind::Token => "token",
            AllowKind::KeyedHash => "keyed_hash",
            AllowKind::Regex => "regex",
        }
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowEntry {
    /// Its id.
    pub id: String,
    /// The number of its last change.
    pub version: i64,
    /// What it names its values by.
    pub kind: AllowKind,
    /// The token, hash or pattern.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub created_by: Option<String>,
    /// When.
    pub created: Micros,
    /// When it ends.
    pub expires: Option<Micros>,
    /// When it was taken back.
    pub revoked: Option<Micros>,
}

const COLUMNS: &str =
    "entry_id, version, kind, value, reason, created_by, created_us, expires_us, revoked_us";

fn entry(row: &Row) -> Result<AllowEntry> {
    Ok(AllowEntry {
        id: row.get("entry_id")?,
        version: row.get("version")?,
        kind: row.parse("kind", |word| AllowKind::ALL.into_iter().find(|kind| kind.name() == word))?,
        value: row.get("value")?,
        reason: row.get("reason")?,
        created_by: row.get("created_by")?,
        created: row.get("created_us")?,
        expires: row.get("expires_us")?,
        revoked: row.get("revoked_us")?,
    })
}

/// Lets a value through and returns the entry's id.
pub async fn add(
    tx: &mut Tx<Organisation>,
    (kind, value): (AllowKind, &str),
    reason: &str,
    by: Option<&str>,
    expires: Option<Micros>,
) -> Result<String> {
    check_name(reason)?;
    let id = new_id("allow");
    let version = changes::next(tx, Topic::Policies).await?;
    let sql = "INSERT INTO allow_entries (organisation_id, entry_id, version, kind, value, reason, created_by, created_us, \
                  expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let parameters = values![tx.scope().id(), &id, version, kind.name(), value, reason, by, now(), expires];
    tx.execute(sql, parameters).await?;
    Ok(id)
}

/// Takes an entry back. The row stays, so that every gateway learns of it.
pub async fn revoke(tx: &mut Tx<Organisation>, id: &str) -> Result<()> {
    let version = changes::next(tx, Topic::Policies).await?;
    let sql = "UPDATE allow_entries SET version = $1, revoked_us = $2 \
               WHERE organisation_id = $3 AND entry_id = $4 AND revoked_us IS NULL";
    let parameters = values![version, now(), tx.scope().id(), id];
    tx.execute_one("allowed value", sql, parameters).await
}

/// One entry.
pub async fn find(tx: &mut Tx<Organisation>, id: &str) -> Result<AllowEntry> {
    let sql = format!("SELECT {COLUMNS} FROM allow_entries WHERE organisation_id = $1 AND entry_id = $2");
    let parameters = values![tx.scope().id(), id];
    entry(&tx.query_first(&sql, parameters).await?.ok_or(Error::NotFound("allowed value"))?)
}

/// Entries that hold at `time`, in the order they were made.
pub async fn active(
    tx: &mut Tx<Organisation>,
    time: Micros,
    after: Option<&str>,
    limit: u32,
) -> Result<List<AllowEntry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM allow_entries WHERE organisation_id = $1 AND entry_id > $2 AND revoked_us IS NULL \
            AND (expires_us IS NULL OR expires_us > $3) ORDER BY entry_id LIMIT $4"
    );
    let parameters = values![tx.scope().id(), after.unwrap_or_default(), time, with_one_more(limit)];
    let rows = tx.query(&sql, parameters).await?;
    list(&rows, limit, entry, |entry| &entry.id)
}

/// Entries that changed after `version`, in the order of their changes; revoked ones are among them.
pub async fn changed_since(tx: &mut Tx<Organisation>, version: i64, limit: u32) -> Result<Vec<AllowEntry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM allow_entries WHERE organisation_id = $1 AND version > $2 ORDER BY version LIMIT $3"
    );
    let parameters = values![tx.scope().id(), version, limit];
    tx.query(&sql, parameters).await?.iter().map(entry).collect()
}
