//! Disks and pipes that do not answer: what is kept waiting by them, and where that is reported.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aegis_tests::client::{get, post};
use aegis_tests::{Client, Gateway, GatewayBuilder, Message, Script, StoppedPipe, Upstream, wait_until};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// More requests than the smallest ring has room for.
const MANY: usize = 150;
/// Longer than any end may take.
const END: Duration = Duration::from_secs(30);

fn provider() -> Upstream {
    Upstream::start(|_, _| Script::reply("application/json", b"{\"ok\":true}"))
}

fn builder(upstream: &Upstream) -> GatewayBuilder {
    Gateway::builder().all_upstreams(&upstream.url())
}

fn ask(gateway: &Gateway) -> u16 {
    gateway.exchange(&post("/v1/chat/completions", "application/json", b"{\"messages\":[]}")).status()
}

fn readiness(gateway: &Gateway) -> Message {
    Client::connect(gateway.admin).exchange(&get("/readyz"))
}

/// Events of requests that passed.
fn passed(events: &str) -> u32 {
    let count = events.lines().filter(|event| event.contains(",\"status\":200,")).count();
    count.try_into().expect("a few hundred")
}

/// Settings of an audit log at `file` with the smallest ring.
fn audit_at(file: &Path, fail_mode: &str) -> String {
    let file = file.display();
    format!(
        "[policy]\nfail_mode = \"{fail_mode}\"\n[audit]\nfile = \"{file}\"\nring = 64\nwrite_timeout = \"200ms\"\n"
    )
}

#[test]
fn a_frozen_audit_disk_is_reported_and_requests_do_as_fail_mode_says() {
    let (upstream, folder) = (provider(), tempfile::tempdir().expect("a folder"));
    for fail_mode in ["closed", "open"] {
        let disk = StoppedPipe::full(&folder.path().join(fail_mode));
        let mut gateway = builder(&upstream).config(&audit_at(disk.path(), fail_mode)).start();
        assert_eq!(ask(&gateway), 200);
        wait_until("the metric rises", || gateway.metric("aegis_audit_failing", "") > 0.0);
        wait_until("the log says so", || gateway.process.output().contains("does not answer"));
        let statuses: Vec<u16> = (0..MANY).map(|_| ask(&gateway)).collect();
        let ready = readiness(&gateway);
        let lost = || gateway.metric("aegis_audit_dropped_total", "");
        if fail_mode == "closed" {
            assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
            assert_eq!(ready.status(), 503);
            assert!(
                ready.text().contains("audit events cannot be written: the disk or pipe does not answer")
            );
            assert!(lost() < 1.0);
        } else {
            assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
            assert_eq!(ready.status(), 200, "passing is more important than recording");
            assert!(lost() > 0.0);
        }
        if fail_mode == "closed" {
            wait_until("the age grows", || gateway.metric("aegis_audit_oldest_seconds", "") >= 1.0);
        }

        disk.resume();
        wait_until("it is ready again", || readiness(&gateway).status() == 200 && ask(&gateway) == 200);
        wait_until("the metric falls", || gateway.metric("aegis_audit_failing", "") < 1.0);
        let events = gateway.metric("aegis_requests_total", "upstream=\"openai\",status=\"2xx\"") - lost();
        gateway.terminate();
        assert_eq!(gateway.process.wait(END).expect("it ends").code(), Some(0));
        let missing = || events - f64::from(passed(&disk.text()));
        wait_until("nothing else is lost", || missing() < 0.5);
        assert!(missing() > -0.5, "nothing is written twice");
    }
}

#[test]
fn a_full_pipe_of_the_access_log_refuses_nobody() {
    let (upstream, folder) = (provider(), tempfile::tempdir().expect("a folder"));
    let pipe = StoppedPipe::full(&folder.path().join("access"));
    for access in ["stdout", "file"] {
        let named = if access == "stdout" { access.into() } else { pipe.path().display().to_string() };
        let config = format!("[log]\naccess = {named:?}\n[audit]\nsync = \"none\"\nring = 256\n");
        let builder = builder(&upstream).config(&config);
        let builder = if access == "stdout" { builder.stdout(pipe.path()) } else { builder };
        let gateway = builder.start();
        let mut client = gateway.connect();
        let request = post("/v1/chat/completions", "application/json", b"{}");
        let audit = gateway.state().join("audit.jsonl");
        let events = || fs::read_to_string(&audit).map_or(0, |text| text.lines().count());
        for number in 0..3 * MANY {
            assert_eq!(client.exchange(&request).status(), 200, "{access}, request {number}");
            // No faster than events can be written on a busy machine.
            if number % 100 == 99 {
                wait_until("events are written", || events() + 50 > number);
            }
        }
        assert_eq!(readiness(&gateway).status(), 200, "{access}");
        wait_until("all events are written", || events() == 3 * MANY);
    }
}

