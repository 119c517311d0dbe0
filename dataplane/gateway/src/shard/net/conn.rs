//! A connection: its reading half, its writing half, its deadline and its share of the buffer budget.

use std::cell::OnceCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::Ipv6Addr;
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use monoio::io::Splitable;
use nix::sys::socket::{Shutdown, shutdown};

use super::buffers::{Buffers, LARGE, LentBuffer, MemoryReservation, SMALL};
use super::deadline::{Deadline, Deadlines, TICK, WaitPhase};
use super::listener::Stream;
use super::read_half::ReadHalf;
use super::socket_handle::SocketHandle;
use super::tls::TlsHalf;
use super::write_half::{Slices, WriteHalf, WriteTimeout};

/// The outcome of a write during which the peer may already answer, with what the write gives back.
pub(crate) enum Watched<T> {
    /// Everything was written.
    Written(T),
    /// The peer has begun a reply before it took everything. What was written is lost where the write was still in
    /// flight.
    Answered(Option<T>),
    /// The write has failed, and the peer has left no reply behind.
    Failed(T),
}

/// Returns what is left of `limit` since `began`, at least a tick; zero is no limit.
fn time_left(limit: Duration, began: Instant) -> Duration {
    if limit.is_zero() { limit } else { limit.saturating_sub(began.elapsed()).max(TICK) }
}

/// Ends sides of the connection on `fd`.
fn shut_down(fd: RawFd, how: Shutdown) {
    // A connection that is already gone has nothing left to end.
    let _ = shutdown(fd, how);
}

