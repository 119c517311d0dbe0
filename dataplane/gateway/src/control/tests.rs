use std::collections::HashMap;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use aegis_wire::tls::TlsFailure;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use zeroize::Zeroizing;

use super::admin_server::ConnectionLimits;
use super::audit_health::AuditTrouble;
use super::journal::Journal;
use super::log_file::Readers;
use super::log_writer::{LogWriter, OnFailure};
use super::output::Output;
use super::reload::Reloader;
use super::shared::Shared;
use super::{admin, admin_server, render, resolve};
use crate::config::settings::{AuditSync, FailMode, LogFormat};
use crate::config::{Sources, load};
use crate::events::tests::record;
use crate::events::{self, LogEvent, LogEventLevel, Sender};
use crate::lifecycle::{Phase, ShardState};
use crate::snapshot::Addresses;
use crate::snapshot::build::SnapshotBuilder;
use crate::state_dir::KeyFingerprint;

/// A process that never started, with the configuration `text`.
struct Harness {
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
    reloader: Reloader,
}

impl Harness {
    fn new(text: &str, shards: usize) -> Harness {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("aegis.toml");
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("master.key"), "01".repeat(32)).unwrap();
        std::fs::set_permissions(state.join("master.key"), Permissions::from_mode(0o600)).unwrap();
        let state = format!("[state]\ndir = {state:?}\n");
        std::fs::write(&file, format!("{text}\n{state}")).unwrap();
        let sources = Sources { file: Some(file), ..Sources::default() };
        let loaded = load(&sources).unwrap();
        let mut builder = SnapshotBuilder::default();
        let first = builder.build(&loaded.settings, &Zeroizing::new([1; 32])).unwrap();
        let shared = Arc::new(Shared::new(first, shards));
        shared.state_folder.use_key(KeyFingerprint::of(&Zeroizing::new([1; 32])));
        Harness { shared, reloader: Reloader::new(sources, builder, &loaded), folder }
    }

    fn rewrite(&self, text: &str) {
        let state = format!("[state]\ndir = {:?}\n", self.folder.path().join("state"));
        std::fs::write(self.folder.path().join("aegis.toml"), format!("{text}\n{state}")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A thread that writes to the file at `path`.
    fn writer(&self, path: &Path, on_failure: OnFailure) -> LogWriter {
        let output = Output::file(path, 0, Readers::Owner).unwrap();
        LogWriter::start("test", output, on_failure, &self.shared).unwrap()
    }
}

/// Makes a pipe at `path` that has no room left, and returns the end of its reader.
fn full_pipe(path: &Path) -> std::fs::File {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let open = |options: &mut OpenOptions| options.custom_flags(OFlag::O_NONBLOCK.bits()).open(path).unwrap();
    let reader = open(OpenOptions::new().read(true));
    let mut writer = open(OpenOptions::new().write(true));
    while std::io::Write::write(&mut writer, &[b'.'; 4_096]).is_ok() {}
    let flags = OFlag::from_bits_retain(fcntl(&reader, FcntlArg::F_GETFL).unwrap());
    fcntl(&reader, FcntlArg::F_SETFL(flags.difference(OFlag::O_NONBLOCK))).unwrap();
    reader
}

fn send(sender: &mut Sender, path: &str) -> bool {
    sender.reserve().is_some_and(|place| sender.send(place, record(path)))
}

fn paths(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // A line may be being written.
    let text = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect(line);
    text.lines().map(|line| event(line)["path"].as_str().unwrap_or("").to_owned()).collect()
}

/// Has rounds of the journal until `done`.
fn rounds_until(journal: &mut Journal, shared: &Shared, what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..5_000 {
        journal.round(shared);
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("never: {what}");
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn records_of_all_shards_reach_both_logs() {
    let harness = Harness::new("", 2);
    let (mut a, ring_a) = events::ring(64);
    let (mut b, ring_b) = events::ring(64);
    let audit = harness.writer(&harness.path("audit"), OnFailure::Keep(AuditSync::Batch));
    let access = harness.writer(&harness.path("access"), OnFailure::Drop);
    let mut journal = Journal::new(vec![ring_a, ring_b], Some(audit), Some(access), LogFormat::Json, LONG);
    assert_eq!(journal.round(&harness.shared), 0);
    assert!(send(&mut a, "/a") && send(&mut b, "/b") && send(&mut a, "/c"));
    assert!(a.note(LogEvent { level: LogEventLevel::Info, what: "made up", detail: String::new() }));
    assert_eq!(journal.round(&harness.shared), 4);
    for file in ["audit", "access"] {
        let file = harness.path(file);
        rounds_until(&mut journal, &harness.shared, "all are written", || paths(&file).len() == 3);
        assert_eq!(paths(&file), ["/a", "/c", "/b"]);
    }
    assert_eq!(harness.shared.counts.audit_events.get(), 3);
}

#[test]
fn while_the_sink_fails_events_wait_and_then_all_arrive() {
    let harness = Harness::new("", 1);
    let (shared, reasons) = (&harness.shared, || admin::not_ready(&harness.shared).join("\n"));
    // A file that can be made writable later: a link to a device that is always full.
    let path = harness.path("audit");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let (mut sender, ring) = events::ring(4);
    let audit = harness.writer(&path, OnFailure::Keep(AuditSync::Second));
    let mut journal = Journal::new(vec![ring], Some(audit), None, LogFormat::Json, LONG);
    for n in 0..4 {
        assert!(send(&mut sender, &format!("/{n}")));
    }
    assert_eq!(journal.round(shared), 4, "one batch is taken, and kept when it cannot be written");
    rounds_until(&mut journal, shared, "it fails", || shared.lifecycle.has_audit_failed());
    for n in 4..8 {
        assert!(send(&mut sender, &format!("/{n}")));
    }
    assert_eq!(journal.round(shared), 0, "nothing more is taken");
    assert!(!send(&mut sender, "/9"), "the ring is full: the shard decides by fail_mode");
    assert!(reasons().contains("audit events cannot be written"), "{}", reasons());
    let failures = shared.counts.audit_failures.get();
    rounds_until(&mut journal, shared, "it is tried again", || shared.counts.audit_failures.get() > failures);

    std::fs::remove_file(&path).unwrap();
    shared.reopen.store(true, Relaxed);
    rounds_until(&mut journal, shared, "all are written", || paths(&path).len() == 8);
    rounds_until(&mut journal, shared, "it is well", || !shared.lifecycle.has_audit_failed());
    assert!(!reasons().contains("audit"), "{}", reasons());
    assert_eq!(paths(&path), (0..8).map(|n| format!("/{n}")).collect::<Vec<_>>());
}

/// A pipe whose reader takes nothing stands for a disk that does not answer.
#[test]
fn a_disk_that_does_not_answer_is_noticed_by_the_age_of_what_waits() {
    let harness = Harness::new("", 1);
    let (shared, reasons) = (&harness.shared, || admin::not_ready(&harness.shared).join("\n"));
    let path = harness.path("audit");
    let mut reader = full_pipe(&path);
    let (mut sender, ring) = events::ring(4);
    let audit = harness.writer(&path, OnFailure::Keep(AuditSync::Second));
    let mut journal =
        Journal::new(vec![ring], Some(audit), None, LogFormat::Json, Duration::from_millis(300));
    assert!(send(&mut sender, "/first"));
    journal.round(shared);
    assert_eq!(shared.audit.trouble(), None, "a write may take its time");
    for n in 0..4 {
        assert!(send(&mut sender, &format!("/{n}")));
    }
    assert!(!send(&mut sender, "/one-more"));
    shared.metrics.shards()[0].audit_refused.inc();
    journal.round(shared);
    assert_eq!(shared.audit.trouble(), Some(AuditTrouble::Full));
    assert!(samples(&render::page(shared).unwrap())["aegis_audit_failing"] > 0.0, "full is failing, too");
    assert!(!shared.lifecycle.has_audit_failed() && reasons().contains("ring is full"), "{}", reasons());
    let stalled = || shared.audit.trouble() == Some(AuditTrouble::Stalled);
    rounds_until(&mut journal, shared, "it is noticed", stalled);
    assert!(shared.lifecycle.has_audit_failed() && reasons().contains("does not answer"), "{}", reasons());
    assert!(shared.audit.oldest() >= Duration::from_millis(300));
    assert!(samples(&render::page(shared).unwrap())["aegis_audit_failing"] > 0.0);

    let drain = std::thread::spawn(move || {
        let mut text = Vec::new();
        // It ends when the journal, and with it the last writer, has ended.
        std::io::Read::read_to_end(&mut reader, &mut text).map(|_| text)
    });
    rounds_until(&mut journal, shared, "it is well", || shared.audit.trouble().is_none());
    assert!(!shared.lifecycle.has_audit_failed());
    rounds_until(&mut journal, shared, "all are taken", || shared.counts.audit_events.get() == 5);
    shared.closing.store(true, Relaxed);
    journal.run(shared);
    let text = drain.join().unwrap().unwrap();
    assert_eq!(memchr::memchr_iter(b'\n', &text).count(), 5);
}

#[test]
fn an_access_log_that_takes_nothing_keeps_no_audit_event() {
    let harness = Harness::new("", 1);
    let shared = &harness.shared;
    let _reader = full_pipe(&harness.path("access"));
    let (mut sender, ring) = events::ring(64);
    let audit = harness.writer(&harness.path("audit"), OnFailure::Keep(AuditSync::Second));
    let access = harness.writer(&harness.path("access"), OnFailure::Drop);
    let mut journal = Journal::new(vec![ring], Some(audit), Some(access), LogFormat::Json, LONG);
    let mut sent = 0;
    rounds_until(&mut journal, shared, "lines are dropped", || {
        while send(&mut sender, "/x") {
            sent += 1;
        }
        shared.counts.access_dropped.get() > 0
    });
    let audit = harness.path("audit");
    rounds_until(&mut journal, shared, "all are written", || paths(&audit).len() == sent);
    assert_eq!(shared.audit.trouble(), None);
    let dropped = "aegis_log_dropped_total{log=\"access\"}";
    assert!(samples(&render::page(shared).unwrap())[dropped] > 0.0);
}

#[test]
fn the_journal_ends_with_the_shards_and_writes_what_is_left() {
    let harness = Harness::new("", 1);
    let (mut sender, ring) = events::ring(64);
    let audit = harness.writer(&harness.path("audit"), OnFailure::Keep(AuditSync::None));
    let journal = Journal::new(vec![ring], Some(audit), None, LogFormat::Text, LONG);
    let shared = Arc::clone(&harness.shared);
    let thread = std::thread::spawn(move || journal.run(&shared));
    assert!(send(&mut sender, "/last"));
    harness.shared.lifecycle.set_shard(0, ShardState::Ended);
    thread.join().unwrap();
    assert_eq!(paths(&harness.path("audit")), ["/last"]);
}

#[test]
fn a_reload_publishes_what_is_right_and_keeps_the_old_otherwise() {
    let mut harness = Harness::new("[policy]\nfail_mode = \"closed\"", 1);
    let folder = harness.path("state");
    harness.rewrite("[policy]\nfail_mode = \"open\"\n[server]\nshards = 3");
    harness.reloader.reload(&harness.shared);
    let now = harness.shared.snapshots.load();
    assert_eq!((now.generation, now.fail_mode), (2, FailMode::Open));
    for wrong in ["[policy]\nfail_mode = \"ajar\"", "[policy.rules]\nno-such-rule = \"block\"", "not toml"] {
        harness.rewrite(wrong);
        harness.reloader.reload(&harness.shared);
    }
    let now = harness.shared.snapshots.load();
    assert_eq!((now.generation, now.fail_mode), (2, FailMode::Open));
    assert_eq!((harness.shared.counts.reloads.get(), harness.shared.counts.reload_failures.get()), (1, 3));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "a reload makes no files");
    harness.rewrite("");
    harness.reloader.reload(&harness.shared);
    assert_eq!(harness.shared.snapshots.load().generation, 3);
    std::fs::remove_dir_all(&folder).unwrap();
    harness.reloader.reload(&harness.shared);
    assert_eq!(harness.shared.snapshots.load().generation, 3, "no new key is made up");
}

/// A reload for another reason must not take a key into use that somebody has put in the place of the right one.
#[test]
fn a_reload_takes_no_key_that_was_put_in_the_place_of_the_one_in_use() {
    let mut harness = Harness::new("", 1);
    let key = harness.path("state").join("master.key");
    std::fs::write(&key, "02".repeat(32)).unwrap();
    harness.reloader.reload(&harness.shared);
    assert_eq!(harness.shared.snapshots.generation(), 1, "another key");
    std::fs::write(&key, "01".repeat(32)).unwrap();
    harness.reloader.reload(&harness.shared);
    assert_eq!(harness.shared.snapshots.generation(), 2, "the one in use");
    // What the configuration names is meant; from there on it is the one in use.
    let named = harness.path("named.key");
    for (digits, generation) in [("02", 3), ("03", 4)] {
        std::fs::write(&named, digits.repeat(32)).unwrap();
        std::fs::set_permissions(&named, Permissions::from_mode(0o600)).unwrap();
        harness.rewrite(&format!("[tokens]\nkey_file = {named:?}"));
        harness.reloader.reload(&harness.shared);
        assert_eq!(harness.shared.snapshots.generation(), generation);
    }
    harness.rewrite("");
    harness.reloader.reload(&harness.shared);
    assert_eq!(harness.shared.snapshots.generation(), 5, "back to that of the folder, as configured");
}

#[test]
fn readiness_names_what_is_missing() {
    let harness = Harness::new("[upstreams.mine]\nurl = \"http://mine.example\"", 1);
    let reasons = || admin::not_ready(&harness.shared);
    assert_eq!(reasons(), ["not all shards are listening", "no address of upstream mine (mine.example)"]);
    harness.shared.lifecycle.set_shard(0, ShardState::Listening);
    let address = "192.0.2.1:80".parse().unwrap();
    harness.shared.snapshots.load().upstream("mine").unwrap().addresses.set(vec![address]);
    assert_eq!(reasons(), Vec::<String>::new(), "built-in upstreams that nobody named are not waited for");
    harness.shared.lifecycle.advance(Phase::LameDuck);
    assert_eq!(reasons(), ["draining"]);

    let nobody_named = Harness::new("", 1);
    nobody_named.shared.lifecycle.set_shard(0, ShardState::Listening);
    assert_eq!(admin::not_ready(&nobody_named.shared), ["no address of any upstream"]);
    nobody_named.shared.snapshots.load().upstream("openai").unwrap().addresses.set(vec![address]);
    assert!(admin::not_ready(&nobody_named.shared).is_empty());
}

#[test]
fn one_name_that_does_not_resolve_takes_no_gateway_out_of_service() {
    let two =
        "[upstreams.good]\nurl = \"http://good.example\"\n[upstreams.typo]\nurl = \"http://typo.example\"";
    let mut harness = Harness::new(two, 1);
    harness.shared.lifecycle.set_shard(0, ShardState::Listening);
    let of =
        |shared: &Shared, name: &str| Arc::clone(&shared.snapshots.load().upstream(name).unwrap().addresses);
    of(&harness.shared, "good").set(vec!["192.0.2.1:80".parse().unwrap()]);
    let missing = ["no address of upstream typo (typo.example)"];
    assert_eq!(admin::not_ready(&harness.shared), missing, "it may still be found");
    of(&harness.shared, "typo").set_looked_up(false);
    assert!(admin::not_ready(&harness.shared).is_empty());
    let page = render::page(&harness.shared).unwrap();
    assert!(page.contains("aegis_upstream_lookup_failing{upstream=\"typo\"} 1"), "{page}");
    assert!(page.contains("aegis_upstream_lookup_failing{upstream=\"good\"} 0"), "{page}");
    // Nor does one that comes with a reload.
    harness.rewrite("[upstreams.third]\nurl = \"http://third.example\"");
    harness.reloader.reload(&harness.shared);
    assert_eq!(harness.shared.snapshots.generation(), 2);
    assert!(admin::not_ready(&harness.shared).is_empty());

    let alone = Harness::new("[upstreams.typo]\nurl = \"http://typo.example\"", 1);
    alone.shared.lifecycle.set_shard(0, ShardState::Listening);
    of(&alone.shared, "openai").set(vec!["192.0.2.2:443".parse().unwrap()]);
    assert_eq!(admin::not_ready(&alone.shared), missing, "it may still be found");
    of(&alone.shared, "openai").set(Vec::new());
    of(&alone.shared, "typo").set_looked_up(false);
    assert_eq!(admin::not_ready(&alone.shared), missing, "nothing could be served");
    // The built-in ones are routed as well as the one with the typo.
    of(&alone.shared, "openai").set(vec!["192.0.2.2:443".parse().unwrap()]);
    assert!(admin::not_ready(&alone.shared).is_empty());
}

#[test]
fn what_is_wrong_with_an_upstream_is_said_beside_readiness() {
    let three =
        ["good", "gone", "typo"].map(|name| format!("[upstreams.{name}]\nurl = \"http://{name}.example\""));
    let harness = Harness::new(&three.join("\n"), 1);
    let shared = &harness.shared;
    let of = |name: &str| Arc::clone(&shared.snapshots.load().upstream(name).unwrap().addresses);
    for name in ["good", "gone"] {
        of(name).set(vec!["192.0.2.1:80".parse().unwrap(), "192.0.2.2:80".parse().unwrap()]);
        of(name).set_looked_up(true);
    }
    of("gone").set_looked_up(false);
    of("typo").set_looked_up(false);
    let remarks: Vec<String> = admin::remarks(shared).collect();
    assert_eq!(
        remarks,
        [
            "the name of upstream gone (gone.example) does not resolve any more; 2 addresses of before are used",
            "no address of upstream typo (typo.example)"
        ]
    );
    shared.state_folder.set_has_names(true);
    shared.state_folder.set_has_names(false);
    let first = admin::remarks(shared).next().unwrap();
    assert_eq!(first, "no other gateway can take over from this one: see its log");
}

/// No connection of these ends by itself.
#[test]
fn a_probe_more_than_there_is_room_for_takes_the_place_of_the_oldest() {
    let shared = Harness::new("", 1).shared;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ConnectionLimits { head: LONG, connection: LONG, last_exchange: LONG };
    let routes = admin::router(Arc::clone(&shared));
    let serving = admin_server::serve(Arc::clone(&shared), listener, routes, limits);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serving)
    });
    let connect = || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG / 4)).unwrap();
        stream
    };
    let mut open: Vec<std::net::TcpStream> = (0..=admin_server::MAX_CONNECTIONS).map(|_| connect()).collect();
    let ended = std::io::Read::read(&mut open[0], &mut [0; 16]);
    assert_eq!(ended.expect("the oldest is closed"), 0);
    for stream in [1, admin_server::MAX_CONNECTIONS] {
        let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        std::io::Write::write_all(&mut open[stream], request).unwrap();
        let mut reply = String::new();
        std::io::Read::read_to_string(&mut open[stream], &mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{stream}: {reply}");
    }
}

