//! PostgreSQL: three roles with a pool for two of them, scopes that row-level security reads, partitions by day.
//!
//! - The *owner* has the tables. Its URL is used by `migrate` and by the job that makes and drops partitions.
//! - The *application* reads and writes rows, and owns nothing.
//! - *Ingest* inserts events, moves its stream and its counter on, and can do nothing else.

mod connect;
mod events;
mod listen;
mod partitions;
mod roles;
mod schema;
mod statement;
mod transaction;

use std::path::PathBuf;

use async_trait::async_trait;
use deadpool_postgres::Pool;

use super::clock::Day;
use super::engine::{Access, Engine, Hints, Maintained, Transaction};
use super::error::{Error, Result};
use super::scope::Claims;
use connect::Target;
use transaction::PostgresTransaction;

/// How a PostgreSQL server is reached.
#[derive(Clone)]
pub struct PostgresSettings {
    /// URL of the application's role.
    pub application: String,
    /// URL of the ingest role.
    pub ingest: String,
    /// URL of the owner, past any pooler. Without it this process can neither migrate nor look after partitions.
    pub owner: Option<String>,
    /// URL of the application's role past a transaction pooler, for LISTEN; by default `application`.
    pub direct: Option<String>,
    /// Whether statements are prepared by name. Off behind a transaction pooler that does not know them.
    pub prepare: bool,
    /// Connections of each pool.
    pub pool_size: usize,
    /// File with the certificates that the server's is checked against; by default the system's.
    pub root_certificates: Option<PathBuf>,
}

/// URLs hold passwords.
impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSettings").field("prepare", &self.prepare).finish_non_exhaustive()
    }
}

/// The pools of a server.
pub(super) struct Postgres {
    application: Target,
    ingest: Target,
    owner: Option<Target>,
    direct: Target,
    application_pool: Pool,
    ingest_pool: Pool,
    prepare: bool,
}

impl Postgres {
    pub(super) fn open(settings: &PostgresSettings) -> Result<Postgres> {
        let roots = settings.root_certificates.as_deref();
        let target = |name: &str, url: &str| Target::parse(name, url, roots);
        let application = target("application", &settings.application)?;
        let ingest = target("ingest", &settings.ingest)?;
        Ok(Postgres {
            owner: settings.owner.as_deref().map(|url| target("owner", url)).transpose()?,
            direct: target("direct", settings.direct.as_deref().unwrap_or(&settings.application))?,
            application_pool: application.pool(settings.pool_size)?,
            ingest_pool: ingest.pool(settings.pool_size)?,
            application,
            ingest,
            prepare: settings.prepare,
        })
    }

    fn owner(&self) -> Result<&Target> {
        self.owner.as_ref().ok_or_else(|| {
            Error::Configuration("this needs the URL of the database's owner, which is not configured".into())
        })
    }
}

#[async_trait]
impl Engine for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn begin(&self, claims: Claims, access: Access) -> Result<Box<dyn Transaction>> {
        let pool = if access == Access::Ingest { &self.ingest_pool } else { &self.application_pool };
        let client = pool.get().await.map_err(|error| Error::Unavailable(connect::pool_fault(&error)))?;
        Ok(Box::new(PostgresTransaction::begin(client, &claims, access, self.prepare).await?))
    }

    async fn check_roles(&self) -> Result<()> {
        roles::check(&self.application_pool, "application").await?;
        roles::check(&self.ingest_pool, "ingest").await
    }

    async fn migrate(&self) -> Result<Vec<i64>> {
        schema::migrate(self.owner()?, &self.application, &self.ingest).await
    }

    async fn maintain_events(&self, from: Day, to: Day, today: Day) -> Result<Maintained> {
        partitions::maintain(self.owner()?, from, to, today).await
    }

    async fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    async fn listen(&self, channel: &'static str) -> Result<Hints> {
        listen::listen(&self.direct, channel).await
    }
}
