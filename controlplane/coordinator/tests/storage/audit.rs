//! Taking events in.

use aegis_coordinator::storage::audit::{self, Filter, Ingested, Order};
use aegis_coordinator::storage::{Error, MAX_LINE_BYTES, Organisation, day_of, now};

use crate::support::{Place, TestDb, batch, lines, on_both};

on_both! { run:
    events_are_kept_byte_by_byte_and_numbered_in_order
    repeats_are_acknowledged_and_written_once
    a_hole_is_refused
    a_fork_is_noticed
    an_ended_stream_takes_no_more
    an_unopened_stream_and_a_foreign_gateway_are_refused
    too_much_at_once_is_refused
    numbers_have_no_gap_and_no_order_of_their_own
    a_line_that_cannot_be_read_holds_up_nothing
    texts_that_look_like_sql_are_texts
}

async fn all(db: &TestDb, organisation: &Organisation) -> Vec<audit::Event> {
    let search = (Order::OldestFirst, None, 1000);
    audit::page(&db.database, organisation, &Filter::default(), search).await.expect("read").events
}

async fn ingest(db: &TestDb, organisation: &Organisation, batch: audit::Batch) -> Ingested {
    audit::ingest(&db.database, organisation.clone(), batch).await.expect("answered")
}

async fn events_are_kept_byte_by_byte_and_numbered_in_order(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let sent = lines(1, 10);
    db.ship(&organisation, (&gateway, "a"), 1, sent.clone()).await;
    let events = all(&db, &organisation).await;
    assert_eq!(events.iter().map(|event| event.line.clone()).collect::<Vec<_>>(), sent);
    assert_eq!(events.iter().map(|event| event.number).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    let tenth = &events[9];
    assert_eq!(tenth.provider.as_deref(), Some("openai"));
    assert_eq!((tenth.findings_total, tenth.status), (1, Some(200)));
    assert!(tenth.received > tenth.occurred);
}

async fn repeats_are_acknowledged_and_written_once(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let stream = (gateway.as_str(), "a");
    let stored = |last_sequence, new| Ingested::Stored { last_sequence, new };
    assert_eq!(ingest(&db, &organisation, batch(stream, 1, lines(1, 10))).await, stored(10, 10));
    assert_eq!(ingest(&db, &organisation, batch(stream, 1, lines(1, 10))).await, stored(10, 0));
    assert_eq!(ingest(&db, &organisation, batch(stream, 3, lines(3, 2))).await, stored(10, 0));
    assert_eq!(ingest(&db, &organisation, batch(stream, 5, lines(5, 10))).await, stored(14, 4));
    assert_eq!(ingest(&db, &organisation, batch(stream, 15, vec![])).await, stored(14, 0));
    let sequences: Vec<i64> = all(&db, &organisation).await.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=14).collect::<Vec<_>>());
}

async fn a_hole_is_refused(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let stream = (gateway.as_str(), "a");
    assert_eq!(
        ingest(&db, &organisation, batch(stream, 2, lines(2, 1))).await,
        Ingested::Hole { expected: 1 }
    );
    db.ship(&organisation, stream, 1, lines(1, 3)).await;
    assert_eq!(
        ingest(&db, &organisation, batch(stream, 5, lines(5, 1))).await,
        Ingested::Hole { expected: 4 }
    );
    assert_eq!(all(&db, &organisation).await.len(), 3);
}

async fn a_fork_is_noticed(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let stream = (gateway.as_str(), "a");
    let chain = |lines: &[Vec<u8>]| {
        let start = audit::start_of_chain(organisation.id(), &gateway, "a");
        (1..).zip(lines).fold(start, |hash, (sequence, line)| audit::link(&hash, sequence, line))
    };
    let with_hash = |first: i64, mine: &[Vec<u8>], all: &[Vec<u8>]| audit::Batch {
        hash: Some(chain(all)),
        ..batch(stream, first, mine.to_vec())
    };
    let mine = lines(1, 4);
    let stored = Ingested::Stored { last_sequence: 2, new: 2 };
    assert_eq!(ingest(&db, &organisation, with_hash(1, &mine[..2], &mine[..2])).await, stored);
    // Another process under the same name has written other events.
    let theirs = lines(11, 4);
    let forked = Ingested::Forked { last_sequence: 2 };
    assert_eq!(ingest(&db, &organisation, with_hash(1, &theirs[..2], &theirs[..2])).await, forked);
    assert_eq!(ingest(&db, &organisation, with_hash(3, &theirs[2..], &theirs)).await, forked);
    let stored = Ingested::Stored { last_sequence: 4, new: 2 };
    assert_eq!(ingest(&db, &organisation, with_hash(3, &mine[2..], &mine)).await, stored);
}

async fn an_ended_stream_takes_no_more(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    db.ship(&organisation, (&gateway, "a"), 1, lines(1, 2)).await;
    let mut tx = db.database.write(organisation.clone()).await.expect("begun");
    audit::end_stream(&mut tx, &gateway, "a").await.expect("ended");
    tx.commit().await.expect("committed");
    let stream = (gateway.as_str(), "a");
    let repeat = Ingested::Stored { last_sequence: 2, new: 0 };
    assert_eq!(ingest(&db, &organisation, batch(stream, 1, lines(1, 2))).await, repeat);
    assert_eq!(ingest(&db, &organisation, batch(stream, 3, lines(3, 1))).await, Ingested::Ended);
}

