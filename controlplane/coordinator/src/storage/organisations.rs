//! Organisations, and what they are divided into: environments and teams.

use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::paging::{List, list, with_one_more};
use super::retention::RETENTION_DAYS;
use super::scope::{Operator, Organisation};
use super::value::{Row, values};

/// Longest name of anything that people name.
pub const MAX_NAME_BYTES: usize = 200;
/// For how many days the events of a new organisation are kept.
const DEFAULT_RETENTION_DAYS: i64 = RETENTION_DAYS[1];

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganisationRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// Whether it may work.
    pub state: OrganisationState,
    /// For how many days a key may live at most.
    pub key_lifetime_max_days: Option<i64>,
    /// When it was made.
    pub created: Micros,
}

/// Whether an organisation may work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganisationState {
    /// It works.
    Active,
    /// Its requests are refused.
    Suspended,
    /// It is gone; its rows wait for their end.
    Deleted,
}

impl OrganisationState {
    const ALL: [OrganisationState; 3] =
        [OrganisationState::Active, OrganisationState::Suspended, OrganisationState::Deleted];

    fn name(self) -> &'static str {
        match self {
            OrganisationState::Active => "active",
            OrganisationState::Suspended => "suspended",
            OrganisationState::Deleted => "deleted",
        }
    }
}

const COLUMNS: &str = "organisation_id, name, slug, state, key_lifetime_max_days, created_us";

fn organisation(row: &Row) -> Result<OrganisationRow> {
    Ok(OrganisationRow {
        id: row.get("organisation_id")?,
        name: row.get("name")?,
        slug: row.get("slug")?,
        state: row
            .parse("state", |word| OrganisationState::ALL.into_iter().find(|state| state.name() == word))?,
        key_lifetime_max_days: row.get("key_lifetime_max_days")?,
        created: row.get("created_us")?,
    })
}

/// Refuses an empty name and one that is too long.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || name.contains('\0') {
        return Err(Error::Refused(format!("a name has 1 to {MAX_NAME_BYTES} bytes")));
    }
    Ok(())
}

/// Makes an organisation, with the counters that its rows need.
pub async fn create(tx: &mut Tx<Operator>, name: &str, slug: &str) -> Result<Organisation> {
    check_name(name)?;
    let id = new_id("org");
    let time = now();
    tx.execute(
        "INSERT INTO organisations (organisation_id, name, slug, state, created_us, updated_us) \
         VALUES ($1, $2, $3, 'active', $4, $4)",
        values![&id, name, slug, time],
    )
    .await?;
    tx.execute(
        "INSERT INTO audit_counters (organisation_id, next_number, last_received_us, retention_days) \
         VALUES ($1, 1, 0, $2)",
        values![&id, DEFAULT_RETENTION_DAYS],
    )
    .await?;
    tx.execute("INSERT INTO usage_cursors (organisation_id, next_number) VALUES ($1, 1)", values![&id])
        .await?;
    Organisation::new(&id)
}

/// The organisation of the transaction.
pub async fn own(tx: &mut Tx<Organisation>) -> Result<OrganisationRow> {
    let sql = format!("SELECT {COLUMNS} FROM organisations WHERE organisation_id = $1");
    let parameters = values![tx.scope().id()];
    organisation(&tx.query_first(&sql, parameters).await?.ok_or(Error::NotFound("organisation"))?)
}

/// All organisations, in the order they were made.
pub async fn all(tx: &mut Tx<Operator>, after: Option<&str>, limit: u32) -> Result<List<OrganisationRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM organisations WHERE organisation_id > $1 ORDER BY organisation_id LIMIT $2"
    );
    let rows = tx.query(&sql, values![after.unwrap_or_default(), with_one_more(limit)]).await?;
    list(&rows, limit, organisation, |row| &row.id)
}

