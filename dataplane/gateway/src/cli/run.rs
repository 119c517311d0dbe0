//! `run`: puts the process together, and takes it apart again when it stops.
//!
//! Order matters: everything that can fail for a reason a person can repair happens before anything is served, and ends
//! the program with an error on standard error. Until then there are the threads that write logs, and no others.

mod ending;
mod shards;
mod sockets;
mod takeover;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use nix::unistd::Pid;

use shards::ShardPlan;
use sockets::{ListeningSockets, StartMode};
use takeover::{take_over, wait_until_ready};
use threads::{LAST_LOG_LINES, PAUSE, no_thread, spawn};

use super::check;
use super::options::ConfigOptions;
use super::outcome::{CliFailure, CliOutcome, failure};
use crate::config::settings::{Driver, Log, Settings};
use crate::config::{ConfigError, Loaded, Sources};
use crate::control;
use crate::control::journal::Journal;
use crate::control::log_file::Readers;
use crate::control::log_writer::{LogWriter, OnFailure};
use crate::control::output::Output;
use crate::control::presence::Presence;
use crate::control::reload::Reloader;
use crate::control::shared::Shared;
use crate::control::shutdown::ShutdownTimes;
use crate::events::{self, Receiver};
use crate::instance::Instance;
use crate::lifecycle::Phase;
use crate::rule_cache::RuleCache;
use crate::snapshot::build::SnapshotBuilder;
use crate::state_dir::{KeyFingerprint, MissingKey, StateMarker};
use crate::waiting::wait_until;
use crate::{logs, os, state_dir};

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway run
  aegis-gateway run --config /etc/aegis/aegis.toml
  aegis-gateway run --listen 127.0.0.1:8080 --upstream openai=http://127.0.0.1:9000
  AEGIS_LOG_FORMAT=json AEGIS_SERVER_SHARDS=2 aegis-gateway run
  aegis-gateway run --config /etc/aegis/aegis.toml --takeover     a new version in the place of the old one

Signals: SIGHUP reads the configuration again (the old one stays when the new one is wrong) and opens log files anew;
SIGTERM and SIGINT let running exchanges end, then stop; a second one stops at once.

Exit codes: 0 stopped on request; 2 could not start, or a part of the gateway failed.";

/// How long the shards may take to listen before other commands may find the gateway.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RunCommand {
    #[command(flatten)]
    options: ConfigOptions,
    /// Take the place of the gateway that runs with the same state folder: it hands its listening sockets over, and ends
    /// when its last exchange has; without one, just start
    #[arg(long, conflicts_with = "attached_to")]
    takeover: bool,
    /// Stop when this process, which has started this one, ends
    #[arg(long, hide = true, value_name = "PID")]
    attached_to: Option<i32>,
    /// Remove the state folder at the end
    #[arg(long, hide = true, requires = "attached_to")]
    remove_state: bool,
}

impl RunCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        if let Some(parent) = self.attached_to {
            let lives = os::stop_with_parent(Pid::from_raw(parent));
            if !lives.map_err(|error| failure(format!("cannot follow process {parent}: {error}"), ""))? {
                return Err(failure(
                    format!("process {parent}, which this one should end with, has ended"),
                    "",
                ));
            }
        }
        os::end_on_signals().map_err(|error| failure(format!("cannot handle signals: {error}"), ""))?;
        let sources = self.options.sources();
        let loaded = check::load_or_report_all(&sources)?;
        let Loaded { settings, warnings, .. } = &loaded;
        logs::start(&settings.log).map_err(|error| failure(error, ""))?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        harden();
        let folder = state_dir::folder(settings);
        let outcome = Process::assemble(sources, loaded, self.start_mode()).and_then(Process::run);
        logs::flush(LAST_LOG_LINES);
        if self.remove_state {
            // The process that has started this one tries, too.
            let _ = std::fs::remove_dir_all(folder);
        }
        outcome
    }

    fn start_mode(&self) -> StartMode {
        match (self.takeover, self.attached_to) {
            (true, _) => StartMode::TakingOver,
            (false, Some(_)) => StartMode::Attached,
            (false, None) => StartMode::Alone,
        }
    }
}

