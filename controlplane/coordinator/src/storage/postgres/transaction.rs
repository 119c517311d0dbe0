//! A transaction on PostgreSQL.

use std::fmt::Write as _;

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};

use super::events;
use super::statement::{column, fault, is_partition_missing, type_of};
use crate::storage::clock::Micros;
use crate::storage::engine::{Access, Transaction};
use crate::storage::error::{Error, Result};
use crate::storage::event::StoredEvent;
use crate::storage::ids::is_id;
use crate::storage::scope::Claims;
use crate::storage::value::{Columns, Row, Value};

/// For how long a statement may run.
const STATEMENT_TIMEOUT_MS: u32 = 30_000;
/// For how long a statement waits for a lock.
const LOCK_TIMEOUT_MS: u32 = 10_000;
/// After this time the server ends a transaction in which nothing happens.
const IDLE_TIMEOUT_MS: u32 = 60_000;

pub(super) struct PostgresTransaction {
    client: Option<Object>,
    prepare: bool,
    /// A statement failed, or was given up on while it ran: nothing of the transaction may be kept.
    is_broken: bool,
}

impl PostgresTransaction {
    pub(super) async fn begin(
        client: Object,
        claims: &Claims,
        access: Access,
        prepare: bool,
    ) -> Result<PostgresTransaction> {
        // Made before it has begun: dropped while it waits, it is rolled back too.
        let mut tx = PostgresTransaction { client: Some(client), prepare, is_broken: false };
        tx.batch(&begin(claims, access)?).await?;
        Ok(tx)
    }

    /// Runs several statements without parameters.
    pub(super) async fn batch(&mut self, sql: &str) -> Result<()> {
        self.is_broken = true;
        self.client()?.batch_execute(sql).await.map_err(|error| fault(sql, &error))?;
        self.is_broken = false;
        Ok(())
    }

    pub(super) fn client(&self) -> Result<&Object> {
        self.client.as_ref().ok_or_else(|| Error::Unavailable("the transaction has ended".into()))
    }

    async fn rows(&self, sql: &str, parameters: &[Value]) -> Result<Vec<tokio_postgres::Row>> {
        let client = self.client()?;
        let rows = if self.prepare {
            let types: Vec<Type> = parameters.iter().map(type_of).collect();
            let statement =
                client.prepare_typed_cached(sql, &types).await.map_err(|error| fault(sql, &error))?;
            let parameters: Vec<&(dyn ToSql + Sync)> =
                parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            client.query(&statement, &parameters).await
        } else {
            let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
                parameters.iter().map(|value| (value as &(dyn ToSql + Sync), type_of(value))).collect();
            client.query_typed(sql, &parameters).await
        };
        rows.map_err(|error| fault(sql, &error))
    }

    /// Runs a statement whose parameters may be whole arrays.
    async fn execute_arrays(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> std::result::Result<u64, tokio_postgres::Error> {
        let Some(client) = self.client.as_ref() else { return Ok(0) };
        self.is_broken = true;
        let touched = if self.prepare {
            let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
            let statement = client.prepare_typed_cached(sql, &types).await?;
            let values: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|(value, _)| *value).collect();
            client.execute(&statement, &values).await?
        } else {
            client.execute_typed(sql, parameters).await?
        };
        self.is_broken = false;
        Ok(touched)
    }
}

/// The statements that begin a transaction: one way to the server and back.
fn begin(claims: &Claims, access: Access) -> Result<String> {
    if [&claims.organisation, &claims.user].into_iter().any(|id| !id.is_empty() && !is_id(id)) {
        return Err(Error::Refused("a scope names no identifier".into()));
    }
    let mut sql = String::from(if access == Access::Read { "BEGIN READ ONLY; " } else { "BEGIN; " });
    let operator = if claims.is_operator { "on" } else { "" };
    let _ = write!(
        sql,
        "SELECT set_config('aegis.organisation', '{}', true), set_config('aegis.user', '{}', true), \
         set_config('aegis.operator', '{operator}', true), \
         set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', true), \
         set_config('lock_timeout', '{LOCK_TIMEOUT_MS}', true), \
         set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT_MS}', true)",
        claims.organisation, claims.user,
    );
    if access != Access::Read {
        // What a commit means does not depend on the server's setting, unless that one is stricter.
        sql.push_str(
            ", set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') \
             THEN 'on' ELSE current_setting('synchronous_commit') END, true)",
        );
    }
    Ok(sql)
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        // The connection goes back to its pool once the server has rolled back, and is closed otherwise. A statement
        // that still runs is waited for: statements of a connection are answered in order.
        let roll_back = async move {
            if client.batch_execute("ROLLBACK").await.is_err() {
                drop(Object::take(client));
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(roll_back)),
            Err(_) => drop(roll_back),
        }
    }
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn query(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        self.is_broken = true;
        let rows = self.rows(sql, &parameters).await?;
        self.is_broken = false;
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let names = first.columns().iter().map(|column| column.name().to_owned()).collect();
        let columns = Columns::new(sql, names);
        rows.iter()
            .map(|row| {
                let values = (0..row.len()).map(|at| column(row, at, sql)).collect::<Result<_>>()?;
                Ok(Row::new(std::sync::Arc::clone(&columns), values))
            })
            .collect()
    }

    async fn query_locked(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        self.query(&format!("{sql} FOR UPDATE"), parameters).await
    }

    async fn execute(&mut self, sql: &str, parameters: Vec<Value>) -> Result<u64> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            parameters.iter().map(|value| (value as &(dyn ToSql + Sync), type_of(value))).collect();
        self.execute_arrays(sql, &parameters).await.map_err(|error| fault(sql, &error))
    }

    async fn insert_events(&mut self, events: Vec<StoredEvent>) -> Result<bool> {
        for (sql, columns) in events::statements(&events) {
            let parameters: Vec<(&(dyn ToSql + Sync), Type)> = columns
                .iter()
                .map(|(column, kind)| (&**column as &(dyn ToSql + Sync), kind.clone()))
                .collect();
            match self.execute_arrays(&sql, &parameters).await {
                Ok(_) => {}
                Err(error) if is_partition_missing(&error) => return Ok(false),
                Err(error) => return Err(fault(&sql, &error)),
            }
        }
        Ok(true)
    }

    async fn clock(&mut self) -> Result<Micros> {
        let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
        let rows = self.query(sql, vec![]).await?;
        rows.first().ok_or(Error::NotFound("clock"))?.get("now")
    }

    async fn notify(&mut self, channel: &'static str) -> Result<()> {
        self.query("SELECT pg_notify($1, '') IS NULL AS sent", vec![channel.into()]).await.map(drop)
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        if self.is_broken {
            // The server would answer a COMMIT with a roll-back, and not call it an error.
            return Err(Error::Refused("a statement of the transaction failed: nothing was kept".into()));
        }
        self.batch("COMMIT").await?;
        self.client = None;
        Ok(())
    }
}
