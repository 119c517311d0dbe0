//! The real gateway on free ports, with its state in a folder that goes away with the test.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::client::{Client, get};
use crate::message::Message;
use crate::process::{Process, binary, free_address, target_dir};

/// What a test wants of its gateway.
#[derive(Debug)]
pub struct GatewayBuilder {
    upstreams: Vec<(String, String)>,
    config: String,
    shards: usize,
    driver: &'static str,
    state: Option<PathBuf>,
    tls: bool,
    file_size: Option<u64>,
    descriptors: Option<u64>,
    place: Option<(SocketAddr, SocketAddr)>,
    takeover: bool,
    stdout: Option<PathBuf>,
    stderr: Option<PathBuf>,
}

/// Names the driver for all gateways whose test does not choose one, so that the same tests run on both.
const DRIVER: &str = "AEGIS_TEST_DRIVER";

/// The driver of that variable, `auto` without it.
fn default_driver() -> &'static str {
    match std::env::var(DRIVER).as_deref() {
        Err(_) | Ok("" | "auto") => "auto",
        Ok("epoll") => "epoll",
        Ok("io_uring") => "io_uring",
        Ok(other) => panic!("{DRIVER} is auto, epoll or io_uring, not {other:?}"),
    }
}

impl Default for GatewayBuilder {
    fn default() -> Self {
        GatewayBuilder {
            upstreams: Vec::new(),
            config: String::new(),
            shards: 1,
            driver: default_driver(),
            state: None,
            tls: false,
            file_size: None,
            descriptors: None,
            place: None,
            takeover: false,
            stdout: None,
            stderr: None,
        }
    }
}

impl GatewayBuilder {
    /// Sets or adds an upstream.
    #[must_use]
    pub fn upstream(mut self, name: &str, url: &str) -> Self {
        self.upstreams.push((name.to_owned(), url.to_owned()));
        self
    }

    /// Sends every API to one address.
    #[must_use]
    pub fn all_upstreams(self, url: &str) -> Self {
        self.upstream("openai", url).upstream("anthropic", url).upstream("google", url)
    }

    /// Adds lines to the configuration file.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// Number of shards; one unless a test says otherwise.
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// `auto`, `io_uring` or `epoll`.
    #[must_use]
    pub fn driver(mut self, driver: &'static str) -> Self {
        self.driver = driver;
        self
    }

    /// Keeps the state in a folder of the test's, to be shared by several gateways.
    #[must_use]
    pub fn state(mut self, dir: &Path) -> Self {
        self.state = Some(dir.to_path_buf());
        self
    }

    /// The configuration turns TLS on: readiness is all that is waited for.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// No file may grow beyond so many KiB, as on a full disk, until [`Gateway::lift_file_size_limit`].
    #[must_use]
    pub fn file_size_limit(mut self, kib: u64) -> Self {
        self.file_size = Some(kib);
        self
    }

    /// So many descriptors may be open at a time.
    #[must_use]
    pub fn descriptor_limit(mut self, descriptors: u64) -> Self {
        self.descriptors = Some(descriptors);
        self
    }

    /// Listens where `other` does, with the same state.
    #[must_use]
    pub fn in_place_of(mut self, other: &Gateway) -> Self {
        self.place = Some((other.address, other.admin));
        self.state(&other.state)
    }

    /// Takes over from the gateway that runs with the same state.
    #[must_use]
    pub fn takeover(mut self) -> Self {
        self.takeover = true;
        self
    }

    /// Standard output goes to this pipe.
    #[must_use]
    pub fn stdout(mut self, pipe: &Path) -> Self {
        self.stdout = Some(pipe.to_path_buf());
        self
    }

