//! `kill -9` while events come in: nothing that was acknowledged is lost, and nothing is there twice.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use aegis_coordinator::storage::audit::{self, Ingested, Verdict};
use aegis_coordinator::storage::{Database, Organisation, SqliteSettings};

use crate::support::server::Server;
use crate::support::{Place, TestDb, batch, lines, on_both, runtime, settings};

on_both! { run:
    kill_9_loses_nothing_and_doubles_nothing
}

const BATCHES: i64 = 20;
const BATCH_EVENTS: i64 = 25;
/// The environment of the process that is killed.
const PLACE: &str = "AEGIS_TEST_KILL_PLACE";

/// The process that is killed: ships what is not stored yet, as a gateway does, and says what was acknowledged.
#[test]
#[ignore = "run by the tests that kill it"]
fn the_process_that_is_killed() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let [url, ingest, organisation, gateway] = place.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{place}")
    };
    runtime().block_on(async {
        let database = match url.strip_prefix("sqlite:") {
            Some(path) => Database::open_sqlite(&SqliteSettings { path: path.into() }),
            None => Database::open_postgres(&settings(url.into(), ingest.into())),
        };
        let database = database.expect("opened");
        let organisation = Organisation::new(organisation).expect("an id");
        let mut tx = database.write(organisation.clone()).await.expect("begun");
        let mut at = audit::open_stream(&mut tx, gateway, "a", 0).await.expect("opened").last_sequence;
        tx.commit().await.expect("committed");
        println!("stored {at}");
        while at < BATCHES * BATCH_EVENTS {
            let next = lines(at + 1, BATCH_EVENTS.min(BATCHES * BATCH_EVENTS - at));
            let result =
                audit::ingest(&database, organisation.clone(), batch((gateway, "a"), at + 1, next)).await;
            match result.expect("answered") {
                Ingested::Stored { last_sequence, .. } => at = last_sequence,
                other => panic!("{other:?}"),
            }
            println!("stored {at}");
        }
    });
}

async fn kill_9_loses_nothing_and_doubles_nothing(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    let (url, ingest) = match &db.place {
        Place::Sqlite { path, .. } => (format!("sqlite:{}", path.display()), "-".to_owned()),
        Place::Postgres { name } => {
            let server = Server::get();
            (server.url("aegis_app", name), server.url("aegis_ingest", name))
        }
    };
    let place = format!("{url} {ingest} {} {gateway}", organisation.id());
    let (mut acknowledged, mut kills) = (0, 0_u64);
    while acknowledged < BATCHES * BATCH_EVENTS {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "kill::the_process_that_is_killed", "--ignored", "--nocapture"])
            .env(PLACE, &place)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut heard = 0;
        while let Some(Ok(line)) = said.next() {
            // The harness writes before the first line of the test.
            let Some(stored) = line.rsplit("stored ").next().and_then(|number| number.parse().ok()) else {
                continue;
            };
            assert!(acknowledged <= stored, "{acknowledged} was acknowledged, {stored} is there");
            acknowledged = stored;
            heard += 1;
            if heard == 4 {
                // Somewhere in the next batch.
                std::thread::sleep(Duration::from_micros(kills % 8 * 700));
                child.kill().expect("killed");
                kills += 1;
                break;
            }
        }
        // What was said before the end counts too.
        for line in said.map_while(Result::ok) {
            if let Some(stored) = line.strip_prefix("stored ").and_then(|number| number.parse().ok()) {
                acknowledged = stored;
            }
        }
        child.wait().expect("ended");
    }
    assert!(kills >= 3, "{kills}");
    let total = BATCHES * BATCH_EVENTS;
    assert_eq!(db.place.number("SELECT count(*) FROM audit_events").await, total);
    assert_eq!(db.place.number("SELECT count(DISTINCT sequence) FROM audit_events").await, total);
    assert_eq!(db.place.number("SELECT max(number) FROM audit_events").await, total);
    let verdict = audit::verify(&db.database, &organisation, (&gateway, "a"), |_| true).await.expect("read");
    assert_eq!(verdict, Verdict::Whole { events: total.unsigned_abs(), expired: 0, checkpoints: 0 });
}
