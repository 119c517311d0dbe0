//! What only PostgreSQL has: roles, row-level security, TLS, a transaction pooler before it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aegis_coordinator::storage::audit::{self, Filter, Order};
use aegis_coordinator::storage::{Database, Error, Operator, PostgresSettings, organisations};

use crate::support::server::{Server, free_port, give, keep_running, unprivileged};
use crate::support::{Kind, Place, TestDb, lines, run, settings};

/// Runs a test on PostgreSQL with the name of its database.
fn on_postgres(test: impl AsyncFnOnce(&TestDb, &str)) {
    run(Kind::Postgres, async |db: TestDb| {
        let Place::Postgres { name } = &db.place else { panic!("another engine") };
        test(&db, name).await;
    });
}

/// A connection with the rights of a role.
async fn connect(role: &str, database: &str) -> tokio_postgres::Client {
    let url = Server::get().url(role, database);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    client
}

async fn refusal(client: &tokio_postgres::Client, sql: &str) -> String {
    let fault = client.batch_execute(sql).await.expect_err(sql);
    fault.as_db_error().unwrap_or_else(|| panic!("{sql}: {fault:?}")).message().to_owned()
}

#[test]
fn row_level_security_keeps_organisations_apart_when_a_query_forgets_to() {
    on_postgres(async |db, name| {
        let (one, gateway) = db.organisation("One").await;
        let (two, _) = db.organisation("Two").await;
        db.stream(&one, &gateway, "a").await;
        db.ship(&one, (&gateway, "a"), 1, lines(1, 20)).await;
        let client = connect("aegis_app", name).await;
        let count = async |table: &str| -> i64 {
            client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.expect("read").get(0)
        };
        for table in ["organisations", "audit_events", "audit_findings", "audit_streams", "gateways"] {
            assert_eq!(count(table).await, 0, "without a scope nothing of {table} is seen");
            client.batch_execute(&format!("SET aegis.organisation = '{}'", two.id())).await.expect("set");
            assert_eq!(
                count(table).await,
                i64::from(table == "organisations" || table == "gateways"),
                "{table}"
            );
            client.batch_execute(&format!("SET aegis.organisation = '{}'", one.id())).await.expect("set");
            assert!(count(table).await > 0, "{table}");
            client.batch_execute("RESET ALL").await.expect("reset");
        }
        client.batch_execute(&format!("SET aegis.organisation = '{}'", two.id())).await.expect("set");
        let sql = format!(
            "INSERT INTO teams (organisation_id, team_id, name, created_us) VALUES ('{}', 'x', 'x', 0)",
            one.id()
        );
        assert!(refusal(&client, &sql).await.contains("row-level security"));
    });
}

#[test]
fn every_table_of_tenants_forces_row_level_security() {
    on_postgres(async |db, _| {
        let sql = "SELECT count(DISTINCT c.oid) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
            AND a.attname = 'organisation_id'";
        let tenants = db.place.number(sql).await;
        assert!(tenants > 30, "{tenants}");
        let forced = format!("{sql} AND c.relrowsecurity AND c.relforcerowsecurity");
        assert_eq!(db.place.number(&forced).await, tenants);
        // The first column of every key of a tenant's table.
        let first = format!(
            "{sql} AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary \
             AND i.indkey[0] = a.attnum)"
        );
        assert_eq!(db.place.number(&first).await, 0);
    });
}