/// Changes what an organisation is set to.
pub async fn update(tx: &mut Tx<Organisation>, name: &str, key_lifetime_max_days: Option<i64>) -> Result<()> {
    check_name(name)?;
    let parameters = values![name, key_lifetime_max_days, now(), tx.scope().id()];
    let sql = "UPDATE organisations SET name = $1, key_lifetime_max_days = $2, updated_us = $3 WHERE organisation_id = $4";
    tx.execute_one("organisation", sql, parameters).await
}

/// Suspends an organisation, lets it work again, or marks it as gone.
pub async fn set_state(tx: &mut Tx<Operator>, id: &str, state: OrganisationState) -> Result<()> {
    let sql = "UPDATE organisations SET state = $1, updated_us = $2 WHERE organisation_id = $3";
    tx.execute_one("organisation", sql, values![state.name(), now(), id]).await
}

/// A part of an organisation: an environment or a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// Its name, unique among its like.
    pub name: String,
    /// When it was made.
    pub created: Micros,
}

/// What an organisation is divided into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// Where gateways and keys belong, such as production.
    Environment,
    /// People who share keys and policies.
    Team,
}

impl PartKind {
    /// Table, column of the id, and prefix of new ids.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            PartKind::Environment => ("environments", "environment_id", "env"),
            PartKind::Team => ("teams", "team_id", "team"),
        }
    }
}

/// Makes an environment or a team and returns its id.
pub async fn create_part(tx: &mut Tx<Organisation>, kind: PartKind, name: &str) -> Result<String> {
    check_name(name)?;
    let (table, column, prefix) = kind.names();
    let id = new_id(prefix);
    let sql =
        format!("INSERT INTO {table} (organisation_id, {column}, name, created_us) VALUES ($1, $2, $3, $4)");
    let parameters = values![tx.scope().id(), &id, name, now()];
    tx.execute(&sql, parameters).await?;
    Ok(id)
}

/// Renames an environment or a team.
pub async fn rename_part(tx: &mut Tx<Organisation>, kind: PartKind, id: &str, name: &str) -> Result<()> {
    check_name(name)?;
    let (table, column, _) = kind.names();
    let sql = format!("UPDATE {table} SET name = $1 WHERE organisation_id = $2 AND {column} = $3");
    let parameters = values![name, tx.scope().id(), id];
    tx.execute_one("part of the organisation", &sql, parameters).await
}

/// Removes an environment or a team that nothing refers to.
pub async fn delete_part(tx: &mut Tx<Organisation>, kind: PartKind, id: &str) -> Result<()> {
    let (table, column, _) = kind.names();
    let sql = format!("DELETE FROM {table} WHERE organisation_id = $1 AND {column} = $2");
    let parameters = values![tx.scope().id(), id];
    tx.execute_one("part of the organisation", &sql, parameters).await
}

/// The environments or teams, in the order they were made.
pub async fn parts(
    tx: &mut Tx<Organisation>,
    kind: PartKind,
    after: Option<&str>,
    limit: u32,
) -> Result<List<Part>> {
    let (table, column, _) = kind.names();
    let sql = format!(
        "SELECT {column} AS id, name, created_us FROM {table} WHERE organisation_id = $1 AND {column} > $2 \
         ORDER BY {column} LIMIT $3"
    );
    let parameters = values![tx.scope().id(), after.unwrap_or_default(), with_one_more(limit)];
    let rows = tx.query(&sql, parameters).await?;
    let part =
        |row: &Row| Ok(Part { id: row.get("id")?, name: row.get("name")?, created: row.get("created_us")? });
    list(&rows, limit, part, |part| &part.id)
}

/// The ids of all organisations that work, for jobs that go over them.
pub async fn active_ids(tx: &mut Tx<Operator>) -> Result<Vec<String>> {
    let sql = "SELECT organisation_id FROM organisations WHERE state = 'active' ORDER BY organisation_id";
    tx.query(sql, vec![]).await?.iter().map(|row| row.get("organisation_id")).collect()
}