/// Waits for `write` to the connection on `fd`, unless the peer whose replies come by `rx` begins one first.
async fn watched<T>(
    write: impl Future<Output = (io::Result<()>, T)>,
    rx: &mut ReadHalf,
    fd: RawFd,
    deadline: &Deadline,
    timeout: WriteTimeout,
) -> Watched<T> {
    let written = {
        let mut write = pin!(write);
        poll_fn(|cx| {
            if let Poll::Ready(written) = write.as_mut().poll(cx) {
                return Poll::Ready(Some(written));
            }
            match rx.poll_response_started(cx) {
                Poll::Ready(true) => Poll::Ready(None),
                // No reply can come any more. One that has refused TLS need not close, nor read on: the write fails
                // all the same, and gives its bytes back.
                Poll::Ready(false) if rx.has_fault() => {
                    shut_down(fd, Shutdown::Both);
                    Poll::Pending
                }
                // A peer that has closed makes the write fail by itself, and the bytes are kept for another try.
                Poll::Ready(false) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    match written {
        Some((Ok(()), bytes)) => Watched::Written(bytes),
        Some((Err(_), bytes)) => {
            // A peer that closes over what it did not read resets the connection, but what it had said before is
            // still there.
            let _wait = deadline.within(timeout.phase, timeout.gap);
            let has_answered = poll_fn(|cx| rx.poll_response_started(cx)).await;
            if has_answered { Watched::Answered(Some(bytes)) } else { Watched::Failed(bytes) }
        }
        None => Watched::Answered(None),
    }
}

/// A connection to a client or to an upstream.
pub(crate) struct Conn {
    // The row must be given back before the descriptor is closed, so it is dropped first.
    pub(crate) deadline: Deadline,
    pub(crate) rx: ReadHalf,
    pub(crate) tx: WriteHalf,
    fd: RawFd,
    handle: Option<SocketHandle>,
    /// Known once it is asked for: the kernel is asked once.
    is_loopback: OnceCell<bool>,
    /// The reservation for the large buffer that `rx` has now, and the small one that it had before.
    large: Option<(MemoryReservation, Vec<u8>)>,
}

impl Conn {
    /// Takes a connected socket over. Without `handle`, [`Self::has_taken_nothing_since`] knows only what was never
    /// written, and slices are copied together before they are written.
    pub(crate) fn new(stream: Stream, handle: Option<SocketHandle>, deadlines: &Rc<Deadlines>) -> Self {
        let fd = stream.as_raw_fd();
        // A failure here only costs latency.
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        Self {
            deadline: deadlines.register(fd),
            rx: ReadHalf::new(read),
            tx: WriteHalf::new(write),
            fd,
            handle,
            is_loopback: OnceCell::new(),
            large: None,
        }
    }

    /// Puts TLS on the connection and runs the handshake to its end. `limit` is for all of it, so that a peer that
    /// drips bytes gains no time; zero is no limit.
    ///
    /// # Errors
    ///
    /// When the peer closes, breaks the protocol, is not trusted, or is too slow.
    pub(crate) async fn tls_handshake(
        &mut self,
        tls: TlsHalf,
        phase: WaitPhase,
        limit: Duration,
    ) -> io::Result<()> {
        self.rx.start_tls(tls.clone());
        self.tx.start_tls(tls.clone());
        let began = Instant::now();
        loop {
            let timeout = WriteTimeout { phase, gap: time_left(limit, began) };
            let (result, _) = self.tx.write(Vec::new(), 0..0, &self.deadline, timeout).await;
            result?;
            if !tls.is_handshaking() {
                return Ok(());
            }
            let left = time_left(limit, began);
            let wait = self.deadline.within(phase, left);
            let record = poll_fn(|cx| self.rx.poll_record(cx)).await;
            drop(wait);
            match record {
                Ok(true) => {}
                Ok(false) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => {
                    // TLS has an alert to write that says why.
                    let timeout = WriteTimeout { phase, gap: left };
                    let _ = self.tx.write(Vec::new(), 0..0, &self.deadline, timeout).await;
                    return Err(error);
                }
            }
        }
    }

    /// Bytes that the connection's buffer may hold: what was reserved for it, where it is not the small one.
    pub(crate) fn room(&self) -> usize {
        self.large.as_ref().map_or(usize::MAX, |(reservation, _)| reservation.bytes()).min(self.rx.capacity())
    }

    /// Gives the connection a buffer that holds `bytes`, at least [`LARGE`]. False when the budget is used up.
    pub(crate) fn grow(&mut self, buffers: &Rc<Buffers>, bytes: usize) -> bool {
        let mut bytes = bytes.max(LARGE);
        if self.room() >= bytes {
            return true;
        }
        if bytes > LARGE && self.rx.has_tls() {
            // The last read of a body may bring what follows it.
            bytes += LARGE;
        }
        let Some(reservation) = buffers.reserve(bytes) else { return false };
        let before = self.rx.exchange_buffer(buffers.take(bytes));
        match self.large.take() {
            None => self.large = Some((reservation, before)),
            Some((_, small)) => {
                buffers.give_back(before);
                self.large = Some((reservation, small));
            }
        }
        true
    }

    /// Goes back to the small buffer, if what is still unread fits it and no read is in flight.
    pub(crate) fn shrink(&mut self, buffers: &Rc<Buffers>) {
        if !self.rx.is_in_kernel()
            && self.rx.data().len() <= SMALL
            && let Some((_reservation, small)) = self.large.take()
        {
            buffers.give_back(self.rx.exchange_buffer(small));
        }
        self.rx.trim();
    }

    /// Takes the first `count` bytes that were not consumed, in the buffer they lie in. What came behind them stays, in
    /// the small buffer. No read may be in flight.
    pub(crate) fn detach(&mut self, buffers: &Rc<Buffers>, count: usize) -> LentBuffer {
        let (bytes, start) = self.rx.take_buffer();
        let (reservation, mut small) = self.large.take().unwrap_or_else(|| {
            let counted = buffers.count(bytes.capacity());
            (counted, Vec::with_capacity(SMALL))
        });
        small.clear();
        small.extend_from_slice(&bytes[start + count..]);
        self.rx.put_buffer(small, 0);
        let mut lent = LentBuffer::of(bytes, reservation);
        lent.truncate(start + count);
        // The head before it is of no use any more.
        lent.drop_front(start);
        lent
    }

    /// Writes `range` of `bytes` to the end. Gives the bytes back in any case.
    pub(crate) async fn write(
        &mut self,
        bytes: Vec<u8>,
        range: Range<usize>,
        timeout: WriteTimeout,
    ) -> (io::Result<()>, Vec<u8>) {
        self.tx.write(bytes, range, &self.deadline, timeout).await
    }

    /// Writes `range` of `bytes` to the end, unless the peer begins a reply first: an upstream that has made up its
    /// mind need not take the rest of a request, and may never do so.
    pub(crate) async fn write_watched(
        &mut self,
        bytes: Vec<u8>,
        range: Range<usize>,
        timeout: WriteTimeout,
    ) -> Watched<Vec<u8>> {
        let Self { deadline, rx, tx, fd, .. } = self;
        watched(tx.write(bytes, range, deadline, timeout), rx, *fd, deadline, timeout).await
    }

    /// Writes `slices` to the end, unless the peer begins a reply first.
    pub(crate) async fn write_slices_watched(
        &mut self,
        slices: &impl Slices,
        timeout: WriteTimeout,
    ) -> Watched<()> {
        let Self { deadline, rx, tx, fd, handle, .. } = self;
        let write = async {
            let result = tx.write_slices(slices, handle.as_ref(), deadline, timeout).await;
            (result, ())
        };
        watched(write, rx, *fd, deadline, timeout).await
    }

    /// Whether the connection came in on a loopback address: the peer is on this machine, or was let through to it.
    pub(crate) fn is_loopback(&self) -> bool {
        *self.is_loopback.get_or_init(|| self.ask_loopback())
    }

    fn ask_loopback(&self) -> bool {
        let own = nix::sys::socket::getsockname::<nix::sys::socket::SockaddrStorage>(self.fd);
        own.is_ok_and(|own| {
            let old = own.as_sockaddr_in().is_some_and(|address| address.ip().is_loopback());
            let mapped = |address: Ipv6Addr| address.to_ipv4_mapped().is_some_and(|old| old.is_loopback());
            old || own
                .as_sockaddr_in6()
                .is_some_and(|address| address.ip().is_loopback() || mapped(address.ip()))
        })
    }

    /// Bytes given to the socket so far: a mark for [`Self::has_taken_nothing_since`].
    pub(crate) fn sent(&self) -> u64 {
        self.tx.sent()
    }

    /// Whether it is certain that the peer has taken nothing of what was written since `mark`: nothing was written, or
    /// it has ended the stream in good order and acknowledged none of it.
    pub(crate) fn has_taken_nothing_since(&self, mark: u64) -> bool {
        self.tx.sent() == mark || (self.rx.is_peer_finished() && self.has_acked_nothing_since(mark))
    }

    /// Whether the peer has acknowledged none of what was written since `mark`. False when the kernel does not say.
    pub(crate) fn has_acked_nothing_since(&self, mark: u64) -> bool {
        self.handle.as_ref().is_some_and(|handle| !handle.has_acked_beyond(mark))
    }

    /// Ends the sending side in good order; the peer reads the end of the stream.
    pub(crate) async fn finish_sending(&mut self, timeout: WriteTimeout) {
        if self.tx.close_tls() {
            // A peer that does not take the notification has gone already.
            let _ = self.tx.write(Vec::new(), 0..0, &self.deadline, timeout).await;
        }
        shut_down(self.fd, Shutdown::Write);
    }

    /// Ends both sides at once.
    pub(crate) fn cut(&self) {
        shut_down(self.fd, Shutdown::Both);
    }
}
