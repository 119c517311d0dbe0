//! What makes a process the gateway of its state folder, and what the journal does about it.

use std::fs::File;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::instance::Announced;
use crate::takeover::{Handover, TakeoverName};

/// What makes this process the gateway of its state folder. Dropped, another one may be that.
#[derive(Debug)]
pub struct StateOwnership {
    /// What a successor is handed.
    pub handover: Handover,
    /// What other commands find this process by.
    pub announced: Option<Announced>,
    /// What a successor finds this process by.
    pub name: Option<TakeoverName>,
}

impl StateOwnership {
    /// The ownership of a process that accepts on `traffic` and `admin`, and that nobody finds yet.
    pub fn new(lock: Option<File>, admin: TcpListener, traffic: Vec<TcpListener>) -> StateOwnership {
        StateOwnership { handover: Handover { lock, admin, traffic }, announced: None, name: None }
    }

    /// Closes the sockets, and leaves what is still to be removed.
    pub fn close(self) -> OwnershipFiles {
        OwnershipFiles { announced: self.announced, name: self.name, lock: self.handover.lock }
    }
}

/// What lies in the state folder for others to find, and the lock behind it.
#[derive(Debug)]
pub struct OwnershipFiles {
    announced: Option<Announced>,
    name: Option<TakeoverName>,
    lock: Option<File>,
}

/// How long the state folder's disk may take to remove two names, before they are left to a thread that nobody waits for.
const REMOVAL_LIMIT: Duration = Duration::from_millis(500);

impl OwnershipFiles {
    /// Removes the names, and gives the lock up. A disk that does not answer holds this up for half a second.
    pub fn remove(self) {
        let (done, is_done) = mpsc::channel::<()>();
        let OwnershipFiles { announced, name, lock } = self;
        let remove = move || {
            // In this order: whoever has the lock may take the names for its own.
            drop((announced, name));
            drop(lock);
            drop(done);
        };
        // Without a thread they are dropped here.
        if thread::Builder::new().name("aegis-cleanup".to_owned()).spawn(remove).is_ok()
            && is_done.recv_timeout(REMOVAL_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout)
        {
            tracing::warn!("the disk of the state folder does not answer: its lock is given up when it does");
        }
    }
}

/// What the journal is to do with the audit file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditFileStep {
    /// Set it aside, and write on there: another gateway begins one in its place.
    SetAside,
    /// Begin a new one in its place: the other gateway has given up.
    Reclaim,
}

/// Where the audit file is: in its place, or set aside while another gateway takes over.
#[derive(Debug, Default)]
pub struct AuditFileState(AtomicU8);

impl AuditFileState {
    const USUAL: u8 = 0;
    const ASKED_ASIDE: u8 = 1;
    const ASIDE: u8 = 2;
    const ASKED_RECLAIM: u8 = 3;

    /// Asks for it to be set aside.
    pub fn ask_aside(&self) {
        self.0.store(Self::ASKED_ASIDE, Release);
    }

    /// Asks for a new one in its place.
    pub fn ask_reclaim(&self) {
        self.0.store(Self::ASKED_RECLAIM, Release);
    }

    /// Whether it is set aside.
    pub fn is_aside(&self) -> bool {
        self.0.load(Acquire) == Self::ASIDE
    }

    /// What is to be done.
    pub fn due(&self) -> Option<AuditFileStep> {
        match self.0.load(Relaxed) {
            Self::ASKED_ASIDE => Some(AuditFileStep::SetAside),
            Self::ASKED_RECLAIM => Some(AuditFileStep::Reclaim),
            _ => None,
        }
    }

    /// Says that `step` was done.
    pub fn done(&self, step: AuditFileStep) {
        let (from, to) = match step {
            AuditFileStep::SetAside => (Self::ASKED_ASIDE, Self::ASIDE),
            AuditFileStep::Reclaim => (Self::ASKED_RECLAIM, Self::USUAL),
        };
        // What was asked for meanwhile is done next.
        let _ = self.0.compare_exchange(from, to, Release, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_due_until_it_is_done() {
        let state = AuditFileState::default();
        assert_eq!((state.due(), state.is_aside()), (None, false));
        state.ask_aside();
        assert_eq!((state.due(), state.is_aside()), (Some(AuditFileStep::SetAside), false));
        state.done(AuditFileStep::SetAside);
        assert_eq!((state.due(), state.is_aside()), (None, true));
        state.ask_reclaim();
        state.done(AuditFileStep::SetAside);
        assert_eq!((state.due(), state.is_aside()), (Some(AuditFileStep::Reclaim), false));
        state.done(AuditFileStep::Reclaim);
        assert_eq!(state.due(), None);
    }
}
