//! Sealed credentials, allowed values, leases.

use aegis_coordinator::storage::allow_entries::{self, AllowKind};
use aegis_coordinator::storage::{Error, Operator, credentials, leases};

use crate::support::{TestDb, on_both};

on_both! { run:
    an_upstream_has_one_credential_and_gateways_learn_of_each_change
    credentials_are_sealed_anew_unless_they_changed
    allowed_values_hold_until_they_end
    a_lease_is_one_holders_until_it_runs_out
}

async fn an_upstream_has_one_credential_and_gateways_learn_of_each_change(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let (two, _) = db.organisation("Two").await;
    let mut tx = db.database.write(one).await.expect("begun");
    let old = credentials::put(&mut tx, ("anthropic", "a"), (b"sealed one", "k1"), None).await.expect("kept");
    let new = credentials::put(&mut tx, ("anthropic", "a"), (b"sealed two", "k1"), None).await.expect("kept");
    credentials::put(&mut tx, ("openai", "o"), (b"sealed three", "k1"), Some("ada")).await.expect("kept");
    let all = credentials::all(&mut tx).await.expect("read");
    assert_eq!(
        all.iter().map(|one| one.sealed.as_slice()).collect::<Vec<_>>(),
        [&b"sealed two"[..], b"sealed three"]
    );
    assert!(!format!("{all:?}").contains("sealed"), "{all:?}");
    let changes = credentials::changed_since(&mut tx, 1, 10).await.expect("read");
    let told: Vec<_> = changes.iter().map(|one| (one.id.clone(), one.is_deleted, one.sealed.len())).collect();
    assert_eq!(told[..2], [(old, true, 0), (new.clone(), false, 10)], "nothing is left of the old value");
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(two).await.expect("begun");
    assert!(credentials::all(&mut tx).await.expect("read").is_empty());
    assert!(matches!(credentials::delete(&mut tx, &new).await, Err(Error::NotFound(_))));
}

async fn credentials_are_sealed_anew_unless_they_changed(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    credentials::put(&mut tx, ("anthropic", "a"), (b"x", "k1"), None).await.expect("kept");
    credentials::put(&mut tx, ("openai", "o"), (b"y", "k2"), None).await.expect("kept");
    tx.commit().await.expect("committed");
    let mut tx = db.database.read(Operator).await.expect("begun");
    let old = credentials::sealed_otherwise(&mut tx, "k2", 10).await.expect("read");
    drop(tx);
    assert_eq!(
        old.iter().map(|(of, one)| (of.clone(), one.upstream.as_str())).collect::<Vec<_>>(),
        [(one.clone(), "anthropic")]
    );
    let mut tx = db.database.write(one).await.expect("begun");
    credentials::seal_anew(&mut tx, &old[0].1, (b"z", "k2")).await.expect("sealed");
    let fault = credentials::seal_anew(&mut tx, &old[0].1, (b"z", "k2")).await;
    assert!(matches!(fault, Err(Error::Stale { .. })), "{fault:?}");
    assert!(credentials::all(&mut tx).await.expect("read").iter().all(|one| one.sealing_key == "k2"));
}

async fn allowed_values_hold_until_they_end(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one).await.expect("begun");
    let token = (AllowKind::Token, "AEGIS-TOKEN-1");
    let first =
        allow_entries::add(&mut tx, token, "a test key", Some("ada"), Some(500)).await.expect("added");
    let pattern = (AllowKind::Regex, "^test-");
    let second = allow_entries::add(&mut tx, pattern, "made up", None, None).await.expect("added");
    allow_entries::add(&mut tx, pattern, " ", None, None).await.expect_err("without a reason");
    let found = allow_entries::find(&mut tx, &first).await.expect("read");
    assert_eq!(
        (found.kind, found.value.as_str(), found.expires),
        (AllowKind::Token, "AEGIS-TOKEN-1", Some(500))
    );
    let active = async |tx: &mut _, time| {
        let list = allow_entries::active(tx, time, None, 10).await.expect("read");
        list.rows.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(active(&mut tx, 499).await, [first.clone(), second.clone()]);
    assert_eq!(active(&mut tx, 500).await, std::slice::from_ref(&second));
    allow_entries::revoke(&mut tx, &second).await.expect("revoked");
    allow_entries::revoke(&mut tx, &second).await.expect_err("once");
    assert!(active(&mut tx, 500).await.is_empty());
    let changes = allow_entries::changed_since(&mut tx, 2, 10).await.expect("read");
    assert_eq!(
        changes.iter().map(|entry| (&entry.id, entry.revoked.is_some())).collect::<Vec<_>>(),
        [(&second, true)]
    );
}

async fn a_lease_is_one_holders_until_it_runs_out(db: TestDb) {
    let mut tx = db.database.write(Operator).await.expect("begun");
    let mut answers = Vec::new();
    for (holder, time) in [("a", 0), ("b", 50), ("a", 60), ("b", 159), ("b", 160), ("a", 161)] {
        answers
            .push(leases::take(&mut tx, "partitions", holder, (time, time + 100)).await.expect("answered"));
    }
    assert_eq!(answers, [true, false, true, false, true, false]);
    leases::give_back(&mut tx, "partitions", "a").await.expect("not its own");
    assert!(!leases::take(&mut tx, "partitions", "a", (170, 200)).await.expect("answered"));
    leases::give_back(&mut tx, "partitions", "b").await.expect("given back");
    assert!(leases::take(&mut tx, "partitions", "a", (170, 200)).await.expect("answered"));
}
