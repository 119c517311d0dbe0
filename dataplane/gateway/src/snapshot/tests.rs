#![expect(clippy::cast_possible_truncation, reason = "any bytes make a key")]

use aegis_detect::{Scanner, Window};
use zeroize::Zeroizing;

use super::build::SnapshotBuilder;
use super::*;
use crate::config::{Settings, Sources, load};
use crate::state_dir::MasterKey;

fn settings(text: &str) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aegis.toml");
    std::fs::write(&file, text).expect("written");
    load(&Sources { file: Some(file), ..Sources::default() }).expect(text).settings
}

fn master() -> MasterKey {
    Zeroizing::new([7; 32])
}

fn problem(builder: &mut SnapshotBuilder, text: &str) -> String {
    builder.build(&settings(text), &master()).expect_err(text).to_string()
}

#[test]
fn upstreams_are_ready_to_be_used() {
    let text = "[upstreams.mine]\nurl = \"http://127.0.0.1:9000/base/\"\napi_key = \" sk-made-up \"\nconnect_timeout = \"1s\"\n\
                idempotency_header = \"Idempotency-Key\"\n\
                [upstreams.anthropic]\napi_key = \"k\"\nconnect_timeout = \"40s\"\n";
    let snapshot = SnapshotBuilder::default().build(&settings(text), &master()).expect("valid");
    let mine = snapshot.upstream("mine").expect("there");
    assert_eq!(
        (&*mine.host, mine.port, &*mine.authority, &*mine.base_path),
        ("127.0.0.1", 9000, "127.0.0.1:9000", "/base")
    );
    assert_eq!(mine.addresses.get().as_slice(), ["127.0.0.1:9000".parse().expect("an address")]);
    assert_eq!((mine.timeouts.connect.as_secs(), mine.timeouts.connect_total.as_secs()), (1, 15));
    assert_eq!(mine.idempotency_header.as_deref(), Some("idempotency-key"));
    assert!(mine.tls.is_none() && mine.needed);
    let key = mine.key.as_ref().expect("a key");
    assert_eq!((key.name, key.value.expose()), ("authorization", "Bearer sk-made-up"));
    assert!(!format!("{snapshot:?}").contains("made-up"));
    let anthropic = snapshot.upstream("anthropic").expect("built in");
    assert!(anthropic.tls.is_some() && anthropic.needed && anthropic.addresses.get().is_empty());
    assert_eq!(anthropic.timeouts.connect_total.as_secs(), 40, "one address may take as long as it is said");
    assert_eq!(anthropic.key.as_ref().expect("a key").name, "x-api-key");
    assert!(!snapshot.upstream("openai").expect("built in").needed);
}

#[test]
fn what_a_reload_does_not_change_is_kept() {
    let mut builder = SnapshotBuilder::default();
    let first = builder.build(&settings(""), &master()).expect("valid");
    let old = first.upstream("openai").expect("built in");
    old.addresses.set(vec!["192.0.2.1:443".parse().expect("an address")]);
    let text = "[upstreams.a]\nurl = \"http://127.0.0.1:1\"\n[upstreams.openai]\napi_key = \"k\"\n";
    let second = builder.build(&settings(text), &master()).expect("valid");
    let new = second.upstream("openai").expect("built in");
    assert_eq!((first.generation, second.generation), (1, 2));
    assert_eq!((old.slot, old.identity), (new.slot, new.identity));
    assert_eq!(new.addresses.get().len(), 1, "addresses outlive a reload");
    assert!(Arc::ptr_eq(old.tls.as_ref().expect("TLS"), new.tls.as_ref().expect("TLS")));
    assert!(Arc::ptr_eq(&first.shield.rules, &second.shield.rules), "rules are not compiled again");
}

#[test]
fn connections_are_shared_by_address_and_trust_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = |name: &str| {
        let path = folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(["up.example".to_owned()]).expect("a certificate");
        std::fs::write(&path, made.cert.pem()).expect("written");
        format!("roots = \"file\"\nca = \"{}\"\n", path.display())
    };
    let identity = |url: &str, rest: &str| {
        let text = format!("[upstreams.x]\nurl = \"{url}\"\n{rest}");
        let snapshot = SnapshotBuilder::default().build(&settings(&text), &master()).expect(&text);
        snapshot.upstream("x").expect("there").identity
    };
    let first = authority("a.pem");
    let same = identity("https://up.example", &first);
    assert_eq!(same, identity("https://up.example:443/base", &format!("{first}api_key = \"k\"\n")));
    for other in [
        identity("https://up.example", &authority("b.pem")),
        identity("https://up.example", ""),
        identity("https://up.example", "roots = \"system\"\n"),
        identity("https://up.example:444", &first),
        identity("https://other.example", &first),
        identity("http://up.example:443", ""),
    ] {
        assert_ne!(same, other);
    }
    let parts: [&[u8]; 2] = [b"a", b"bc"];
    assert_ne!(TrustIdentity::of(parts), TrustIdentity::of([&b"ab"[..], b"c"]));
}

