//! The embedded database: one writer and a few readers over one file in WAL mode, each connection on a thread of its
//! own. A commit is on the disk when it returns (`synchronous = FULL`).

mod events;
mod files;
mod hints;
mod statement;
mod thread;
mod transaction;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::clock::Day;
use super::engine::{Access, Engine, Hints, Maintained, Transaction};
use super::error::{Error, Result};
use super::migrations;
use super::scope::Claims;
use hints::Listeners;
use statement::{closed, fault};
use thread::Thread;
use transaction::{Lease, SqliteTransaction};

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// For how long one transaction may read. A longer one would keep the write-ahead log from being cut.
const READ_MAX: Duration = Duration::from_secs(1);
/// Connections that read.
const READERS: usize = 4;
/// Bytes that the write-ahead log keeps on disk after a checkpoint.
const JOURNAL_SIZE_LIMIT: i64 = 16 << 20;
/// Statements each connection keeps prepared.
const CACHED_STATEMENTS: usize = 128;

/// Where the embedded database is.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// The file. Its folder must be there, and be on a local disk.
    pub path: PathBuf,
}

/// An open file.
pub(super) struct Sqlite {
    path: PathBuf,
    writer: Thread,
    turn: Arc<AsyncMutex<()>>,
    readers: Arc<Mutex<Vec<Thread>>>,
    free: Arc<Semaphore>,
    listeners: Arc<Listeners>,
}

impl Sqlite {
    /// Opens the file, and makes it when it is not there.
    pub(super) fn open(settings: &SqliteSettings) -> Result<Sqlite> {
        let path = settings.path.clone();
        files::refuse_network(&path)?;
        files::make_private(&path)?;
        let writer = Thread::start("aegis-db-write", connect(&path, false)?, None)?;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            readers.push(Thread::start("aegis-db-read", connect(&path, true)?, Some(READ_MAX))?);
        }
        Ok(Sqlite {
            path,
            writer,
            turn: Arc::default(),
            readers: Arc::new(Mutex::new(readers)),
            free: Arc::new(Semaphore::new(READERS)),
            listeners: Arc::default(),
        })
    }

    async fn lease(&self, access: Access) -> Result<(Thread, Lease)> {
        if access != Access::Read {
            return Ok((self.writer.clone(), Lease::Writer(Arc::clone(&self.turn).lock_owned().await)));
        }
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| closed())?;
        let thread = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or_else(closed)?;
        Ok((thread.clone(), Lease::Reader { thread, readers: Arc::clone(&self.readers), _permit: permit }))
    }

    async fn write(&self) -> Result<SqliteTransaction> {
        let (thread, lease) = self.lease(Access::Write).await?;
        SqliteTransaction::begin(thread, lease, Arc::clone(&self.listeners), "BEGIN IMMEDIATE").await
    }
}

fn connect(path: &Path, is_reader: bool) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| Error::Configuration(format!("{}: {error}", path.display())))?;
    let set = || -> rusqlite::Result<()> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", JOURNAL_SIZE_LIMIT)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "query_only", is_reader)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        Ok(())
    };
    set().map_err(|error| fault("PRAGMA", error))?;
    Ok(connection)
}

#[async_trait]
impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn begin(&self, _claims: Claims, access: Access) -> Result<Box<dyn Transaction>> {
        let (thread, lease) = self.lease(access).await?;
        let begin = if access == Access::Read { "BEGIN DEFERRED" } else { "BEGIN IMMEDIATE" };
        let listeners = Arc::clone(&self.listeners);
        Ok(Box::new(SqliteTransaction::begin(thread, lease, listeners, begin).await?))
    }

    async fn check_roles(&self) -> Result<()> {
        Ok(())
    }

    async fn migrate(&self) -> Result<Vec<i64>> {
        // The lock on the file is held from the first look to the last step.
        let mut tx = self.write().await?;
        migrations::create_table(&mut tx).await?;
        let missing = migrations::missing(&mut tx, migrations::SQLITE).await?;
        for migration in &missing {
            tx.batch(migration.sql).await?;
            migrations::record(&mut tx, migration).await?;
        }
        Box::new(tx).commit().await?;
        Ok(missing.iter().map(|migration| migration.number).collect())
    }

    async fn maintain_events(&self, _from: Day, _to: Day, today: Day) -> Result<Maintained> {
        let mut tx = self.write().await?;
        let done = tx.run(move |connection| events::delete_expired(connection, today)).await?;
        Box::new(tx).commit().await?;
        Ok(done)
    }

    async fn checkpoint(&self) -> Result<()> {
        let log = files::beside(&self.path, "-wal");
        if std::fs::metadata(&log).map_or(0, |file| file.len()) == 0 {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        // A reader that is in the way ends within a second; what is left is cut the next time.
        let cut = |connection: &mut Connection| {
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .map_err(|error| fault("PRAGMA wal_checkpoint(TRUNCATE)", error))
        };
        self.writer.run(cut).await
    }

    async fn listen(&self, channel: &'static str) -> Result<Hints> {
        Ok(self.listeners.add(channel))
    }
}