/// This machine's own name for itself, which needs no server: it is looked up again long before its time when a shard could
/// not connect to where it led.
#[test]
fn a_name_that_led_nowhere_is_looked_up_again_at_once() {
    let harness = Harness::new("[upstreams.mine]\nurl = \"http://localhost:9\"", 1);
    let addresses = Arc::clone(&harness.shared.snapshots.load().upstream("mine").unwrap().addresses);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let is_known =
            |addresses: &Addresses| addresses.get().iter().any(|address| address.ip().is_loopback());
        let lookups = tokio::spawn(resolve::keep_fresh(Arc::clone(&harness.shared)));
        for _ in 0..2 {
            let begun = Instant::now();
            while !is_known(&addresses) {
                assert!(begun.elapsed() < resolve::REFRESH / 2, "it waits for its time");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            addresses.set(vec!["192.0.2.1:9".parse().unwrap()]);
            addresses.request_lookup();
        }
        lookups.abort();
    });
}

/// A reload says that something was corrected, maybe the record of a name.
#[test]
fn a_name_that_fails_is_looked_up_again_after_a_reload() {
    let mut harness = Harness::new("[upstreams.mine]\nurl = \"http://localhost:9\"", 1);
    let addresses = Arc::clone(&harness.shared.snapshots.load().upstream("mine").unwrap().addresses);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lookups = tokio::spawn(resolve::keep_fresh(Arc::clone(&harness.shared)));
        for is_again in [false, true] {
            if is_again {
                addresses.set_looked_up(false);
                harness.reloader.reload(&harness.shared);
            }
            let begun = Instant::now();
            while addresses.is_failing() || !addresses.was_looked_up() {
                assert!(begun.elapsed() < resolve::REFRESH / 2, "it waits for its time");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        lookups.abort();
    });
}

