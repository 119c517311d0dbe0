//! The database as the rest of the coordinator sees it: transactions with a scope, and the life of the schema.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{Day, Micros};
use super::engine::{Access, Engine, Hints, Maintained, Transaction};
use super::error::{Error, Result};
use super::migrations;
use super::postgres::{Postgres, PostgresSettings};
use super::scope::{Claims, Operator, Scope};
use super::sqlite::{Sqlite, SqliteSettings};
use super::value::{Row, Value};

/// Days for which partitions are made ahead.
pub const DAYS_AHEAD: Day = 7;
/// Between two looks while another process migrates.
const SCHEMA_PAUSE: Duration = Duration::from_millis(250);

/// A database with the coordinator's schema. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    engine: Arc<dyn Engine>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Database").field(&self.engine.name()).finish()
    }
}

impl Database {
    /// Opens the embedded database. Makes the file when it is not there, but no tables: [`Database::migrate`] does.
    pub fn open_sqlite(settings: &SqliteSettings) -> Result<Database> {
        Ok(Database { engine: Arc::new(Sqlite::open(settings)?) })
    }

    /// Prepares the pools to a PostgreSQL server. Nothing is asked of it yet: [`Database::check`] does.
    pub fn open_postgres(settings: &PostgresSettings) -> Result<Database> {
        Ok(Database { engine: Arc::new(Postgres::open(settings)?) })
    }

    /// Name of the engine.
    pub fn engine(&self) -> &'static str {
        self.engine.name()
    }

    /// Brings the schema to this binary's number; see [`Engine::migrate`].
    pub async fn migrate(&self) -> Result<Vec<i64>> {
        self.engine.migrate().await
    }

    /// Reports whether this binary may work with the schema that is there, as the roles it has.
    pub async fn check(&self) -> Result<()> {
        let mut tx = self.read(Operator).await?;
        let applied = migrations::applied(tx.inner.as_mut()).await?;
        migrations::judge(&applied)?;
        drop(tx);
        self.engine.check_roles().await
    }

    /// The same, and waits up to `patience` for another process that migrates.
    pub async fn wait_for_schema(&self, patience: Duration) -> Result<()> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            match self.check().await {
                Err(Error::SchemaBehind { .. } | Error::Unavailable(_))
                    if tokio::time::Instant::now() < end =>
                {
                    tokio::time::sleep(SCHEMA_PAUSE).await;
                }
                result => return result,
            }
        }
    }

    /// Begins a transaction that reads.
    pub async fn read<S: Scope>(&self, scope: S) -> Result<Tx<S>> {
        self.begin(scope, Access::Read).await
    }

    /// Begins a transaction that writes.
    pub async fn write<S: Scope>(&self, scope: S) -> Result<Tx<S>> {
        self.begin(scope, Access::Write).await
    }

    /// Begins a transaction that writes audit events.
    pub async fn ingest<S: Scope>(&self, scope: S) -> Result<Tx<S>> {
        self.begin(scope, Access::Ingest).await
    }

    async fn begin<S: Scope>(&self, scope: S, access: Access) -> Result<Tx<S>> {
        let claims: Claims = scope.claims();
        let inner = self.engine.begin(claims, access).await?;
        Ok(Tx { scope, inner })
    }

    /// Makes room for the events of the coming days and drops what is expired. To be called at the start and hourly.
    pub async fn maintain_events(&self, today: Day) -> Result<Maintained> {
        // A day back: a batch whose transaction began before midnight.
        self.engine.maintain_events(today - 1, today + DAYS_AHEAD, today).await
    }

    /// Bounds what the engine keeps beside its tables. To be called every few seconds.
    pub async fn checkpoint(&self) -> Result<()> {
        self.engine.checkpoint().await
    }

    /// Hints of changes; see [`Engine::listen`].
    pub async fn listen(&self, channel: &'static str) -> Result<Hints> {
        self.engine.listen(channel).await
    }
}

/// A transaction in the scope `S`. Dropped without [`Tx::commit`] it leaves nothing behind.
pub struct Tx<S> {
    scope: S,
    inner: Box<dyn Transaction>,
}

impl<S: std::fmt::Debug> std::fmt::Debug for Tx<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl<S: Scope> Tx<S> {
    /// Whose rows it sees.
    pub fn scope(&self) -> &S {
        &self.scope
    }

    /// Makes the changes durable.
    pub async fn commit(self) -> Result<()> {
        self.inner.commit().await
    }

    /// The database's clock.
    pub async fn clock(&mut self) -> Result<Micros> {
        self.inner.clock().await
    }

    pub(super) async fn query(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        self.inner.query(sql, parameters).await
    }

    pub(super) async fn query_locked(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        self.inner.query_locked(sql, parameters).await
    }

    /// The first row, if there is one.
    pub(super) async fn query_first(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.inner.query(sql, parameters).await?.into_iter().next())
    }

    pub(super) async fn execute(&mut self, sql: &str, parameters: Vec<Value>) -> Result<u64> {
        self.inner.execute(sql, parameters).await
    }

    /// Runs a statement that must touch a row; otherwise `what` is not there.
    pub(super) async fn execute_one(
        &mut self,
        what: &'static str,
        sql: &str,
        parameters: Vec<Value>,
    ) -> Result<()> {
        match self.inner.execute(sql, parameters).await? {
            0 => Err(Error::NotFound(what)),
            _ => Ok(()),
        }
    }

    pub(super) fn engine(&mut self) -> &mut dyn Transaction {
        self.inner.as_mut()
    }
}
