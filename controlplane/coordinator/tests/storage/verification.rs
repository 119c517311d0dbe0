//! The chain: what was removed or altered is found, and what expired is not missed.

use aegis_coordinator::storage::audit::{self, Checkpoint, Verdict};
use aegis_coordinator::storage::{Error, Organisation, day_of, now};

use crate::support::{TestDb, lines, on_both};

on_both! { run:
    a_whole_stream_verifies_with_its_checkpoints
    the_first_missing_event_is_named
    the_first_altered_event_is_named
    a_chain_written_anew_is_not_what_was_signed
    expired_events_leave_an_anchor
}

async fn filled(db: &TestDb) -> (Organisation, String) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    for first in [1, 401, 801] {
        db.ship(&organisation, (&gateway, "a"), first, lines(first, 400)).await;
    }
    (organisation, gateway)
}

async fn verdict(db: &TestDb, organisation: &Organisation, gateway: &str) -> Verdict {
    let is_signed = |point: &Checkpoint| point.signature == b"signed";
    audit::verify(&db.database, organisation, (gateway, "a"), is_signed).await.expect("read")
}

fn hash_at(organisation: &Organisation, gateway: &str, sequence: i64) -> [u8; 32] {
    let start = audit::start_of_chain(organisation.id(), gateway, "a");
    (1..).zip(&lines(1, sequence)).fold(start, |hash, (at, line)| audit::link(&hash, at, line))
}

async fn sign(
    db: &TestDb,
    organisation: &Organisation,
    gateway: &str,
    point: &Checkpoint,
) -> Result<(), Error> {
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    audit::add_checkpoint(&mut tx, gateway, "a", point).await?;
    tx.commit().await
}

fn point(sequence: i64, hash: [u8; 32]) -> Checkpoint {
    Checkpoint { sequence, hash, signed: 0, signature: b"signed".to_vec(), received: 0 }
}

async fn a_whole_stream_verifies_with_its_checkpoints(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    let right = point(1000, hash_at(&organisation, &gateway, 1000));
    sign(&db, &organisation, &gateway, &right).await.expect("kept");
    sign(&db, &organisation, &gateway, &right).await.expect("a second time changes nothing");
    sign(&db, &organisation, &gateway, &point(999, right.hash)).await.expect_err("another hash");
    sign(&db, &organisation, &gateway, &point(1201, right.hash)).await.expect_err("no such event");
    let whole = Verdict::Whole { events: 1200, expired: 0, checkpoints: 1 };
    assert_eq!(verdict(&db, &organisation, &gateway).await, whole);
}

async fn the_first_missing_event_is_named(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    db.place.raw("DELETE FROM audit_events WHERE sequence IN (1200)").await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Missing { sequence: 1200 }, "the last");
    db.place.raw("DELETE FROM audit_events WHERE sequence BETWEEN 700 AND 720").await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Missing { sequence: 700 });
    db.place.raw("DELETE FROM audit_events WHERE sequence = 1").await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Missing { sequence: 1 });
    db.place.raw("DELETE FROM audit_events").await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Missing { sequence: 1 });
}

async fn the_first_altered_event_is_named(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    db.place.raw("UPDATE audit_events SET outcome = 'complete' WHERE sequence = 1150").await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Altered { sequence: 1150 }, "a column");
    let swapped = "UPDATE audit_events SET line = (SELECT line FROM audit_events WHERE sequence = 3) WHERE sequence = 501";
    db.place.raw(swapped).await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Altered { sequence: 501 }, "its bytes");
    let swapped = "UPDATE audit_events SET hash = (SELECT hash FROM audit_events WHERE sequence = 3) WHERE sequence = 500";
    db.place.raw(swapped).await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Altered { sequence: 500 }, "its hash");
}

async fn a_chain_written_anew_is_not_what_was_signed(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    let right = point(1000, hash_at(&organisation, &gateway, 1000));
    sign(&db, &organisation, &gateway, &right).await.expect("kept");
    db.place
        .raw("UPDATE audit_checkpoints SET hash = (SELECT hash FROM audit_events WHERE sequence = 999)")
        .await;
    assert_eq!(verdict(&db, &organisation, &gateway).await, Verdict::Unsigned { sequence: 1000 });
    let is_signed = |_: &Checkpoint| false;
    let verdict = audit::verify(&db.database, &organisation, (&gateway, "a"), is_signed).await.expect("read");
    assert_eq!(verdict, Verdict::Unsigned { sequence: 1000 });
}

async fn expired_events_leave_an_anchor(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    // Some of the stream is kept for longer than the rest.
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    audit::set_retention(&mut tx, 31).await.expect_err("no class");
    audit::set_retention(&mut tx, 365).await.expect("set");
    tx.commit().await.expect("committed");
    db.ship(&organisation, (&gateway, "a"), 1201, lines(1201, 50)).await;
    let day = day_of(now());
    db.database.maintain_events(day + 90).await.expect("maintained");
    assert_eq!(db.place.number("SELECT count(*) FROM audit_events").await, 1250);
    // A day later, or two when midnight has passed.
    while db.database.maintain_events(day + 92).await.expect("maintained").is_unfinished {}
    assert_eq!(db.place.number("SELECT count(*) FROM audit_events").await, 50);
    assert_eq!(db.place.number("SELECT count(*) FROM audit_findings WHERE retention_days = 90").await, 0);
    let whole = Verdict::Whole { events: 50, expired: 1200, checkpoints: 0 };
    assert_eq!(verdict(&db, &organisation, &gateway).await, whole);
    while db.database.maintain_events(day + 367).await.expect("maintained").is_unfinished {}
    let whole = Verdict::Whole { events: 0, expired: 1250, checkpoints: 0 };
    assert_eq!(verdict(&db, &organisation, &gateway).await, whole);
}
