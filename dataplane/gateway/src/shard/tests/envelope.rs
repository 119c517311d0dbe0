//! Secrets around the body: in paths, in headers and their names; and the gateway's own key there.

use std::sync::Arc;

use aegis_detect::{KnownKey, KnownList, KnownValues, Rules, Selection};
use aegis_shield::{Action, Shield};
use aegis_wire::head::Method;
use sha2::{Digest, Sha256};

use super::harness::{
    Gateway, GatewaySetup, MockUpstream, ReceivedRequest, SECRET, ok, on_both_drivers, shield,
};
use crate::config::Secret;
use crate::config::settings::Driver;
use crate::snapshot::{Auth, GatewayKeys, HashedKey, Snapshot, UpstreamKey};

/// The secrets that a rule's examples mark.
fn examples() -> Vec<String> {
    let rules = Arc::clone(&shield(Action::Tokenize).rules);
    let matching = rules.iter().flat_map(|(_, rule)| rule.matching.iter());
    let secrets = matching.map(|text| match text.split_once('\u{ab}') {
        Some((_, rest)) => rest.split('\u{bb}').next().unwrap_or_default().to_owned(),
        None => text.clone(),
    });
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    secrets.filter(|secret| secret.len() >= 8 && secret.bytes().all(safe)).collect()
}

/// A secret that a rule finds without its name is found in a path, too, and stands in no record.
#[test]
fn no_example_of_a_rule_leaves_in_a_path_or_is_shown() {
    let upstream = MockUpstream::new(|_| vec![ok("fine")]);
    let mut gateway = GatewaySetup::new(Driver::Epoll, &upstream).start();
    let mut client = gateway.client();
    let secrets = examples();
    let mut shown = Vec::new();
    for secret in &secrets {
        client.post("/up/v1/x", secret);
        client.reply();
        gateway.record();
        client.send(format!("GET /up/v1/files/{secret} HTTP/1.1\r\nhost: g\r\n\r\n"));
        let reply = client.reply_to(Method::Get);
        assert_eq!(reply.status, 200, "{secret} {}", reply.text());
        shown.push(gateway.record().path.to_string());
    }
    let seen = upstream.seen();
    let mut found = 0;
    for ((secret, pair), shown) in secrets.iter().zip(seen.chunks(2)).zip(shown) {
        if String::from_utf8_lossy(&pair[0].body).contains(secret.as_str()) {
            continue;
        }
        found += 1;
        assert!(!pair[1].head.path.contains(secret.as_str()), "{secret}: {}", pair[1].head.path);
        assert_eq!(shown, "/v1/files/{id}", "{secret}");
    }
    assert!(found > 200, "{found} of {}", secrets.len());
}

fn ask(gateway: &Gateway, upstream: &MockUpstream, fields: &str) -> ReceivedRequest {
    let mut client = gateway.client();
    client.send(format!("GET /up/v1/x HTTP/1.1\r\nhost: g\r\n{fields}\r\n\r\n"));
    let reply = client.reply_to(Method::Get);
    assert_eq!(reply.status, 200, "{fields}: {}", reply.text());
    upstream.seen().pop().unwrap()
}

#[test]
fn a_field_s_name_says_what_its_value_is() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let secret = "Xq7fKw29LmTz04RbNcVhz9";
        for name in ["x-db-password", "x-my-api-key", "x-session-token", "x-client-secret", "x-vault-token"] {
            let seen = ask(&gateway, &upstream, &format!("{name}: {secret}"));
            let value = String::from_utf8_lossy(seen.head.fields.get(name.as_bytes()).unwrap()).into_owned();
            assert!(value.starts_with("AEGIS-"), "{name}: {value}");
        }
        let note = format!("content-type: application/json; note={SECRET}");
        let seen = ask(&gateway, &upstream, &note);
        assert!(!String::from_utf8_lossy(seen.head.fields.content_type().unwrap()).contains(SECRET));
    });
}