/// The worst of all: audit log, access log and program log at once. Admin answers, and so many signals end it.
fn end_with_everything_blocked(signals: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = |name: &str| StoppedPipe::full(&folder.path().join(name));
    let (audit, access, log) = (pipe("audit"), pipe("access"), pipe("log"));
    let endless = Upstream::start(|_, _| Script::stream().event(b"data: x\n\n").then(pause()).end());
    let config = audit_at(audit.path(), "open") + "[log]\naccess = \"stdout\"\n";
    let builder = builder(&endless).config(&config).stdout(access.path()).stderr(log.path());
    let mut gateway = builder.start();
    let mut client = gateway.connect();
    if signals == 2 {
        client.send(&post("/v1/chat/completions", "application/json", b"{}")).expect("sent");
        client.read_some(1_024).expect("the reply begins");
    }
    wait_until("the audit log is seen to be blocked", || {
        let _ = gateway.exchange(&get("/nowhere"));
        gateway.metric("aegis_audit_failing", "") > 0.0
    });
    assert_eq!(readiness(&gateway).status(), 200);
    gateway.terminate();
    if signals == 2 {
        // A gateway that drains gives up its ports, that of admin too.
        wait_until("it drains", || {
            [gateway.address, gateway.admin].iter().all(|address| TcpStream::connect(address).is_err())
        });
        gateway.process.signal(Signal::SIGTERM);
    }
    let status = gateway.process.wait(END).expect("signals end it");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_whatever_is_blocked_and_admin_answers() {
    end_with_everything_blocked(2);
}

#[test]
#[ignore = "takes the time that the last events are given"]
fn one_signal_ends_it_whatever_is_blocked() {
    end_with_everything_blocked(1);
}

/// Longer than the test may take.
fn pause() -> aegis_tests::upstream::Step {
    aegis_tests::upstream::Step::Pause(Duration::from_secs(60))
}

#[test]
fn a_state_folder_that_is_deleted_is_noticed_and_may_come_back() {
    let (upstream, folder) = (provider(), tempfile::tempdir().expect("a folder"));
    let state = folder.path().join("state");
    let gateway = builder(&upstream).state(&state).start();
    assert_eq!(ask(&gateway), 200);
    let key = fs::read(state.join("master.key")).expect("a key");
    // The gateway may begin its log anew while files go one by one.
    wait_until("all is deleted", || fs::remove_dir_all(&state).is_ok() || !state.exists());
    wait_until("readiness reports it", || {
        let text = readiness(&gateway).text();
        text.contains("audit events cannot be written")
            && text.contains("the state folder, or the master key")
    });
    assert_eq!(ask(&gateway), 503, "its event would be lost");
    let said = |what: &str| gateway.process.output().contains(what);
    wait_until("the log says so", || said("the state folder was deleted") && said("cannot be made anew"));
    assert!(gateway.metric("aegis_state_folder_gone", "") > 0.0);
    assert!(gateway.metric("aegis_audit_failing", "") > 0.0);
    gateway.process.signal(Signal::SIGHUP);
    wait_until("no key is made up", || gateway.metric("aegis_reload_failures_total", "") > 0.0);

    fs::create_dir(&state).expect("a folder");
    fs::write(state.join("master.key"), key).expect("a key");
    fs::set_permissions(state.join("master.key"), fs::Permissions::from_mode(0o600)).expect("ours");
    wait_until("it is ready again", || readiness(&gateway).status() == 200);
    let reply = gateway.exchange(&post("/v1/chat/completions", "application/json", b"{}"));
    let id = reply.field("x-aegis-request-id").expect("an id");
    let file = state.join("audit.jsonl");
    wait_until("the new file gets events", || fs::read_to_string(&file).is_ok_and(|text| text.contains(id)));
}

#[test]
fn a_master_key_that_is_replaced_is_noticed_and_not_used() {
    let (upstream, folder) = (provider(), tempfile::tempdir().expect("a folder"));
    let state = folder.path().join("state");
    let gateway = builder(&upstream).state(&state).start();
    let path = state.join("master.key");
    let key = fs::read(&path).expect("a key");
    fs::write(&path, b"01".repeat(32)).expect("the key can be written");
    wait_until("readiness reports it", || {
        readiness(&gateway).text().contains("the master key in the state folder is not the one in use")
    });
    wait_until("the log says so", || {
        gateway.process.output().contains("it is another one than this gateway runs with")
    });
    assert!(gateway.metric("aegis_master_key_replaced", "") > 0.0);
    gateway.process.signal(Signal::SIGHUP);
    wait_until("a reload is refused", || gateway.metric("aegis_reload_failures_total", "") > 0.0);
    assert_eq!(ask(&gateway), 200, "the key in use makes its tokens");
    fs::write(&path, &key).expect("the key can be written");
    wait_until("it is ready again", || readiness(&gateway).status() == 200);
    gateway.process.signal(Signal::SIGHUP);
    wait_until("a reload is done", || gateway.metric("aegis_reloads_total", "") > 0.0);
}

/// A file system in a file, mounted; frozen it answers no write. Needs root and a loop device.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn mount() -> Disk {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "truncate -s 16M disk && mkfs.ext4 -q disk && mkdir on && mount -o loop disk on";
        let done = Command::new("sh").args(["-ec", script]).current_dir(folder.path()).status();
        assert!(done.expect("sh runs").success(), "cannot mount a file system here");
        Disk { folder }
    }

    /// Frozen until that is dropped. Whatever waits for the disk must outlive it: it ends with the thaw at the earliest.
    fn freeze(&self) -> Frozen<'_> {
        assert!(self.fsfreeze("--freeze"));
        Frozen(self)
    }

    fn fsfreeze(&self, option: &str) -> bool {
        let on = self.folder.path().join("on");
        let done = Command::new("fsfreeze").arg(option).arg(on).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    }
}

