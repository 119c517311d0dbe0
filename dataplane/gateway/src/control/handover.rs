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
/// Pause after a process that was refused.
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);
/// Pause between two looks at the journal.
const PAUSE: Duration = Duration::from_millis(5);

/// Starts the thread that waits for a successor.
pub fn start(shared: Arc<Shared>, listener: UnixListener) -> io::Result<()> {
    // Nobody waits for its end: it waits for connections as long as the process lives.
    thread::Builder::new().name("aegis-takeover".to_owned()).spawn(move || {
        for link in listener.incoming() {
            if !shared.lifecycle.phase().accepts() {
                return;
            }
            match link.and_then(Successor::greet) {
                Ok(successor) => {
                    if hand_over(&shared, &successor) {
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
    if !shared.audit_place.is_aside() {
        // Done later, it would move the other one's file.
        shared.audit_place.ask_back();
    }
    // Nothing is locked while the other one is waited for: a process that is to end does not wait for it.
    let belongings = match &*shared.tenure() {
        Some(tenure) => tenure.belongings.try_clone(),
        None => Err(io::Error::other("this one is about to end")),
    };
    let handed = belongings.and_then(|belongings| successor.hand(&belongings));
    if let Err(error) = handed.and_then(|()| successor.accepts()) {
        shared.audit_place.ask_back();
        tracing::warn!(process, %error, "the other gateway does not take over; this one goes on");
        return false;
    }
    shared.leave(Phase::HandedOver);
    if let Err(error) = successor.release() {
        tracing::warn!(process, %error, "the gateway that has taken over does not listen any more");
    }
    true
}
