//! Policies, their versions, bundles; the admin log; usage; idempotency.

use aegis_coordinator::storage::admin_log::{self, ActorKind, Change};
use aegis_coordinator::storage::idempotency::{self, Claim, Request};
use aegis_coordinator::storage::policies::{self, Answer, Bundle, BundleUse, PolicyState, PolicyText};
use aegis_coordinator::storage::usage::{self, Dimension, HOUR_MICROS};
use aegis_coordinator::storage::{Error, Operator};

use crate::support::{TestDb, lines, on_both};

on_both! { run:
    a_policy_is_changed_by_whoever_has_seen_it
    a_roll_back_is_a_new_version
    the_newest_bundle_is_sent_and_its_uses_are_kept
    the_admin_log_is_only_added_to
    usage_counts_each_event_once
    a_request_sent_twice_is_carried_out_once
}

fn text(document: &str) -> PolicyText {
    PolicyText { name: "default".into(), state: PolicyState::Active, document: document.into() }
}

async fn a_policy_is_changed_by_whoever_has_seen_it(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let (two, _) = db.organisation("Two").await;
    let mut tx = db.database.write(one).await.expect("begun");
    let made = policies::create(&mut tx, &text("{}"), Some("ada")).await.expect("made");
    let changed = policies::update(&mut tx, (&made.id, 1), &text("{1}"), Some("ada")).await.expect("changed");
    assert_eq!((changed.revision, changed.version > made.version), (2, true));
    let fault = policies::update(&mut tx, (&made.id, 1), &text("{2}"), Some("bob")).await;
    assert!(matches!(fault, Err(Error::Stale { found: 2 })), "{fault:?}");
    let gone = PolicyText { state: PolicyState::Deleted, ..text("{1}") };
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(two).await.expect("begun");
    let fault = policies::update(&mut tx, (&made.id, 2), &gone, None).await;
    assert!(matches!(fault, Err(Error::NotFound(_))), "{fault:?}");
    assert!(policies::all(&mut tx, None, 10).await.expect("read").rows.is_empty());
}

async fn a_roll_back_is_a_new_version(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one).await.expect("begun");
    let id = policies::create(&mut tx, &text("{\"a\":1}"), Some("ada")).await.expect("made").id;
    policies::update(&mut tx, (&id, 1), &text("{\"a\":2}"), Some("bob")).await.expect("changed");
    let back = policies::roll_back(&mut tx, (&id, 2), 1, Some("ada")).await.expect("rolled back");
    assert_eq!((back.revision, back.text.document.as_str()), (3, "{\"a\":1}"));
    policies::roll_back(&mut tx, (&id, 3), 9, None).await.expect_err("no such version");
    let versions = policies::versions(&mut tx, &id, None, 10).await.expect("read");
    let told: Vec<_> =
        versions.iter().map(|v| (v.revision, v.rolled_back_to, v.changed_by.as_deref())).collect();
    assert_eq!(told, [(3, Some(1), Some("ada")), (2, None, Some("bob")), (1, None, Some("ada"))]);
    assert_eq!(policies::versions(&mut tx, &id, Some(2), 10).await.expect("read").len(), 1);
    let gone = PolicyText { state: PolicyState::Deleted, ..text("{}") };
    policies::update(&mut tx, (&id, 3), &gone, None).await.expect("deleted");
    assert!(policies::all(&mut tx, None, 10).await.expect("read").rows.is_empty());
    assert_eq!(policies::find(&mut tx, &id).await.expect("read").text.state, PolicyState::Deleted);
}

async fn the_newest_bundle_is_sent_and_its_uses_are_kept(db: TestDb) {
    let (one, gateway) = db.organisation("One").await;
    let mut tx = db.database.write(one).await.expect("begun");
    for version in [3, 5, 4] {
        let bundle = Bundle { version, digest: [1; 32], document: vec![0, 255, 10] };
        policies::keep_bundle(&mut tx, &bundle).await.expect("kept");
        policies::keep_bundle(&mut tx, &bundle).await.expect("a second time changes nothing");
    }
    let newest = policies::newer_bundle(&mut tx, 3).await.expect("read").expect("there is one");
    assert_eq!((newest.version, newest.document.as_slice()), (5, &[0, 255, 10][..]));
    assert_eq!(policies::newer_bundle(&mut tx, 5).await.expect("read"), None);
    let mut used = BundleUse {
        gateway,
        version: 5,
        digest: [1; 32],
        build: "0.1.0".into(),
        answer: Answer::Sent,
        sent: 10,
        answered: None,
    };
    policies::note_use(&mut tx, &used).await.expect("noted");
    assert_eq!(policies::uses(&mut tx, 5).await.expect("read"), [used.clone()]);
    used.answer = Answer::Refused { code: "rule".into(), rule: Some("r".into()), detail: "d".into() };
    used.answered = Some(12);
    policies::note_use(&mut tx, &used).await.expect("noted");
    assert_eq!(policies::uses(&mut tx, 5).await.expect("read"), [used]);
}