/// Limits and secrecy of the process. None of it is worth not starting for; each failure is said.
fn harden() {
    if let Err(error) = os::hide_memory() {
        tracing::warn!(%error, "secrets may appear in a core dump");
    }
    if !os::is_sigpipe_ignored() {
        tracing::warn!("SIGPIPE is not ignored: a closed pipe on standard output would end the gateway");
    }
}

/// Everything that exists before anything is served.
struct Process {
    settings: Settings,
    shared: Arc<Shared>,
    sockets: ListeningSockets,
    reloader: Reloader,
    plan: ShardPlan,
    audit: Option<LogWriter>,
    access: Option<LogWriter>,
    /// What other commands find it by.
    instance: Instance,
}

impl Process {
    fn assemble(sources: Sources, loaded: Loaded, start_mode: StartMode) -> Result<Process, CliFailure> {
        let Loaded { settings, places, .. } = &loaded;
        let plan = ShardPlan::new(settings)?;
        let located = |error| places.locate_all(error);
        let master =
            state_dir::master_key(settings, MissingKey::Create).map_err(|problem| located(problem.into()))?;
        let mut builder = SnapshotBuilder::new(RuleCache::of_gateway(settings));
        let first = builder.build(settings, &master).map_err(located)?;
        let shared = Arc::new(Shared::new(first, plan.shards));
        shared.state_folder.use_key(KeyFingerprint::of(&master));
        if settings.audit.enabled && settings.audit.file.is_none() {
            state_dir::prepare_folder(&state_dir::folder(settings)).map_err(ConfigError::from)?;
        }
        let sockets = ListeningSockets::open(settings, plan.shards, start_mode)?;
        // From here on another gateway may wait, with its audit file set aside.
        let audit = audit_output(settings)?;
        let audit = write_log("aegis-audit", audit, OnFailure::Keep(settings.audit.sync), &shared)?;
        let access = write_log("aegis-access", access_output(&settings.log)?, OnFailure::Drop, &shared)?;
        let attached = start_mode == StartMode::Attached;
        let instance = describe_instance(settings, sources.file.as_deref(), attached);
        let reloader = Reloader::new(sources, builder, &loaded);
        let settings = loaded.settings;
        Ok(Process { settings, shared, sockets, reloader, plan, audit, access, instance })
    }

    fn run(self) -> Result<CliOutcome, CliFailure> {
        let Process { settings, shared, mut sockets, reloader, plan, audit, access, instance } = self;
        let predecessor = sockets.predecessor.take();
        shared.set_serves_admin(predecessor.is_none());
        let (ownership, admin, traffic) = sockets
            .into_parts()
            .map_err(|error| failure(format!("cannot share a listening socket: {error}"), ""))?;
        *shared.ownership() = Some(ownership);
        let rings = (0..plan.shards).map(|_| events::ring(settings.audit.ring)).collect::<Vec<_>>();
        let (senders, receivers): (Vec<_>, Vec<Receiver>) = rings.into_iter().unzip();
        let journal =
            Journal::new(receivers, audit, access, settings.log.format, settings.audit.write_timeout);
        let journal = {
            let shared = Arc::clone(&shared);
            spawn("aegis-journal", move || journal.run(&shared))?
        };
        let end = ShutdownTimes {
            // The one tool that an attached gateway serves has ended.
            delay: if instance.attached { Duration::ZERO } else { settings.server.drain_delay },
            drain: settings.server.shutdown_timeout,
            hard_stop: settings.timeouts.hard_stop,
        };
        let control = {
            let (shared, marker) = (Arc::clone(&shared), StateMarker::of(&settings));
            spawn("aegis-control", move || {
                let _guard = ending::ExitGuard { shared: &shared, end };
                control::run(&shared, admin, reloader, marker, end)
            })?
        };
        if predecessor.is_some() {
            wait_until_ready(&shared)?;
        }
        let threads = plan.start(&shared, senders, traffic)?;
        announce(&settings, &shared, &plan);
        let has_begun = || shared.lifecycle.is_listening() || shared.lifecycle.phase() != Phase::Running;
        wait_until(LISTEN_LIMIT, PAUSE, || has_begun() || control.is_finished());
        take_over(&shared, predecessor, Presence::new(state_dir::folder(&settings), instance));
        ending::finish(&shared, end, control, threads, journal)
    }
}

