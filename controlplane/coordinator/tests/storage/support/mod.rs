//! Databases for tests: each test has one of its own.

pub(crate) mod server;

use std::path::PathBuf;

use aegis_coordinator::storage::{
    Database, Operator, Organisation, PostgresSettings, SqliteSettings, audit, fleet, organisations,
};
use server::Server;

/// A database of one test.
pub(crate) struct TestDb {
    pub(crate) database: Database,
    pub(crate) place: Place,
}

/// Where it is.
pub(crate) enum Place {
    Sqlite { path: PathBuf, _folder: tempfile::TempDir },
    Postgres { name: String },
}

/// Which engine.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// Runs a test on a database that has its tables, and on PostgreSQL the partitions of these days.
pub(crate) fn run(kind: Kind, test: impl AsyncFnOnce(TestDb)) {
    runtime().block_on(async {
        let place = Place::new(kind, true);
        let db = TestDb { database: place.open(), place };
        if matches!(kind, Kind::Sqlite) {
            db.database.migrate().await.expect("migrated");
        }
        test(db).await;
    });
}

/// Runs a test on a database without any table.
pub(crate) fn run_empty(kind: Kind, test: impl AsyncFnOnce(TestDb)) {
    runtime().block_on(async {
        let place = Place::new(kind, false);
        test(TestDb { database: place.open(), place }).await;
    });
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

impl Place {
    fn new(kind: Kind, is_migrated: bool) -> Place {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder");
                Place::Sqlite { path: folder.path().join("aegis.db"), _folder: folder }
            }
            Kind::Postgres => Place::Postgres { name: Server::get().database(is_migrated) },
        }
    }

    /// Opens the database once more, as another process would.
    pub(crate) fn open(&self) -> Database {
        match self {
            Place::Sqlite { path, .. } => {
                Database::open_sqlite(&SqliteSettings { path: path.clone() }).expect("opened")
            }
            Place::Postgres { name } => {
                Database::open_postgres(&Server::get().settings(name)).expect("opened")
            }
        }
    }

    /// Runs statements past the storage, with every right.
    pub(crate) async fn raw(&self, sql: &str) {
        self.try_raw(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The same, or what the database has against it.
    pub(crate) async fn try_raw(&self, sql: &str) -> Result<(), String> {
        match self {
            Place::Sqlite { path, .. } => {
                let connection = rusqlite::Connection::open(path).expect("opened");
                connection.busy_timeout(std::time::Duration::from_secs(10)).expect("set");
                connection.execute_batch(sql).map_err(|error| error.to_string())
            }
            Place::Postgres { name } => {
                let client = Server::get().superuser(name).await;
                client.batch_execute(sql).await.map_err(|error| format!("{error:?}"))
            }
        }
    }

    /// Takes off what keeps the admin log from being altered, as somebody with the database in hand could.
    pub(crate) async fn unlock_admin_log(&self) {
        self.raw(match self {
            Place::Sqlite { .. } => "DROP TRIGGER admin_log_no_update; DROP TRIGGER admin_log_no_delete",
            Place::Postgres { .. } => "DROP TRIGGER admin_log_is_append_only ON admin_log",
        })
        .await;
    }

    /// The one number that a statement gives, past the storage.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        match self {
            Place::Sqlite { path, .. } => {
                let connection = rusqlite::Connection::open(path).expect("opened");
                connection
                    .query_row(sql, [], |row| row.get(0))
                    .unwrap_or_else(|error| panic!("{sql}: {error}"))
            }
            Place::Postgres { name } => {
                let client = Server::get().superuser(name).await;
                client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
            }
        }
    }
}

/// Settings of a server elsewhere than the tests' own.
pub(crate) fn settings(application: String, ingest: String) -> PostgresSettings {
    PostgresSettings {
        application,
        ingest,
        owner: None,
        direct: None,
        prepare: true,
        pool_size: 4,
        root_certificates: None,
    }
}

