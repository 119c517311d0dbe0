//! The process as its operator meets it: start, refusal to start, reload, drain.

mod check_beside_run;
mod reloads;
mod setting_files;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest time anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn gateway() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aegis-gateway"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AEGIS_")) {
        command.env_remove(name);
    }
    command
}

/// An address that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

/// A provider that answers each connection once and waits before its last bytes.
fn provider(pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().take(50) {
            std::thread::spawn(move || answer(stream.expect("a connection"), pause));
        }
    });
    address
}

fn answer(mut stream: TcpStream, pause: Duration) {
    let mut request = [0; 8192];
    if !matches!(stream.read(&mut request), Ok(1..)) {
        return;
    }
    let _ =
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhello");
    std::thread::sleep(pause);
    let _ = stream.write_all(b"world");
}

struct Running {
    folder: tempfile::TempDir,
    traffic: SocketAddr,
    admin: SocketAddr,
    child: Child,
}

impl Running {
    fn start(config: &str, provider: SocketAddr) -> Running {
        let mut running = Running::spawn(config, provider);
        running.until("it is ready", |it| it.get("/readyz").starts_with("HTTP/1.1 200"));
        running
    }

    fn spawn(config: &str, provider: SocketAddr) -> Running {
        Running::spawn_with(config, &["--upstream", &format!("mine=http://{provider}")])
    }

