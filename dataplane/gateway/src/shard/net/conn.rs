//! A connection: its reading half, its writing half, its deadline and its share of the buffer budget.

use std::cell::OnceCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv6Addr, Shutdown};
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use monoio::io::Splitable;

use super::ack_counter::Witness;
use super::buffers::{Buffers, Claim, LARGE, SMALL};
use super::deadline::{Deadline, Deadlines, TICK};
use super::listener::Stream;
use super::read_half::Inbound;
use super::tls::Secure;
use super::write_half::{Outbound, Patience};

/// What is left of a patience that began to run out at `began`.
fn left(patience: Patience, began: Instant) -> Patience {
    if patience.gap.is_zero() {
        return patience;
    }
    Patience { gap: patience.gap.saturating_sub(began.elapsed()).max(TICK), ..patience }
}

/// How a write that was watched for an early reply came out.
pub(crate) enum Watched {
    /// The write has ended first.
    Written(io::Result<()>, Vec<u8>),
    /// The peer has begun a reply before it took everything.
    Spoken,
}

/// One connection, to a client or to an upstream.
pub(crate) struct Conn {
    // The row must be given back before the descriptor is closed, so it is dropped first.
    pub(crate) deadline: Deadline,
    pub(crate) rx: Inbound,
    pub(crate) tx: Outbound,
    fd: RawFd,
    witness: Option<Witness>,
    /// Known as soon as somebody asks: the kernel is asked once.
    loopback: OnceCell<bool>,
    large: Option<(Claim, Vec<u8>)>,
}

impl Conn {
    /// Takes a connected socket over. Only with a witness can it be told afterwards what the peer took.
    pub(crate) fn new(stream: Stream, witness: Option<Witness>, deadlines: &Rc<Deadlines>) -> Self {
        let fd = stream.as_raw_fd();
        // A failure here only costs latency.
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        Self {
            deadline: deadlines.register(fd),
            rx: Inbound::new(read),
            tx: Outbound::new(write),
            fd,
            witness,
            loopback: OnceCell::new(),
            large: None,
        }
    }

    /// Puts TLS on the connection and runs the handshake to its end. `patience` is for all of it: a peer that drips bytes
    /// gains no time.
    pub(crate) async fn handshake(&mut self, secure: Secure, patience: Patience) -> io::Result<()> {
        self.rx.secure(secure.clone());
        self.tx.secure(secure.clone());
        let began = Instant::now();
        loop {
            let (result, _) = self.tx.write(Vec::new(), 0..0, &self.deadline, left(patience, began)).await;
            result?;
            if !secure.is_handshaking() {
                break;
            }
            let patience = left(patience, began);
            self.deadline.arm(patience.phase, patience.gap);
            match poll_fn(|cx| self.rx.poll_record(cx)).await {
                Ok(true) => {}
                Ok(false) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => {
                    // The alert tells the peer why.
                    let _ = self.tx.write(Vec::new(), 0..0, &self.deadline, patience).await;
                    return Err(error);
                }
            }
        }
        self.deadline.disarm();
        Ok(())
    }

    /// Gives the connection a buffer that holds `bytes`, at least [`LARGE`]. False when the budget is used up.
    pub(crate) fn grow(&mut self, buffers: &Rc<Buffers>, bytes: usize) -> bool {
        let bytes = bytes.max(LARGE);
        if self.rx.capacity() >= bytes {
            return true;
        }
        let Some(claim) = buffers.claim(bytes) else { return false };
        let before = self.rx.exchange_buffer(buffers.take(bytes));
        match self.large.take() {
            None => self.large = Some((claim, before)),
            Some((_, small)) => {
                buffers.give_back(before);
                self.large = Some((claim, small));
            }
        }
        true
    }

    /// Goes back to the small buffer, if what is still unread fits it and no read is in flight.
    pub(crate) fn shrink(&mut self, buffers: &Rc<Buffers>) {
        if !self.rx.is_away()
            && self.rx.data().len() <= SMALL
            && let Some((_claim, small)) = self.large.take()
        {
            buffers.give_back(self.rx.exchange_buffer(small));
        }
        self.rx.trim();
    }

    /// Writes to the end.
    pub(crate) async fn write(
        &mut self,
        bytes: Vec<u8>,
        range: Range<usize>,
        patience: Patience,
    ) -> (io::Result<()>, Vec<u8>) {
        self.tx.write(bytes, range, &self.deadline, patience).await
    }

    /// Writes to the end, unless the peer says something first: an upstream that has made up its mind need not take the
    /// rest of a request, and may never do so. The bytes are lost with the connection's use as soon as it has spoken.
    pub(crate) async fn write_watched(
        &mut self,
        bytes: Vec<u8>,
        range: Range<usize>,
        patience: Patience,
    ) -> Watched {
        let Self { deadline, rx, tx, .. } = self;
        let mut write = pin!(tx.write(bytes, range, deadline, patience));
        poll_fn(|cx| {
            if let Poll::Ready((result, bytes)) = write.as_mut().poll(cx) {
                return Poll::Ready(Watched::Written(result, bytes));
            }
            match rx.poll_spoken(cx) {
                Poll::Ready(true) => Poll::Ready(Watched::Spoken),
                // A peer that has closed makes the write fail by itself, and the bytes are kept for another try.
                Poll::Ready(false) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Whether the connection came in on a loopback address: the peer is on this machine, or was let through to it.
    pub(crate) fn is_loopback(&self) -> bool {
        *self.loopback.get_or_init(|| self.ask_loopback())
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

    /// Bytes given to the socket so far: a mark for [`Self::took_nothing_since`].
    pub(crate) fn sent(&self) -> u64 {
        self.tx.sent()
    }

    /// Whether it is certain that the peer has taken nothing of what was written since `mark`: nothing was written, or it has
    /// ended the stream in good order and acknowledged none of it.
    pub(crate) fn took_nothing_since(&self, mark: u64) -> bool {
        let refused = || self.witness.as_ref().is_some_and(|witness| !witness.acknowledged_beyond(mark));
        self.tx.sent() == mark || (self.rx.peer_finished() && refused())
    }

    /// Ends the sending side in good order; the peer reads the end of the stream.
    pub(crate) async fn finish_sending(&mut self, patience: Patience) {
        if self.tx.close_tls() {
            // A peer that does not take the notification has gone already.
            let _ = self.tx.write(Vec::new(), 0..0, &self.deadline, patience).await;
        }
        self.shutdown(Shutdown::Write);
    }

    /// Ends both sides at once.
    pub(crate) fn cut(&self) {
        self.shutdown(Shutdown::Both);
    }

    fn shutdown(&self, how: Shutdown) {
        let how = match how {
            Shutdown::Read => nix::sys::socket::Shutdown::Read,
            Shutdown::Write => nix::sys::socket::Shutdown::Write,
            Shutdown::Both => nix::sys::socket::Shutdown::Both,
        };
        // A connection that is already gone has nothing left to end.
        let _ = nix::sys::socket::shutdown(self.fd, how);
    }
}