#[test]
fn ingest_can_insert_events_and_nothing_else() {
    on_postgres(async |db, name| {
        let (one, gateway) = db.organisation("One").await;
        db.stream(&one, &gateway, "a").await;
        let client = connect("aegis_ingest", name).await;
        client.batch_execute(&format!("SET aegis.organisation = '{}'", one.id())).await.expect("set");
        let rows = client
            .query(
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
                &[],
            )
            .await
            .expect("read");
        let visible: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let wanted = ["audit_counters", "audit_days", "audit_events", "audit_findings", "audit_streams"];
        assert!(visible.iter().all(|table| wanted.contains(&table.as_str())), "{visible:?}");
        for sql in [
            "SELECT line FROM audit_events",
            "DELETE FROM audit_events",
            "UPDATE audit_events SET line = ''",
            "DELETE FROM audit_streams",
            "UPDATE audit_streams SET boot_id = 'x'",
            "UPDATE audit_counters SET retention_days = 30",
            "SELECT * FROM gateway_keys",
            "SELECT * FROM users",
            "CREATE TABLE x (y INT)",
            "TRUNCATE audit_findings",
        ] {
            assert!(refusal(&client, sql).await.contains("permission denied"), "{sql}");
        }
    });
}

#[test]
fn the_application_cannot_alter_what_happened() {
    on_postgres(async |_, name| {
        let client = connect("aegis_app", name).await;
        for sql in [
            "UPDATE audit_events SET line = ''",
            "DELETE FROM audit_events",
            "INSERT INTO audit_anchors SELECT * FROM audit_anchors",
            "UPDATE admin_log SET action = 'x'",
            "DELETE FROM admin_log",
            "UPDATE audit_counters SET next_number = 1",
            "DROP TABLE audit_events",
            "ALTER TABLE audit_events DISABLE ROW LEVEL SECURITY",
            "CREATE TABLE x (y INT)",
        ] {
            let fault = refusal(&client, sql).await;
            assert!(fault.contains("permission denied") || fault.contains("must be owner"), "{sql}: {fault}");
        }
    });
}

#[test]
fn a_role_with_too_many_rights_is_refused() {
    on_postgres(async |db, name| {
        db.database.check().await.expect("fits");
        let server = Server::get();
        for role in ["aegis_owner", "postgres"] {
            let settings = settings(server.url(role, name), server.url("aegis_ingest", name));
            let fault = Database::open_postgres(&settings).expect("opened").check().await;
            assert!(
                matches!(&fault, Err(Error::Configuration(text)) if text.contains(role)),
                "{role}: {fault:?}"
            );
        }
        let same = PostgresSettings {
            owner: Some(server.url("aegis_owner", name)),
            ..settings(server.url("aegis_owner", name), server.url("aegis_ingest", name))
        };
        let fault = Database::open_postgres(&same).expect("opened").migrate().await.expect_err("two in one");
        assert!(fault.to_string().contains("three roles"), "{fault}");
        let none = settings(server.url("aegis_app", name), server.url("aegis_ingest", name));
        Database::open_postgres(&none).expect("opened").migrate().await.expect_err("no owner");
    });
}

/// A managed server gives no right to make roles: the operator makes them, and is told how.
#[test]
fn roles_that_the_owner_may_not_make_are_asked_for() {
    on_postgres(async |db, name| {
        db.place.raw("CREATE ROLE managed_owner LOGIN").await;
        db.place.raw(&format!("ALTER DATABASE {name} OWNER TO managed_owner")).await;
        db.place.raw("REASSIGN OWNED BY aegis_owner TO managed_owner").await;
        let server = Server::get();
        let managed = |app: &str| PostgresSettings {
            owner: Some(server.url("managed_owner", name)),
            ..settings(server.url(app, name), server.url("aegis_ingest", name))
        };
        let database = Database::open_postgres(&managed("managed_app")).expect("opened");
        let fault = database.migrate().await.expect_err("not there");
        assert!(fault.to_string().contains("CREATE ROLE managed_app"), "{fault}");
        db.place.raw("CREATE ROLE managed_app LOGIN").await;
        database.migrate().await.expect("migrated");
        database.check().await.expect("fits");
    });
}

async fn works(database: &Database, name: &str) {
    database.check().await.expect("fits");
    for round in 0..3 {
        let mut tx = database.write(Operator).await.expect("begun");
        let slug = format!("{name}-{round}");
        organisations::create(&mut tx, name, &slug).await.expect("made");
        tx.commit().await.expect("committed");
    }
}

