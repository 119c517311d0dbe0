//! Join keys: what a gateway shows once, to be enrolled. Each belongs to an organisation, or to the operator's shared
//! pool.

use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::organisations::check_name;
use super::paging::{List, list, with_one_more};
use super::scope::Operator;
use super::value::{Row, values};

/// A join key that is made.
#[derive(Debug, Clone)]
pub struct NewJoinKey<'n> {
    /// Its organisation, or [`super::fleet::SHARED_POOL`].
    pub organisation: &'n str,
    /// The environment of the gateways it enrols.
    pub environment: Option<&'n str>,
    /// Its name.
    pub name: &'n str,
    /// Its beginning, which is shown in lists.
    pub prefix: &'n str,
    /// Its hash.
    pub sha256: [u8; 32],
    /// How many gateways it enrols at most.
    pub uses_max: Option<i64>,
    /// When it ends.
    pub expires: Option<Micros>,
    /// Who makes it.
    pub created_by: Option<&'n str>,
}

/// A join key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinKey {
    /// Its id.
    pub id: String,
    /// Its organisation, or [`super::fleet::SHARED_POOL`].
    pub organisation: String,
    /// The environment of the gateways it enrols.
    pub environment: Option<String>,
    /// Its name.
    pub name: String,
    /// Its beginning.
    pub prefix: String,
    /// Whether it was revoked.
    pub is_revoked: bool,
    /// How many gateways it has enrolled.
    pub uses: i64,
    /// How many it enrols at most.
    pub uses_max: Option<i64>,
    /// When it was made.
    pub created: Micros,
    /// When it ends.
    pub expires: Option<Micros>,
}

const COLUMNS: &str = "join_key_id, organisation_id, environment_id, name, prefix, state, uses, uses_max, created_us, \
    expires_us";

fn join_key(row: &Row) -> Result<JoinKey> {
    Ok(JoinKey {
        id: row.get("join_key_id")?,
        organisation: row.get("organisation_id")?,
        environment: row.get("environment_id")?,
        name: row.get("name")?,
        prefix: row.get("prefix")?,
        is_revoked: row.get::<String>("state")? != "active",
        uses: row.get("uses")?,
        uses_max: row.get("uses_max")?,
        created: row.get("created_us")?,
        expires: row.get("expires_us")?,
    })
}

/// Makes a join key and returns its id.
pub async fn create(tx: &mut Tx<Operator>, new: &NewJoinKey<'_>) -> Result<String> {
    check_name(new.name)?;
    let id = new_id("join");
    let sql = "INSERT INTO join_keys (organisation_id, join_key_id, environment_id, name, prefix, sha256, state, uses, \
                  uses_max, created_by, created_us, expires_us) \
               VALUES ($1, $2, $3, $4, $5, $6, 'active', 0, $7, $8, $9, $10)";
    let parameters = values![
        new.organisation,
        &id,
        new.environment,
        new.name,
        new.prefix,
        new.sha256,
        new.uses_max,
        new.created_by,
        now(),
        new.expires,
    ];
    tx.execute(sql, parameters).await?;
    Ok(id)
}

/// Takes one use of the join key with this hash. None when it is unknown, revoked, expired or used up, which whoever
/// shows it is not told apart.
pub async fn take_use(tx: &mut Tx<Operator>, sha256: &[u8; 32], time: Micros) -> Result<Option<JoinKey>> {
    let sql = format!(
        "UPDATE join_keys SET uses = uses + 1 WHERE sha256 = $1 AND state = 'active' \
            AND (expires_us IS NULL OR expires_us > $2) AND (uses_max IS NULL OR uses < uses_max) RETURNING {COLUMNS}"
    );
    tx.query_first(&sql, values![sha256, time]).await?.map(|row| join_key(&row)).transpose()
}

/// Revokes a join key. Gateways that it enrolled stay.
pub async fn revoke(tx: &mut Tx<Operator>, organisation: &str, id: &str) -> Result<()> {
    let sql = "UPDATE join_keys SET state = 'revoked' WHERE organisation_id = $1 AND join_key_id = $2";
    tx.execute_one("join key", sql, values![organisation, id]).await
}

/// The join keys of an organisation or of the shared pool.
pub async fn all(
    tx: &mut Tx<Operator>,
    organisation: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<List<JoinKey>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM join_keys WHERE organisation_id = $1 AND join_key_id > $2 ORDER BY join_key_id LIMIT $3"
    );
    let rows = tx.query(&sql, values![organisation, after.unwrap_or_default(), with_one_more(limit)]).await?;
    list(&rows, limit, join_key, |key| &key.id)
}

/// One join key of an organisation.
pub async fn find(tx: &mut Tx<Operator>, organisation: &str, id: &str) -> Result<JoinKey> {
    let sql = format!("SELECT {COLUMNS} FROM join_keys WHERE organisation_id = $1 AND join_key_id = $2");
    join_key(&tx.query_first(&sql, values![organisation, id]).await?.ok_or(Error::NotFound("join key"))?)
}
