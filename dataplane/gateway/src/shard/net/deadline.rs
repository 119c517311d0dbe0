//! Deadlines of a shard: one dense table that a ticker walks.
//!
//! A gateway's deadlines are re-armed far more often than they expire (every read and every write of a stream moves
//! one), so arming must cost a store and expiring may cost a scan. Each connection owns one row of the table for its
//! whole life; the ticker compares the rows with the current tick every [`TICK`]. Ten thousand rows are 40 KiB, which
//! one pass reads in a few microseconds.
//!
//! An expired deadline never drops an operation in flight, because bytes it had already moved would be lost: it marks
//! the phase as missed and shuts the descriptor down, so that the pending operation ends by itself and its owner,
//! who alone knows what to answer, sees why.

use std::cell::{Cell, RefCell};
use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};

/// The resolution of every deadline. One expires at most this much late, and never early.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A row that is not armed.
const NEVER: u32 = u32::MAX;

/// What a connection is waiting for; names the timeout that was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The row belongs to nobody.
    Free,
    /// Nothing: no deadline runs.
    Unbounded,
    /// The TLS handshake with a client.
    ClientHandshake,
    /// Nothing has come on a kept-alive connection.
    KeepAliveIdle,
    /// A request head that has begun.
    RequestHead,
    /// The next bytes of a request body, or its minimum rate.
    RequestBody,
    /// The client takes the reply too slowly.
    ReplyWrite,
    /// What the client still sends after an early answer is being read and thrown away.
    Linger,
    /// The TLS handshake with an upstream.
    UpstreamHandshake,
    /// The upstream takes the request too slowly.
    UpstreamWrite,
    /// The first byte of the upstream's reply.
    FirstByte,
    /// The next bytes of the upstream's reply.
    UpstreamRead,
}

impl Phase {
    /// Which half of the descriptor is shut down: a client that is slow to *send* must still be able to read the
    /// answer that says so.
    fn direction(self) -> Shutdown {
        match self {
            Self::KeepAliveIdle | Self::RequestHead | Self::RequestBody | Self::Linger => Shutdown::Read,
            _ => Shutdown::Both,
        }
    }
}

#[derive(Clone, Copy)]
struct Row {
    fd: RawFd,
    phase: Phase,
    missed: bool,
}

/// The table. One per shard, shared by its connections.
pub(crate) struct Deadlines {
    now: Cell<u32>,
    due: RefCell<Vec<u32>>,
    rows: RefCell<Vec<Row>>,
    free: RefCell<Vec<u32>>,
}

impl Deadlines {
    /// An empty table at tick 0.
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(0),
            due: RefCell::new(Vec::new()),
            rows: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
        })
    }

    /// Gives the connection on `fd` its row. The deadline must be dropped before the descriptor is closed.
    pub(crate) fn register(self: &Rc<Self>, fd: RawFd) -> Deadline {
        let row = Row { fd, phase: Phase::Unbounded, missed: false };
        let free = self.free.borrow_mut().pop();
        let index = if let Some(index) = free {
            self.rows.borrow_mut()[index as usize] = row;
            index
        } else {
            self.rows.borrow_mut().push(row);
            let mut due = self.due.borrow_mut();
            due.push(NEVER);
            (due.len() - 1) as u32
        };
        Deadline { table: Rc::clone(self), index }
    }

    /// Ticks since the shard started.
    pub(crate) fn now(&self) -> u32 {
        self.now.get()
    }

    /// Ends every deadline that is due at tick `now`.
    pub(crate) fn advance(&self, now: u32) {
        self.now.set(now);
        self.expire(|due, _| due <= now);
    }

    /// Ends the wait of every connection in `phase` at once (drain closes idle connections this way).
    pub(crate) fn expire_phase(&self, phase: Phase) {
        self.expire(|_, row| row.phase == phase && !row.missed);
    }

    /// Ends everything at once: the process stops.
    pub(crate) fn cut_all(&self) {
        self.expire(|_, row| row.phase != Phase::Free && !row.missed);
    }

    fn expire(&self, ends: impl Fn(u32, &Row) -> bool) {
        let mut rows = self.rows.borrow_mut();
        for (due, row) in self.due.borrow_mut().iter_mut().zip(rows.iter_mut()) {
            if ends(*due, row) {
                *due = NEVER;
                row.missed = true;
                // A socket that is already gone has nothing left to wake.
                let _ = shutdown(row.fd, row.phase.direction());
            }
        }
    }

    /// Ticks that cover `after`, rounded up, plus the part of a tick that has already passed.
    fn ticks(after: Duration) -> u32 {
        let ticks = after.as_millis().div_ceil(TICK.as_millis()) + 1;
        u32::try_from(ticks).unwrap_or(NEVER - 1)
    }
}

