//! The large figures, printed for the reader: 200,000 events in, and each filter over them.

use std::time::Instant;

use aegis_coordinator::storage::audit::{self, Filter, Order, Verdict};

use crate::support::{Kind, TestDb, lines, run};

const EVENTS: i64 = 200_000;
const BATCH: i64 = 500;

#[test]
#[ignore = "takes a minute: run by tests/full.sh"]
fn on_sqlite() {
    run(Kind::Sqlite, async |db: TestDb| fill_and_search("sqlite", &db).await);
}

#[test]
#[ignore = "takes a minute: run by tests/full.sh"]
fn on_postgres() {
    run(Kind::Postgres, async |db: TestDb| fill_and_search("postgres", &db).await);
}

async fn fill_and_search(engine: &str, db: &TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    let begun = Instant::now();
    for batch in 0..EVENTS / BATCH {
        let first = batch * BATCH + 1;
        db.ship(&organisation, (&gateway, "a"), first, lines(first, BATCH)).await;
    }
    let took = begun.elapsed();
    println!("{engine}: {EVENTS} events in {took:?}, batches of {BATCH}");
    db.place.raw("ANALYZE").await;
    let some = |text: &str| Some(text.to_owned());
    let filters: [(&str, Filter, i64); 12] = [
        ("nothing", Filter::default(), EVENTS),
        ("key", Filter { key: some("key_7"), ..Filter::default() }, EVENTS / 100),
        ("team", Filter { team: some("team_2"), ..Filter::default() }, EVENTS / 5),
        ("provider", Filter { provider: some("anthropic"), ..Filter::default() }, EVENTS / 3),
        ("model that nobody uses", Filter { model: some("none"), ..Filter::default() }, 0),
        ("outcome", Filter { outcome: some("policy_violation"), ..Filter::default() }, EVENTS / 50),
        ("request", Filter { request: some(&format!("{:032x}", 77)), ..Filter::default() }, 1),
        ("rule, common", Filter { rule: some("github-pat"), ..Filter::default() }, EVENTS / 10),
        ("rule, rare", Filter { rule: some("rsa-key"), ..Filter::default() }, EVENTS / 1000),
        ("category, rare", Filter { category: some("PKEY"), ..Filter::default() }, EVENTS / 1000),
        ("place that is nowhere", Filter { place: some("system"), ..Filter::default() }, 0),
        ("token", Filter { token: some("AEGIS-TOKEN-110"), ..Filter::default() }, 1),
    ];
    for (name, filter, count) in filters {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let begun = Instant::now();
            let page =
                audit::page(&db.database, &organisation, &filter, (order, None, 50)).await.expect("read");
            println!("{engine}: {name}, {order:?}: {} events in {:?}", page.events.len(), begun.elapsed());
            assert_eq!(page.events.len(), usize::try_from(count.min(50)).expect("small"), "{name}");
        }
    }
    let begun = Instant::now();
    let verdict = audit::verify(&db.database, &organisation, (&gateway, "a"), |_| true).await.expect("read");
    println!("{engine}: the whole chain in {:?}", begun.elapsed());
    let events = EVENTS.unsigned_abs();
    assert_eq!(verdict, Verdict::Whole { events, expired: 0, checkpoints: 0 });
}