#[test]
fn the_edge_is_taken_from_the_settings() {
    let text = "[server]\npublic_url = \"https://GW.example:443/aegis/\"\nhosts = [\"GW.example\"]\norigins = [\"https://app.example\"]\n\
                [upstreams.openai]\napi_key = \"k\"\nredirect_hosts = [\"*.Blob.example\"]\n";
    let snapshot = SnapshotBuilder::default().build(&settings(text), &master()).expect("valid");
    assert_eq!(snapshot.public_url.as_deref(), Some("https://gw.example/aegis"));
    assert!(snapshot.sites.admit("gw.example:1", &aegis_wire::head::Fields::new()).is_ok());
    assert!(snapshot.sites.is_listed(b"https://app.example"));
    let hosts = &snapshot.upstream("openai").expect("there").redirect_hosts;
    assert!(hosts.contains(b"a.blob.example") && !hosts.contains(b"blob.example"));
    assert_eq!(snapshot.keys_for_everybody(), ["openai"]);
    let openai = snapshot.upstream("openai").expect("there");
    assert!(snapshot.is_guarded(openai, true) && !snapshot.is_guarded(openai, false));
    let keyed = format!("{text}[[auth.keys]]\nid = \"ci\"\nsha256 = \"{}\"\n", "0F".repeat(32));
    let snapshot = SnapshotBuilder::default().build(&settings(&keyed), &master()).expect("valid");
    assert!(snapshot.keys_for_everybody().is_empty());
}

#[test]
fn a_wrong_configuration_leaves_the_builder_as_it_was() {
    let mut builder = SnapshotBuilder::default();
    builder.build(&settings(""), &master()).expect("valid");
    let error = problem(
        &mut builder,
        "[policy.rules]\ngithub-pta = \"block\"\n[rules]\ncustom = [\"/nonexistent/rules.toml\"]\n\
         [upstreams.openai]\napi_key_env = \"AEGIS_TEST_VARIABLE_THAT_IS_NOT_SET\"\n[upstreams.x]\nurl = \"https://x.example\"\n\
         roots = \"file\"\nca = \"/nonexistent/ca.pem\"\n",
    );
    for part in [
        "rules.custom[0]: cannot read /nonexistent/rules.toml: No such file",
        "THAT_IS_NOT_SET is not set",
        "upstreams.x.ca: cannot read",
    ] {
        assert!(error.contains(part), "{error}");
    }
    for (id, help) in [
        ("github-pta", "rules that begin alike: github-"),
        ("gihtub-pat", "did you mean `github-pat`?"),
        ("zzzzzzzzzzzzzzzz", "`aegis-gateway rules list` names them all"),
    ] {
        let error = problem(&mut builder, &format!("[policy.rules]\n{id} = \"block\"\n"));
        assert!(
            error.contains(&format!("policy.rules.{id}: there is no rule `{id}`\n  help: {help}")),
            "{error}"
        );
    }
    assert_eq!(builder.build(&settings(""), &master()).expect("valid").generation, 2);
}

#[test]
fn keys_that_no_header_can_carry_are_refused_without_being_shown() {
    let error = problem(&mut SnapshotBuilder::default(), "[upstreams.openai]\napi_key = \"made\\nup\"\n");
    assert!(error.contains("no header can carry") && !error.contains("made"), "{error}");
}

#[test]
fn gateway_keys_become_hashes_and_no_list_means_everybody() {
    let mut builder = SnapshotBuilder::default();
    assert!(matches!(builder.build(&settings(""), &master()).expect("valid").auth, Auth::None));
    let snapshot = builder.build(&settings("[auth]\nmode = \"keys\"\n"), &master()).expect("valid");
    assert!(matches!(&snapshot.auth, Auth::Keys(keys) if keys.is_empty()));
    let text = format!("[[auth.keys]]\nid = \"ci\"\nsha256 = \"{}\"\norg = \"acme\"\n", "0F".repeat(32));
    let snapshot = builder.build(&settings(&text), &master()).expect("valid");
    let Auth::Keys(keys) = &snapshot.auth else { panic!("keys are demanded") };
    let key = keys.get(&[15; 32]).expect("listed");
    assert_eq!(key.organisation.as_deref(), Some("acme"));
}

