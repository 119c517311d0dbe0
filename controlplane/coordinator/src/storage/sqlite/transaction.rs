//! A transaction on the embedded database.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use super::events;
use super::hints::Listeners;
use super::statement::{execute, fault, query};
use super::thread::Thread;
use crate::storage::clock::{Micros, now};
use crate::storage::engine::Transaction;
use crate::storage::error::{Error, Result};
use crate::storage::event::StoredEvent;
use crate::storage::value::{Row, Value};

/// The right to use a connection, given back when it is dropped.
pub(super) enum Lease {
    /// The turn to write.
    Writer(#[expect(dead_code, reason = "held, and released by its drop")] OwnedMutexGuard<()>),
    /// One of the readers.
    Reader {
        /// The reader.
        thread: Thread,
        /// Where it goes back to.
        readers: Arc<Mutex<Vec<Thread>>>,
        /// Says that a reader is free; released after the reader is back.
        _permit: OwnedSemaphorePermit,
    },
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Lease::Reader { thread, readers, .. } = self {
            readers.lock().unwrap_or_else(PoisonError::into_inner).push(thread.clone());
        }
    }
}

pub(super) struct SqliteTransaction {
    pub(super) thread: Thread,
    listeners: Arc<Listeners>,
    hints: Vec<&'static str>,
    is_open: bool,
    /// A statement failed, or was given up on while it ran: nothing of the transaction may be kept.
    is_broken: bool,
    /// Last, so that the roll-back is on its way before somebody else may begin.
    lease: Lease,
}

impl SqliteTransaction {
    pub(super) async fn begin(
        thread: Thread,
        lease: Lease,
        listeners: Arc<Listeners>,
        sql: &'static str,
    ) -> Result<SqliteTransaction> {
        // Made before it has begun: dropped while it waits, it is rolled back too.
        let tx = SqliteTransaction {
            thread,
            listeners,
            hints: Vec::new(),
            is_open: true,
            is_broken: false,
            lease,
        };
        tx.thread.begin(sql).await?;
        Ok(tx)
    }

    /// Runs `job` on the connection. Whatever keeps it from its end keeps the transaction from being committed.
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.is_broken = true;
        let result = self.thread.run(job).await?;
        self.is_broken = false;
        Ok(result)
    }

    /// Runs several statements without parameters.
    pub(super) async fn batch(&mut self, sql: &'static str) -> Result<()> {
        self.run(move |connection| connection.execute_batch(sql).map_err(|error| fault(sql, error))).await
    }
}

impl SqliteTransaction {
    /// A reader's clock is stopped by the same call that rolls back.
    fn is_reader(&self) -> bool {
        matches!(self.lease, Lease::Reader { .. })
    }
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        if self.is_open {
            self.thread.roll_back();
        }
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn query(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        let sql = sql.to_owned();
        self.run(move |connection| query(connection, &sql, &parameters)).await
    }

    async fn query_locked(&mut self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        // There is one writer: the whole file is its own.
        self.query(sql, parameters).await
    }

    async fn execute(&mut self, sql: &str, parameters: Vec<Value>) -> Result<u64> {
        let sql = sql.to_owned();
        self.run(move |connection| execute(connection, &sql, &parameters)).await
    }

    async fn insert_events(&mut self, events: Vec<StoredEvent>) -> Result<bool> {
        self.run(move |connection| events::insert(connection, &events)).await?;
        Ok(true)
    }

    async fn clock(&mut self) -> Result<Micros> {
        Ok(now())
    }

    async fn notify(&mut self, channel: &'static str) -> Result<()> {
        self.hints.push(channel);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        if self.is_broken {
            return Err(Error::Refused("a statement of the transaction failed: nothing was kept".into()));
        }
        let commit = |connection: &mut Connection| {
            connection.execute_batch("COMMIT").map_err(|error| fault("COMMIT", error))
        };
        self.thread.run(commit).await?;
        self.is_open = self.is_reader();
        self.listeners.tell(&self.hints);
        Ok(())
    }
}