#[test]
fn what_clients_send_of_themselves_stays() {
    let upstream = MockUpstream::new(|_| vec![ok("fine")]);
    let gateway = GatewaySetup::new(Driver::Epoll, &upstream).start();
    for (name, value) in [
        ("idempotency-key", "stainless-node-retry-0b9f6a1e-3c1d-4a57-9d2e-8f00b6c1d2e3"),
        ("x-stainless-runtime-version", "v22.14.0"),
        ("x-stainless-retry-count", "0"),
        ("user-agent", "claude-cli/1.0.64 (external, cli)"),
        ("anthropic-beta", "claude-code-20250219,oauth-2025-04-20,interleaved-thinking-2025-05-14"),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-goog-api-client", "google-genai-sdk/1.30.0 gl-python/3.12.3"),
        ("x-client-request-id", "0b9f6a1e-3c1d-4a57-9d2e-8f00b6c1d2e3"),
        ("session_id", "0199b3f2-5a4c-7d11-8e21-5b7c9a0d1e2f"),
        ("chatgpt-account-id", "0b9f6a1e-3c1d-4a57-9d2e-8f00b6c1d2e3"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("sec-ch-ua-platform-version", "\"15.0.0\""),
        ("if-none-match", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
    ] {
        let seen = ask(&gateway, &upstream, &format!("{name}: {value}"));
        assert_eq!(seen.head.fields.get(name.as_bytes()), Some(value.as_bytes()), "{name}");
    }
}

/// What [`shield`] gives, looking for one known value besides.
fn knowing(value: &str) -> Arc<Shield> {
    let mut list = KnownList::new(KnownKey::new(&[9; 32]));
    list.insert(value.as_bytes()).unwrap();
    let known = Arc::new(KnownValues::new(&list));
    let rules = Rules::load(&Selection { known: Some(&known), ..Selection::default() }).unwrap();
    let shield = shield(Action::Tokenize);
    Arc::new(Shield {
        rules,
        policy: shield.policy.clone(),
        keyring: Arc::clone(&shield.keyring),
        search_key: crate::recall::search_key(),
        limits: shield.limits,
    })
}

/// Fields that hold nothing are remembered; neither does that let another value pass, nor does it outlive the rules.
#[test]
fn a_field_seen_before_is_looked_at_again_when_it_or_the_configuration_changes() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let word = "Hk29-meridian-owl";
        let note = |value: &str| {
            let seen = ask(&gateway, &upstream, &format!("user-agent: agent/1.2.3-rc9\r\nx-note: {value}"));
            assert_eq!(seen.head.fields.get(b"user-agent"), Some(&b"agent/1.2.3-rc9"[..]));
            String::from_utf8_lossy(seen.head.fields.get(b"x-note").unwrap()).into_owned()
        };
        for _ in 0..3 {
            assert_eq!(note(word), word);
            assert!(note(SECRET).starts_with("AEGIS-"));
            assert!(note(&format!("{word} {SECRET}")).starts_with(&format!("{word} AEGIS-")));
        }
        let mut next = Snapshot::for_tests(gateway.snapshots.load().upstreams.clone(), knowing(word));
        next.generation = 2;
        gateway.snapshots.publish(Arc::new(next));
        assert!(note(word).starts_with("AEGIS-"));
    });
}

#[test]
fn a_field_whose_name_is_a_secret_is_refused() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let name = "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";
        let mut client = gateway.client();
        client.send(format!("GET /up/v1/x HTTP/1.1\r\nhost: g\r\n{name}: 1\r\n\r\n"));
        let reply = client.reply_to(Method::Get);
        assert_eq!(reply.status, 400);
        assert!(reply.text().contains("name of a header") && upstream.seen().is_empty());
        assert!(gateway.record().findings.iter().all(|finding| !finding.place.contains("ghp")));
    });
}

#[test]
fn the_gateway_key_leaves_in_no_field_and_no_parameter() {
    const KEY: &str = "gw_kT4mWq8ZxR2nVb6LyPc0sHd3";
    on_both_drivers(|driver| {
        for held in [false, true] {
            let upstream = MockUpstream::new(|_| vec![ok("fine")]);
            let mut setup = GatewaySetup::new(driver, &upstream);
            setup.change = Box::new(move |snapshot| {
                let key = HashedKey {
                    id: "ada".into(),
                    organisation: None,
                    user: None,
                    sha256: Sha256::digest(KEY).into(),
                    recall: true,
                    disabled: false,
                    upstreams: Vec::new(),
                };
                snapshot.auth = Auth::Keys(GatewayKeys::new([key]));
                let upstream = Arc::get_mut(&mut snapshot.upstreams[0]).unwrap();
                let value = Secret::new("Bearer own".to_owned());
                upstream.key = held.then_some(UpstreamKey { name: "authorization", value });
            });
            let gateway = setup.start();
            let mut client = gateway.client();
            for (query, field) in [
                ("Key=K", ""),
                ("key=K&a=1", ""),
                ("access_token=K", ""),
                ("q=K", ""),
                ("", "cookie: a=K; b=2"),
                ("", "authorization: Bearer K"),
                ("", "x-api-key: K"),
                ("", "x-note: K"),
            ] {
                let (query, field) =
                    (query.replace('K', KEY).replace(&format!("{KEY}ey"), "Key"), field.replace('K', KEY));
                client.send(format!(
                    "GET /up/v1/x?{query} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-aegis-key: {KEY}\r\n{field}{}\r\n",
                    if field.is_empty() { "" } else { "\r\n" }
                ));
                let reply = client.reply_to(Method::Get);
                assert_eq!(reply.status, 200, "{query} {field}: {}", reply.text());
                let head = upstream.seen().pop().unwrap().head;
                assert!(!head.path.contains(KEY), "{}", head.path);
                for (name, value) in head.fields.iter() {
                    let value = String::from_utf8_lossy(value);
                    assert!(!value.contains(KEY), "{} {value}", String::from_utf8_lossy(name));
                }
            }
        }
    });
}

/// What ends a parameter is decided before anything is decoded.
#[test]
fn a_password_in_a_query_is_hidden_whole() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        for delimiter in ["%22", "%23", "%26", "%27", "%20", "+"] {
            let query = format!("user=bob%20b&password=Xq7f{delimiter}Kw29LmTz%21&x=a%26b");
            let mut client = gateway.client();
            client.send(format!("GET /up/v1/x?{query} HTTP/1.1\r\nhost: g\r\n\r\n"));
            assert_eq!(client.reply_to(Method::Get).status, 200);
            let path = upstream.seen().pop().unwrap().head.path;
            let (before, behind) =
                (path.split_once("&password=AEGIS-").unwrap().0, path.rsplit_once('&').unwrap().1);
            assert_eq!((before, behind), ("/v1/x?user=bob%20b", "x=a%26b"), "{path}");
            assert!(!path.contains("Xq7f") && !path.contains("LmTz"), "{path}");
        }
    });
}