async fn the_admin_log_is_only_added_to(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let change = |id: &str| Change {
        actor: (ActorKind::User, "ada".into()),
        action: "key.revoke".into(),
        target: ("key".into(), id.into()),
        before: Some("{\"state\":\"active\"}".into()),
        after: None,
        address: Some("192.0.2.1".into()),
        request: None,
    };
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    for id in ["a", "b", "a"] {
        admin_log::add(&mut tx, &change(id)).await.expect("added");
    }
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    admin_log::add(&mut tx, &change("c")).await.expect("added");
    drop(tx);
    let mut tx = db.database.read(one.clone()).await.expect("begun");
    let numbers =
        |entries: Vec<admin_log::Entry>| entries.iter().map(|entry| entry.number).collect::<Vec<_>>();
    let all = admin_log::page(&mut tx, None, None, 10).await.expect("read");
    assert_eq!(all[0].change, change("a"));
    assert_eq!(numbers(all), [3, 2, 1], "what was not committed left no gap");
    assert_eq!(numbers(admin_log::page(&mut tx, None, Some(3), 1).await.expect("read")), [2]);
    assert_eq!(numbers(admin_log::page(&mut tx, Some(("key", "a")), None, 10).await.expect("read")), [3, 1]);
    assert_eq!(admin_log::verify(&mut tx).await.expect("read"), Ok(3));
    drop(tx);
    for sql in ["UPDATE admin_log SET action = 'x'", "DELETE FROM admin_log"] {
        // Even with every right: the table itself refuses.
        let fault = db.place.try_raw(sql).await.expect_err(sql);
        assert!(fault.contains("never altered"), "{fault}");
    }
    db.place.unlock_admin_log().await;
    db.place.raw("UPDATE admin_log SET actor_id = 'bob' WHERE number = 2").await;
    let mut tx = db.database.read(one.clone()).await.expect("begun");
    assert_eq!(admin_log::verify(&mut tx).await.expect("read"), Err(2));
    drop(tx);
    db.place.raw("DELETE FROM admin_log WHERE number = 1").await;
    let mut tx = db.database.read(one).await.expect("begun");
    assert_eq!(admin_log::verify(&mut tx).await.expect("read"), Err(1));
}

async fn usage_counts_each_event_once(db: TestDb) {
    let (one, gateway) = db.organisation("One").await;
    db.stream(&one, &gateway, "a").await;
    let add_up = async || {
        let mut tx = db.database.write(one.clone()).await.expect("begun");
        let is_more = usage::add_up(&mut tx).await.expect("added up");
        tx.commit().await.expect("committed");
        is_more
    };
    assert!(!add_up().await);
    db.ship(&one, (&gateway, "a"), 1, lines(1, 300)).await;
    add_up().await;
    add_up().await;
    let mut others = lines(301, 300);
    others.push(br#"{"kind":"events.dropped"}"#.to_vec());
    db.ship(&one, (&gateway, "a"), 301, others).await;
    // Given up on before it is committed: counted by the next one.
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    usage::add_up(&mut tx).await.expect("added up");
    drop(tx);
    add_up().await;
    let mut tx = db.database.read(one.clone()).await.expect("begun");
    let always = (0, i64::MAX);
    let all = usage::sums(&mut tx, always, &[], 10).await.expect("read");
    assert_eq!((all.len(), all[0].requests, all[0].findings, all[0].restored), (1, 600, 60, 300));
    assert_eq!((all[0].request_bytes, all[0].response_bytes), (600_000, 600 * 2002));
    assert_eq!((all[0].input_tokens, all[0].output_tokens), (6000, 12_000));
    let by = usage::sums(&mut tx, always, &[Dimension::Provider, Dimension::Hour], 10).await.expect("read");
    let hour = by[0].of[1].parse::<i64>().expect("a number");
    assert_eq!(
        by.iter().map(|sum| (sum.of[0].as_str(), sum.requests)).collect::<Vec<_>>(),
        [("anthropic", 200), ("openai", 400)]
    );
    let none = usage::sums(&mut tx, (0, hour * HOUR_MICROS), &[Dimension::Key], 10).await.expect("read");
    assert!(none.is_empty(), "the hour itself is not before it");
    let teams =
        usage::sums(&mut tx, (hour * HOUR_MICROS, i64::MAX), &[Dimension::Team], 10).await.expect("read");
    assert_eq!(teams.iter().map(|sum| sum.requests).collect::<Vec<_>>(), [120; 5]);
}

async fn a_request_sent_twice_is_carried_out_once(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let request =
        |sha: u8, time: i64| Request { actor: "ada", key: "k", sha256: [sha; 32], time, expires: time + 100 };
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    assert_eq!(idempotency::claim(&mut tx, &request(1, 10)).await.expect("answered"), Claim::First);
    // The second one waits for the first.
    let (other, scope) = (db.place.open(), one.clone());
    let second = tokio::spawn(async move {
        let mut tx = other.write(scope).await.expect("begun");
        let claim = idempotency::claim(&mut tx, &request(1, 11)).await.expect("answered");
        tx.commit().await.expect("committed");
        claim
    });
    idempotency::answer(&mut tx, &request(1, 10), 201, b"made").await.expect("kept");
    tx.commit().await.expect("committed");
    let answered = Claim::Answered { status: 201, response: b"made".to_vec() };
    assert_eq!(second.await.expect("ran"), answered);
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    let fault = idempotency::claim(&mut tx, &request(2, 12)).await;
    assert!(matches!(fault, Err(Error::Refused(_))), "{fault:?}");
    assert_eq!(
        idempotency::claim(&mut tx, &request(2, 110)).await.expect("answered"),
        Claim::First,
        "forgotten"
    );
    drop(tx);
    let mut tx = db.database.write(Operator).await.expect("begun");
    assert_eq!(idempotency::clean(&mut tx, 109).await.expect("cleaned"), 0);
    assert_eq!(idempotency::clean(&mut tx, 110).await.expect("cleaned"), 1);
}
