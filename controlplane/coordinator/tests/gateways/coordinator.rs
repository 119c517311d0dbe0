//! A coordinator's process for a test, with a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running coordinator with one organisation. It ends with its value.
pub(crate) struct Coordinator {
    folder: tempfile::TempDir,
    process: Option<Child>,
    /// Where gateways connect to.
    pub(crate) grpc: SocketAddr,
    /// The organisation's id.
    pub(crate) organisation: String,
    /// A join key of it.
    pub(crate) join_key: String,
}

impl Coordinator {
    pub(crate) fn start() -> Coordinator {
        let folder = tempfile::tempdir().expect("a folder");
        let (code, said) = admin(folder.path(), &["init", "--organisation", "Example"]);
        assert_eq!(code, 0, "{said}");
        let word = |name: &str| {
            let line =
                said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {said}"));
            line.split_whitespace().last().expect("a value").to_owned()
        };
        let (organisation, join_key) = (word("organisation"), word("join key"));
        let (process, grpc) = run(folder.path());
        Coordinator { folder, process: Some(process), grpc, organisation, join_key }
    }

    /// Ends it as a crash would, and starts it again.
    pub(crate) fn kill_and_start(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("killed");
        process.wait().expect("ended");
        let (process, grpc) = run(self.folder.path());
        (self.process, self.grpc) = (Some(process), grpc);
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        let id = i32::try_from(process.id()).expect("an id");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM)
            .expect("asked");
        assert!(process.wait().expect("ended").success());
    }

    /// Runs an `admin` command; gives its exit code and what it said.
    pub(crate) fn admin(&self, arguments: &[&str]) -> (i32, String) {
        admin(self.folder.path(), arguments)
    }

    /// Waits until so many processes of gateways have reported.
    pub(crate) fn wait_for_reports(&self, count: i64) {
        let end = Instant::now() + PATIENCE;
        let connection =
            rusqlite::Connection::open(self.folder.path().join("coordinator.db")).expect("opened");
        connection.busy_timeout(PATIENCE).expect("set");
        loop {
            let found: i64 = connection
                .query_row("SELECT count(*) FROM gateway_reports", [], |row| row.get(0))
                .expect("a count");
            if found == count {
                return;
            }
            assert!(Instant::now() < end, "{found} reports");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aegis-coordinator"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AEGIS_")) {
        command.env_remove(name);
    }
    command
        .env("AEGIS_STATE_DIR", folder)
        .env("AEGIS_HTTP_LISTEN", "127.0.0.1:0")
        .env("AEGIS_GRPC_LISTEN", "127.0.0.1:0")
        .env("AEGIS_LOG_FORMAT", "json");
    command
}

fn admin(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = command(folder).arg("admin").args(arguments).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("a code"), String::from_utf8(said).expect("text"))
}

/// Starts a process and waits until it listens.
fn run(folder: &Path) -> (Child, SocketAddr) {
    let mut process = command(folder).arg("run").stderr(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
    let mut said = Vec::new();
    let address = loop {
        let Some(Ok(line)) = lines.next() else { panic!("it did not start: {said:?}") };
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = parsed["grpc"].as_str() {
            break address.parse().expect("an address");
        }
        said.push(line);
    };
    // Somebody must read what it says.
    std::thread::spawn(move || lines.for_each(drop));
    (process, address)
}