/// Starts the thread that writes a log.
fn write_log(
    thread: &str,
    output: Option<Output>,
    on_failure: OnFailure,
    shared: &Arc<Shared>,
) -> Result<Option<LogWriter>, CliFailure> {
    let start =
        |output| LogWriter::start(thread, output, on_failure, shared).map_err(|error| no_thread(&error));
    output.map(start).transpose()
}

fn audit_output(settings: &Settings) -> Result<Option<Output>, CliFailure> {
    if !settings.audit.enabled {
        return Ok(None);
    }
    let path = audit_path(settings);
    let opened = Output::file(&path, settings.audit.rotate_size, readers(&settings.log));
    opened.map(Some).map_err(|error| {
        let what = format!("cannot write {} (audit.file): {error}", path.display());
        failure(what, "choose another file, or set audit.enabled = false")
    })
}

/// Where the audit log is written.
fn audit_path(settings: &Settings) -> PathBuf {
    let file = settings.audit.file.clone();
    file.unwrap_or_else(|| state_dir::folder(settings).join(state_dir::AUDIT_FILE))
}

/// What other commands need to know of this process.
fn describe_instance(settings: &Settings, config: Option<&Path>, attached: bool) -> Instance {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    Instance {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        listen: settings.server.listen.clone(),
        admin: settings.admin.listen,
        tls: !settings.server.tls.certificates.is_empty(),
        public_url: settings.server.public_url.clone(),
        config: config.map(|path| path.canonicalize().unwrap_or_else(|_| absolute(path))),
        audit: settings.audit.enabled.then(|| absolute(&audit_path(settings))),
        attached,
    }
}

fn readers(log: &Log) -> Readers {
    if log.group_read { Readers::Group } else { Readers::Owner }
}

fn access_output(log: &Log) -> Result<Option<Output>, CliFailure> {
    let opened = match log.access.as_str() {
        "off" => return Ok(None),
        "stdout" => Output::stdout(),
        "stderr" => Output::stderr(),
        path => Output::file(Path::new(path), 0, readers(log)),
    };
    opened.map(Some).map_err(|error| {
        let what = format!("cannot write {} (log.access): {error}", log.access);
        failure(what, "off, stdout, stderr or a file")
    })
}

fn announce(settings: &Settings, shared: &Shared, plan: &ShardPlan) {
    let snapshot = shared.snapshots.load();
    let listen: Vec<String> = settings.server.listen.iter().map(ToString::to_string).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = listen.join(","),
        admin = %settings.admin.listen,
        tls = snapshot.server_tls.is_some(),
        shards = plan.shards,
        driver = if plan.driver == Driver::IoUring { "io_uring" } else { "epoll" },
        rules = snapshot.shield.rules.len(),
        engine = aegis_detect::engine_version(),
        state = %state_dir::folder(settings).display(),
        "aegis-gateway runs"
    );
    let open = snapshot.keys_for_everybody();
    if !open.is_empty() {
        tracing::info!("{}", crate::browser::explain(&open, settings));
        if let Some(warning) = crate::browser::warn_of_network(&open, settings) {
            tracing::warn!("{warning}");
        }
    }
}