impl TestDb {
    /// Makes an organisation and a gateway that serves it.
    pub(crate) async fn organisation(&self, name: &str) -> (Organisation, String) {
        let mut tx = self.database.write(Operator).await.expect("begun");
        let organisation = organisations::create(&mut tx, name, &name.to_lowercase()).await.expect("made");
        let new = fleet::NewGateway {
            organisation: organisation.id(),
            environment: None,
            name: "one",
            public_key: b"key",
            join_key: None,
        };
        let gateway = fleet::enrol(&mut tx, &new).await.expect("enrolled");
        tx.commit().await.expect("committed");
        (organisation, gateway)
    }

    /// Opens a stream.
    pub(crate) async fn stream(&self, organisation: &Organisation, gateway: &str, boot: &str) {
        let mut tx = self.database.write(organisation.clone()).await.expect("begun");
        audit::open_stream(&mut tx, gateway, boot, 0).await.expect("opened");
        tx.commit().await.expect("committed");
    }

    /// Ships lines and expects that they are stored.
    pub(crate) async fn ship(
        &self,
        organisation: &Organisation,
        stream: (&str, &str),
        first_sequence: i64,
        lines: Vec<Vec<u8>>,
    ) {
        let result =
            audit::ingest(&self.database, organisation.clone(), batch(stream, first_sequence, lines)).await;
        assert!(matches!(result, Ok(audit::Ingested::Stored { .. })), "{result:?}");
    }
}

/// A batch of these lines.
pub(crate) fn batch((gateway, boot): (&str, &str), first_sequence: i64, lines: Vec<Vec<u8>>) -> audit::Batch {
    audit::Batch { gateway: gateway.into(), boot: boot.into(), first_sequence, lines, hash: None }
}

/// Lines as a gateway writes them, from number `first` on.
pub(crate) fn lines(first: i64, count: i64) -> Vec<Vec<u8>> {
    (first..first + count).map(line).collect()
}

/// Line `number`: every tenth has a finding, every thousandth a rare one.
pub(crate) fn line(number: i64) -> Vec<u8> {
    let finding = |rule: &str, category: &str, place: i64| {
        format!(
            r#"{{"rule":"{rule}","category":"{category}","action":"tokenize","place":"messages[{place}].content","token":"AEGIS-{category}-{number}"}}"#
        )
    };
    let mut findings = Vec::new();
    if number % 10 == 0 {
        findings.push(finding("github-pat", "TOKEN", number % 7));
    }
    if number % 1000 == 0 {
        findings.push(finding("rsa-key", "PKEY", 3));
    }
    let (provider, model) = if number % 3 == 0 { ("anthropic", "claude-x") } else { ("openai", "gpt-x") };
    let (error, ended) =
        if number % 50 == 0 { ("\"policy_violation\"", "complete") } else { ("null", "complete") };
    format!(
        r#"{{"v":1,"id":"{number:032x}","time":"2026-11-30T17:00:00.000000Z","key":"key_{}","team":"team_{}","org":"o","peer":"192.0.2.7","method":"POST","upstream":"{provider}","model":"{model}","path":"/v1/messages","status":200,"upstream_status":200,"error":{error},"ended":"{ended}","bytes":{{"request":1000,"sent":1001,"response":2000,"delivered":2002}},"us":{{"total":900,"added":40,"first_byte":700,"connect":null}},"findings_total":{},"findings_in_place":0,"findings":[{}],"opaque_total":0,"opaque":[],"restored":{},"unresolved":0,"kept":0,"restore":{{"withheld_by_policy":0,"withheld_by_guard":0,"beside_unnamed_hosts":0}},"usage":{{"input_tokens":10,"output_tokens":20}},"failed_open":false,"streamed":false}}"#,
        number % 100,
        number % 5,
        findings.len(),
        findings.join(","),
        number % 2,
    )
    .into_bytes()
}

/// Makes the tests of a module for both engines.
macro_rules! on_both {
    ($run:ident: $($name:ident)*) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                $crate::support::$run($crate::support::Kind::Sqlite, super::$name);
            })*
        }
        mod on_postgres {
            $(#[test]
            fn $name() {
                $crate::support::$run($crate::support::Kind::Postgres, super::$name);
            })*
        }
    };
}
pub(crate) use on_both;
