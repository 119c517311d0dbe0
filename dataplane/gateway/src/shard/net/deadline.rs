//! Deadlines of a shard: one dense table that a ticker walks.
//!
//! A gateway's deadlines are moved far more often than they expire: every read and every write of a stream moves one.
//! So starting a wait costs a few stores, and expiring may cost a scan. Each connection owns one row of the table for
//! its whole life, and the ticker compares all rows with the current tick every [`TICK`]. Ten thousand rows are 40 KiB,
//! which one pass reads in a few microseconds.
//!
//! A connection waits for one thing at a time. [`Deadline::within`] starts a wait and gives a guard that ends it on
//! drop; a second wait on the same connection replaces the first.
//!
//! An expired deadline does not drop the operation in flight, because bytes that it had already moved would be lost. It
//! marks the wait as missed and shuts the descriptor down, so that the operation ends by itself and its owner, who
//! alone knows what to answer, sees why.

use std::cell::{Cell, RefCell};
use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};

/// The resolution of every deadline. One expires at most this much late, and never early.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// The due tick of a row without a limit.
const NEVER: u32 = u32::MAX;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitPhase {
    /// Nothing: the row has no owner.
    Free,
    /// Nothing: no deadline runs.
    Unbounded,
    /// The TLS handshake with a client.
    ClientHandshake,
    /// A next request on a connection that is kept alive.
    KeepAliveIdle,
    /// The rest of a request's head.
    RequestHead,
    /// The next bytes of a request body, or its minimum rate.
    RequestBody,
    /// The client to take more of the reply.
    ReplyWrite,
    /// The client to close after an early reply; what it still sends is discarded.
    Linger,
    /// The TLS handshake with an upstream.
    UpstreamHandshake,
    /// The upstream to take more of the request.
    UpstreamWrite,
    /// The first byte of the upstream's reply.
    FirstByte,
    /// The next bytes of the upstream's reply.
    UpstreamRead,
}

impl WaitPhase {
    /// Returns which half of the descriptor is shut down. A client that is slow to *send* must still be able to read
    /// the error reply.
    fn direction(self) -> Shutdown {
        match self {
            Self::KeepAliveIdle | Self::RequestHead | Self::RequestBody | Self::Linger => Shutdown::Read,
            _ => Shutdown::Both,
        }
    }
}

#[derive(Clone, Copy)]
struct WaitRow {
    fd: RawFd,
    phase: WaitPhase,
    /// Counts the waits of this row, over all its owners, so that a guard knows whether the present one is its own.
    wait: u32,
    is_missed: bool,
}