    fn spawn_with(config: &str, arguments: &[&str]) -> Running {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("aegis.toml"), config).expect("written");
        Running::spawn_in(folder, arguments)
    }

    /// Starts it with the configuration that is in `folder`.
    fn spawn_in(folder: tempfile::TempDir, arguments: &[&str]) -> Running {
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        Running::spawn_logging(folder, arguments, log.into())
    }

    /// The same with standard error at `log`.
    fn spawn_logging(folder: tempfile::TempDir, arguments: &[&str], log: Stdio) -> Running {
        let (traffic, admin) = (free(), free());
        let child = gateway()
            .args(["run", "--shards", "2", "--driver", "epoll", "--config"])
            .arg(folder.path().join("aegis.toml"))
            .arg("--state")
            .arg(folder.path().join("state"))
            .args(["--listen", &traffic.to_string(), "--admin", &admin.to_string()])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        Running { folder, traffic, admin, child }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn get(&self, path: &str) -> String {
        exchange(self.admin, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
            .unwrap_or_default()
    }

    fn ask(&self) -> String {
        let request = "POST /mine/v1/chat HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 4\r\nconnection: close\r\n\r\ntext";
        exchange(self.traffic, request).expect("an answer")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    fn until(&mut self, what: &str, done: impl Fn(&Running) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            let ended = self.child.try_wait().expect("its state");
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "never: {what}; ended: {ended:?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn exchange(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

fn refused(arguments: &[&str], folder: &Path) -> (Option<i32>, String) {
    let (traffic, admin) = (free().to_string(), free().to_string());
    let mut command = gateway();
    command.arg("run").args(["--listen", &traffic, "--admin", &admin]).args(arguments);
    let Output { status, stderr, .. } =
        command.arg("--state").arg(folder.join("state")).output().expect("it runs");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn it_serves_reports_reloads_and_ends() {
    let mut it = Running::start("[log]\nformat = \"json\"\n", provider(Duration::ZERO));
    assert!(it.get("/healthz").ends_with("ok\n"));
    assert!(it.get("/nothing").starts_with("HTTP/1.1 404"));
    assert!(it.ask().ends_with("helloworld"));
    it.until("the request is counted", |it| {
        it.get("/metrics").contains("aegis_requests_total{upstream=\"mine\",status=\"2xx\"} 1")
    });
    it.until("the request is audited", |it| {
        std::fs::read_to_string(it.path("state/audit.jsonl")).is_ok_and(|text| text.lines().count() == 1)
    });
    let mode = |name: &str| std::fs::metadata(it.path(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/master.key"), mode("state/audit.jsonl")), (0o700, 0o600, 0o600));

    std::fs::write(it.path("aegis.toml"), "[auth]\nmode = \"keys\"\n[server]\nshards = 5\n")
        .expect("written");
    it.signal("HUP");
    it.until("the reload is published", |it| it.get("/metrics").contains("aegis_config_generation 2"));
    assert!(it.ask().starts_with("HTTP/1.1 401"), "keys are demanded now");
    it.until("it says what needs a restart", |it| {
        let log = it.log();
        let told = log.lines().find(|line| line.contains("changed, and takes effect at the next start only"));
        told.is_some_and(|line| line.contains("\"key\":\"log\""))
    });

    std::fs::write(it.path("aegis.toml"), "[auth]\nmode = \"nobody\"\n").expect("written");
    it.signal("HUP");
    it.until("the reload is refused", |it| it.get("/metrics").contains("aegis_reload_failures_total 1"));
    it.until("the log says why", |it| {
        it.log().contains("`nobody` is not a choice") && it.log().contains("the old one stays")
    });
    assert!(it.ask().starts_with("HTTP/1.1 401"), "the old configuration holds");

    it.signal("TERM");
    assert_eq!(it.wait().code(), Some(0), "{}", it.log());
    let audit = std::fs::read_to_string(it.path("state/audit.jsonl")).expect("the audit log");
    assert_eq!(audit.lines().count(), 3, "one event a request\n{audit}");
    for line in it.log().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "not JSON: {line}");
    }
}

/// Whoever has read standard error is gone.
#[test]
fn lines_of_the_log_that_nobody_takes_are_counted_and_keep_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("aegis.toml"), "").expect("written");
    let upstream = format!("mine=http://{}", provider(Duration::ZERO));
    let mut it = Running::spawn_logging(folder, &["--upstream", &upstream], Stdio::piped());
    let mut log = it.child.stderr.take().expect("a pipe");
    it.until("it is ready", |it| it.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(log.read(&mut [0; 64]).is_ok_and(|count| count > 0), "its first line");
    drop(log);
    let dropped = |it: &Running| {
        let page = it.get("/metrics");
        let line =
            page.lines().find_map(|line| line.strip_prefix("aegis_log_dropped_total{log=\"program\"} "));
        line.and_then(|count| count.parse().ok()).unwrap_or(0)
    };
    assert_eq!(dropped(&it), 0);
    it.signal("HUP");
    it.until("lines are counted", |it| dropped(it) > 0);
    assert!(it.ask().ends_with("helloworld"));
    it.signal("TERM");
    assert_eq!(it.wait().code(), Some(0));
}

/// A certificate for this machine that signs itself, valid between the two days, and its key, as files.
fn certificate(folder: &Path, from: (i32, u8, u8), to: (i32, u8, u8)) -> (PathBuf, PathBuf) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
    params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
    let pair = rcgen::KeyPair::generate().expect("a key");
    std::fs::write(&cert, params.self_signed(&pair).expect("a certificate").pem()).expect("written");
    std::fs::write(&key, pair.serialize_pem()).expect("written");
    (cert, key)
}

/// Standard error is a terminal, on which a gateway warns and then does not start.
#[test]
fn the_log_is_coloured_on_a_terminal_unless_no_color_says_no() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = env!("CARGO_BIN_EXE_aegis-gateway");
    let state = folder.path().join("state");
    let run = format!("ulimit -n 60; exec {program} run --listen 0.0.0.0:0 --state {}", state.display());
    for (value, is_coloured) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &run, "/dev/null"]).env_remove("NO_COLOR");
        if let Some(value) = value {
            command.env("NO_COLOR", value);
        }
        let printed = command.stdin(Stdio::null()).output().expect("script is installed").stdout;
        let printed = String::from_utf8_lossy(&printed);
        let line = printed.lines().find(|line| line.contains("WARN")).expect("a warning");
        let reached = "can be reached from the network, and there is neither a key nor TLS";
        assert!(printed.contains(reached), "{printed}");
        assert_eq!(line.contains('\u{1b}'), is_coloured, "NO_COLOR={value:?}: {line:?}");
    }
}

/// As the first process of a container it would not be ended by default.
#[test]
fn before_it_serves_anybody_it_ends_at_once_and_in_order() {
    let mut it = Running::spawn("", provider(Duration::ZERO));
    it.until("it handles signals", |it| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", it.child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim);
        caught.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & (1 << 14) != 0)
    });
    it.signal("TERM");
    assert_eq!(it.wait().code(), Some(0), "{}", it.log());
}