    /// Standard error goes to this pipe.
    #[must_use]
    pub fn stderr(mut self, pipe: &Path) -> Self {
        self.stderr = Some(pipe.to_path_buf());
        self
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Gateway {
        let limits_files = self.file_size.is_some();
        let mut gateway = self.launch();
        gateway.wait_until_ready();
        if !limits_files {
            gateway.wait_until_found();
        }
        gateway
    }

    /// Starts it and waits for nothing.
    pub fn launch(self) -> Gateway {
        let dir = tempfile::Builder::new().prefix("aegis-gateway-").tempdir().expect("a temporary folder");
        let config = dir.path().join("aegis.toml");
        let state = self.state.clone().unwrap_or_else(|| dir.path().join("state"));
        // To make one that is there waits for a frozen file system all the same.
        if !state.exists() {
            fs::create_dir_all(&state).expect("a state folder");
        }
        let access = dir.path().join("access.log");
        let mut text = self.config.clone();
        if !text.contains("[log]") {
            let _ = write!(text, "\n[log]\nformat = \"json\"\naccess = \"{}\"\n", access.display());
        }
        fs::write(&config, text).expect("a configuration file");
        let (address, admin) = self.place.unwrap_or_else(|| (free_address(), free_address()));
        let mut limits = String::new();
        if let Some(kib) = self.file_size {
            // Without the signal a write beyond the limit fails as one on a full disk does.
            let _ = write!(limits, "trap '' XFSZ; ulimit -S -f {kib}; ");
        }
        if let Some(descriptors) = self.descriptors {
            let _ = write!(limits, "ulimit -n {descriptors}; ");
        }
        let mut command = Command::new(binary("aegis-gateway"));
        if !limits.is_empty() {
            command = Command::new("bash");
            command.arg("-c").arg(format!("{limits}exec \"$0\" \"$@\"")).arg(binary("aegis-gateway"));
        }
        command.arg("run").arg("--config").arg(&config).arg("--state").arg(&state);
        command.arg("--listen").arg(address.to_string()).arg("--admin").arg(admin.to_string());
        command.arg("--shards").arg(self.shards.to_string()).arg("--driver").arg(self.driver);
        if self.takeover {
            command.arg("--takeover");
        }
        for (name, url) in &self.upstreams {
            command.arg("--upstream").arg(format!("{name}={url}"));
        }
        // To compile the rules costs more than most tests do otherwise. A test of the cache names a place of its own.
        if !self.config.contains("[cache]") {
            command.env("AEGIS_CACHE_DIR", target_dir().join("rules-of-tests"));
        }
        for name in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"] {
            command.env_remove(name);
        }
        let log = dir.path().join("output.log");
        let process = Process::start_with(command, &log, self.stdout.as_deref(), self.stderr.as_deref());
        Gateway { address, admin, process, dir, state }
    }
}

fn is_ready(admin: SocketAddr) -> bool {
    let Ok(mut stream) = std::net::TcpStream::connect(admin) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    std::io::Write::write_all(&mut stream, &get("/readyz")).is_ok()
        && Message::read_reply(&mut stream, false).is_ok_and(|reply| reply.status() == 200)
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Where traffic goes.
    pub address: SocketAddr,
    /// Where health and metrics are.
    pub admin: SocketAddr,
    /// The program itself; it goes before the folder with its log.
    pub process: Process,
    dir: TempDir,
    state: PathBuf,
}

impl Gateway {
    /// A gateway that needs nothing said.
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder::default()
    }

    /// One gateway before one provider for all APIs.
    pub fn before(url: &str) -> Gateway {
        Gateway::builder().all_upstreams(url).start()
    }

    /// Waits until it says that it is ready.
    pub fn wait_until_ready(&mut self) {
        let admin = self.admin;
        self.process.wait_until(|_| is_ready(admin).then_some(()));
    }

    /// Waits for the file that other commands find it by: the last descriptor that a start takes, behind readiness.
    pub fn wait_until_found(&mut self) {
        let file = self.state.join(format!("gateway-{}.json", self.process.id()));
        self.process.wait_until(|_| file.exists().then_some(()));
    }

    /// A connection to it.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// One exchange on a fresh connection.
    pub fn exchange(&self, request: &[u8]) -> Message {
        self.connect().exchange(request)
    }

    /// The metrics page.
    pub fn metrics(&self) -> String {
        Client::connect(self.admin).exchange(&get("/metrics")).text()
    }

    /// Sum of all samples of a metric whose labels contain `labels`.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let page = self.metrics();
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Path of the configuration file, to be changed before a SIGHUP.
    pub fn config_file(&self) -> PathBuf {
        self.dir.path().join("aegis.toml")
    }

    /// The folder of its state.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Every file it wrote: logs, audit, and whatever else lies in its folders, except the key material.
    pub fn everything_written(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut open = vec![self.dir.path().to_path_buf(), self.state.clone()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if path != self.config_file() {
                    files.push((path.clone(), fs::read(&path).unwrap_or_default()));
                }
            }
        }
        files
    }

    /// Ends what [`GatewayBuilder::file_size_limit`] began.
    pub fn lift_file_size_limit(&self) {
        let id = self.process.id().to_string();
        let done = Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &id]).status();
        assert!(done.expect("prlimit runs").success());
    }

    /// Asks it to stop in order.
    pub fn terminate(&self) {
        self.process.signal(Signal::SIGTERM);
    }
}
