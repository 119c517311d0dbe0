//! One gateway after the other: when the new one may take the place of the old one, and how it is found there.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use super::wait_until;
use crate::cli::outcome::{CliFailure, failure};
use crate::config::settings::Settings;
use crate::control::admin::not_ready_beside_shards;
use crate::control::handover;
use crate::control::shared::Shared;
use crate::instance::{self, Announced, Instance};
use crate::lifecycle::Phase;
use crate::state_dir;
use crate::takeover::{self, Predecessor, TakeoverName};

/// How long a gateway that takes over may take until it could answer.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(30);

/// Waits until this process could answer as well as the one that it takes over from. Shards that accept before would refuse
/// requests for upstreams whose names are not known yet.
pub(super) fn get_able(shared: &Shared) -> Result<(), CliFailure> {
    let reasons = || not_ready_beside_shards(shared);
    let is_asked_to_end = || shared.lifecycle.phase() != Phase::Running;
    if wait_until(TAKEOVER_LIMIT, || reasons().is_empty() || is_asked_to_end()) {
        return Ok(());
    }
    let what = format!("this gateway does not get ready, so it takes nothing over: {}", reasons().join("; "));
    Err(failure(what, "the gateway that runs goes on"))
}

/// Has the process whose place this one takes accept no more.
pub(super) fn relieve(predecessor: &Predecessor) {
    let process = predecessor.process;
    match predecessor.relieve() {
        Ok(()) => tracing::info!(process, "took over; the old gateway ends with its last exchange"),
        Err(error) => tracing::warn!(process, %error, "took over from a gateway that has ended meanwhile"),
    }
}

/// Begins to be the gateway of the state folder: found by commands, and by who takes over.
pub(super) fn enter(settings: &Settings, shared: &Arc<Shared>, instance: &Instance) {
    let announced = write_instance(settings, instance);
    let is_locked = shared.tenure().as_ref().is_some_and(|tenure| tenure.belongings.lock.is_some());
    let (socket, name) = is_locked.then(|| wait_for_successors(settings)).flatten().unzip();
    let mut held = shared.tenure();
    // None if it was asked to end meanwhile: then the names go again.
    let Some(tenure) = held.as_mut() else { return drop(held) };
    (tenure.announced, tenure.name) = (announced, name);
    drop(held);
    if let Some(Err(error)) = socket.map(|socket| handover::start(Arc::clone(shared), socket)) {
        tracing::warn!(%error, "no other gateway can take over from this one");
    }
}

/// The socket on which gateways ask that take over.
fn wait_for_successors(settings: &Settings) -> Option<(UnixListener, TakeoverName)> {
    let note = |error: &io::Error| tracing::warn!(%error, "no other gateway can take over from this one");
    takeover::listen(&state_dir::folder(settings)).inspect_err(note).ok()
}

/// Writes the file by which other commands find this gateway. Traffic does not need it.
fn write_instance(settings: &Settings, instance: &Instance) -> Option<Announced> {
    let written = instance::announce(&state_dir::folder(settings), instance);
    let note = |error: &io::Error| tracing::debug!(%error, "other commands will not find this gateway");
    written.inspect_err(note).ok()
}
