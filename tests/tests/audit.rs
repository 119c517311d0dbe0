//! The audit log on a full disk, after a crash, with wrong permissions, and what the log says when it cannot be
//! written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use aegis_tests::client::{get, post};
use aegis_tests::secrets::Seeded;
use aegis_tests::upstream::Step;
use aegis_tests::{Gateway, Script, Upstream, wait_until};

const CHAT: &str = "/v1/chat/completions";
/// Enough requests to fill rings, files and patience.
const MANY: usize = 400;

fn provider() -> Upstream {
    Upstream::start(|_, _| Script::reply("application/json", b"{\"ok\":true}"))
}

/// A request whose audit event lists `count` findings.
fn request(count: u64) -> Vec<u8> {
    let secrets: Vec<String> = (0..count).map(|number| Seeded::new(number).github()).collect();
    let body = serde_json::json!({"messages": [{"role": "user", "content": secrets.join(" and ")}]});
    post(CHAT, "application/json", body.to_string().as_bytes())
}

/// The ids of all events; every line must be whole.
fn ids(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("an audit log");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    let id = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        event["id"].as_str().expect("an id").to_owned()
    };
    text.lines().map(id).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// What is no request, and what the end of the gateway cuts.
#[test]
fn every_exchange_has_an_event_however_it_ends() {
    const ENDLESS: &[u8] = b"data: {}\n\n";
    let upstream = Upstream::start(|_, _| {
        (0..100).fold(Script::stream(), |script, _| {
            script.event(ENDLESS).then(Step::Pause(Duration::from_millis(100)))
        })
    });
    let config = "[server]\nshutdown_timeout = \"100ms\"\n";
    let mut gateway = Gateway::builder().all_upstreams(&upstream.url()).config(config).start();
    let mut expected = Vec::new();
    for (request, status) in [
        (&b"GET / HTTP/1.1\nhost: g\n\n"[..], 400),
        (
            b"POST /v1/files HTTP/1.1\r\nhost: g\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
        ),
        (b"GET / HTTP/3.0\r\nhost: g\r\n\r\n", 505),
    ] {
        let reply = gateway.exchange(request);
        assert_eq!(reply.status(), status);
        let id = reply.field("x-aegis-request-id").expect("an id").to_owned();
        expected.push((id, status, "\"invalid_request\"", "\"complete\"", "\"\""));
    }
    let mut client = gateway.connect();
    client.send(&request(1)).expect("sent");
    client.read_some(100).expect("the reply begins");
    gateway.terminate();
    gateway.process.wait(Duration::from_secs(20)).expect("it stops");
    let text = fs::read_to_string(gateway.state().join("audit.jsonl")).expect("an audit log");
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(events.len(), expected.len() + 1, "{text}");
    for (id, status, error, ended, path) in expected {
        let event = events.iter().find(|event| event["id"] == *id).expect("an event");
        assert_eq!(event["status"], status, "{event}");
        let found = ["error", "ended", "path"].map(|name| event[name].to_string());
        assert_eq!(found, [error, ended, path], "{event}");
        assert!(event["upstream"].is_null() && event["method"].is_null(), "{event}");
    }
    let cut = events.last().expect("events");
    assert_eq!((&cut["ended"], &cut["status"]), (&"shutdown".into(), &200.into()), "{cut}");
}