#[test]
fn tokens_depend_on_key_organisation_and_epoch_alone() {
    let token = |text: &str, key: u8| {
        let snapshot =
            SnapshotBuilder::default().build(&settings(text), &Zeroizing::new([key; 32])).expect(text);
        snapshot.shield.keyring.mint(aegis_detect::Category::Key, b"made up").as_str().to_owned()
    };
    let first = token("", 1);
    assert_eq!(first, token("[server]\nshards = 1\n", 1));
    for other in
        [token("", 2), token("[tokens]\norganisation = \"acme\"\n", 1), token("[tokens]\nepoch = \"1\"\n", 1)]
    {
        assert_ne!(first, other);
    }
    assert!(token("[tokens]\nepoch = \"Z\"\nolder_epochs = [\"0\"]\n", 1).starts_with("AEGIS-KEY-Z"));
}

#[test]
fn the_handle_gives_the_newest_snapshot() {
    let mut builder = SnapshotBuilder::default();
    let snapshots = SnapshotHandle::new(builder.build(&settings(""), &master()).expect("valid"));
    assert_eq!((snapshots.generation(), snapshots.load().generation), (1, 1));
    snapshots.publish(Arc::new(builder.build(&settings(""), &master()).expect("valid")));
    assert_eq!((snapshots.generation(), snapshots.load().generation), (2, 2));
}

#[test]
fn the_gateway_s_own_keys_are_looked_for_and_found_again_after_a_change() {
    const KEY: &str = "Nebel9vTq2LmXw4Zr8Ks";
    let found = |snapshot: &Snapshot, text: &str| {
        let mut scanner = Scanner::new(Arc::clone(&snapshot.shield.rules)).expect("memory");
        let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
        scan.findings.iter().any(|finding| (finding.span.start, finding.span.end) == (3, text.len() - 1))
    };
    let mut builder = SnapshotBuilder::default();
    let secret = MasterKey::new(std::array::from_fn(|at| (at * 7) as u8));
    let master: String = crate::hex::HEXLOWER.encode(&*secret);
    let text = |key: &str| format!("[upstreams.openai]\napi_key = \"{key}\"\n");
    let first = builder.build(&settings(&text(KEY)), &secret).expect("valid");
    assert!(found(&first, &format!("it {KEY}.")) && found(&first, &format!("it {master}.")));
    assert!(!found(&first, "it Nebel9vTq2LmXw4Zr8Kt."));
    let second = builder.build(&settings(&text("Regen7bHy5NnPo3Qe6Jd")), &secret).expect("valid");
    assert!(found(&second, "it Regen7bHy5NnPo3Qe6Jd.") && !found(&second, &format!("it {KEY}.")));
    for weak in ["ollama", "none", "k"] {
        let snapshot = builder.build(&settings(&text(weak)), &secret).expect("valid");
        assert!(!found(&snapshot, &format!("it {weak}.")), "{weak}");
    }
}

#[test]
fn what_is_wrong_with_rules_hides_nothing_else() {
    let text = "[rules]\ncustom = [\"/none/a.toml\", \"/none/b.toml\"]\n[known_values]\nfile = \"/none/known.list\"\n\
                [policy.rules]\nno-such-rule = \"block\"\n";
    let keys = |text: &str| -> Vec<String> {
        let error = SnapshotBuilder::default().build(&settings(text), &master()).expect_err(text);
        error.0.into_iter().map(|problem| problem.key).collect()
    };
    assert_eq!(
        keys(text),
        ["rules.custom[0]", "rules.custom[1]", "known_values.file", "policy.rules.no-such-rule"]
    );
    let said = problem(&mut SnapshotBuilder::default(), text);
    assert!(
        said.contains("there is no rule `no-such-rule`, unless it is in a file of rules.custom"),
        "{said}"
    );
    let said = problem(&mut SnapshotBuilder::default(), "[policy.rules]\nno-such-rule = \"block\"\n");
    assert!(said.contains("there is no rule `no-such-rule`\n"), "{said}");
}

#[test]
fn a_pattern_that_is_none_is_reported_once() {
    let mut wrong = settings("");
    wrong.policy.allow_regex = vec!["(".to_owned()];
    let error = SnapshotBuilder::default().build(&wrong, &master()).expect_err("no pattern");
    assert_eq!(error.0.len(), 1, "{error}");
    assert_eq!(error.0[0].key, "policy.allow_regex");
}