/// The table. One per shard, shared by its connections.
pub(crate) struct Deadlines {
    now: Cell<u32>,
    due: RefCell<Vec<u32>>,
    rows: RefCell<Vec<WaitRow>>,
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
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there is one row for each open descriptor, which is an `i32`"
    )]
    pub(crate) fn register(self: &Rc<Self>, fd: RawFd) -> Deadline {
        let free = self.free.borrow_mut().pop();
        let index = if let Some(index) = free {
            let row = &mut self.rows.borrow_mut()[index as usize];
            *row = WaitRow { fd, phase: WaitPhase::Unbounded, wait: row.wait, is_missed: false };
            index
        } else {
            self.rows.borrow_mut().push(WaitRow {
                fd,
                phase: WaitPhase::Unbounded,
                wait: 0,
                is_missed: false,
            });
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
    pub(crate) fn expire_phase(&self, phase: WaitPhase) {
        self.expire(|_, row| row.phase == phase && !row.is_missed);
    }

    /// Ends everything at once: the process stops.
    pub(crate) fn cut_all(&self) {
        self.expire(|_, row| row.phase != WaitPhase::Free && !row.is_missed);
    }

    fn expire(&self, ends: impl Fn(u32, &WaitRow) -> bool) {
        let mut rows = self.rows.borrow_mut();
        for (due, row) in self.due.borrow_mut().iter_mut().zip(rows.iter_mut()) {
            if ends(*due, row) {
                *due = NEVER;
                row.is_missed = true;
                // A socket that is already gone has nothing left to wake.
                let _ = shutdown(row.fd, row.phase.direction());
            }
        }
    }

    /// Starts a wait of the row at `index`, in place of any other, and gives its number. Zero is no limit.
    fn start(&self, index: u32, phase: WaitPhase, limit: Duration) -> u32 {
        let due = if limit.is_zero() {
            NEVER
        } else {
            self.now().saturating_add(Self::ticks(limit)).min(NEVER - 1)
        };
        self.due.borrow_mut()[index as usize] = due;
        let row = &mut self.rows.borrow_mut()[index as usize];
        row.phase = phase;
        row.wait = row.wait.wrapping_add(1);
        row.wait
    }

    /// Ticks that cover `limit`, rounded up, plus the part of a tick that has already passed.
    fn ticks(limit: Duration) -> u32 {
        let ticks = limit.as_millis().div_ceil(TICK.as_millis()) + 1;
        u32::try_from(ticks).unwrap_or(NEVER - 1)
    }
}

/// One connection's row in the table, given back on drop.
pub(crate) struct Deadline {
    table: Rc<Deadlines>,
    index: u32,
}

impl Deadline {
    /// Starts the wait of `phase`, which may take as long as `limit`; zero is no limit. It ends with the guard.
    pub(crate) fn within(&self, phase: WaitPhase, limit: Duration) -> Wait {
        let number = self.table.start(self.index, phase, limit);
        Wait { table: Rc::clone(&self.table), index: self.index, number }
    }

    /// Whether the time of a wait has run out. It stays so: the descriptor is shut down for good.
    pub(crate) fn is_missed(&self) -> bool {
        self.table.rows.borrow()[self.index as usize].is_missed
    }
}

/// A wait that has begun, ended on drop. It may outlive its connection, and does nothing then.
#[must_use = "the wait ends as soon as its guard is dropped"]
pub(crate) struct Wait {
    table: Rc<Deadlines>,
    index: u32,
    number: u32,
}

impl Drop for Wait {
    fn drop(&mut self) {
        let is_running = self.table.rows.borrow()[self.index as usize].wait == self.number;
        if is_running {
            self.table.start(self.index, WaitPhase::Unbounded, Duration::ZERO);
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.table.start(self.index, WaitPhase::Free, Duration::ZERO);
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
    fn a_missed_deadline_ends_its_read() {
        let table = Deadlines::new();
        let (mut near, _far) = UnixStream::pair().unwrap();
        let deadline = table.register(near.as_raw_fd());
        let _wait = deadline.within(WaitPhase::RequestHead, TICK);
        table.advance(1);
        assert!(!deadline.is_missed(), "never early: a part of the first tick had passed");
        table.advance(2);
        assert!(deadline.is_missed());
        assert_eq!(near.read(&mut [0; 1]).unwrap(), 0);
    }

    #[test]
    fn a_client_deadline_leaves_the_write_side_open() {
        use std::io::Write;
        let table = Deadlines::new();
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let deadline = table.register(near.as_raw_fd());
        let _wait = deadline.within(WaitPhase::RequestBody, TICK);
        table.advance(9);
        near.write_all(b"late").unwrap();
        let mut got = [0; 4];
        far.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"late");
    }

    #[test]
    fn moved_and_ended_waits_do_not_fire() {
        let table = Deadlines::new();
        let (near, _far) = UnixStream::pair().unwrap();
        let deadline = table.register(near.as_raw_fd());
        let _wait = deadline.within(WaitPhase::FirstByte, TICK);
        let moved = deadline.within(WaitPhase::FirstByte, TICK * 10);
        table.advance(5);
        assert!(!deadline.is_missed());
        drop(moved);
        table.advance(1000);
        assert!(!deadline.is_missed());
        let _wait = deadline.within(WaitPhase::UpstreamRead, Duration::ZERO);
        table.advance(2000);
        assert!(!deadline.is_missed(), "zero is no limit");
    }

    #[test]
    fn a_wait_ends_with_its_guard_and_ends_no_other() {
        let table = Deadlines::new();
        let (near, _far) = UnixStream::pair().unwrap();
        let deadline = table.register(near.as_raw_fd());
        drop(deadline.within(WaitPhase::FirstByte, TICK));
        table.advance(10);
        assert!(!deadline.is_missed());
        let first = deadline.within(WaitPhase::FirstByte, TICK);
        let second = deadline.within(WaitPhase::UpstreamRead, TICK);
        drop(first);
        table.advance(20);
        assert!(deadline.is_missed());
        drop(deadline);
        let next = table.register(near.as_raw_fd());
        let _running = next.within(WaitPhase::Linger, TICK);
        drop(second);
        table.advance(30);
        assert!(next.is_missed());
    }

    #[test]
    fn rows_are_reused_and_start_clean() {
        let table = Deadlines::new();
        let (near, _far) = UnixStream::pair().unwrap();
        let first = table.register(near.as_raw_fd());
        let _wait = first.within(WaitPhase::Linger, TICK);
        table.advance(10);
        drop(first);
        let second = table.register(near.as_raw_fd());
        assert!(!second.is_missed());
        assert_eq!(table.rows.borrow().len(), 1);
        table.advance(20);
        assert!(!second.is_missed());
    }

    #[test]
    fn drain_ends_only_the_idle() {
        let table = Deadlines::new();
        let (one, _a) = UnixStream::pair().unwrap();
        let (two, _b) = UnixStream::pair().unwrap();
        let idle = table.register(one.as_raw_fd());
        let busy = table.register(two.as_raw_fd());
        let _idle_wait = idle.within(WaitPhase::KeepAliveIdle, Duration::from_secs(60));
        let _busy_wait = busy.within(WaitPhase::FirstByte, Duration::from_secs(60));
        let (three, _c) = UnixStream::pair().unwrap();
        let endless = table.register(three.as_raw_fd());
        let _endless_wait = endless.within(WaitPhase::KeepAliveIdle, Duration::ZERO);
        table.expire_phase(WaitPhase::KeepAliveIdle);
        assert!(idle.is_missed());
        assert!(endless.is_missed());
        assert!(!busy.is_missed());
    }
}
