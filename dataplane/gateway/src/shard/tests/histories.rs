//! Histories that lie with the provider: values of earlier requests, sealed under the client's credential.

use std::sync::Mutex;

use super::harness::{Gateway, GatewaySetup, MockUpstream, SECRET, on_both_drivers, token, write};
use crate::config::settings::{BeyondHold, Driver};
use crate::snapshot::Snapshot;

/// An upstream that says the token of the last request that had one, as a document of `copies`.
fn upstream(copies: usize) -> MockUpstream {
    let kept = Mutex::new(String::new());
    MockUpstream::new(move |seen| {
        let mut kept = kept.lock().unwrap();
        if String::from_utf8_lossy(&seen.body).contains("AEGIS-") {
            *kept = token(seen);
        }
        let body = format!("use {kept} again\n").repeat(copies);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n";
        vec![write(&format!("{head}content-length: {}\r\n\r\n{body}", body.len()))]
    })
}

fn gateway(driver: Driver, upstream: &MockUpstream, change: impl FnOnce(&mut Snapshot) + 'static) -> Gateway {
    let mut setup = GatewaySetup::new(driver, upstream);
    setup.change = Box::new(change);
    setup.start()
}

/// Whether the reply holds the secret.
fn ask(gateway: &Gateway, credential: &str, path: &str, body: &str) -> bool {
    let mut client = gateway.client();
    let method = if body.is_empty() { "GET" } else { "POST" };
    client.send(format!(
        "{method} /up{path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {credential}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let reply = client.reply();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let is_restored = reply.text().contains(SECRET);
    assert!(is_restored != reply.text().contains("AEGIS-"), "all copies or none");
    is_restored
}

/// One that no other test shows.
fn credential(test: &str, driver: Driver) -> String {
    format!("sk-4fK9xQ2mZp7vLw8R{test}{driver:?}7hT3nB6c")
}

#[test]
fn a_reply_is_restored_for_the_same_credential_on_every_shard() {
    on_both_drivers(|driver| {
        let upstream = upstream(3_000);
        let shards = [gateway(driver, &upstream, |_| {}), gateway(driver, &upstream, |_| {})];
        let (mine, yours) = (credential("mine", driver), credential("yours", driver));
        let body = format!("{{\"input\":\"my key is {SECRET}\"}}");
        assert!(ask(&shards[0], &mine, "/v1/responses", &body));
        let on = "{\"previous_response_id\":\"r\"}";
        for shard in &shards {
            for (path, body) in [("/v1/responses", on), ("/v1/files/f/content", ""), ("/v1/batches/b", "")] {
                assert!(ask(shard, &mine, path, body), "{path}");
                assert!(!ask(shard, &yours, path, body), "{path}");
            }
            assert!(!ask(shard, &mine, "/v1/models", ""), "it refers to nothing");
            assert!(!ask(shard, &mine, "/v1/responses", "{\"input\":\"x\"}"), "it refers to nothing");
        }
    });
}

/// A body that is sent while it is read leaves its values as well, and may name the history at its very end.
#[test]
fn a_body_that_is_not_held_seals_and_opens() {
    on_both_drivers(|driver| {
        let upstream = upstream(1);
        let gateway = gateway(driver, &upstream, |snapshot| {
            snapshot.limits.hold = 64 * 1024;
            snapshot.limits.beyond_hold = BeyondHold::Stream;
        });
        let mine = credential("streamed", driver);
        let filler = "words ".repeat(40_000);
        let first = format!("{{\"input\":\"{filler} my key is {SECRET}\"}}");
        assert!(ask(&gateway, &mine, "/v1/responses", &first));
        let on = format!("{{\"input\":\"{filler}\",\"previous_response_id\":\"r\"}}");
        assert!(ask(&gateway, &mine, "/v1/responses", &on));
        assert!(!ask(&gateway, &credential("other", driver), "/v1/responses", &on));
    });
}

#[test]
fn without_memory_nothing_is_sealed() {
    on_both_drivers(|driver| {
        let upstream = upstream(1);
        let off = gateway(driver, &upstream, |snapshot| snapshot.recall.enabled = false);
        let on = gateway(driver, &upstream, |_| {});
        let mine = credential("off", driver);
        let body = format!("{{\"input\":\"my key is {SECRET}\"}}");
        for gateway in [&off, &on] {
            assert!(ask(&off, &mine, "/v1/responses", &body));
            assert!(!ask(gateway, &mine, "/v1/files/f/content", ""));
        }
        // And what was sealed stays closed where it is off.
        assert!(ask(&on, &mine, "/v1/responses", &body));
        assert!(!ask(&off, &mine, "/v1/files/f/content", ""));
        assert!(ask(&on, &mine, "/v1/files/f/content", ""));
    });
}

/// The record counts what is restored, and finds nothing.
#[test]
fn what_is_restored_is_counted() {
    on_both_drivers(|driver| {
        let upstream = upstream(1);
        let mut gateway = gateway(driver, &upstream, |_| {});
        let mine = credential("record", driver);
        assert!(ask(&gateway, &mine, "/v1/responses", &format!("{{\"input\":\"my key is {SECRET}\"}}")));
        assert_eq!(gateway.record().restored, 1);
        assert!(ask(&gateway, &mine, "/v1/files/f/content", ""));
        let record = gateway.record();
        assert_eq!((record.findings_total, record.restored, record.unresolved), (0, 1, 0));
        assert!(!ask(&gateway, &credential("nobody", driver), "/v1/files/f/content", ""));
        assert_eq!(gateway.record().restored, 0);
    });
}
