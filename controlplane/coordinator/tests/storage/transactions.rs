//! What a transaction keeps, and what it leaves behind.

use std::time::Duration;

use aegis_coordinator::storage::{Error, Operator, organisations, organisations::PartKind};

use crate::support::{TestDb, on_both};

on_both! { run:
    a_transaction_that_is_dropped_leaves_nothing
    a_future_dropped_in_mid_transaction_leaves_nothing
    a_failed_statement_lets_nothing_be_committed
    others_see_a_change_once_it_is_committed
    organisations_see_their_own_rows_only
    errors_say_which_rule_was_broken
    pages_hold_every_row_once
    a_change_is_hinted_at
}

async fn teams(db: &TestDb, organisation: &aegis_coordinator::storage::Organisation) -> usize {
    let mut tx = db.database.read(organisation.clone()).await.expect("begun");
    organisations::parts(&mut tx, PartKind::Team, None, 100).await.expect("read").rows.len()
}

async fn a_transaction_that_is_dropped_leaves_nothing(db: TestDb) {
    let (organisation, _) = db.organisation("One").await;
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    organisations::create_part(&mut tx, PartKind::Team, "red").await.expect("made");
    drop(tx);
    assert_eq!(teams(&db, &organisation).await, 0);
}

/// Futures are dropped after any number of steps; whoever uses the connection next sees nothing of them.
async fn a_future_dropped_in_mid_transaction_leaves_nothing(db: TestDb) {
    let (organisation, _) = db.organisation("One").await;
    for steps in 0..60_u32 {
        let work = async {
            let mut tx = db.database.write(organisation.clone()).await.expect("begun");
            for team in 0..20 {
                let name = format!("team {steps} {team}");
                organisations::create_part(&mut tx, PartKind::Team, &name).await.expect("made");
            }
            // Never comes to its end: the commit is not reached.
            std::future::pending::<()>().await;
            tx.commit().await
        };
        let cut = tokio::time::timeout(Duration::from_micros(u64::from(steps) * 300), work).await;
        assert!(cut.is_err());
    }
    assert_eq!(teams(&db, &organisation).await, 0);
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    organisations::create_part(&mut tx, PartKind::Team, "red").await.expect("made");
    tx.commit().await.expect("committed");
    assert_eq!(teams(&db, &organisation).await, 1);
}

async fn a_failed_statement_lets_nothing_be_committed(db: TestDb) {
    let (organisation, _) = db.organisation("One").await;
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    organisations::create_part(&mut tx, PartKind::Team, "red").await.expect("made");
    organisations::create_part(&mut tx, PartKind::Team, "red").await.expect_err("there already");
    tx.commit().await.expect_err("nothing to keep");
    assert_eq!(teams(&db, &organisation).await, 0);
}

async fn others_see_a_change_once_it_is_committed(db: TestDb) {
    let (organisation, _) = db.organisation("One").await;
    let other = db.place.open();
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    organisations::create_part(&mut tx, PartKind::Team, "red").await.expect("made");
    let read = async || {
        let mut tx = other.read(organisation.clone()).await.expect("begun");
        organisations::parts(&mut tx, PartKind::Team, None, 100).await.expect("read").rows.len()
    };
    assert_eq!(read().await, 0);
    tx.commit().await.expect("committed");
    assert_eq!(read().await, 1);
}

async fn organisations_see_their_own_rows_only(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let (two, _) = db.organisation("Two").await;
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    let team = organisations::create_part(&mut tx, PartKind::Team, "red").await.expect("made");
    tx.commit().await.expect("committed");
    assert_eq!((teams(&db, &one).await, teams(&db, &two).await), (1, 0));
    let mut tx = db.database.write(two.clone()).await.expect("begun");
    let fault = organisations::rename_part(&mut tx, PartKind::Team, &team, "blue").await;
    assert!(matches!(fault, Err(Error::NotFound(_))), "{fault:?}");
    assert_eq!(organisations::own(&mut tx).await.expect("read").name, "Two");
    drop(tx);
    let mut tx = db.database.read(Operator).await.expect("begun");
    assert_eq!(organisations::all(&mut tx, None, 10).await.expect("read").rows.len(), 2);
}

async fn errors_say_which_rule_was_broken(db: TestDb) {
    db.organisation("One").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    let fault = organisations::create(&mut tx, "Once more", "one").await.expect_err("there already");
    assert!(matches!(&fault, Error::Constraint { constraint } if constraint.contains("slug")), "{fault}");
    drop(tx);
    let mut tx = db.database.read(Operator).await.expect("begun");
    organisations::create(&mut tx, "Three", "three").await.expect_err("a reader does not write");
}

async fn pages_hold_every_row_once(db: TestDb) {
    let (organisation, _) = db.organisation("One").await;
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    for team in 0..25 {
        organisations::create_part(&mut tx, PartKind::Team, &format!("{team}")).await.expect("made");
    }
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let page = organisations::parts(&mut tx, PartKind::Team, cursor.as_deref(), 10).await.expect("read");
        assert!(page.rows.len() <= 10);
        seen.extend(page.rows.into_iter().map(|team| team.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    assert_eq!((seen.len(), once.len()), (25, 25));
}

async fn a_change_is_hinted_at(db: TestDb) {
    use aegis_coordinator::storage::{changes, keys};
    let (organisation, _) = db.organisation("One").await;
    let mut hints = db.database.listen(changes::CHANNEL).await.expect("listening");
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    keys::create(&mut tx, &keys::NewKey::named("ci", [1; 32], "aegis_live_ab")).await.expect("made");
    tx.commit().await.expect("committed");
    let hint = tokio::time::timeout(Duration::from_secs(60), hints.next()).await;
    assert_eq!(hint.expect("a hint"), Some(()));
    let mut tx = db.database.read(organisation).await.expect("begun");
    assert_eq!(changes::newest(&mut tx, changes::Topic::Keys).await.expect("read"), 1);
}

/// A reader that is held open would keep the write-ahead log growing: it is ended, and the log can be cut.
#[test]
fn a_long_reader_is_ended_and_the_write_ahead_log_is_cut() {
    crate::support::run(crate::support::Kind::Sqlite, async |db: TestDb| {
        let crate::support::Place::Sqlite { path, .. } = &db.place else { return };
        let log = std::path::PathBuf::from(format!("{}-wal", path.display()));
        let (organisation, gateway) = db.organisation("One").await;
        db.stream(&organisation, &gateway, "a").await;
        let mut reader = db.database.read(organisation.clone()).await.expect("begun");
        organisations::own(&mut reader).await.expect("read");
        db.ship(&organisation, (&gateway, "a"), 1, crate::support::lines(1, 500)).await;
        assert!(std::fs::metadata(&log).expect("a log").len() > 0);
        // Waits until the reader's time is over.
        while std::fs::metadata(&log).expect("a log").len() > 0 {
            db.database.checkpoint().await.expect("done");
        }
        let fault = organisations::own(&mut reader).await.expect_err("its time is over");
        assert!(matches!(fault, Error::ReadTooLong(_)), "{fault}");
        drop(reader);
        let mut reader = db.database.read(organisation).await.expect("begun");
        assert_eq!(organisations::own(&mut reader).await.expect("read").name, "One");
    });
}