#[test]
fn a_drain_lets_running_exchanges_end_and_a_second_signal_does_not_wait() {
    let mut it = Running::start("[server]\ndrain_delay = \"500ms\"\n", provider(Duration::from_secs(1)));
    let traffic = it.traffic;
    let request = "GET /mine/x HTTP/1.1\r\nhost: x\r\n\r\n";
    let slow = std::thread::spawn(move || exchange(traffic, request));
    std::thread::sleep(Duration::from_millis(300));
    it.signal("TERM");
    it.until("readiness is gone", |it| it.get("/readyz").contains("draining"));
    assert!(slow.join().expect("no panic").expect("an answer").ends_with("helloworld"));
    assert_eq!(it.wait().code(), Some(0), "{}", it.log());

    let mut it = Running::start("", provider(Duration::from_secs(30)));
    let traffic = it.traffic;
    let cut = std::thread::spawn(move || exchange(traffic, request));
    std::thread::sleep(Duration::from_millis(300));
    it.signal("INT");
    it.until("it drains", |it| it.log().contains("draining"));
    let begun = Instant::now();
    it.signal("TERM");
    assert_eq!(it.wait().code(), Some(0), "{}", it.log());
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(cut.join().expect("no panic"));
}

/// A log that was moved away on the last day of a process is not written to for the rest of it.
#[test]
fn logs_are_opened_anew_on_the_way_to_the_end() {
    let config = "[server]\ndrain_delay = \"500ms\"\n[log]\naccess = \"access.log\"\n";
    let mut it = Running::start(config, provider(Duration::from_millis(1_500)));
    let traffic = it.traffic;
    let slow = std::thread::spawn(move || exchange(traffic, "GET /mine/x HTTP/1.1\r\nhost: x\r\n\r\n"));
    it.until("the request runs", |it| it.get("/metrics").contains("aegis_connections_open 1\n"));
    it.signal("TERM");
    for (says, kept) in
        [("leaving: not ready any more", "access.1"), ("draining: no new connections", "access.2")]
    {
        it.until(says, |it| it.log().contains(says));
        std::fs::rename(it.path("access.log"), it.path(kept)).expect("moved");
        it.signal("HUP");
        it.until("the log is there again", |it| it.path("access.log").exists());
    }
    assert!(slow.join().expect("no panic").expect("an answer").ends_with("helloworld"));
    assert_eq!(it.wait().code(), Some(0), "{}", it.log());
    let lines = ["access.1", "access.2", "access.log"]
        .map(|name| std::fs::read_to_string(it.path(name)).expect(name).lines().count());
    assert_eq!(lines, [0, 0, 1]);
    assert!(!it.log().contains("reloaded"), "{}", it.log());
}

#[test]
fn what_keeps_it_from_starting_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    std::fs::create_dir(&state).expect("created");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).expect("set");
    let key = state.join("master.key");
    std::fs::write(&key, "ab".repeat(32)).expect("written");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("set");
    let (code, printed) = refused(&[], folder.path());
    assert_eq!(code, Some(2));
    assert!(
        printed.contains("others may read or change")
            && printed.contains(&format!("help: chmod 600 {}", key.display())),
        "{printed}"
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("set");

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, printed) = refused(&["--listen", &address], folder.path());
    assert_eq!(code, Some(2));
    assert!(
        printed.contains(&format!("cannot listen on {address} (server.listen): Address already in use")),
        "{printed}"
    );
    let (code, printed) = refused(&["--upstream", "mine"], folder.path());
    assert_eq!(code, Some(2));
    assert!(printed.contains("write NAME=URL"), "{printed}");
    let (code, printed) = refused(&["--config", "/nonexistent.toml"], folder.path());
    assert_eq!(code, Some(2));
    assert!(printed.contains("error: /nonexistent.toml: cannot read the configuration"), "{printed}");

    let (pipe, config) = (folder.path().join("pipe"), folder.path().join("aegis.toml"));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    for (key, text) in [
        ("audit.file", format!("[audit]\nfile = \"{}\"\n", pipe.display())),
        ("log.access", format!("[log]\naccess = \"{}\"\n", pipe.display())),
    ] {
        std::fs::write(&config, text).expect("written");
        let (code, printed) = refused(&["--config", &config.display().to_string()], folder.path());
        assert_eq!(code, Some(2));
        let says = format!("cannot write {} ({key}): it is a pipe that nobody reads", pipe.display());
        assert!(printed.contains(&says), "{printed}");
    }
}

