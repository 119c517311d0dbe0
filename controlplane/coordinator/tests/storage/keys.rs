//! Gateway keys and join keys.

use aegis_coordinator::storage::fleet::SHARED_POOL;
use aegis_coordinator::storage::join_keys::{self, NewJoinKey};
use aegis_coordinator::storage::keys::{self, KeyLimits, KeyState, KeyVerdict, NewKey};
use aegis_coordinator::storage::{DAY_MICROS, Error, Operator, now, organisations};

use crate::support::{TestDb, on_both};

on_both! { run:
    a_key_is_found_by_its_hash_and_by_its_own_organisation
    disabled_revoked_and_expired_are_three_verdicts
    a_rotated_key_works_on_for_the_overlap
    an_organisation_bounds_the_life_of_its_keys
    gateways_learn_every_change_in_order
    a_join_key_is_used_as_often_as_it_may
}

async fn a_key_is_found_by_its_hash_and_by_its_own_organisation(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let (two, _) = db.organisation("Two").await;
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    let limits = KeyLimits {
        scopes: vec!["proxy".into()],
        providers: vec!["anthropic".into(), "o'pen\"ai".into()],
        networks: vec!["192.0.2.0/24".into()],
        ..KeyLimits::default()
    };
    let new = NewKey { limits: limits.clone(), ..NewKey::named("ci", [7; 32], "aegis_live_ab") };
    let made = keys::create(&mut tx, &new).await.expect("made");
    assert_eq!(made.limits, limits);
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(Operator).await.expect("begun");
    let (organisation, key) = keys::find_by_hash(&mut tx, &[7; 32]).await.expect("read").expect("there");
    assert_eq!((organisation, key), (one.clone(), made.clone()));
    assert_eq!(keys::find_by_hash(&mut tx, &[8; 32]).await.expect("read"), None);
    drop(tx);
    let mut tx = db.database.write(two).await.expect("begun");
    assert!(matches!(keys::find(&mut tx, &made.id).await, Err(Error::NotFound(_))));
    let fault = keys::set_state(&mut tx, &made.id, KeyState::Revoked).await;
    assert!(matches!(fault, Err(Error::NotFound(_))), "{fault:?}");
    drop(tx);
    let mut tx = db.database.write(one).await.expect("begun");
    let time = now();
    keys::note_used(&mut tx, &[(made.id.clone(), time), (made.id.clone(), time - 5)]).await.expect("noted");
    assert_eq!(keys::find(&mut tx, &made.id).await.expect("read").last_used, Some(time));
    let fault = keys::create(&mut tx, &NewKey::named("again", [7; 32], "aegis_live_ab")).await;
    assert!(matches!(fault, Err(Error::Constraint { .. })), "{fault:?}");
}

async fn disabled_revoked_and_expired_are_three_verdicts(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one).await.expect("begun");
    let new = NewKey { expires: Some(5000), ..NewKey::named("ci", [1; 32], "aegis_live_ab") };
    let id = keys::create(&mut tx, &new).await.expect("made").id;
    let key = keys::find(&mut tx, &id).await.expect("read");
    assert_eq!((key.verdict(4999), key.verdict(5000)), (KeyVerdict::Usable, KeyVerdict::Expired));
    keys::set_state(&mut tx, &id, KeyState::Disabled).await.expect("set");
    assert_eq!(keys::find(&mut tx, &id).await.expect("read").verdict(5000), KeyVerdict::Disabled);
    keys::set_state(&mut tx, &id, KeyState::Active).await.expect("set");
    keys::set_state(&mut tx, &id, KeyState::Revoked).await.expect("set");
    assert_eq!(keys::find(&mut tx, &id).await.expect("read").verdict(5000), KeyVerdict::Revoked);
    for fault in [
        keys::set_state(&mut tx, &id, KeyState::Active).await,
        keys::update(&mut tx, &id, "other", &KeyLimits::default()).await,
    ] {
        assert!(matches!(fault, Err(Error::NotFound(_))), "revoked is for good: {fault:?}");
    }
}