struct Frozen<'a>(&'a Disk);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.fsfreeze("--unfreeze");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.fsfreeze("--unfreeze");
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path().join("on")).status();
    }
}

#[test]
#[ignore = "mounts a file system, which takes root"]
fn a_frozen_file_system_is_reported_and_nothing_is_lost_when_it_thaws() {
    let (upstream, disk) = (provider(), Disk::mount());
    let file = disk.folder.path().join("on/audit.jsonl");
    let mut gateway = builder(&upstream).config(&audit_at(&file, "closed")).start();
    assert_eq!(ask(&gateway), 200);
    assert!(disk.fsfreeze("--freeze"));
    let mut served = 1;
    wait_until("requests are refused", || {
        let status = ask(&gateway);
        served += u32::from(status == 200);
        status == 503
    });
    let ready = readiness(&gateway);
    assert_eq!(ready.status(), 503, "{}", ready.text());
    wait_until("the log says so", || gateway.process.output().contains("does not answer"));
    assert!(gateway.metric("aegis_audit_failing", "") > 0.0);
    assert!(disk.fsfreeze("--unfreeze"));
    wait_until("it is ready again", || readiness(&gateway).status() == 200);
    let written = || fs::read_to_string(&file).map_or(0, |text| passed(&text));
    wait_until("all events are written", || written() == served);

    // Once more, until the end: the kernel lets no thread of the process go that waits for a frozen file system, but it
    // serves nobody any longer, and ends with the thaw.
    assert!(disk.fsfreeze("--freeze"));
    assert_eq!(ask(&gateway), 200);
    wait_until("it is reported", || readiness(&gateway).status() == 503);
    gateway.terminate();
    wait_until("its ports are free", || {
        [gateway.address, gateway.admin].iter().all(|address| std::net::TcpListener::bind(address).is_ok())
    });
    assert!(disk.fsfreeze("--unfreeze"));
    assert!(gateway.process.wait(END).is_some(), "it ends");
}

#[test]
#[ignore = "mounts a file system, which takes root"]
fn a_frozen_state_folder_keeps_no_port_when_the_gateway_is_to_end() {
    let (upstream, disk) = (provider(), Disk::mount());
    let mut gateway = builder(&upstream).state(&disk.folder.path().join("on/state")).start();
    assert_eq!(ask(&gateway), 200);
    assert!(disk.fsfreeze("--freeze"));
    gateway.terminate();
    wait_until("its ports are free", || {
        [gateway.address, gateway.admin].iter().all(|address| std::net::TcpListener::bind(address).is_ok())
    });
    wait_until("it is said", || gateway.process.output().contains("draining"));
    assert!(disk.fsfreeze("--unfreeze"));
    assert!(gateway.process.wait(END).is_some(), "it ends");
}

