//! Finding events: each filter beside a plain look at the lines, in both orders, page by page.

use aegis_coordinator::storage::audit::{self, Event, Filter, Order};
use aegis_coordinator::storage::{DAY_MICROS, Organisation};

use crate::support::{TestDb, lines, on_both};

on_both! { run:
    every_filter_finds_what_a_look_at_the_lines_finds
    times_bound_a_search
    pages_are_full_and_hold_every_event_once
    organisations_do_not_find_each_others_events
    events_of_several_days_are_found_in_their_order
}

const EVENTS: i64 = 2000;

/// Whether the line of a number is wanted.
type Wanted = Box<dyn Fn(i64) -> bool>;

async fn filled(db: &TestDb) -> (Organisation, String) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    db.ship(&organisation, (&gateway, "a"), 1, lines(1, EVENTS)).await;
    (organisation, gateway)
}

async fn search(
    db: &TestDb,
    organisation: &Organisation,
    filter: &Filter,
    (order, size): (Order, u32),
) -> Vec<Event> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page =
            audit::page(&db.database, organisation, filter, (order, cursor, size)).await.expect("read");
        found.extend(page.events);
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn every_filter_finds_what_a_look_at_the_lines_finds(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    let some = |text: &str| Some(text.to_owned());
    let filters: Vec<(Filter, Wanted)> = vec![
        (Filter::default(), Box::new(|_| true)),
        (Filter { key: some("key_7"), ..Filter::default() }, Box::new(|n| n % 100 == 7)),
        (Filter { team: some("team_2"), ..Filter::default() }, Box::new(|n| n % 5 == 2)),
        (Filter { gateway: Some(gateway), ..Filter::default() }, Box::new(|_| true)),
        (Filter { gateway: some("gw_other"), ..Filter::default() }, Box::new(|_| false)),
        (Filter { provider: some("anthropic"), ..Filter::default() }, Box::new(|n| n % 3 == 0)),
        (Filter { model: some("gpt-x"), ..Filter::default() }, Box::new(|n| n % 3 != 0)),
        (Filter { outcome: some("policy_violation"), ..Filter::default() }, Box::new(|n| n % 50 == 0)),
        (Filter { request: some(&format!("{:032x}", 77)), ..Filter::default() }, Box::new(|n| n == 77)),
        (Filter { rule: some("rsa-key"), ..Filter::default() }, Box::new(|n| n % 1000 == 0)),
        (Filter { category: some("TOKEN"), ..Filter::default() }, Box::new(|n| n % 10 == 0)),
        (Filter { action: some("tokenize"), ..Filter::default() }, Box::new(|n| n % 10 == 0)),
        (
            Filter { place: some("messages[4].content"), ..Filter::default() },
            Box::new(|n| n % 10 == 0 && n % 7 == 4),
        ),
        (Filter { token: some("AEGIS-TOKEN-110"), ..Filter::default() }, Box::new(|n| n == 110)),
        (
            // One finding must be of the rule and of the category.
            Filter { rule: some("rsa-key"), category: some("TOKEN"), ..Filter::default() },
            Box::new(|_| false),
        ),
        (
            Filter { provider: some("anthropic"), rule: some("github-pat"), ..Filter::default() },
            Box::new(|n| n % 30 == 0),
        ),
    ];
    for (filter, is_wanted) in filters {
        let mut wanted: Vec<i64> = (1..=EVENTS).filter(|number| is_wanted(*number)).collect();
        let found = search(&db, &organisation, &filter, (Order::OldestFirst, 1000)).await;
        assert_eq!(found.iter().map(|event| event.number).collect::<Vec<_>>(), wanted, "{filter:?}");
        wanted.reverse();
        let found = search(&db, &organisation, &filter, (Order::NewestFirst, 1000)).await;
        assert_eq!(found.iter().map(|event| event.number).collect::<Vec<_>>(), wanted, "{filter:?}");
    }
}

async fn times_bound_a_search(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    db.ship(&organisation, (&gateway, "a"), EVENTS + 1, lines(EVENTS + 1, 10)).await;
    let all = search(&db, &organisation, &Filter::default(), (Order::OldestFirst, 1000)).await;
    let (first, last) = (all[0].received, all[all.len() - 1].received);
    assert!(first < last);
    for (from, until, count) in [
        (Some(first), None, EVENTS + 10),
        (Some(first + 1), None, 10),
        (None, Some(last), EVENTS),
        (Some(first), Some(first), 0),
        (Some(last + 1), None, 0),
        (Some(last + DAY_MICROS), None, 0),
        (Some(first - DAY_MICROS), Some(last + DAY_MICROS), EVENTS + 10),
    ] {
        let filter = Filter { from, until, ..Filter::default() };
        let found = search(&db, &organisation, &filter, (Order::NewestFirst, 1000)).await;
        assert_eq!(found.len(), usize::try_from(count).expect("small"), "{from:?} {until:?}");
    }
}