async fn an_unopened_stream_and_a_foreign_gateway_are_refused(db: TestDb) {
    let (one, gateway) = db.organisation("One").await;
    let (two, _) = db.organisation("Two").await;
    let stream = (gateway.as_str(), "a");
    let fault = audit::ingest(&db.database, one.clone(), batch(stream, 1, lines(1, 1))).await;
    assert!(matches!(fault, Err(Error::NotFound(_))), "{fault:?}");
    db.stream(&one, &gateway, "a").await;
    let fault = audit::ingest(&db.database, two.clone(), batch(stream, 1, lines(1, 1))).await;
    assert!(matches!(fault, Err(Error::NotFound(_))), "{fault:?}");
    let mut tx = db.database.write(two).await.expect("begun");
    let fault = audit::open_stream(&mut tx, &gateway, "a", 0).await;
    assert!(matches!(fault, Err(Error::NotFound(_))), "{fault:?}");
}

async fn too_much_at_once_is_refused(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let stream = (gateway.as_str(), "a");
    let many = vec![b"{}".to_vec(); audit::MAX_BATCH_EVENTS + 1];
    audit::ingest(&db.database, organisation.clone(), batch(stream, 1, many)).await.expect_err("too many");
    let long = vec![vec![b' '; MAX_LINE_BYTES + 1]];
    audit::ingest(&db.database, organisation.clone(), batch(stream, 1, long)).await.expect_err("too long");
    db.ship(&organisation, stream, 1, vec![vec![b' '; MAX_LINE_BYTES]]).await;
}

/// Three streams write at once while somebody reads by the cursor: nobody is overtaken.
async fn numbers_have_no_gap_and_no_order_of_their_own(db: TestDb) {
    const BATCHES: i64 = 15;
    let (organisation, gateway) = db.organisation("One").await;
    let mut writers = Vec::new();
    for boot in ["a", "b", "c"] {
        db.stream(&organisation, &gateway, boot).await;
        let (database, organisation, gateway) = (db.database.clone(), organisation.clone(), gateway.clone());
        writers.push(tokio::spawn(async move {
            for round in 0..BATCHES {
                let batch = batch((&gateway, boot), round * 5 + 1, lines(round * 5 + 1, 5));
                let result = audit::ingest(&database, organisation.clone(), batch).await;
                assert!(matches!(result, Ok(Ingested::Stored { .. })), "{result:?}");
            }
        }));
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    while seen.len() < usize::try_from(3 * BATCHES * 5).expect("small") {
        let search = (Order::OldestFirst, cursor, 7);
        let page = audit::page(&db.database, &organisation, &Filter::default(), search).await.expect("read");
        cursor = page.events.last().map(|event| event.number).or(cursor);
        seen.extend(page.events);
    }
    for writer in writers {
        writer.await.expect("wrote");
    }
    let numbers: Vec<i64> = seen.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=3 * BATCHES * 5).collect::<Vec<_>>());
    assert!(seen.is_sorted_by_key(|event| event.received));
}

async fn a_line_that_cannot_be_read_holds_up_nothing(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let sent = vec![b"\xff\x00{".to_vec(), br#"{"key":"a\u0000b"}"#.to_vec(), vec![]];
    db.ship(&organisation, (&gateway, "a"), 1, sent.clone()).await;
    let events = all(&db, &organisation).await;
    assert_eq!(events.iter().map(|event| event.line.clone()).collect::<Vec<_>>(), sent);
    assert_eq!(events[0].kind, "unreadable");
    assert_eq!(events[1].key.as_deref(), Some("a b"));
}

async fn texts_that_look_like_sql_are_texts(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let evil = r"x'); DROP TABLE audit_events; --\";
    let line = serde_json::json!({"key": evil, "upstream": evil, "findings": [
        {"rule": evil, "category": evil, "action": evil, "place": evil, "token": evil}]});
    db.ship(&organisation, (&gateway, "a"), 1, vec![line.to_string().into_bytes()]).await;
    let wanted = || Some(evil.to_owned());
    let filter =
        Filter { key: wanted(), provider: wanted(), rule: wanted(), place: wanted(), ..Filter::default() };
    let page = audit::page(&db.database, &organisation, &filter, (Order::NewestFirst, None, 10)).await;
    assert_eq!(page.expect("read").events.len(), 1);
}

/// Without a partition of the day nothing is written and nothing acknowledged; once it is made, the same batch is taken.
#[test]
fn a_missing_day_makes_ingest_wait() {
    crate::support::run(crate::support::Kind::Postgres, async |db: TestDb| {
        let (organisation, gateway) = db.organisation("One").await;
        db.stream(&organisation, &gateway, "a").await;
        let today = day_of(now());
        for day in [today, today + 1] {
            for table in ["audit_events", "audit_findings"] {
                db.place.raw(&format!("DROP TABLE {table}_90_{day}")).await;
            }
        }
        let stream = (gateway.as_str(), "a");
        assert_eq!(ingest(&db, &organisation, batch(stream, 1, lines(1, 20))).await, Ingested::Wait);
        assert_eq!(db.place.number("SELECT last_sequence FROM audit_streams").await, 0);
        assert_eq!(db.place.number("SELECT next_number FROM audit_counters").await, 1);
        let made = db.database.maintain_events(today).await.expect("made");
        assert_eq!(made.made, 2);
        db.ship(&organisation, stream, 1, lines(1, 20)).await;
        assert!(matches!(db.place, Place::Postgres { .. }));
    });
}