#[test]
fn what_a_pipe_has_taken_until_the_end_is_not_counted_as_lost() {
    const EVENTS: usize = 400;
    let harness = Harness::new("", 1);
    let pipe = harness.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut reader =
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&pipe).unwrap();
    let writer = harness.writer(&pipe, OnFailure::Keep(AuditSync::Batch));
    let mut lines: Vec<u8> = (0..EVENTS).flat_map(|_| [vec![b'x'; 499], b"\n".to_vec()].concat()).collect();
    writer.hand_over(&mut lines);
    let mut unwritten = EVENTS;
    let begun = Instant::now();
    // Until the pipe is full, and the thread waits for its reader.
    while unwritten != writer.unwritten() || unwritten == EVENTS {
        assert!(begun.elapsed() < LONG, "nothing is written");
        unwritten = writer.unwritten();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!writer.close(Duration::ZERO));
    let mut taken = vec![0; EVENTS * 500];
    let count = std::io::Read::read(&mut reader, &mut taken).unwrap();
    assert_eq!(count % 500, 0, "whole lines");
    assert_eq!(unwritten, EVENTS - count / 500);
}

/// Samples of the page by name with labels, as a scraper reads them.
fn samples(page: &str) -> HashMap<String, f64> {
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect(line);
        (name.to_owned(), value.parse().expect(line))
    };
    page.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