#[test]
fn tls_is_verified() {
    on_postgres(async |_, name| {
        let server = Server::get();
        let url = |host: &str, role: &str| {
            format!("postgres://{role}@{host}:{}/{name}?sslmode=require", server.port)
        };
        let with = |host: &str, roots: &Path| PostgresSettings {
            root_certificates: Some(roots.into()),
            ..settings(url(host, "aegis_app"), url(host, "aegis_ingest"))
        };
        let database = Database::open_postgres(&with("localhost", &server.authority)).expect("opened");
        works(&database, "tls").await;
        // Another name than the certificate's, and another authority.
        let other = Database::open_postgres(&with("127.0.0.1", &server.authority)).expect("opened");
        assert!(matches!(other.check().await, Err(Error::Unavailable(_))));
        let stranger = tempfile::NamedTempFile::new().expect("a file");
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("signed");
        std::fs::write(stranger.path(), certificate.pem()).expect("written");
        let other = Database::open_postgres(&with("localhost", stranger.path())).expect("opened");
        let fault = other.check().await.expect_err("an authority that nobody trusts");
        assert!(matches!(&fault, Error::Unavailable(text) if text.contains("ertificate")), "{fault}");
        std::fs::write(stranger.path(), "nothing").expect("written");
        Database::open_postgres(&with("localhost", stranger.path())).expect_err("no certificate");
    });
}

/// Each transaction may come to another connection of the server: nothing may depend on the one before it.
#[test]
fn a_transaction_pooler_serves_with_prepare_off() {
    let Some(program) =
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| Path::new(path).exists())
    else {
        panic!("pgbouncer is missing: install it");
    };
    on_postgres(async |db, name| {
        let server = Server::get();
        let folder = tempfile::Builder::new().prefix("aegis-pgb.").tempdir().expect("a folder").keep();
        let port = free_port();
        let socket = server.folder.display();
        let users = folder.join("users.txt");
        std::fs::write(&users, "\"aegis_app\" \"\"\n\"aegis_ingest\" \"\"\n").expect("written");
        let config = format!(
            "[databases]\n{name} = host={socket} port={} dbname={name}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 2\n",
            server.port,
            users.display()
        );
        std::fs::write(folder.join("pgbouncer.ini"), config).expect("written");
        give(&folder);
        let mut command: Command = unprivileged(Path::new(program));
        command.arg(folder.join("pgbouncer.ini"));
        let _keeper = keep_running(&command, &folder);
        let url = |role: &str| format!("postgres://{role}@127.0.0.1:{port}/{name}");
        let pooled = |prepare: bool| PostgresSettings {
            prepare,
            direct: Some(server.url("aegis_app", name)),
            ..settings(url("aegis_app"), url("aegis_ingest"))
        };
        let database = Database::open_postgres(&pooled(false)).expect("opened");
        database.wait_for_schema(Duration::from_secs(60)).await.expect("fits");
        // More at once than the pooler has connections.
        let workers: Vec<_> = (0..6)
            .map(|worker| {
                let database = database.clone();
                tokio::spawn(async move { works(&database, &format!("worker{worker}")).await })
            })
            .collect();
        for worker in workers {
            worker.await.expect("worked");
        }
        let (organisation, gateway) = db.organisation("One").await;
        db.stream(&organisation, &gateway, "a").await;
        let batch = crate::support::batch((&gateway, "a"), 1, lines(1, 100));
        let result = audit::ingest(&database, organisation.clone(), batch).await;
        assert!(matches!(result, Ok(audit::Ingested::Stored { .. })), "{result:?}");
        let filter = Filter { category: Some("TOKEN".into()), ..Filter::default() };
        let page = audit::page(&database, &organisation, &filter, (Order::NewestFirst, None, 100)).await;
        assert_eq!(page.expect("read").events.len(), 10);
        database.listen("aegis_changes").await.expect("past the pooler");
    });
}
