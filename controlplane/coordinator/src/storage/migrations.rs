//! The schema's steps: embedded, numbered, forward only. Each carries the oldest binary that still works with it, told
//! as the newest number that binary knows; older ones refuse.

use sha2::{Digest, Sha256};

use super::clock::now;
use super::engine::Transaction;
use super::error::{Error, Result};
use super::value::values;

/// The newest number that this binary knows.
pub const SCHEMA: i64 = 1;

/// One step.
pub(super) struct Migration {
    /// Its number, from 1 without a gap.
    pub number: i64,
    /// The newest number that a binary must know at least, to work with the schema after this step.
    pub oldest: i64,
    /// Its statements.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($engine:literal: $(($number:literal, $oldest:literal, $name:literal)),* $(,)?) => {
        &[$(Migration {
            number: $number,
            oldest: $oldest,
            sql: include_str!(concat!("migrations/", $engine, "/", $name, ".sql")),
        }),*]
    };
}

/// The steps of PostgreSQL.
pub(super) const POSTGRES: &[Migration] = migrations!("postgres": (1, 1, "0001_begin"));
/// The steps of SQLite.
pub(super) const SQLITE: &[Migration] = migrations!("sqlite": (1, 1, "0001_begin"));

impl Migration {
    fn checksum(&self) -> [u8; 32] {
        Sha256::digest(self.sql).into()
    }
}

/// A step that was taken.
pub(super) struct Applied {
    number: i64,
    oldest: i64,
    checksum: Option<[u8; 32]>,
}

/// Makes the table of steps.
pub(super) async fn create_table(tx: &mut dyn Transaction) -> Result<()> {
    // BIGINT and BYTEA are names that SQLite accepts too, in a table that is not strict.
    let sql = "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, oldest BIGINT NOT NULL, \
               checksum BYTEA NOT NULL, applied_us BIGINT NOT NULL, version TEXT NOT NULL)";
    tx.execute(sql, vec![]).await.map(drop)
}

/// Returns the steps that were taken; none in an empty database.
pub(super) async fn applied(tx: &mut dyn Transaction) -> Result<Vec<Applied>> {
    let rows =
        tx.query("SELECT number, oldest, checksum FROM schema_migrations ORDER BY number", vec![]).await;
    match rows {
        Ok(rows) => rows
            .iter()
            .map(|row| {
                let checksum = Some(row.get("checksum")?);
                Ok(Applied { number: row.get("number")?, oldest: row.get("oldest")?, checksum })
            })
            .collect(),
        Err(Error::Statement { reason, .. })
            if reason.contains("no such table") || reason.contains("does not exist") =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Reports whether this binary works with what was applied.
pub(super) fn judge(applied: &[Applied]) -> Result<()> {
    let found = applied.last().map_or(0, |step| step.number);
    if found < SCHEMA {
        return Err(Error::SchemaBehind { found, wanted: SCHEMA });
    }
    let oldest = applied.iter().map(|step| step.oldest).max().unwrap_or(0);
    if oldest > SCHEMA {
        return Err(Error::SchemaAhead { found, oldest, known: SCHEMA });
    }
    Ok(())
}

/// Returns the steps of `known` that were not taken yet. Refuses a schema that this binary cannot go on from.
pub(super) async fn missing<'m>(
    tx: &mut dyn Transaction,
    known: &'m [Migration],
) -> Result<Vec<&'m Migration>> {
    let applied = applied(tx).await?;
    for step in &applied {
        match known.iter().find(|migration| migration.number == step.number) {
            Some(migration) if step.checksum != Some(migration.checksum()) => {
                return Err(Error::MigrationAltered { number: step.number });
            }
            _ => {}
        }
    }
    let last = applied.last().map_or(0, |step| step.number);
    if last > SCHEMA {
        judge(&applied)?;
    }
    Ok(known.iter().filter(|migration| migration.number > last).collect())
}

/// Notes that a step was taken.
pub(super) async fn record(tx: &mut dyn Transaction, migration: &Migration) -> Result<()> {
    let sql = "INSERT INTO schema_migrations (number, oldest, checksum, applied_us, version) VALUES ($1, $2, $3, $4, $5)";
    let parameters =
        values![migration.number, migration.oldest, migration.checksum(), now(), env!("CARGO_PKG_VERSION")];
    tx.execute(sql, parameters).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: i64, oldest: i64) -> Applied {
        Applied { number, oldest, checksum: None }
    }

    #[test]
    fn both_engines_have_every_number_once() {
        for known in [POSTGRES, SQLITE] {
            let numbers: Vec<i64> = known.iter().map(|migration| migration.number).collect();
            assert_eq!(numbers, (1..=SCHEMA).collect::<Vec<_>>());
            assert!(known.iter().all(|migration| migration.oldest <= migration.number));
        }
    }

    #[test]
    fn an_older_binary_works_until_a_step_says_that_it_does_not() {
        assert!(matches!(judge(&[]), Err(Error::SchemaBehind { found: 0, .. })));
        judge(&[step(SCHEMA, SCHEMA)]).expect("its own");
        judge(&[step(SCHEMA, SCHEMA), step(SCHEMA + 1, SCHEMA)]).expect("a newer one that it may use");
        let fault = judge(&[step(SCHEMA, SCHEMA), step(SCHEMA + 2, SCHEMA + 1), step(SCHEMA + 3, 1)]);
        assert!(matches!(fault, Err(Error::SchemaAhead { oldest, .. }) if oldest == SCHEMA + 1));
    }
}
