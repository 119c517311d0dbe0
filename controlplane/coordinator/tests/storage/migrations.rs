//! The schema's life: many starters at once, older and newer binaries, altered steps.

use std::collections::BTreeSet;
use std::time::Duration;

use aegis_coordinator::storage::{Error, SCHEMA};

use crate::support::{Place, TestDb, on_both};

on_both! { run_empty:
    eight_starters_at_once_take_each_step_once
    an_empty_database_is_refused_until_somebody_migrates
    a_newer_schema_is_refused_when_it_says_so
    an_altered_step_is_refused
}

async fn eight_starters_at_once_take_each_step_once(db: TestDb) {
    let starters: Vec<_> = (0..8)
        .map(|_| {
            let database = db.place.open();
            tokio::spawn(async move { database.migrate().await })
        })
        .collect();
    let mut taken = Vec::new();
    for starter in starters {
        taken.extend(starter.await.expect("ran").expect("migrated"));
    }
    assert_eq!(taken, (1..=SCHEMA).collect::<Vec<_>>());
    db.database.check().await.expect("fits");
}

/// 32 bytes that are no file's checksum.
fn no_checksum(db: &TestDb) -> &'static str {
    match db.place {
        Place::Sqlite { .. } => "zeroblob(32)",
        Place::Postgres { .. } => "decode(repeat('00', 32), 'hex')",
    }
}

async fn an_empty_database_is_refused_until_somebody_migrates(db: TestDb) {
    let fault = db.database.check().await.expect_err("empty");
    assert!(matches!(fault, Error::SchemaBehind { found: 0, .. }), "{fault}");
    assert!(fault.to_string().contains("migrate"), "{fault}");
    let waiter = db.place.open();
    let waiting = tokio::spawn(async move { waiter.wait_for_schema(Duration::from_secs(60)).await });
    db.database.migrate().await.expect("migrated");
    waiting.await.expect("ran").expect("fits");
}

async fn a_newer_schema_is_refused_when_it_says_so(db: TestDb) {
    db.database.migrate().await.expect("migrated");
    let step = |number: i64, oldest: i64| {
        let bytes = no_checksum(&db);
        format!(
            "INSERT INTO schema_migrations (number, oldest, checksum, applied_us, version) \
             VALUES ({number}, {oldest}, {bytes}, 0, '9.9.9')"
        )
    };
    db.place.raw(&step(SCHEMA + 1, SCHEMA)).await;
    db.database.check().await.expect("a step that older binaries may ignore");
    assert_eq!(db.database.migrate().await.expect("nothing to do"), Vec::<i64>::new());
    db.place.raw(&step(SCHEMA + 2, SCHEMA + 1)).await;
    for fault in
        [db.database.check().await.expect_err("newer"), db.database.migrate().await.expect_err("newer")]
    {
        assert!(matches!(fault, Error::SchemaAhead { .. }), "{fault}");
    }
}

async fn an_altered_step_is_refused(db: TestDb) {
    db.database.migrate().await.expect("migrated");
    let sql = "UPDATE schema_migrations SET version = '0.0.1'";
    db.place.raw(sql).await;
    db.database.migrate().await.expect("the version may differ");
    let wrong = no_checksum(&db);
    db.place.raw(&format!("UPDATE schema_migrations SET checksum = {wrong} WHERE number = 1")).await;
    let fault = db.database.migrate().await.expect_err("altered");
    assert!(matches!(fault, Error::MigrationAltered { number: 1 }), "{fault}");
}

/// Queries are written once: tables and columns must be the same on both engines.
#[test]
fn both_engines_have_the_same_tables_and_columns() {
    use crate::support::{Kind, run};
    let mut all: Vec<BTreeSet<(String, String)>> = Vec::new();
    run(Kind::Sqlite, async |db: TestDb| {
        let Place::Sqlite { path, .. } = &db.place else { return };
        let connection = rusqlite::Connection::open(path).expect("opened");
        let sql =
            "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'";
        let mut statement = connection.prepare(sql).expect("prepared");
        let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("read");
        all.push(columns.map(|column| column.expect("read")).collect());
    });
    run(Kind::Postgres, async |db: TestDb| {
        let Place::Postgres { name } = &db.place else { return };
        let client = crate::support::server::Server::get().superuser(name).await;
        let sql = "SELECT c.relname::text, a.attname::text FROM pg_class c \
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
                   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition";
        let rows = client.query(sql, &[]).await.expect("read");
        all.push(rows.iter().map(|row| (row.get(0), row.get(1))).collect());
    });
    assert_eq!(all[0], all[1]);
    assert!(all[0].len() > 300, "{}", all[0].len());
}
