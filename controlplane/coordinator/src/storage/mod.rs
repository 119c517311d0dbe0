//! The coordinator's database: one trait for the engine with two implementations, PostgreSQL and SQLite, and above it the
//! queries of each area, written once. Nothing outside this folder knows SQL.

pub mod admin_log;
pub mod allow_entries;
pub mod audit;
pub mod authorities;
pub mod changes;
mod clock;
pub mod credentials;
mod database;
mod engine;
mod error;
mod event;
pub mod fleet;
pub mod idempotency;
mod ids;
pub mod join_keys;
pub mod keys;
pub mod leases;
mod migrations;
pub mod organisations;
mod paging;
pub mod people;
pub mod policies;
mod postgres;
mod retention;
mod scope;
pub mod sessions;
mod sqlite;
pub mod usage;
mod value;

pub use clock::{DAY_MICROS, Day, Micros, day_of, now};
pub use database::{DAYS_AHEAD, Database, Tx};
pub use engine::{Hints, Maintained};
pub use error::{Error, Result};
pub use event::{MAX_COLUMN_BYTES, MAX_FINDINGS, MAX_LINE_BYTES, REQUEST, UNREADABLE};
pub use ids::{MAX_ID_BYTES, is_id, new_id};
pub use migrations::SCHEMA;
pub use paging::{List, MAX_PAGE_ROWS};
pub use postgres::PostgresSettings;
pub use retention::RETENTION_DAYS;
pub use scope::{Operator, Organisation, Scope, User};
pub use sqlite::SqliteSettings;
