//! The place of a gateway: the lock of its state folder and the sockets it listens on, its own or those of the gateway it
//! takes over from.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use super::threads::PAUSE;
use crate::cli::outcome::{CliFailure, failure};
use crate::config::ConfigError;
use crate::config::settings::Settings;
use crate::control::state_ownership::StateOwnership;
use crate::takeover::{self, Handover, Predecessor};
use crate::waiting::wait_until;
use crate::{listeners, state_dir, state_lock};

/// How long a gateway is looked for that should be there: it looks after what others find it by once a second.
const FIND_LIMIT: Duration = Duration::from_millis(2_500);

/// How long a gateway that has closed the connection before it handed anything over may take to end.
const END_LIMIT: Duration = Duration::from_secs(3);

/// How a gateway starts beside others of its state folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StartMode {
    /// It is the only one of its state folder.
    Alone,
    /// It takes over from the one that runs, if one runs.
    TakingOver,
    /// It serves the tool that has started it, beside others with the same state folder.
    Attached,
}

/// What a gateway listens on, before it accepts.
pub(super) struct ListeningSockets {
    lock: Option<File>,
    admin: TcpListener,
    /// The sockets of each shard.
    traffic: Vec<Vec<TcpListener>>,
    /// Who accepts on them until now.
    pub(super) predecessor: Option<Predecessor>,
}

impl ListeningSockets {
    /// Opens or takes over what `settings` name, with sockets for so many shards.
    pub(super) fn open(
        settings: &Settings,
        shards: usize,
        start_mode: StartMode,
    ) -> Result<ListeningSockets, CliFailure> {
        let folder = state_dir::folder(settings);
        let (predecessor, inherited) = match start_mode {
            StartMode::TakingOver => ask(&folder, settings)?.unzip(),
            StartMode::Alone | StartMode::Attached => (None, None),
        };
        let (lock, admin, traffic) = match inherited {
            Some(Handover { lock, admin, traffic }) => (lock, Some(admin), traffic),
            None => (None, None, Vec::new()),
        };
        let lock = match lock {
            None if start_mode != StartMode::Attached => {
                state_lock::take(&folder).map_err(ConfigError::from)?
            }
            lock => lock,
        };
        let admin = admin_listener(settings.admin.listen, admin)?;
        let server = &settings.server;
        let traffic = listeners::open(&server.listen, shards, server.backlog, traffic).map_err(
            |(address, error)| {
                let what = format!("cannot listen on {address} (server.listen): {error}");
                failure(what, "is another program on that port? choose another address with --listen ADDR")
            },
        )?;
        Ok(ListeningSockets { lock, admin, traffic, predecessor })
    }

    /// What this process holds as long as it accepts, what its admin side accepts on, and what its shards do.
    pub(super) fn into_parts(self) -> io::Result<(StateOwnership, TcpListener, Vec<Vec<TcpListener>>)> {
        let spare = self.traffic.iter().flatten().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        Ok((StateOwnership::new(self.lock, self.admin.try_clone()?, spare), self.admin, self.traffic))
    }
}

/// Asks the gateway that runs with `folder` for its place; none when none runs there. Where somebody listens at its
/// addresses, one whose folder was put back a moment ago is given the time to notice that.
fn ask(folder: &Path, settings: &Settings) -> Result<Option<(Predecessor, Handover)>, CliFailure> {
    let begun = Instant::now();
    let found = loop {
        let found = match takeover::ask(folder) {
            Err(error) if takeover::is_closed(&error) && has_ended(folder) => {
                tracing::warn!("the gateway to take over from has ended before it handed anything over");
                None
            }
            asked => asked.map_err(|error| cannot_take_over(folder, &error))?,
        };
        if found.is_some() || begun.elapsed() >= FIND_LIMIT || taken_address(settings).is_none() {
            break found;
        }
        std::thread::sleep(PAUSE);
    };
    let state = folder.display();
    match (&found, taken_address(settings)) {
        (Some((predecessor, _)), _) => {
            tracing::info!(process = predecessor.process, "taking over from the gateway that runs");
        }
        (None, None) => tracing::info!(%state, "nobody to take over from: no gateway runs here"),
        (None, Some(address)) => {
            tracing::warn!(%state, %address, "no gateway can be taken over from here, and somebody listens at the address");
        }
    }
    Ok(found)
}

/// Whether no gateway runs with `folder` any more, or soon. One that ends gives the folder's lock up.
fn has_ended(folder: &Path) -> bool {
    wait_until(END_LIMIT, PAUSE, || state_lock::take(folder).is_ok())
}

/// What is said when the gateway that runs with `folder` keeps its place.
fn cannot_take_over(folder: &Path, error: &io::Error) -> CliFailure {
    let closed = "it closed the connection";
    let why = if takeover::is_closed(error) { closed.to_owned() } else { error.to_string() };
    let what = format!("cannot take over from the gateway that runs with {}: {why}", folder.display());
    failure(what, "it goes on; see its log, or stop it and start without --takeover")
}

/// The address of `settings` at which somebody listens.
fn taken_address(settings: &Settings) -> Option<SocketAddr> {
    let is_taken = |address: &&SocketAddr| {
        TcpListener::bind(address).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    };
    settings.server.listen.iter().chain([&settings.admin.listen]).find(is_taken).copied()
}

/// The admin listener at `address`: the inherited one, if it is that.
fn admin_listener(address: SocketAddr, inherited: Option<TcpListener>) -> Result<TcpListener, CliFailure> {
    let fits = |socket: &TcpListener| socket.local_addr().is_ok_and(|local| local == address);
    inherited.filter(fits).map_or_else(|| listeners::bind_alone(address), Ok).map_err(|error| {
        let what = format!("cannot listen on {address} (admin.listen): {error}");
        failure(what, "is another gateway running? choose another address with --admin ADDR")
    })
}
