//! Migrations on PostgreSQL: one connection holds an advisory lock for the whole run.

use super::connect::Target;
use super::roles;
use super::statement::fault;
use super::transaction::PostgresTransaction;
use crate::storage::engine::{Access, Transaction};
use crate::storage::error::{Error, Result};
use crate::storage::migrations;
use crate::storage::scope::{Operator, Scope};

/// Key of the advisory lock: `aegis` and a number, as one.
const LOCK: i64 = 0x6165_6769_7300_0001;

/// Takes all missing steps and gives the roles their rights.
pub(super) async fn migrate(owner: &Target, application: &Target, ingest: &Target) -> Result<Vec<i64>> {
    for role in [application, ingest] {
        if role.role() == owner.role() {
            return Err(Error::Configuration(format!(
                "the role {} stands in two URLs: owner, application and ingest are three roles",
                owner.role()
            )));
        }
        roles::make(owner, role).await?;
    }
    // The lock ends with this connection, whatever happens to the run. It belongs to the session, so this must be the
    // server itself and no transaction pooler.
    let lock = owner.connect().await?;
    lock.batch_execute(&format!(
        "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK})"
    ))
    .await
    .map_err(|error| fault("pg_advisory_lock", &error))?;
    let mut tx = PostgresTransaction::begin(lock, &Operator.claims(), Access::Write, false).await?;
    tx.batch("SET LOCAL statement_timeout = 0").await?;
    migrations::create_table(&mut tx).await?;
    let missing = migrations::missing(&mut tx, migrations::POSTGRES).await?;
    for migration in &missing {
        tx.batch(migration.sql).await?;
        migrations::record(&mut tx, migration).await?;
    }
    roles::grant(&mut tx, application, ingest).await?;
    Box::new(tx).commit().await?;
    Ok(missing.iter().map(|migration| migration.number).collect())
}