async fn pages_are_full_and_hold_every_event_once(db: TestDb) {
    let (organisation, gateway) = filled(&db).await;
    let filter = Filter { provider: Some("anthropic".into()), ..Filter::default() };
    let page = audit::page(&db.database, &organisation, &filter, (Order::NewestFirst, None, 50)).await;
    let page = page.expect("read");
    assert_eq!(page.events.len(), 50);
    // What comes meanwhile moves nothing.
    db.ship(&organisation, (&gateway, "a"), EVENTS + 1, lines(EVENTS + 1, 100)).await;
    let search = (Order::NewestFirst, page.next, 1000);
    let rest = audit::page(&db.database, &organisation, &filter, search).await.expect("read");
    let numbers: Vec<i64> = page.events.iter().chain(&rest.events).map(|event| event.number).collect();
    let wanted: Vec<i64> = (1..=EVENTS).rev().filter(|number| number % 3 == 0).collect();
    assert_eq!(numbers, wanted);
}

async fn organisations_do_not_find_each_others_events(db: TestDb) {
    let (one, _) = filled(&db).await;
    let (two, gateway) = db.organisation("Two").await;
    db.stream(&two, &gateway, "a").await;
    db.ship(&two, (&gateway, "a"), 1, lines(1, 10)).await;
    let filter = Filter { category: Some("TOKEN".into()), ..Filter::default() };
    assert_eq!(search(&db, &two, &filter, (Order::NewestFirst, 10)).await.len(), 1);
    assert_eq!(search(&db, &two, &Filter::default(), (Order::NewestFirst, 7)).await.len(), 10);
    assert_eq!(search(&db, &one, &filter, (Order::NewestFirst, 100)).await.len(), 200);
}

/// The clock never goes back: a later day than the system's stays, which lets a test have several.
async fn events_of_several_days_are_found_in_their_order(db: TestDb) {
    let (organisation, gateway) = db.organisation("One").await;
    db.stream(&organisation, &gateway, "a").await;
    for day in 0..4 {
        let first = day * 100 + 1;
        db.ship(&organisation, (&gateway, "a"), first, lines(first, 100)).await;
        let sql = format!("UPDATE audit_counters SET last_received_us = last_received_us + {DAY_MICROS}");
        db.place.raw(&sql).await;
    }
    assert_eq!(db.place.number("SELECT count(*) FROM audit_days").await, 4);
    let all = search(&db, &organisation, &Filter::default(), (Order::OldestFirst, 30)).await;
    assert_eq!(all.iter().map(|event| event.number).collect::<Vec<_>>(), (1..=400).collect::<Vec<_>>());
    let second_day = all[100].received;
    assert_eq!(all[99].received / DAY_MICROS + 1, second_day / DAY_MICROS);
    for (from, until, numbers) in [
        (Some(second_day), None, 101..=400),
        (Some(second_day), Some(second_day + 1), 101..=200),
        (None, Some(second_day), 1..=100),
        (Some(second_day + 1), Some(second_day + DAY_MICROS + 1), 201..=300),
    ] {
        let filter = Filter { from, until, ..Filter::default() };
        let found = search(&db, &organisation, &filter, (Order::OldestFirst, 1000)).await;
        assert_eq!(
            found.iter().map(|event| event.number).collect::<Vec<_>>(),
            numbers.clone().collect::<Vec<_>>()
        );
        let filter = Filter { rule: Some("github-pat".into()), ..filter };
        let found = search(&db, &organisation, &filter, (Order::NewestFirst, 3)).await;
        let wanted: Vec<i64> = numbers.rev().filter(|number| number % 10 == 0).collect();
        assert_eq!(found.iter().map(|event| event.number).collect::<Vec<_>>(), wanted);
    }
    let filter = Filter { token: Some("AEGIS-TOKEN-250".into()), ..Filter::default() };
    assert_eq!(search(&db, &organisation, &filter, (Order::NewestFirst, 10)).await[0].number, 250);
}
