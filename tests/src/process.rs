//! Starts the project's programs, watches them from outside, and ends them with the test.

#![expect(clippy::cast_possible_truncation, reason = "the remainder of a division by a 16-bit number")]

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// How long a program may take to get ready. Compiling the rules in a debug build on a busy machine is slow.
pub const START_LIMIT: Duration = Duration::from_secs(60);

/// Below the kernel's range for outgoing connections, so that none of those can take a port between choice and use.
const PORT_FIRST: u16 = 10_000;
const PORT_COUNT: u16 = 22_000;

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// Path of a program built beside this test executable.
///
/// # Panics
/// With the command to run, if it has not been built.
pub fn binary(name: &str) -> PathBuf {
    let dir = std::env::var_os("AEGIS_BIN_DIR").map_or_else(target_dir, PathBuf::from);
    let path = dir.join(name);
    assert!(
        path.exists(),
        "{} is missing: run tests/run.sh, or build it with\n    cargo build --profile test --workspace --bins",
        path.display()
    );
    path
}

/// The folder two above a test executable: `target/debug` for `target/debug/deps/name-hash`.
pub(crate) fn target_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows its own path");
    let deps = exe.parent().expect("an executable lies in a folder");
    if deps.ends_with("deps") { deps.parent().expect("deps lies in the target folder") } else { deps }
        .to_path_buf()
}

/// A loopback address nobody listens on. Processes of one test run start their search at different places.
pub fn free_address() -> SocketAddr {
    let start = (std::process::id().wrapping_mul(37) % u32::from(PORT_COUNT)) as u16;
    for _ in 0..PORT_COUNT {
        let step = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let offset = (u32::from(start) + u32::from(step)) % u32::from(PORT_COUNT);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT_FIRST + offset as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port on loopback");
}

/// A running program whose output goes to a file; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    name: String,
}

impl Process {
    /// Starts `command` with standard output and error in `log`.
    pub fn start(command: Command, log: &Path) -> Process {
        Process::start_with(command, log, None, None)
    }

    /// Starts `command` with standard output and error in `log`, or in the pipes of these names.
    pub fn start_with(
        mut command: Command,
        log: &Path,
        stdout: Option<&Path>,
        stderr: Option<&Path>,
    ) -> Process {
        let file = File::create(log).expect("the log file can be made");
        let open = |pipe: Option<&Path>| match pipe {
            None => file.try_clone().expect("the log file can be shared"),
            Some(pipe) => File::options().write(true).open(pipe).expect("a pipe with a reader"),
        };
        let (out, err) = (open(stdout), open(stderr));
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        Process { child, log: log.to_path_buf(), name }
    }

    /// Everything the program has printed so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Polls until `ready` gives something.
    ///
    /// # Panics
    /// With the program's output, if it ends first or takes longer than [`START_LIMIT`].
    pub fn wait_until<T>(&mut self, mut ready: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(found) = ready(&self.output()) {
                return found;
            }
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                panic!("{} ended with {status}:\n{}", self.name, self.output());
            }
            assert!(Instant::now() < deadline, "{} did not get ready:\n{}", self.name, self.output());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        signal::kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("a child can be signalled");
    }

    /// Waits for the end; `None` if it does not come in time.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))
            .expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is reported");
        line.trim().trim_end_matches("kB").trim().parse().expect("VmRSS is a number")
    }

    /// Number of open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).expect("a running process has descriptors").count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {} printed:\n{}", self.name, self.output());
        }
    }
}