async fn a_rotated_key_works_on_for_the_overlap(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one).await.expect("begun");
    let limits = KeyLimits { models: vec!["m".into()], ..KeyLimits::default() };
    let new = NewKey { limits, ..NewKey::named("ci", [1; 32], "aegis_live_ab") };
    let old = keys::create(&mut tx, &new).await.expect("made");
    let made =
        keys::rotate(&mut tx, &old.id, ([2; 32], "aegis_live_cd"), DAY_MICROS, None).await.expect("made");
    assert_eq!((made.rotated_from.as_deref(), &made.limits), (Some(old.id.as_str()), &old.limits));
    let old = keys::find(&mut tx, &old.id).await.expect("read");
    let ends = old.expires.expect("it ends");
    assert!(ends > now() && ends <= now() + DAY_MICROS);
    keys::set_state(&mut tx, &old.id, KeyState::Disabled).await.expect("set");
    keys::rotate(&mut tx, &old.id, ([3; 32], "aegis_live_ef"), 0, None).await.expect_err("disabled");
}

async fn an_organisation_bounds_the_life_of_its_keys(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one).await.expect("begun");
    organisations::update(&mut tx, "One", Some(30)).await.expect("set");
    let named = |byte: u8| NewKey::named("ci", [byte; 32], "aegis_live_ab");
    let late = Some(now() + 31 * DAY_MICROS);
    for expires in [None, late] {
        let fault = keys::create(&mut tx, &NewKey { expires, ..named(1) }).await;
        assert!(matches!(fault, Err(Error::Refused(_))), "{fault:?}");
    }
    let expires = Some(now() + 29 * DAY_MICROS);
    let made = keys::create(&mut tx, &NewKey { expires, ..named(2) }).await.expect("made");
    keys::rotate(&mut tx, &made.id, ([3; 32], "p"), 0, None).await.expect_err("no way around it");
}

async fn gateways_learn_every_change_in_order(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one).await.expect("begun");
    let first = keys::create(&mut tx, &NewKey::named("a", [1; 32], "p")).await.expect("made");
    let second = keys::create(&mut tx, &NewKey::named("b", [2; 32], "p")).await.expect("made");
    let ids = |keys: Vec<keys::Key>| keys.into_iter().map(|key| key.id).collect::<Vec<_>>();
    let all = keys::changed_since(&mut tx, 0, 10).await.expect("read");
    assert_eq!(ids(all), [first.id.clone(), second.id.clone()]);
    keys::set_state(&mut tx, &first.id, KeyState::Revoked).await.expect("set");
    let newer = keys::changed_since(&mut tx, second.version, 10).await.expect("read");
    assert_eq!(newer[0].state, KeyState::Revoked);
    assert_eq!(ids(newer), [first.id]);
}

async fn a_join_key_is_used_as_often_as_it_may(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    let new = |organisation, sha256| NewJoinKey {
        organisation,
        environment: None,
        name: "join",
        prefix: "aegis_join_ab",
        sha256,
        uses_max: Some(2),
        expires: Some(5000),
        created_by: None,
    };
    let id = join_keys::create(&mut tx, &new(one.id(), [1; 32])).await.expect("made");
    let mut uses = Vec::new();
    for time in [10, 4999, 4999] {
        uses.push(join_keys::take_use(&mut tx, &[1; 32], time).await.expect("answered").map(|key| key.uses));
    }
    assert_eq!(uses, [Some(1), Some(2), None]);
    join_keys::create(&mut tx, &new(SHARED_POOL, [2; 32])).await.expect("made");
    assert_eq!(join_keys::take_use(&mut tx, &[2; 32], 5000).await.expect("answered"), None, "expired");
    let shared = join_keys::take_use(&mut tx, &[2; 32], 10).await.expect("answered").expect("taken");
    assert_eq!(shared.organisation, SHARED_POOL);
    join_keys::revoke(&mut tx, SHARED_POOL, &shared.id).await.expect("revoked");
    assert_eq!(join_keys::take_use(&mut tx, &[2; 32], 10).await.expect("answered"), None, "revoked");
    let listed = join_keys::all(&mut tx, one.id(), None, 10).await.expect("read");
    assert_eq!(listed.rows.iter().map(|key| &key.id).collect::<Vec<_>>(), [&id]);
    assert!(!join_keys::find(&mut tx, one.id(), &id).await.expect("read").is_revoked);
}
