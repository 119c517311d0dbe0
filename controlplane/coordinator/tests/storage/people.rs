//! People, memberships, invitations, sessions.

use aegis_coordinator::storage::people::{self, Role};
use aegis_coordinator::storage::sessions::{self, LinkPurpose, NewSession};
use aegis_coordinator::storage::{Error, Operator, User, now, organisations, organisations::PartKind};

use crate::support::{TestDb, on_both};

on_both! { run:
    an_address_is_one_person_however_it_is_written
    an_organisation_keeps_an_owner
    people_see_their_own_organisations
    teams_hold_members_only
    an_invitation_is_taken_once
    sessions_end_by_disuse_by_age_and_on_demand
    a_link_works_once
    an_erased_person_leaves_an_id
}

async fn person(db: &TestDb, email: &str) -> String {
    let mut tx = db.database.write(Operator).await.expect("begun");
    let id = people::create(&mut tx, email, "Somebody", Some("hash")).await.expect("made");
    tx.commit().await.expect("committed");
    id
}

async fn an_address_is_one_person_however_it_is_written(db: TestDb) {
    let id = person(&db, " Ada@Example.com ").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    let (found, hash) =
        people::find_by_email(&mut tx, "ADA@example.COM").await.expect("read").expect("there");
    assert_eq!((found.id, found.email.as_str(), hash.as_deref()), (id, "ada@example.com", Some("hash")));
    assert!(people::find_by_email(&mut tx, "bob@example.com").await.expect("read").is_none());
    for wrong in
        ["", "ada", "@x", "ada@", "a b@x", "a\n@x", &format!("{}@x", "a".repeat(people::MAX_EMAIL_BYTES))]
    {
        let fault = people::find_by_email(&mut tx, wrong).await;
        assert!(matches!(fault, Err(Error::Refused(_))), "{wrong:?}");
    }
    let fault = people::create(&mut tx, "ada@example.com", "Other", None).await;
    assert!(matches!(fault, Err(Error::Constraint { .. })), "{fault:?}");
}

async fn an_organisation_keeps_an_owner(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let (ada, bob) = (person(&db, "ada@x").await, person(&db, "bob@x").await);
    let mut tx = db.database.write(one).await.expect("begun");
    people::add_member(&mut tx, &ada, Role::Owner).await.expect("added");
    people::add_member(&mut tx, &bob, Role::Viewer).await.expect("added");
    for fault in
        [people::remove_member(&mut tx, &ada).await, people::set_role(&mut tx, &ada, Role::Admin).await]
    {
        assert!(matches!(fault, Err(Error::Refused(_))), "{fault:?}");
    }
    people::set_role(&mut tx, &bob, Role::Owner).await.expect("set");
    people::remove_member(&mut tx, &ada).await.expect("removed");
    assert_eq!(people::role_of(&mut tx, &ada).await.expect("read"), None);
    assert_eq!(people::role_of(&mut tx, &bob).await.expect("read"), Some(Role::Owner));
    assert_eq!(people::members(&mut tx, None, 10).await.expect("read").rows.len(), 1);
}

async fn people_see_their_own_organisations(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let (two, _) = db.organisation("Two").await;
    let (ada, bob) = (person(&db, "ada@x").await, person(&db, "bob@x").await);
    for (organisation, user, role) in
        [(&one, &ada, Role::Owner), (&two, &ada, Role::Viewer), (&two, &bob, Role::Admin)]
    {
        let mut tx = db.database.write(organisation.clone()).await.expect("begun");
        people::add_member(&mut tx, user, role).await.expect("added");
        tx.commit().await.expect("committed");
    }
    let own = async |user: &str| {
        let mut tx = db.database.read(User::new(user).expect("an id")).await.expect("begun");
        people::organisations(&mut tx).await.expect("read")
    };
    let of_ada: Vec<_> = own(&ada).await.into_iter().map(|(_, name, role)| (name, role)).collect();
    assert_eq!(of_ada, [("One".to_owned(), Role::Owner), ("Two".to_owned(), Role::Viewer)]);
    assert_eq!(own(&bob).await, [(two.id().to_owned(), "Two".to_owned(), Role::Admin)]);
}

async fn teams_hold_members_only(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let (ada, bob) = (person(&db, "ada@x").await, person(&db, "bob@x").await);
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    let team = organisations::create_part(&mut tx, PartKind::Team, "red").await.expect("made");
    for user in [&ada, &bob] {
        people::add_member(&mut tx, user, Role::Owner).await.expect("added");
        people::join_team(&mut tx, &team, user).await.expect("joined");
    }
    people::join_team(&mut tx, &team, &ada).await.expect("a second time changes nothing");
    people::remove_member(&mut tx, &bob).await.expect("removed");
    assert_eq!(people::team(&mut tx, &team).await.expect("read"), std::slice::from_ref(&ada));
    people::leave_team(&mut tx, &team, &ada).await.expect("left");
    organisations::delete_part(&mut tx, PartKind::Team, &team).await.expect("deleted");
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(one).await.expect("begun");
    let fault = people::join_team(&mut tx, &team, &bob).await;
    assert!(matches!(fault, Err(Error::Constraint { .. })), "{fault:?}");
}

