//! A gateway that is started for one tool, and ends with it.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::signals::RelayedSignals;
use crate::cli::admin_client;
use crate::cli::options::StateOptions;
use crate::cli::outcome::{CliFailure, failure, say};
use crate::config::{Flags, load};
use crate::{instance, state_dir};

/// How long a gateway may take until it listens. Rules that were never compiled take a second on a slow machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long the names of upstreams may take to be found. The tool is started all the same: it may not need them.
const NAMES_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(15);
/// How long exchanges may go on that the tool has left behind, then how long a gateway may take that ends at once.
const STOP_LIMITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// Attempts at free ports, which another program may take before the gateway does.
const ATTEMPTS: u32 = 5;
/// How much of the gateway's log is shown when it does not start, in bytes.
const MAX_LOG: u64 = 8 << 10;

/// A gateway of this process's own. It is stopped when dropped.
#[derive(Debug)]
pub(super) struct OwnGateway {
    url: String,
    child: Child,
    /// Deleted behind the gateway.
    _state: Option<TempDir>,
}

/// Why a gateway does not run.
enum StartError {
    /// A port was taken meanwhile.
    PortTaken,
    /// What it said itself.
    Refused(CliFailure),
}

impl OwnGateway {
    /// Starts a gateway and waits until it is ready. None when a signal came meanwhile.
    pub(super) fn start(
        options: &StateOptions,
        upstreams: &[(String, String)],
        temporary: bool,
        signals: &RelayedSignals,
    ) -> Result<Option<Self>, CliFailure> {
        let temporary = if temporary { Some(temporary_state()?) } else { None };
        let mut sources = options.sources();
        let state = temporary.as_ref().map(|folder| folder.path().to_path_buf()).or(options.state.clone());
        sources.flags = Flags { state: state.clone(), upstreams: upstreams.to_vec(), ..Flags::default() };
        let folder = state_dir::folder(&load(&sources)?.settings);
        let plan = StartPlan { config: options.config.clone(), state, upstreams, folder, temporary };
        for _ in 0..ATTEMPTS {
            match plan.attempt(signals) {
                Ok(started) => {
                    let Some((url, child)) = started else { return Ok(None) };
                    return Ok(Some(Self { url, child, _state: plan.temporary }));
                }
                Err(StartError::PortTaken) => {}
                Err(StartError::Refused(error)) => return Err(error),
            }
        }
        Err(failure("no free port was found for a gateway", "start one with `aegis-gateway run`"))
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for OwnGateway {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// What a gateway is started with.
struct StartPlan<'a> {
    config: Option<PathBuf>,
    state: Option<PathBuf>,
    upstreams: &'a [(String, String)],
    /// The state folder that holds.
    folder: PathBuf,
    temporary: Option<TempDir>,
}

impl StartPlan<'_> {
    /// Starts a gateway on ports that are free now. Its address and process, or none when a signal came.
    fn attempt(&self, signals: &RelayedSignals) -> Result<Option<(String, Child)>, StartError> {
        let refused =
            |error: io::Error| StartError::Refused(failure(format!("cannot start a gateway: {error}"), ""));
        let (listen, admin) = free_addresses().map_err(refused)?;
        // Without a name: nothing is left of it, whatever happens.
        let mut log = tempfile::tempfile().map_err(refused)?;
        let output = log.try_clone().map_err(refused)?;
        let mut child =
            self.command(listen, admin).map_err(refused)?.stderr(output).spawn().map_err(refused)?;
        let begun = Instant::now();
        loop {
            if signals.early().is_some() {
                stop(&mut child);
                return Ok(None);
            }
            if let Some(status) = child.try_wait().map_err(refused)? {
                return Err(explain(status, &mut log));
            }
            let found = instance::find(&self.folder).into_iter().find(|found| found.pid == child.id());
            if let Some(found) = found {
                let Some(url) = found.url() else {
                    stop(&mut child);
                    let what = "the configuration turns TLS on, and nothing says under which name";
                    let help =
                        "set server.public_url, or start it with `aegis-gateway run` and give --gateway";
                    return Err(StartError::Refused(failure(what, help)));
                };
                wait_for_names(admin, signals);
                return Ok(Some((url, child)));
            }
            if begun.elapsed() > START_LIMIT {
                stop(&mut child);
                return Err(StartError::Refused(failure("the gateway does not get ready", "")));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn command(&self, listen: SocketAddr, admin: SocketAddr) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("run").args(["--listen", &listen.to_string()]).args(["--admin", &admin.to_string()]);
        // One tool needs one shard, and a log of what is wrong.
        command.args(["--shards", "1", "--log-format", "text", "--log-level", "warn"]);
        command.args(["--attached-to", &std::process::id().to_string()]);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if let Some(state) = &self.state {
            command.arg("--state").arg(state);
        }
        if self.temporary.is_some() {
            command.arg("--remove-state");
        }
        for (name, url) in self.upstreams {
            command.arg("--upstream").arg(format!("{name}={url}"));
        }
        // In a group of its own: the keys of the terminal are for the tool.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        Ok(command)
    }
}

fn temporary_state() -> Result<TempDir, CliFailure> {
    tempfile::Builder::new().prefix("aegis-gateway-").tempdir().map_err(|error| {
        failure(format!("no temporary folder: {error}"), "set TMPDIR to a folder that can be written")
    })
}

/// Two addresses on loopback that are free now.
fn free_addresses() -> io::Result<(SocketAddr, SocketAddr)> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (listen, admin) = (TcpListener::bind(any)?, TcpListener::bind(any)?);
    Ok((listen.local_addr()?, admin.local_addr()?))
}

/// Waits until the gateway has found its upstreams, within limits, and says what it still misses.
pub(super) fn wait_for_names(admin: SocketAddr, signals: &RelayedSignals) {
    let begun = Instant::now();
    loop {
        let answer = admin_client::get(admin, "/readyz");
        if answer.as_ref().is_ok_and(|answer| answer.status == 200) || signals.early().is_some() {
            return;
        }
        if begun.elapsed() > NAMES_LIMIT {
            let reasons = answer.map_or_else(|error| error.to_string(), |answer| answer.body);
            let reasons: Vec<&str> = reasons.lines().filter(|line| *line != "not ready").collect();
            return say(format_args!("warning: the gateway is not ready: {}", reasons.join("; ")));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Why the gateway ended, in its own words.
fn explain(status: ExitStatus, log: &mut File) -> StartError {
    let mut text = Vec::new();
    let read = log.rewind().and_then(|()| log.take(MAX_LOG).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    if text.contains("cannot listen on") {
        return StartError::PortTaken;
    }
    let said = if read.is_ok() && !text.trim().is_empty() { text.trim_end() } else { "it says nothing" };
    StartError::Refused(format!("error: the gateway does not start ({status})\n{said}").into())
}

/// Stops the gateway: in order, then at once, then by force.
fn stop(child: &mut Child) {
    let pid = Pid::from_raw(child.id().cast_signed());
    for limit in STOP_LIMITS {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        let _ = kill(pid, Signal::SIGTERM);
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}