#[test]
fn check_gives_a_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |text: &str| {
        let file = folder.path().join("aegis.toml");
        std::fs::write(&file, text).expect("written");
        let output = gateway().args(["check", "--config"]).arg(&file).output().expect("it runs");
        let printed =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&file.display().to_string(), "FILE");
        (output.status.code(), printed(&output.stdout), printed(&output.stderr))
    };
    let (code, verdict, _) = check(
        "[upstreams.mine]\nurl = \"http://127.0.0.1:9/v1\"\napi_key = \"k\"\n[server]\nlisten = [\"127.0.0.1:8080\"]\n",
    );
    assert_eq!(code, Some(0));
    assert!(verdict.starts_with("FILE: right\n  traffic    http on 127.0.0.1:8080\n"), "{verdict}");
    assert!(verdict.contains(", default action tokenize\n"), "{verdict}");
    assert!(
        verdict.contains("upstream   mine at http://127.0.0.1:9/v1, with the gateway's key"),
        "{verdict}"
    );
    let (code, verdict, _) = check("[upstreams.mine]\nurl = \"http://127.0.0.1:9\"\n");
    assert_eq!(code, Some(0));
    assert!(verdict.contains("\n  traffic    http on 127.0.0.1:8080\n"), "this machine alone: {verdict}");
    let (code, _, printed) = check("[server]\nlisten = [\"127.0.0.1:8080\"]\n[limits]\n");
    let warned = "warning: FILE: the file ends with an empty section: a reload would take it for cut off";
    assert!(code == Some(0) && printed.contains(warned), "{printed}");
    let (code, verdict, printed) = check("[server]\nshards = 9999\n[policy]\nallow_sha256 = [\"x\"]\n");
    assert_eq!((code, verdict.as_str()), (Some(1), "FILE: wrong, 2 errors\n"));
    assert!(printed.contains("error: FILE:2:1: server.shards: 9999 shards are more than 1024"), "{printed}");
    let (code, _, printed) =
        check("[server.tls]\ncertificates = [{ cert = \"/no/cert.pem\", key = \"/no/key.pem\" }]\n");
    assert_eq!(code, Some(1));
    assert!(
        printed.contains("server.tls.certificates[0].cert: cannot read /no/cert.pem: No such file"),
        "{printed}"
    );
    let (code, _, printed) = check("[policy.rules]\nno-such-rule-at-all = \"block\"\n");
    assert_eq!(code, Some(1));
    assert!(printed.contains("there is no rule `no-such-rule-at-all`"), "{printed}");
    assert!(!folder.path().join("state").exists());
}

/// A certificate that ended long ago: the gateway runs, and says so wherever somebody may look.
#[test]
fn an_expired_certificate_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = certificate(folder.path(), (2000, 1, 1), (2001, 2, 3));
    let config =
        format!("log.format = \"json\"\n[[server.tls.certificates]]\ncert = {cert:?}\nkey = {key:?}\n");
    let provider = provider(Duration::ZERO);
    let mut running = Running::start(&config, provider);
    let warning = "the certificate has expired on 2001-02-03";
    running.until("the log has it", |it| it.log().contains(warning));
    let log = running.log();
    let line: serde_json::Value =
        serde_json::from_str(log.lines().find(|line| line.contains(warning)).expect("a line")).expect("JSON");
    assert_eq!(
        (&line["level"], &line["certificate"]),
        (&"ERROR".into(), &"server.tls.certificates[0]".into())
    );
    assert!(line["time"].is_string() && line["timestamp"].is_null(), "{line}");
    let metrics = running.get("/metrics");
    assert!(
        metrics.contains("aegis_certificate_days_left{certificate=\"server.tls.certificates[0]\"} -"),
        "{metrics}"
    );
    let checked =
        gateway().args(["check", "--config"]).arg(running.path("aegis.toml")).output().expect("it runs");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.code() == Some(1) && said.contains(warning), "{said}");
}
