//! The gateway whose place another one takes: hands over what it listens on, and leaves when the other one accepts.
//!
//! Until then nothing changes but the audit file, which is set aside so that the other one begins its own. When it gives
//! up, this one goes on as before. A third one that comes meanwhile is refused at once.

use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use super::presence::Presence;
use super::shared::Shared;
use crate::lifecycle::Phase;
use crate::takeover::{Successor, wait_readable};
use crate::waiting::wait_until;

/// How long the journal may take to set the audit file aside. One that hangs holds nobody up: whoever shares a file
/// locks it for each write.
const ASIDE_LIMIT: Duration = Duration::from_secs(2);
/// Pause after a process that was refused.
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);
/// Pause between two looks at the journal.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the state folder's disk may take until others find this process.
const MAKING_LIMIT: Duration = Duration::from_secs(1);
/// How often it is looked whether a successor would still find this process.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Starts the thread that makes what a successor finds this process by, keeps that, and waits for one. Returns when it is
/// made; a disk that does not answer holds this up for [`MAKING_LIMIT`].
pub fn start(shared: Arc<Shared>, presence: Presence) -> io::Result<()> {
    let (made, is_made) = mpsc::channel::<()>();
    // Nobody waits for its end: a disk may keep it.
    let wait = move || wait_for_successors(&shared, presence, made);
    thread::Builder::new().name("aegis-takeover".to_owned()).spawn(wait)?;
    if is_made.recv_timeout(MAKING_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
        tracing::warn!(
            "the disk of the state folder does not answer: no other gateway can take over until it does"
        );
    }
    Ok(())
}

/// Waits for successors as long as this process accepts. Drops `made` when one could come.
fn wait_for_successors(shared: &Shared, mut presence: Presence, made: mpsc::Sender<()>) {
    let mut listener = presence.ensure(shared);
    drop(made);
    while shared.lifecycle.phase().accepts() {
        let comes = listener
            .as_ref()
            .filter(|listener| matches!(wait_readable([listener.as_fd()], LOOK_INTERVAL), Ok([true])));
        let Some(asked) = comes else {
            if listener.is_none() {
                thread::sleep(LOOK_INTERVAL);
            }
            listener = presence.ensure(shared).or(listener);
            continue;
        };
        match asked.accept().and_then(|(link, _)| Successor::handshake(link)) {
            Ok(successor) => {
                if hand_over(shared, &successor, asked) {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a process that wanted to take over was refused");
                // Where descriptors have run out, trying at once would only spin.
                thread::sleep(REFUSAL_PAUSE);
            }
        }
    }
}

/// Hands over to `successor`, while others may come to `listener`. False when this process stays in its place.
fn hand_over(shared: &Shared, successor: &Successor, listener: &UnixListener) -> bool {
    let process = successor.process;
    tracing::info!(process, "another gateway wants to take over");
    shared.audit_file.ask_aside();
    if !wait_until(ASIDE_LIMIT, PAUSE, || shared.audit_file.is_aside()) {
        // Done later, it would move the other one's file.
        shared.audit_file.ask_reclaim();
    }
    // Nothing is locked while the other one is waited for: a process that is to end does not wait for it.
    let handover = match &*shared.ownership() {
        Some(ownership) => ownership.handover.try_clone(),
        None => Err(io::Error::other("this one is about to end")),
    };
    let handed = handover.and_then(|handover| successor.hand(&handover));
    if let Err(error) = handed.and_then(|()| successor.accepts(listener)) {
        shared.audit_file.ask_reclaim();
        tracing::warn!(process, %error, "the other gateway does not take over; this one goes on");
        return false;
    }
    shared.leave(Phase::HandedOver);
    if let Err(error) = successor.release() {
        tracing::warn!(process, %error, "the gateway that has taken over does not listen any more");
    }
    true
}