#[test]
fn a_full_disk_cuts_no_line_and_loses_none() {
    let upstream = provider();
    let mut gateway = Gateway::builder().all_upstreams(&upstream.url()).file_size_limit(24).start();
    let audit = gateway.state().join("audit.jsonl");
    let mut passed = Vec::new();
    for number in 0..MANY {
        // Different lengths, so that the border is met in the middle of a line.
        let reply = gateway.exchange(&request(20 + number as u64 % 13));
        if reply.status() == 503 {
            break;
        }
        assert_eq!(reply.status(), 200, "{}", reply.text());
        passed.push(reply.field("x-aegis-request-id").expect("an id").to_owned());
        // Each event is a batch of its own, and shows at once whether it fits.
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(passed.len() > 2 && passed.len() < MANY, "{} requests passed", passed.len());
    let there = ids(&audit);
    assert!(there.len() < passed.len(), "some wait");
    gateway.lift_file_size_limit();
    wait_until("readiness", || gateway.exchange(&request(1)).status() == 200);
    gateway.terminate();
    gateway.process.wait(Duration::from_secs(20)).expect("it stops");
    let there = ids(&audit);
    for id in &passed {
        assert_eq!(there.iter().filter(|other| *other == id).count(), 1, "one event for {id}");
    }
}

#[test]
fn a_line_cut_by_a_crash_does_not_swallow_the_next() {
    const CUT: &str = "{\"v\":1,\"id\":\"half";
    let (upstream, state) = (provider(), tempfile::tempdir().expect("a folder"));
    let audit = state.path().join("audit.jsonl");
    fs::write(&audit, CUT).expect("a file");
    fs::set_permissions(&audit, Permissions::from_mode(0o600)).expect("ours");
    let mut gateway = Gateway::builder().all_upstreams(&upstream.url()).state(state.path()).start();
    assert_eq!(gateway.exchange(&request(1)).status(), 200);
    gateway.terminate();
    gateway.process.wait(Duration::from_secs(20)).expect("it stops");
    let text = fs::read_to_string(&audit).expect("an audit log");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, CUT));
    assert!(serde_json::from_str::<serde_json::Value>(lines[1]).is_ok(), "{}", lines[1]);
    assert!(gateway.process.output().contains("the last line was cut"), "it is said");
}

#[test]
fn logs_that_others_may_read_are_taken_from_them() {
    let upstream = provider();
    for (group_read, expected) in [(false, 0o600), (true, 0o640)] {
        let state = tempfile::tempdir().expect("a folder");
        let names = ["audit.jsonl", "audit.20260131T120000.000000Z.jsonl", "access.log"];
        for name in names {
            fs::write(state.path().join(name), "").expect("a file");
            fs::set_permissions(state.path().join(name), Permissions::from_mode(0o666)).expect("ours");
        }
        let access = state.path().join("access.log");
        let config = format!("[log]\naccess = {access:?}\ngroup_read = {group_read}\n");
        let builder = Gateway::builder().all_upstreams(&upstream.url()).state(state.path());
        let gateway = builder.config(&config).start();
        for name in names {
            assert_eq!(mode(&state.path().join(name)), expected, "{name}, group_read {group_read}");
        }
        wait_until("it is said", || gateway.process.output().contains("others could read or change a log"));
    }
}

#[test]
fn what_is_said_of_events_without_room_names_the_mode_that_was_at_work() {
    const CLOSED: &str = "policy.fail_mode is closed";
    const OPEN: &str = "policy.fail_mode is open";
    let upstream = provider();
    for (mode, said, not_said) in [("closed", CLOSED, OPEN), ("open", OPEN, CLOSED)] {
        let config = format!("[policy]\nfail_mode = \"{mode}\"\n[audit]\nfile = \"/dev/full\"\nring = 64\n");
        let gateway = Gateway::builder().all_upstreams(&upstream.url()).config(&config).start();
        let statuses: Vec<u16> = (0..200).map(|_| gateway.exchange(&request(1)).status()).collect();
        wait_until("a word in the log", || gateway.process.output().contains(said));
        assert!(!gateway.process.output().contains(not_said), "{mode}: {}", gateway.process.output());
        let (dropped, refused) = (
            gateway.metric("aegis_audit_dropped_total", ""),
            gateway.metric("aegis_audit_refused_total", ""),
        );
        let unknown = gateway.exchange(&get("/nowhere")).status();
        if mode == "open" {
            assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
            assert!(dropped > 0.0 && refused == 0.0, "{dropped} dropped, {refused} refused");
            assert_eq!(unknown, 404);
        } else {
            assert!(statuses.contains(&503), "{statuses:?}");
            assert!(dropped == 0.0 && refused > 0.0, "{dropped} dropped, {refused} refused");
            assert_eq!(unknown, 503, "no event of any request is lost");
        }
    }
}
