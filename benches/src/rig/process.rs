//! Starting programs on a chosen CPU and reading what they used.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A program must accept connections within this time; a gateway compiles its rules first.
const START: Duration = Duration::from_secs(60);
/// And be gone within this time after SIGTERM.
const STOP: Duration = Duration::from_secs(5);

/// The CPUs this process may use, in order.
pub fn cpus() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect())
}

/// Pins the calling thread (and what it starts from now on) to one CPU.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// A free loopback port.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// A running program, stopped when dropped.
pub struct Running {
    child: Child,
    /// Where it takes requests.
    pub address: SocketAddr,
}

impl Running {
    /// Starts `command` on `cpu`, its output in `log`, and waits until `address` accepts connections.
    /// The calling thread is left pinned to `home`.
    pub fn start(
        mut command: Command,
        cpu: usize,
        home: usize,
        address: SocketAddr,
        log: &std::path::Path,
    ) -> io::Result<Self> {
        let file = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = spawn(&mut command, cpu, home)?;
        let mut running = Self { child, address };
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = running.child.try_wait()?;
            if ended.is_some() || begin.elapsed() > START {
                let said = fs::read_to_string(log).unwrap_or_default();
                let name = command.get_program().to_string_lossy().into_owned();
                return Err(io::Error::other(format!("{name} did not start: {ended:?}\n{said}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Starts a program whose first line is `listening on ADDR`, and which ends when its standard input does.
    pub fn start_announced(mut command: Command, cpu: usize, home: usize) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(&mut command, cpu, home)?;
        let address = child.stdout.take().and_then(announced);
        let missing = || io::Error::other("the backend did not say where it listens");
        let Some(address) = address else {
            let _ = child.kill();
            return Err(missing());
        };
        Ok(Self { child, address })
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of all its threads so far, in nanoseconds (first field of each thread's `schedstat`).
    pub fn cpu_ns(&self) -> io::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            let path = task?.path().join("schedstat");
            let text = fs::read_to_string(&path)?;
            let first = text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
            sum += first.ok_or_else(|| io::Error::other(format!("{}: {text:?}", path.display())))?;
        }
        Ok(sum)
    }

    /// Peak resident memory in KiB since the start or the last [`Running::reset_peak`] (`VmHWM`).
    pub fn peak_kib(&self) -> io::Result<u64> {
        self.status("VmHWM:")
    }

    /// Resident memory in KiB (`VmRSS`).
    pub fn resident_kib(&self) -> io::Result<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, key: &str) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|l| l.strip_prefix(key));
        let number = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok());
        number.ok_or_else(|| io::Error::other(format!("no {key} in /proc/PID/status")))
    }

    /// Starts the peak anew (proc(5), `clear_refs` 5).
    pub fn reset_peak(&self) -> io::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let _ = kill(pid, Signal::SIGTERM);
        let begin = Instant::now();
        while begin.elapsed() < STOP {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child inherits the affinity of the thread that makes it; no other way is free of a race.
fn spawn(command: &mut Command, cpu: usize, home: usize) -> io::Result<Child> {
    pin(cpu)?;
    let child = command.spawn();
    pin(home)?;
    child.map_err(|e| io::Error::other(format!("{}: {e}", command.get_program().to_string_lossy())))
}

fn announced(stdout: ChildStdout) -> Option<SocketAddr> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).ok()?;
    line.trim().strip_prefix("listening on ")?.parse().ok()
}