#[test]
#[ignore = "mounts a file system, which takes root"]
fn a_frozen_takeover_whose_new_gateway_is_killed_leaves_the_old_one_in_its_place() {
    let (upstream, disk) = (provider(), Disk::mount());
    // By a link on another disk: a new process then gets as far as to take over, before anything waits.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (there, state) = (disk.folder.path().join("on/state"), elsewhere.path().join("state"));
    fs::create_dir(&there).expect("a folder");
    std::os::unix::fs::symlink(there, &state).expect("a link");
    let open = format!("[policy]\nfail_mode = \"open\"\n[cache]\ndir = {:?}\n", elsewhere.path());
    let mut gateway = builder(&upstream).config(&open).state(&state).start();
    assert_eq!(ask(&gateway), 200);
    let mut new;
    let frozen = disk.freeze();
    // Names of this domain do not exist (RFC 6761): it waits for them until it is killed.
    let nowhere = Gateway::builder().all_upstreams("http://nowhere.invalid");
    new = nowhere.config(&open).in_place_of(&gateway).takeover().launch();
    wait_until("it takes over", || {
        assert_eq!(ask(&gateway), 200);
        gateway.process.output().contains("wants to take over")
    });
    // Longer than the audit file may take to be set aside.
    std::thread::sleep(Duration::from_secs(3));
    new.process.signal(Signal::SIGKILL);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(ask(&gateway), 200);
    drop(frozen);
    assert!(new.process.wait(END).is_some(), "it ends");
    wait_until("the log says so", || {
        gateway.process.output().contains("does not take over; this one goes on")
    });
    assert_eq!(ask(&gateway), 200);
    assert!(gateway.process.is_running());
    let next = builder(&upstream).config(&open).in_place_of(&gateway).takeover().start();
    assert!(gateway.process.wait(END).expect("it ends").success());
    assert_eq!(ask(&next), 200);
}

#[test]
fn a_pipe_whose_reader_has_gone_is_reported_and_nothing_is_lost_when_another_one_comes() {
    let (upstream, folder) = (provider(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("audit");
    mkfifo(&path, Mode::S_IRWXU).expect("a pipe");
    let open = || {
        let mut options = fs::OpenOptions::new();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).expect("the pipe opens")
    };
    let mut reader = open();
    let gateway = builder(&upstream).config(&audit_at(&path, "closed")).start();
    let mut text = String::new();
    let take = |reader: &mut fs::File, text: &mut String| {
        // It ends where nothing is there now.
        let _ = reader.read_to_string(text);
        passed(text)
    };
    assert_eq!(ask(&gateway), 200);
    wait_until("the event is read", || take(&mut reader, &mut text) == 1);
    drop(reader);
    let mut served = 1;
    wait_until("requests are refused", || {
        let status = ask(&gateway);
        served += u32::from(status == 200);
        status == 503
    });
    assert!(readiness(&gateway).text().contains("audit events cannot be written"));
    wait_until("the log says so", || gateway.process.output().contains("Broken pipe"));
    let mut reader = open();
    wait_until("it is ready again", || readiness(&gateway).status() == 200 && ask(&gateway) == 200);
    wait_until("nothing is lost", || take(&mut reader, &mut text) == served + 1);
}

#[test]
fn what_is_lost_by_a_second_signal_while_the_last_events_are_written_is_said() {
    let (upstream, folder) = (provider(), tempfile::tempdir().expect("a folder"));
    let audit = StoppedPipe::full(&folder.path().join("audit"));
    let mut gateway = builder(&upstream).config(&audit_at(audit.path(), "open")).start();
    assert_eq!(ask(&gateway), 200);
    gateway.terminate();
    wait_until("nobody is served any longer", || {
        [gateway.address, gateway.admin].iter().all(|address| std::net::TcpListener::bind(address).is_ok())
    });
    // The end listens to signals a moment after the listeners are closed, and goes on for five seconds.
    std::thread::sleep(Duration::from_millis(1_500));
    gateway.process.signal(Signal::SIGTERM);
    assert_eq!(gateway.process.wait(END).and_then(|status| status.code()), Some(0));
    let output = gateway.process.output();
    assert!(output.contains("audit events are lost"), "{output}");
}