#[test]
fn the_metrics_page_adds_up_all_shards() {
    let harness = Harness::new("[upstreams.mine]\nurl = \"http://127.0.0.1:1\"", 2);
    let slot = harness.shared.snapshots.load().upstream("mine").unwrap().slot;
    for (shard, n) in harness.shared.metrics.shards().iter().zip([1, 10]) {
        shard.finished(Some(slot), 200);
        shard.finished(None, 401);
        shard.findings[0][3].add(n);
        shard.restored.add(n);
        shard.kept.add(2 * n);
        shard.withheld_by_policy.add(3 * n);
        shard.withheld_by_guard.add(4 * n);
        shard.beside_unnamed_hosts.add(5 * n);
        shard.added.observe(7 * n);
        shard.connections_open.add(n);
        shard.upstreams[slot].pool_misses.add(n);
        shard.upstreams[slot].tls_failures[TlsFailure::Expired as usize].add(n);
        shard.upstreams[slot].first_byte.observe(600_000_001);
        shard.set_driver(n == 1);
    }
    let page = render::page(&harness.shared).unwrap();
    assert!(page.ends_with("# EOF\n"));
    let samples = samples(&page);
    for (name, value) in [
        ("aegis_requests_total{upstream=\"mine\",status=\"2xx\"}", 2.0),
        ("aegis_requests_total{upstream=\"\",status=\"4xx\"}", 2.0),
        ("aegis_findings_total{category=\"KEY\",action=\"tokenize\"}", 11.0),
        ("aegis_findings_total{category=\"PII\",action=\"block\"}", 0.0),
        ("aegis_tokens_total{result=\"restored\"}", 11.0),
        ("aegis_tokens_total{result=\"unresolved\"}", 0.0),
        ("aegis_tokens_total{result=\"kept\"}", 22.0),
        ("aegis_tokens_total{result=\"withheld_by_policy\"}", 33.0),
        ("aegis_tokens_total{result=\"withheld_by_guard\"}", 44.0),
        ("aegis_tokens_beside_unnamed_hosts_total", 55.0),
        ("aegis_added_seconds_bucket{le=\"0.000005\"}", 0.0),
        ("aegis_added_seconds_bucket{le=\"0.00001\"}", 1.0),
        ("aegis_added_seconds_bucket{le=\"0.000075\"}", 2.0),
        ("aegis_added_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("aegis_added_seconds_count", 2.0),
        ("aegis_added_seconds_sum", 0.000_077),
        ("aegis_upstream_first_byte_seconds_bucket{le=\"600.0\",upstream=\"mine\"}", 0.0),
        ("aegis_upstream_first_byte_seconds_count{upstream=\"mine\"}", 2.0),
        ("aegis_pool_misses_total{upstream=\"mine\"}", 11.0),
        ("aegis_upstream_tls_failures_total{upstream=\"mine\",cause=\"expired\"}", 11.0),
        ("aegis_connections_open", 11.0),
        ("aegis_shards{driver=\"io_uring\"}", 1.0),
        ("aegis_shards{driver=\"epoll\"}", 1.0),
        ("aegis_config_generation", 1.0),
        ("aegis_upstream_addresses{upstream=\"mine\"}", 1.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}\n{page}");
    }
    assert!(samples.keys().any(|name| name.starts_with("aegis_build_info{version=")));
}

#[test]
fn every_metric_is_documented() {
    let harness = Harness::new("", 1);
    let page = render::page(&harness.shared).unwrap();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/observability.md");
    let text = std::fs::read_to_string(document).unwrap();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        assert!(text.contains(&format!("`{name}`")), "{name} is not in docs/observability.md");
    }
}
