//! Partitions of the events: by class of retention, and in it by the day on which an event was received. There is none
//! for whatever fits nowhere: it would have to be searched, and locked, whenever a day is made.

use deadpool_postgres::{Object, Pool};
use tokio_postgres::types::Type;

use super::connect::{Target, pool_fault};
use super::statement::fault;
use super::transaction::PostgresTransaction;
use crate::storage::clock::{Day, now};
use crate::storage::engine::{Access, Maintained, Transaction};
use crate::storage::error::{Error, Result};
use crate::storage::retention;
use crate::storage::retention::RETENTION_DAYS;
use crate::storage::scope::{Operator, Scope};
use crate::storage::value::values;

/// Key of the advisory lock: `aegis` and a number, as one.
const LOCK: i64 = 0x6165_6769_7300_0002;
/// For how long a statement waits for a table: those behind it wait as long.
const LOCK_TIMEOUT: &str = "2s";
const TABLES: [&str; 2] = ["audit_events", "audit_findings"];

pub(super) async fn maintain(owner: &Target, from: Day, to: Day, today: Day) -> Result<Maintained> {
    let owner = owner.pool(1)?;
    let mut done = Maintained::default();
    for days in RETENTION_DAYS {
        let there = days_there(&owner, days).await?;
        for day in (from..=to).filter(|day| !there.contains(day)) {
            done.made += make(&owner, days, day).await?;
        }
        let expired = there.iter().filter(|day| **day <= retention::last_expired(days, today));
        for day in expired {
            match drop_day(&owner, days, *day).await {
                Ok(dropped) => done.dropped += dropped,
                // Somebody reads the table: the next call tries again.
                Err(Error::Conflict { .. }) => done.is_unfinished = true,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(done)
}

async fn connection(owner: &Pool) -> Result<Object> {
    owner.get().await.map_err(|error| Error::Unavailable(pool_fault(&error)))
}

/// The days that have a partition in a class.
async fn days_there(owner: &Pool, days: i64) -> Result<Vec<Day>> {
    let sql = "SELECT CAST(substring(c.relname FROM '[0-9]+$') AS BIGINT) FROM pg_inherits i \
        JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)";
    let parent = format!("audit_events_{days}");
    let client = connection(owner).await?;
    let rows = client.query_typed(sql, &[(&parent, Type::TEXT)]).await.map_err(|error| fault(sql, &error))?;
    rows.iter().map(|row| row.try_get(0).map_err(|error| fault(sql, &error))).collect()
}

/// A transaction that nobody else makes or drops partitions in.
async fn alone(owner: &Pool) -> Result<PostgresTransaction> {
    let mut tx =
        PostgresTransaction::begin(connection(owner).await?, &Operator.claims(), Access::Write, false)
            .await?;
    tx.batch(&format!("SELECT pg_advisory_xact_lock({LOCK}); SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        .await?;
    Ok(tx)
}

async fn is_there(tx: &mut PostgresTransaction, table: &str) -> Result<bool> {
    let rows = tx.query("SELECT to_regclass($1) IS NOT NULL AS is_there", values![table]).await?;
    rows.first().ok_or(Error::NotFound("partition"))?.get("is_there")
}

/// Makes both partitions of a day. They are filled in as tables and attached then, which keeps nobody from writing.
async fn make(owner: &Pool, days: i64, day: Day) -> Result<u64> {
    let mut tx = alone(owner).await?;
    if is_there(&mut tx, &format!("audit_events_{days}_{day}")).await? {
        return Ok(0);
    }
    for table in TABLES {
        let parent = format!("{table}_{days}");
        tx.batch(&format!(
            "CREATE TABLE {parent}_{day} (LIKE {parent} INCLUDING ALL); \
             ALTER TABLE {parent} ATTACH PARTITION {parent}_{day} FOR VALUES FROM ({day}) TO ({})",
            day + 1
        ))
        .await?;
    }
    Box::new(tx).commit().await?;
    Ok(1)
}

/// Drops both partitions of a day and keeps the anchors of their streams, in one transaction.
async fn drop_day(owner: &Pool, days: i64, day: Day) -> Result<u64> {
    let mut tx = alone(owner).await?;
    let events = format!("audit_events_{days}_{day}");
    if !is_there(&mut tx, &events).await? {
        return Ok(0);
    }
    tx.execute(&retention::anchors(&events, "number > 0"), values![now()]).await?;
    tx.batch(&format!("DROP TABLE {events}; DROP TABLE audit_findings_{days}_{day}")).await?;
    Box::new(tx).commit().await?;
    Ok(1)
}