async fn an_invitation_is_taken_once(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let mut tx = db.database.write(one.clone()).await.expect("begun");
    let ends = now() + 1_000_000_000;
    let invited = people::invite(&mut tx, ("Ada@x", Role::Member), &[1; 32], None, ends).await.expect("made");
    let other = people::invite(&mut tx, ("bob@x", Role::Owner), &[2; 32], None, ends).await.expect("made");
    people::revoke_invitation(&mut tx, &other).await.expect("revoked");
    let open = people::invitations(&mut tx, None, 10).await.expect("read").rows;
    assert_eq!(open.iter().map(|invitation| &invitation.id).collect::<Vec<_>>(), [&invited]);
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(Operator).await.expect("begun");
    assert_eq!(people::accept(&mut tx, &[2; 32], 10).await.expect("answered"), None, "revoked");
    assert_eq!(people::accept(&mut tx, &[1; 32], ends).await.expect("answered"), None, "too late");
    let taken = people::accept(&mut tx, &[1; 32], 10).await.expect("answered").expect("taken");
    assert_eq!(
        (taken.organisation.as_str(), taken.email.as_str(), taken.role),
        (one.id(), "ada@x", Role::Member)
    );
    assert_eq!(people::accept(&mut tx, &[1; 32], 10).await.expect("answered"), None, "once");
}

async fn sessions_end_by_disuse_by_age_and_on_demand(db: TestDb) {
    const MINUTE: i64 = 60_000_000;
    let ada = person(&db, "ada@x").await;
    let scope = User::new(&ada).expect("an id");
    let new = |byte: u8| NewSession {
        token_sha256: [byte; 32],
        agent: "browser",
        address: "192.0.2.1",
        time: MINUTE,
        idle: 30 * MINUTE,
        lifetime: 100 * MINUTE,
    };
    let mut tx = db.database.write(scope.clone()).await.expect("begun");
    let id = sessions::begin(&mut tx, &new(1)).await.expect("begun");
    sessions::begin(&mut tx, &new(2)).await.expect("begun");
    sessions::begin(&mut tx, &new(3)).await.expect("begun");
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(Operator).await.expect("begun");
    for (time, lives) in
        [(30, true), (59, true), (90, false), (59, true), (88, true), (100, true), (101, false)]
    {
        let found = sessions::resume(&mut tx, &[1; 32], time * MINUTE, 30 * MINUTE).await.expect("answered");
        assert_eq!(found.is_some(), lives, "minute {time}");
    }
    assert!(sessions::resume(&mut tx, &[9; 32], MINUTE, MINUTE).await.expect("answered").is_none());
    people::set_active(&mut tx, &ada, false).await.expect("set");
    assert!(
        sessions::resume(&mut tx, &[2; 32], MINUTE, MINUTE).await.expect("answered").is_none(),
        "disabled"
    );
    people::set_active(&mut tx, &ada, true).await.expect("set");
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(scope).await.expect("begun");
    assert_eq!(sessions::own(&mut tx, 2 * MINUTE).await.expect("read").len(), 3);
    assert_eq!(sessions::end_others(&mut tx, &id).await.expect("ended"), 2);
    assert_eq!(sessions::own(&mut tx, 2 * MINUTE).await.expect("read").len(), 1);
    sessions::end(&mut tx, &id).await.expect("ended");
    sessions::end(&mut tx, &id).await.expect_err("it has ended");
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(Operator).await.expect("begun");
    assert_eq!(sessions::clean(&mut tx, now() + MINUTE).await.expect("cleaned"), 3);
}

async fn a_link_works_once(db: TestDb) {
    let ada = person(&db, "ada@x").await;
    let mut tx = db.database.write(Operator).await.expect("begun");
    let first = (LinkPurpose::FirstAdministrator, None);
    sessions::make_link(&mut tx, first, &[1; 32], 100).await.expect("made");
    sessions::make_link(&mut tx, first, &[2; 32], 100).await.expect("made");
    sessions::make_link(&mut tx, (LinkPurpose::Password, Some(&ada)), &[3; 32], 100).await.expect("made");
    let mut used = Vec::new();
    for (purpose, byte, time) in [
        (LinkPurpose::FirstAdministrator, 1, 50),
        (LinkPurpose::FirstAdministrator, 2, 100),
        (LinkPurpose::Password, 2, 50),
        (LinkPurpose::FirstAdministrator, 2, 50),
        (LinkPurpose::FirstAdministrator, 2, 50),
        (LinkPurpose::Password, 3, 50),
    ] {
        used.push(sessions::use_link(&mut tx, purpose, &[byte; 32], time).await.expect("answered"));
    }
    assert_eq!(used, [None, None, None, Some(None), None, Some(Some(ada))]);
}

async fn an_erased_person_leaves_an_id(db: TestDb) {
    let (one, _) = db.organisation("One").await;
    let ada = person(&db, "ada@x").await;
    let mut tx = db.database.write(one).await.expect("begun");
    people::add_member(&mut tx, &ada, Role::Viewer).await.expect("added");
    tx.commit().await.expect("committed");
    let mut tx = db.database.write(Operator).await.expect("begun");
    people::erase(&mut tx, &ada).await.expect("erased");
    let found = people::find(&mut tx, &ada).await.expect("read");
    assert!(!found.is_active && found.name.is_empty() && !found.email.contains("ada"));
    people::set_password(&mut tx, &ada, "hash").await.expect_err("erased");
    people::set_active(&mut tx, &ada, true).await.expect_err("erased");
    people::create(&mut tx, "ada@x", "Ada", None).await.expect("the address is free");
}