/// One connection's row in the table, given back on drop.
pub(crate) struct Deadline {
    table: Rc<Deadlines>,
    index: u32,
}

impl Deadline {
    /// Starts, or moves, the wait of `phase`. A zero duration means no limit.
    pub(crate) fn arm(&self, phase: Phase, after: Duration) {
        let due = if after.is_zero() {
            NEVER
        } else {
            self.table.now().saturating_add(Deadlines::ticks(after)).min(NEVER - 1)
        };
        self.table.due.borrow_mut()[self.index as usize] = due;
        self.table.rows.borrow_mut()[self.index as usize].phase = phase;
    }

    /// Ends the wait.
    pub(crate) fn disarm(&self) {
        self.arm(Phase::Unbounded, Duration::ZERO);
    }

    /// The phase whose time ran out, if one did. It stays set: the descriptor is shut down for good.
    pub(crate) fn missed(&self) -> Option<Phase> {
        let row = self.table.rows.borrow()[self.index as usize];
        row.missed.then_some(row.phase)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.arm(Phase::Free, Duration::ZERO);
        self.table.free.borrow_mut().push(self.index);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_deadline_ends_its_read_and_names_its_phase() {
        let table = Deadlines::new();
        let (mut near, _far) = UnixStream::pair().unwrap();
        let deadline = table.register(near.as_raw_fd());
        deadline.arm(Phase::RequestHead, TICK);
        table.advance(1);
        assert_eq!(deadline.missed(), None, "never early: a part of the first tick had passed");
        table.advance(2);
        assert_eq!(deadline.missed(), Some(Phase::RequestHead));
        assert_eq!(near.read(&mut [0; 1]).unwrap(), 0);
    }

    #[test]
    fn a_client_deadline_leaves_the_write_side_open() {
        use std::io::Write;
        let table = Deadlines::new();
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let deadline = table.register(near.as_raw_fd());
        deadline.arm(Phase::RequestBody, TICK);
        table.advance(9);
        near.write_all(b"late").unwrap();
        let mut got = [0; 4];
        far.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"late");
    }

    #[test]
    fn moved_and_disarmed_deadlines_do_not_fire() {
        let table = Deadlines::new();
        let (near, _far) = UnixStream::pair().unwrap();
        let deadline = table.register(near.as_raw_fd());
        deadline.arm(Phase::FirstByte, TICK);
        deadline.arm(Phase::FirstByte, TICK * 10);
        table.advance(5);
        assert_eq!(deadline.missed(), None);
        deadline.disarm();
        table.advance(1000);
        assert_eq!(deadline.missed(), None);
        deadline.arm(Phase::UpstreamRead, Duration::ZERO);
        table.advance(2000);
        assert_eq!(deadline.missed(), None, "zero is no limit");
    }

    #[test]
    fn rows_are_reused_and_start_clean() {
        let table = Deadlines::new();
        let (near, _far) = UnixStream::pair().unwrap();
        let first = table.register(near.as_raw_fd());
        first.arm(Phase::Linger, TICK);
        table.advance(10);
        drop(first);
        let second = table.register(near.as_raw_fd());
        assert_eq!(second.missed(), None);
        assert_eq!(table.rows.borrow().len(), 1);
        table.advance(20);
        assert_eq!(second.missed(), None);
    }

    #[test]
    fn drain_ends_only_the_idle() {
        let table = Deadlines::new();
        let (one, _a) = UnixStream::pair().unwrap();
        let (two, _b) = UnixStream::pair().unwrap();
        let idle = table.register(one.as_raw_fd());
        let busy = table.register(two.as_raw_fd());
        idle.arm(Phase::KeepAliveIdle, Duration::from_secs(60));
        busy.arm(Phase::FirstByte, Duration::from_secs(60));
        let (three, _c) = UnixStream::pair().unwrap();
        let endless = table.register(three.as_raw_fd());
        endless.arm(Phase::KeepAliveIdle, Duration::ZERO);
        table.expire_phase(Phase::KeepAliveIdle);
        assert_eq!(idle.missed(), Some(Phase::KeepAliveIdle));
        assert_eq!(endless.missed(), Some(Phase::KeepAliveIdle));
        assert_eq!(busy.missed(), None);
    }
}
