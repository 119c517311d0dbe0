//! The gateway whose place another one takes: hands over what it listens on, and leaves when the other one accepts.
//!
//! Until then nothing changes but the audit file, which is set aside so that the other one begins its own. When it gives
//! up, this one goes on as before.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use super::shared::Shared;
use crate::lifecycle::Phase;
use crate::takeover::Successor;

/// How long the journal may take to set the audit file aside. One that hangs holds nobody up: whoever shares a file
/// locks it for each write.
const ASIDE_LIMIT: Duration = Duration::from_secs(2);
/// Pause between two looks at the journal.
const PAUSE: Duration = Duration::from_millis(5);

/// Starts the thread that waits for a successor.
pub fn start(shared: Arc<Shared>, listener: UnixListener) -> io::Result<()> {
    // Nobody waits for its end: it waits for connections as long as the process lives.
    thread::Builder::new().name("aegis-takeover".to_owned()).spawn(move || {
        for link in listener.incoming().flatten() {
            if !shared.lifecycle.phase().accepts() {
                return;
            }
            match Successor::greet(link) {
                Ok(successor) => {
                    if hand_over(&shared, &successor) {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "a process that wanted to take over was refused"),
            }
        }
    })?;
    Ok(())
}

/// Hands over to `successor`. False when this process stays in its place.
fn hand_over(shared: &Shared, successor: &Successor) -> bool {
    let process = successor.process;
    tracing::info!(process, "another gateway wants to take over");
    shared.audit_place.ask_aside();
    let begun = Instant::now();
    while !shared.audit_place.is_aside() && begun.elapsed() < ASIDE_LIMIT {
        thread::sleep(PAUSE);
    }
    let handed = match &*shared.tenure() {
        Some(tenure) => successor.hand(&tenure.belongings),
        None => Err(io::Error::other("this one is about to end")),
    };
    // Signals are heard meanwhile: a process that is to end does not wait for the other one.
    if let Err(error) = handed.and_then(|()| successor.accepts()) {
        tracing::warn!(process, %error, "the other gateway does not take over; this one goes on");
        shared.audit_place.ask_back();
        return false;
    }
    shared.leave(Phase::HandedOver);
    if let Err(error) = successor.release() {
        tracing::warn!(process, %error, "the gateway that has taken over does not listen any more");
    }
    true
}
