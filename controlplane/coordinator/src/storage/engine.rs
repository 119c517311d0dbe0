//! What a database must do for the coordinator. Queries are written once above it, in SQL that both engines read:
//! parameters `$1`, `$2` numbered in the order they first appear, `ON CONFLICT`, `RETURNING`. Where the engines differ
//! a method here says what is meant.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::clock::{Day, Micros};
use super::error::Result;
use super::event::StoredEvent;
use super::scope::Claims;
use super::value::{Row, Value};

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads only. On SQLite it ends by itself after a second.
    Read,
    /// Reads and writes rows of the application.
    Write,
    /// Writes audit events, as the role that can do nothing else.
    Ingest,
}

/// A database.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// Name for logs and metrics.
    fn name(&self) -> &'static str;

    /// Begins a transaction that sees what `claims` allow.
    async fn begin(&self, claims: Claims, access: Access) -> Result<Box<dyn Transaction>>;

    /// Reports whether the roles that connect have no more rights than they should.
    async fn check_roles(&self) -> Result<()>;

    /// Brings the schema to the newest number, alone: others who start at the same time wait. Returns the numbers of
    /// the migrations that were applied.
    async fn migrate(&self) -> Result<Vec<i64>>;

    /// Makes room for events of the days `from..=to` in every class of retention, and drops what is expired on `today`.
    /// The last hash of each stream stays as its anchor.
    async fn maintain_events(&self, from: Day, to: Day, today: Day) -> Result<Maintained>;

    /// Bounds what the engine keeps beside its tables (the write-ahead log of SQLite).
    async fn checkpoint(&self) -> Result<()>;

    /// A stream of hints that something of this channel has changed. Hints may be lost: the truth is in the tables.
    async fn listen(&self, channel: &'static str) -> Result<Hints>;
}

/// What [`Engine::maintain_events`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Partitions made.
    pub made: u64,
    /// Partitions dropped (PostgreSQL), or events deleted (SQLite).
    pub dropped: u64,
    /// Whether expired events are left for the next call.
    pub is_unfinished: bool,
}

/// Hints that something has changed.
pub struct Hints {
    receiver: mpsc::Receiver<()>,
    /// What keeps them coming.
    _source: Option<Box<dyn std::any::Any + Send + Sync>>,
}

impl std::fmt::Debug for Hints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hints")
    }
}

impl Hints {
    pub(super) fn new(receiver: mpsc::Receiver<()>) -> Hints {
        Hints { receiver, _source: None }
    }

    /// Hints that come as long as `source` lives.
    pub(super) fn holding(
        receiver: mpsc::Receiver<()>,
        source: Box<dyn std::any::Any + Send + Sync>,
    ) -> Hints {
        Hints { receiver, _source: Some(source) }
    }

    /// Waits for the next hint; several at once are one. None when the connection is lost: listen again, and read
    /// what is there.
    pub async fn next(&mut self) -> Option<()> {
        self.receiver.recv().await
    }
}

/// A transaction. Dropped without a commit, also in the middle of a statement, it leaves nothing behind.
#[async_trait]
pub(crate) trait Transaction: Send {
    /// Runs a statement and returns its rows.
    async fn query(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>>;

    /// Runs a `SELECT` and keeps its rows locked until the transaction ends.
    async fn query_locked(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>>;

    /// Runs a statement and returns how many rows it touched.
    async fn execute(&mut self, sql: &str, parameters: Vec<Value>) -> Result<u64>;

    /// Writes events with their findings. False: the partition of their day is not there, nothing was written, and the
    /// transaction is of no further use.
    async fn insert_events(&mut self, events: Vec<StoredEvent>) -> Result<bool>;

    /// Returns the database's clock, which all coordinators share.
    async fn clock(&mut self) -> Result<Micros>;

    /// Tells those who listen on `channel`, once the transaction is committed.
    async fn notify(&mut self, channel: &'static str) -> Result<()>;

    /// Makes the changes durable. Once it returns, they outlive a crash of database and machine.
    async fn commit(self: Box<Self>) -> Result<()>;
}
