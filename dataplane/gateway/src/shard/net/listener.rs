//! Listening sockets of a shard.
//!
//! The runtime only says when connections wait; they are taken from the socket by a call that does not wait. So an
//! accept that is given up loses no connection, and the socket may be shared with another process, whatever drives the
//! shards there: one that was woken too late finds nothing and waits on.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Poll, Waker};

use monoio::net::TcpListener;
/// A connected socket as it was accepted or made: [`Conn`](super::Conn) takes it over.
pub(crate) use monoio::net::TcpStream as Stream;
use rustix::io::retry_on_intr;
use rustix::net::{SocketFlags, acceptfrom_with};

/// A listener of one shard. It does not wait, and closes its socket when dropped.
pub(crate) struct Listener {
    /// Says when connections wait.
    poll: TcpListener,
    /// The same socket, to take them from.
    socket: std::net::TcpListener,
    has_ended: Cell<bool>,
    /// Of the task that waits for connections.
    waker: RefCell<Option<Waker>>,
}

impl Listener {
    /// Accepts on `socket`, which does not wait.
    pub(crate) fn new(socket: std::net::TcpListener) -> io::Result<Self> {
        let poll = TcpListener::from_std(socket.try_clone()?)?;
        Ok(Self { poll, socket, has_ended: Cell::new(false), waker: RefCell::default() })
    }

    /// Waits until connections may wait, or the listener was ended.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        let mut readable = pin!(self.poll.readable(false));
        poll_fn(|cx| {
            if self.has_ended.get() {
                return Poll::Ready(Ok(()));
            }
            let polled = readable.as_mut().poll(cx);
            if polled.is_pending() {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
            }
            polled
        })
        .await
    }

    /// Takes the connection that has waited longest, if one waits.
    pub(crate) fn accept(&self) -> io::Result<Option<(Stream, SocketAddr)>> {
        accept(&self.socket)
    }

    /// Whether it was ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Ends the listener. The task that waits for connections is woken; it takes those that the kernel has queued, and drops
    /// the listener.
    pub(crate) fn end(&self) {
        self.has_ended.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Takes the socket away from the runtime, which lets go of it only in its next turn or two. The socket that is returned
    /// closes at once when it is dropped: so the caller can take the last connection of its queue and close it right after,
    /// and the kernel has hardly time to queue another one, which would be reset.
    pub(crate) fn unwatch(self) -> LastQueue {
        LastQueue(self.socket)
    }
}

/// The connections that wait for a listener that has ended.
pub(crate) struct LastQueue(std::net::TcpListener);

impl LastQueue {
    /// Takes the connection that has waited longest, if one waits.
    pub(crate) fn accept(&self) -> io::Result<Option<(Stream, SocketAddr)>> {
        accept(&self.0)
    }
}

fn accept(listener: &std::net::TcpListener) -> io::Result<Option<(Stream, SocketAddr)>> {
    // With io_uring an operation on a socket that does not block fails where it should wait.
    let flags = if monoio::utils::is_legacy() { SocketFlags::NONBLOCK } else { SocketFlags::empty() };
    let (socket, peer) = match retry_on_intr(|| acceptfrom_with(listener, flags | SocketFlags::CLOEXEC)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        accepted => accepted?,
    };
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some((Stream::from_std(socket.into())?, peer)))
}
