//! One gateway after the other: when the new one may take the place of the old one, and how it is found there.

use std::sync::Arc;
use std::time::Duration;

use super::threads::PAUSE;
use crate::cli::outcome::{CliFailure, failure};
use crate::control::admin::not_ready_beside_shards;
use crate::control::handover;
use crate::control::presence::Presence;
use crate::control::shared::Shared;
use crate::lifecycle::Phase;
use crate::takeover::Predecessor;
use crate::waiting::wait_until;

/// How long a gateway that takes over may take until it could answer.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(30);

/// Waits until this process could answer as well as the one that it takes over from. Shards that accept before would refuse
/// requests for upstreams whose names are not known yet.
pub(super) fn wait_until_ready(shared: &Shared) -> Result<(), CliFailure> {
    let reasons = || not_ready_beside_shards(shared);
    let is_asked_to_end = || shared.lifecycle.phase() != Phase::Running;
    if wait_until(TAKEOVER_LIMIT, PAUSE, || reasons().is_empty() || is_asked_to_end()) {
        return Ok(());
    }
    let what = format!("this gateway does not get ready, so it takes nothing over: {}", reasons().join("; "));
    Err(failure(what, "the gateway that runs goes on"))
}

/// Takes the place of `predecessor`, if there is one, once the shards listen, and begins to be the gateway that others find.
/// One that cannot serve takes nothing over.
pub(super) fn take_over(shared: &Arc<Shared>, predecessor: Option<Predecessor>, presence: Presence) {
    let can_serve = shared.lifecycle.is_listening() && shared.lifecycle.phase() == Phase::Running;
    match predecessor {
        Some(predecessor) if !can_serve => {
            // It goes on, and hears so at once. Two that accept are one too many.
            drop(predecessor);
            tracing::error!("this gateway cannot serve, so it takes nothing over");
            shared.leave(Phase::Draining);
        }
        predecessor => {
            predecessor.iter().for_each(stop_accepting);
            if can_serve {
                start_presence(shared, presence);
            }
        }
    }
    shared.set_serves_admin(true);
}

/// Has the process whose place this one takes accept no more.
fn stop_accepting(predecessor: &Predecessor) {
    let process = predecessor.process;
    match predecessor.stop_accepting() {
        Ok(()) => tracing::info!(process, "took over; the old gateway ends with its last exchange"),
        Err(error) => tracing::warn!(process, %error, "took over from a gateway that has ended meanwhile"),
    }
}

/// Begins to be the gateway of the state folder: found by commands, and by who takes over.
fn start_presence(shared: &Arc<Shared>, presence: Presence) {
    let is_locked = shared.ownership().as_ref().is_some_and(|ownership| ownership.handover.lock.is_some());
    if !is_locked {
        return presence.announce(shared);
    }
    if let Err(error) = handover::start(Arc::clone(shared), presence) {
        tracing::warn!(%error, "no other gateway can take over from this one");
    }
}
