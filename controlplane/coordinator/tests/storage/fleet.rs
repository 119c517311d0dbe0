//! Gateways and their processes.

use aegis_coordinator::storage::fleet::{self, Hello, Welcome};
use aegis_coordinator::storage::{Operator, Tx};

use crate::support::{TestDb, on_both};

on_both! { run:
    two_live_processes_with_one_identity_are_refused
    a_process_that_names_the_one_it_takes_over_from_is_admitted
    a_silent_process_is_in_nobodys_way
    reports_are_those_of_processes_that_serve_the_organisation
}

const STALE: i64 = 120_000_000;

fn hello<'h>(gateway: &'h str, boot: &'h str, takes_over: Option<&'h str>, time: i64) -> Hello<'h> {
    Hello { gateway, boot, takes_over, coordinator: "c", address: "192.0.2.1", time, stale_after: STALE }
}

async fn greet(tx: &mut Tx<Operator>, said: Hello<'_>) -> Welcome {
    fleet::hello(tx, &said).await.expect("answered")
}

async fn two_live_processes_with_one_identity_are_refused(db: TestDb) {
    let (_, gateway) = db.organisation("One").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    assert_eq!(greet(&mut tx, hello(&gateway, "a", None, 1000)).await, Welcome::Admitted);
    assert_eq!(greet(&mut tx, hello(&gateway, "a", None, 1001)).await, Welcome::Admitted, "it came back");
    let refused = Welcome::Refused { live_boot: "a".into() };
    assert_eq!(greet(&mut tx, hello(&gateway, "b", None, 1002)).await, refused);
    assert_eq!(greet(&mut tx, hello(&gateway, "b", Some("z"), 1003)).await, refused, "it names another one");
    assert_eq!(greet(&mut tx, hello(&gateway, "a", None, 1004)).await, Welcome::Admitted);
    let conflicts = fleet::conflicts(&mut tx, &gateway, 10).await.expect("read");
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].boot.as_str(), conflicts[0].seen), ("b", 1003));
}

async fn a_process_that_names_the_one_it_takes_over_from_is_admitted(db: TestDb) {
    let (_, gateway) = db.organisation("One").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    assert_eq!(greet(&mut tx, hello(&gateway, "a", None, 1000)).await, Welcome::Admitted);
    assert_eq!(greet(&mut tx, hello(&gateway, "b", Some("a"), 1001)).await, Welcome::Admitted);
    assert_eq!(greet(&mut tx, hello(&gateway, "a", None, 1002)).await, Welcome::Admitted, "both ship");
    assert_eq!(greet(&mut tx, hello(&gateway, "b", Some("a"), 1003)).await, Welcome::Admitted);
    let third = greet(&mut tx, hello(&gateway, "c", Some("a"), 1004)).await;
    assert_eq!(third, Welcome::Refused { live_boot: "b".into() });
    fleet::goodbye(&mut tx, &gateway, "a", 1005).await.expect("ended");
    assert!(!fleet::seen(&mut tx, &gateway, "a", 1006).await.expect("answered"));
    assert!(fleet::seen(&mut tx, &gateway, "b", 1006).await.expect("answered"));
    assert_eq!(greet(&mut tx, hello(&gateway, "c", Some("b"), 1007)).await, Welcome::Admitted);
}

async fn a_silent_process_is_in_nobodys_way(db: TestDb) {
    let (_, gateway) = db.organisation("One").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    assert_eq!(greet(&mut tx, hello(&gateway, "a", None, 1000)).await, Welcome::Admitted);
    let refused = Welcome::Refused { live_boot: "a".into() };
    assert_eq!(greet(&mut tx, hello(&gateway, "b", None, 999 + STALE)).await, refused);
    assert_eq!(greet(&mut tx, hello(&gateway, "b", None, 1000 + STALE)).await, Welcome::Admitted);
    let refused = Welcome::Refused { live_boot: "b".into() };
    assert_eq!(greet(&mut tx, hello(&gateway, "a", None, 1001 + STALE)).await, refused, "its time is over");
}

async fn reports_are_those_of_processes_that_serve_the_organisation(db: TestDb) {
    let (one, gateway) = db.organisation("One").await;
    let (two, _) = db.organisation("Two").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    greet(&mut tx, hello(&gateway, "a", None, 1000)).await;
    let mut report = fleet::Report {
        gateway: gateway.clone(),
        boot: "a".into(),
        received: 1000,
        build: "0.1.0".into(),
        is_draining: false,
        oldest_unsent: None,
        clock_skew: -5,
        token_key_fingerprint: "f".into(),
        last_error: None,
        document: "{}".into(),
    };
    fleet::keep_report(&mut tx, &report).await.expect("kept");
    report.is_draining = true;
    report.oldest_unsent = Some(7);
    fleet::keep_report(&mut tx, &report).await.expect("kept");
    assert_eq!(fleet::reports(&mut tx, one.id()).await.expect("read"), [report.clone()]);
    assert!(fleet::reports(&mut tx, two.id()).await.expect("read").is_empty());
    fleet::assign(&mut tx, two.id(), &gateway).await.expect("assigned");
    assert_eq!(fleet::reports(&mut tx, two.id()).await.expect("read"), [report]);
    assert_eq!(fleet::assignments(&mut tx, &gateway).await.expect("read").len(), 2);
    fleet::goodbye(&mut tx, &gateway, "a", 1001).await.expect("ended");
    assert!(fleet::reports(&mut tx, one.id()).await.expect("read").is_empty());
    fleet::revoke(&mut tx, &gateway).await.expect("revoked");
    fleet::hello(&mut tx, &hello(&gateway, "d", None, 2000)).await.expect_err("revoked");
}
